/* SPDX-License-Identifier: MIT
   Functions of Lua's library and their replacements, which call them. */
#include "lua/state/library.h"

#include <assert.h>

#include "lua/state/slot.h"

/* In a state without that library nothing is replaced. Nor is a
   function that is ours already: the module may be opened again, and a
   replacement that calls itself would not end. */
void ebb_lua_library_replace(lua_State *L, ebb_lua *el, const char *library,
                             const char *name, lua_CFunction f) {
  assert(f != NULL);
  int top = lua_gettop(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, library) == LUA_TTABLE &&
      lua_getfield(L, -1, name) == LUA_TFUNCTION &&
      lua_tocfunction(L, -1) != f) {
    ebb_lua_slot_push(L, el, STORE_STATE);
    lua_insert(L, -2); /* ..., ebb_lua, the old function */
    lua_pushcclosure(L, f, 2);
    lua_setfield(L, -2, name);
  }
  lua_settop(L, top);
}
