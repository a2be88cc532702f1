/* SPDX-License-Identifier: MIT
   Tables of named options, as JoinMap.new and Runtime.new take them. A name
   that is misspelt is an error. */
#include "lua/state/args.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static bool is_among(const char *name, const char *const *names) {
  while (*names != NULL && strcmp(*names, name) != 0) names++;
  return *names != NULL;
}

/* The name is at the top. All names that there are follow, so that a reader
   finds the right one; the list must have one at least. */
static void refuse(lua_State *L, int arg, const char *const *names) {
  assert(names[0] != NULL && lua_gettop(L) > arg);
  const char *name = luaL_tolstring(L, -1, NULL);
  lua_pushfstring(L, "unknown option '%s'; there are: %s", name, *names);
  while (*++names != NULL) {
    lua_pushfstring(L, ", %s", *names);
    lua_concat(L, 2);
  }
  luaL_argerror(L, arg, lua_tostring(L, -1));
}

/* A key that is no string is an error, too: an array holds no options. The key
   is copied to the top, where `refuse` makes its text from it. */
void ebb_lua_args_check_options(lua_State *L, int arg,
                                const char *const *names) {
  luaL_checktype(L, arg, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    if (lua_type(L, -1) != LUA_TSTRING || !is_among(lua_tostring(L, -1), names))
      refuse(L, arg, names);
    lua_pop(L, 1);
  }
}

/* As an argument of Lua's own functions, 2.0 and "2" are integers here. */
lua_Integer ebb_lua_args_count_option(lua_State *L, int arg, const char *name,
                                      lua_Integer least, lua_Integer most) {
  assert(least <= most && lua_istable(L, arg));
  int is_integer = 1;
  lua_Integer n = 0;
  if (lua_getfield(L, arg, name) != LUA_TNIL) {
    n = lua_tointegerx(L, -1, &is_integer);
    if (!is_integer || n < least || n > most)
      luaL_argerror(
          L, arg,
          lua_pushfstring(L, "%s must be an integer from %I on", name, least));
  }
  lua_pop(L, 1);
  return n;
}

/* nil is pushed as well: the caller finds one value in either case. The type
   is exact, and no string is taken for a number. */
bool ebb_lua_args_push_option(lua_State *L, int arg, const char *name,
                              int type) {
  assert(lua_istable(L, arg));
  if (lua_getfield(L, arg, name) == LUA_TNIL) return false;
  if (lua_type(L, -1) != type)
    luaL_argerror(
        L, arg,
        lua_pushfstring(L, "%s must be a %s", name, lua_typename(L, type)));
  return true;
}

/* nil is none: a caller may hand on what it was not given itself. */
void ebb_lua_args_refuse_surplus(lua_State *L, int most) {
  assert(most >= 0 && lua_gettop(L) > most);
  for (int i = most + 1, top = lua_gettop(L); i <= top; i++)
    if (!lua_isnil(L, i)) luaL_typeerror(L, i, "no value");
}

/* The largest span that is an int64_t of ns; more is for ever. */
#define SECONDS_MAX 9.2e9

/* Rounds up: no timer is early. To convert a number that does not fit is
   undefined in C, so the ends of the range come first. */
static int64_t to_ns(lua_Number seconds) {
  if (seconds >= SECONDS_MAX) return EBB_NEVER;
  if (seconds <= -SECONDS_MAX) return INT64_MIN;
  return (int64_t)ceil(seconds * 1e9);
}

/* NaN would pass the comparisons of to_ns. */
static lua_Number check_seconds(lua_State *L, int arg) {
  lua_Number seconds = luaL_checknumber(L, arg);
  luaL_argcheck(L, seconds == seconds, arg, "time is NaN");
  return seconds;
}

int64_t ebb_lua_args_time(lua_State *L, int arg) {
  return to_ns(check_seconds(L, arg));
}

int64_t ebb_lua_args_duration(lua_State *L, int arg) {
  lua_Number seconds = check_seconds(L, arg);
  luaL_argcheck(L, seconds >= 0, arg, "duration is negative");
  return to_ns(seconds);
}
