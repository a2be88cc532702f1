/* SPDX-License-Identifier: MIT */
#include "lua/sync/sync.h"

#include "lua/state/class.h"
#include "lua/state/slot.h"

void ebb_lua_sync_add_function(lua_State *L, ebb_lua *el, const char *name,
                               lua_CFunction f) {
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

int ebb_lua_sync_push_fail(lua_State *L, const char *message) {
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

void ebb_lua_sync_check_value(lua_State *L) {
  luaL_argexpected(L, !lua_isnoneornil(L, 2), 2, "value other than nil");
  lua_settop(L, 2);
}
