/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L /* fileno */
#include "lua/net/pollable.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>

/* A value that is no table, and whose metatable has no __index, cannot be
   asked for a field without an error: it has no methods. The method is any Lua
   code. It may wait, close the object, or raise an error, which goes to the
   caller of ebb.io. */
bool ebb_lua_net_pollable_call(lua_State *L, int arg, const char *name) {
  assert(arg > 0 && arg <= lua_gettop(L)); /* the stack grows meanwhile */
  if (!lua_istable(L, arg)) {
    if (luaL_getmetafield(L, arg, "__index") == LUA_TNIL) return false;
    lua_pop(L, 1);
  }
  bool found = lua_getfield(L, arg, name) == LUA_TFUNCTION;
  if (found) {
    lua_pushvalue(L, arg);
    lua_call(L, 1, 1);
  } else {
    lua_pop(L, 1);
  }
  return found;
}

/* Pops the fd that a method has returned. LuaSocket has -1 for a socket that is
   closed; nil, and numbers that can be no fd, count as that, too. */
static int pop_fd(lua_State *L) {
  int ok;
  assert(lua_gettop(L) > 1); /* the object is below */
  lua_Integer fd = lua_tointegerx(L, -1, &ok);
  lua_pop(L, 1);
  return ok && fd >= 0 && fd <= INT_MAX ? (int)fd : FD_CLOSED;
}

/* Files are asked first, and without a method: their methods are those of the
   standard library, which knows nothing of fds. An object of cqueues has
   `pollfd`, and may have `getfd` as well, but only with the first it tells the
   rest. */
int ebb_lua_net_pollable_fd(lua_State *L, int arg, bool *pollable) {
  const luaL_Stream *file = luaL_testudata(L, arg, LUA_FILEHANDLE);
  *pollable = false;
  if (file != NULL) return file->closef == NULL ? FD_CLOSED : fileno(file->f);
  if (lua_type(L, arg) == LUA_TNUMBER) {
    int whole;
    lua_pushinteger(L, lua_tointegerx(L, arg, &whole));
    if (!whole) return FD_UNKNOWN;
  } else if (ebb_lua_net_pollable_call(L, arg, "pollfd")) {
    *pollable = true;
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      return FD_NONE;
    }
  } else if (!ebb_lua_net_pollable_call(L, arg, "getfd")) {
    return FD_UNKNOWN;
  }
  return pop_fd(L);
}

/* Files have a buffer, too, but none that could be asked. */
bool ebb_lua_net_pollable_is_dirty(lua_State *L, int arg) {
  assert(arg > 0);
  if (lua_type(L, arg) == LUA_TNUMBER || luaL_testudata(L, arg, LUA_FILEHANDLE))
    return false;
  if (!ebb_lua_net_pollable_call(L, arg, "dirty")) return false;
  bool dirty = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return dirty;
}
