/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L /* fileno */
#include "lua/net/pollable.h"

#include <limits.h>
#include <stdio.h>

bool ebb_lua_net_pollable_call(lua_State *L, int arg, const char *name) {
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

/* Pops what a method gave as its fd. */
static int pop_fd(lua_State *L) {
  int ok;
  lua_Integer fd = lua_tointegerx(L, -1, &ok);
  lua_pop(L, 1);
  return ok && fd >= 0 && fd <= INT_MAX ? (int)fd : FD_CLOSED;
}

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

bool ebb_lua_net_pollable_is_dirty(lua_State *L, int arg) {
  if (lua_type(L, arg) == LUA_TNUMBER || luaL_testudata(L, arg, LUA_FILEHANDLE))
    return false;
  if (!ebb_lua_net_pollable_call(L, arg, "dirty")) return false;
  bool dirty = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return dirty;
}
