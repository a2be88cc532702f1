/* SPDX-License-Identifier: MIT
   A `load` whose reader may wait. Lua's parser calls the reader while it owns
   buffers that are freed only when it returns, and a task that is aborted in
   the reader does not return. So in a task the pieces are read before the
   parser begins. Outside of tasks, where nothing is aborted, and for strings,
   all is left to Lua's `load`, which is the second upvalue. */
#include "lua/library/load.h"

#include <assert.h>

#include "lua/state/library.h"
#include "lua/task/task.h"

/* The reader that Lua's `load` is given. Its upvalues: the pieces, and how many
   have been taken. Behind the last it returns nil, which is the end. */
static int next_piece(lua_State *L) {
  assert(lua_istable(L, lua_upvalueindex(1)));
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(2)) + 1;
  lua_pushinteger(L, i);
  lua_replace(L, lua_upvalueindex(2));
  lua_rawgeti(L, lua_upvalueindex(1), i);
  return 1;
}

/* stack: Lua's arguments -> its results */
static int call_original(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

/* stack: reader, ..., pieces -> chunk, or nil and the error
   The stack is as the script has filled it, but for the reader: whether there
   is a fourth argument, the environment, counts even if it is nil. */
static int parse(lua_State *L) {
  assert(lua_gettop(L) >= 2 && lua_istable(L, -1));
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_piece, 2);
  lua_replace(L, 1);
  return call_original(L);
}

/* Pops what the reader has returned; false: there is no more. A value that is
   no piece is left for Lua's `load` to refuse. */
static bool take_piece(lua_State *L, int pieces) {
  assert(lua_istable(L, pieces) && lua_gettop(L) == pieces + 1);
  size_t length = 0;
  bool more = lua_tolstring(L, -1, &length) != NULL && length > 0;
  if (lua_isnil(L, -1))
    lua_pop(L, 1);
  else
    lua_rawseti(L, pieces, (lua_Integer)lua_rawlen(L, pieces) + 1);
  return more;
}

/* An error of the reader is returned, as Lua's `load` returns it. This is the
   continuation of each call of the reader, which may have waited, and the loop
   that makes the calls which do not. */
static int collect_k(lua_State *L, int status, lua_KContext pieces) {
  while (status == LUA_OK || status == LUA_YIELD) {
    if (!take_piece(L, (int)pieces)) return parse(L);
    lua_pushvalue(L, 1);
    status = lua_pcallk(L, 0, 1, 0, pieces, collect_k);
  }
  luaL_pushfail(L);
  lua_insert(L, -2);
  return 2;
}

/* stack: reader, name, mode [, environment] */
static int collect(lua_State *L) {
  lua_newtable(L);
  int pieces = lua_gettop(L);
  lua_pushvalue(L, 1);
  int status = lua_pcallk(L, 0, 1, 0, pieces, collect_k);
  return collect_k(L, status, pieces);
}

/* The checks come in the order of Lua's own, so that the same one fails. */
static int load(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  luaL_optstring(L, 3, NULL);
  luaL_optstring(L, 2, NULL);
  if (!lua_isstring(L, 1)) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (el->rt != NULL && ebb_lua_current(el) != NULL) return collect(L);
  }
  return call_original(L);
}

void ebb_lua_load_replace(lua_State *L, ebb_lua *el) {
  ebb_lua_library_replace(L, el, LUA_GNAME, "load", load);
}
