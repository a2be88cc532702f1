/* SPDX-License-Identifier: MIT
   The constructors of ebb.sync in their table, and results common to its
   classes. */
#include "lua/sync/sync.h"

#include <assert.h>

#include "lua/state/class.h"
#include "lua/state/slot.h"

void ebb_lua_sync_add_function(lua_State *L, ebb_lua *el, const char *name,
                               lua_CFunction f) {
  assert(lua_istable(L, -1));
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, f, 1);
  lua_setfield(L, -2, name);
}

void ebb_lua_sync_add_class(lua_State *L, ebb_lua *el, const char *name,
                            lua_CFunction new) {
  lua_newtable(L);
  ebb_lua_sync_add_function(L, el, "new", new);
  lua_setfield(L, -2, name);
}

/* The message is for programs, too: they compare it with "closed", "empty" and
   the like. */
int ebb_lua_sync_push_fail(lua_State *L, const char *message) {
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

/* nil is refused: a receiver could not tell it from the end. Further nils, of
   a caller that hands on what it was not given, are dropped. */
void ebb_lua_sync_check_value(lua_State *L) {
  luaL_argexpected(L, !lua_isnoneornil(L, 2), 2, "value other than nil");
  lua_settop(L, 2);
}
