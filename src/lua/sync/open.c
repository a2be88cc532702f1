/* SPDX-License-Identifier: MIT
   ebb.sync (Tokio: sync). */
#include "lua/state/parts.h"
#include "lua/sync/sync.h"

void ebb_lua_sync_open(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
#define OPEN(X, ID, name, define, open) ebb_lua_##open(L, el);
  EBB_LUA_SYNC_CLASSES(EBB_LUA_SYNC_SKIP, OPEN)
#undef OPEN
  lua_setfield(L, -2, "sync");
}
