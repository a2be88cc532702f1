/* SPDX-License-Identifier: MIT
   ebb.LocalSet, as far as spawning needs it. */
#ifndef EBB_LUA_SPAWN_LOCAL_SET_H
#define EBB_LUA_SPAWN_LOCAL_SET_H

#include "core/spawn/local_set.h"
#include "lua/state/state.h"

/* Raises an argument error unless there is an open LocalSet at `arg`. */
void ebb_lua_local_set_check(lua_State *L, ebb_lua *el, int arg);

/* Pushes the running task's current LocalSet; false, with nothing pushed,
   when there is none. */
bool ebb_lua_local_set_push(lua_State *L, ebb_lua *el);

/* The engine's set of the LocalSet at `arg`; NULL when it is no such one.
   Raises an error when it has been closed. */
ebb_local_set *ebb_lua_local_set_carried(lua_State *L, ebb_lua *el, int arg);

/* A call of run_until in a generator drives its set only while the code inside
   waits, which it always does on its own stack. From drive to rest, the sets of
   the running task's calls are driven; from drive_given on, for good, that of
   a coroutine which becomes a task. `drive` raises errors, the others cannot
   fail. */
void ebb_lua_local_set_drive(lua_State *L, ebb_lua *el);
void ebb_lua_local_set_rest(lua_State *L, ebb_lua *el);
void ebb_lua_local_set_drive_given(lua_State *L, ebb_lua *el,
                                   const lua_State *coroutine);

/* Aborts the tasks of sets that have been collected, since Lua may have had no
   memory to call the finalizer of one. Cannot fail. */
void ebb_lua_local_set_end_lost(ebb_lua *el);

/* Frees the sets that no finalizer will come for. */
void ebb_lua_local_set_free_all(ebb_lua *el);

#endif
