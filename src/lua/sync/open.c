/* SPDX-License-Identifier: MIT
   The table ebb.sync (Tokio: sync). */
#include <assert.h>

#include "lua/state/parts.h"
#include "lua/sync/sync.h"

/* The constructors are those of the list of classes, so that a class which is
   in the list cannot be missing here. */
void ebb_lua_sync_open(lua_State *L, ebb_lua *el) {
  assert(lua_istable(L, -1));
  lua_newtable(L);
#define OPEN(X, ID, name, define, open) ebb_lua_##open(L, el);
  EBB_LUA_SYNC_CLASSES(EBB_LUA_SYNC_SKIP, OPEN)
#undef OPEN
  lua_setfield(L, -2, "sync");
}
