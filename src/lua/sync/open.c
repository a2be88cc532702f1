/* SPDX-License-Identifier: MIT
   ebb.sync (Tokio: sync). */
#include "lua/state/parts.h"
#include "lua/sync/sync.h"

void ebb_lua_sync_open(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
  ebb_lua_semaphore_open(L, el);
  ebb_lua_mutex_open(L, el);
  ebb_lua_rw_lock_open(L, el);
  ebb_lua_notify_open(L, el);
  ebb_lua_barrier_open(L, el);
  ebb_lua_channel_open(L, el);
  ebb_lua_watch_open(L, el);
  ebb_lua_broadcast_open(L, el);
  lua_setfield(L, -2, "sync");
}
