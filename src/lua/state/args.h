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
lua_Integer ebb_lua_args_count(lua_State *L, int arg);

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

#endif
