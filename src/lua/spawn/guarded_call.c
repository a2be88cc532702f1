/* SPDX-License-Identifier: MIT */
#include "lua/spawn/guarded_call.h"

#include <assert.h>

/* The guard is at 1; everything above it is results. Lua closes the guard when
   this function returns, when an error passes it, and when its thread is
   closed in the middle of the call: so nothing is done for it here. */
static int guarded_call_k(lua_State *L, int status, lua_KContext ctx) {
  assert(lua_gettop(L) >= 1 && lua_isuserdata(L, 1));
  (void)status, (void)ctx;
  return lua_gettop(L) - 1;
}

int ebb_lua_guarded_call(lua_State *L) {
  assert(lua_gettop(L) >= 2 && lua_isuserdata(L, 1));
  lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, guarded_call_k);
  return guarded_call_k(L, LUA_OK, 0);
}

/* Before there is a guard: an error then has nothing to undo, and names the
   argument of the function that the script has called. */
void ebb_lua_guarded_call_check(lua_State *L, int arg) {
  if (lua_isfunction(L, arg)) return;
  if (luaL_getmetafield(L, arg, "__call") == LUA_TNIL)
    luaL_typeerror(L, arg, "function");
  lua_pop(L, 1);
}
