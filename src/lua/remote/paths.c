/* SPDX-License-Identifier: MIT
   package.path and package.cpath of a state, read and written. */
#include "lua/remote/paths.h"

#include <assert.h>
#include <lualib.h>

/* True if what it pushes is a table: a state may have been made without
   `package`, or a script have put something else in its place. */
static bool push_package(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, LUA_LOADLIBNAME);
  lua_remove(L, -2);
  return lua_istable(L, -1);
}

/* stack: -> path, cpath. Between them: package, path, cpath. */
void ebb_lua_paths_push(lua_State *L) {
  bool found = push_package(L);
  for (int i = 0; i < 2; i++) {
    if (found)
      lua_getfield(L, -1 - i, i == 0 ? "path" : "cpath");
    else
      lua_pushnil(L);
  }
  lua_remove(L, -3);
}

/* stack: path, cpath -> . nil is set as it is: require, which needs a string,
   fails here as it does at home. */
void ebb_lua_paths_set(lua_State *L) {
  int path = lua_gettop(L) - 1;
  assert(path > 0);
  if (push_package(L)) {
    lua_pushvalue(L, path);
    lua_setfield(L, -2, "path");
    lua_pushvalue(L, path + 1);
    lua_setfield(L, -2, "cpath");
  }
  lua_settop(L, path - 1);
}
