/* SPDX-License-Identifier: MIT
   Arguments, and the options in a table. */
#ifndef EBB_LUA_STATE_ARGS_H
#define EBB_LUA_STATE_ARGS_H

#include "lua/state/state.h"

/* Arguments beyond the first `most`: see ebb_lua_state_enter. */
void ebb_lua_args_refuse_surplus(lua_State *L, int most);
static inline void ebb_lua_args_check_surplus(lua_State *L, int most) {
  if (lua_gettop(L) > most) ebb_lua_args_refuse_surplus(L, most);
}

/* The span at `arg`, in seconds, as ns; EBB_NEVER for one beyond counting. */
int64_t ebb_lua_args_duration(lua_State *L, int arg);

/* A time of the runtime's clock, likewise. It may be negative. */
int64_t ebb_lua_args_time(lua_State *L, int arg);

/* The integer at `arg`, which must not be negative. */
static inline lua_Integer ebb_lua_args_count(lua_State *L, int arg) {
  lua_Integer n = luaL_checkinteger(L, arg);
  luaL_argcheck(L, n >= 0, arg, "count is negative");
  return n;
}

/* All raise argument errors. Checks that `arg` is a table that has no other
   keys than `names`, which end with NULL. */
void ebb_lua_args_check_options(lua_State *L, int arg,
                                const char *const *names);

/* An integer of the table at `arg`, between the two; 0 when it is not there. */
lua_Integer ebb_lua_args_count_option(lua_State *L, int arg, const char *name,
                                      lua_Integer least, lua_Integer most);

/* Pushes what the table at `arg` has, which must be of that type, or nil;
   then it is false. */
bool ebb_lua_args_push_option(lua_State *L, int arg, const char *name,
                              int type);

/* As ebb_lua_state_checked, in a function that is no method, of at most so many
   arguments: a value beyond them is an argument error. nil is none, since a
   caller may hand on what it was not given. What a generic `for` may call
   allows for the control variable, and what may be a __close for the error.
   Not for what takes the arguments of another function, nor for yield_now and
   consume_budget, which Lua may call with its own, as hooks and
   metamethods. */
static inline ebb_lua *ebb_lua_state_enter(lua_State *L, int most) {
  ebb_lua_args_check_surplus(L, most);
  return ebb_lua_state_checked(L);
}

#endif
