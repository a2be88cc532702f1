/* SPDX-License-Identifier: MIT
   The LocalSet that is current for a task, and those that its calls drive. */
#ifndef EBB_LUA_TASK_CURRENT_SET_H
#define EBB_LUA_TASK_CURRENT_SET_H

#include "core/spawn/local_set.h"
#include "lua/task/task_vars.h"

/* In the engine's memory: it outlives its object if Lua has no memory to call
   the finalizer of that. The object points to nothing once it is closed. */
typedef struct ebb_lua_local_set {
  ebb_local_set engine;
  ebb_list link; /* in el->local_sets */
} ebb_lua_local_set;

typedef struct ebb_lua_set_guard {
  ebb_lua_scope_guard base; /* open while the set is current */
  bool driving;             /* the set, just now */
  bool resting;             /* it drives only while the code inside waits */
} ebb_lua_set_guard;

/* Pushes the running task's current LocalSet; false, with nothing pushed,
   when there is none. */
bool ebb_lua_current_set_push(lua_State *L, ebb_lua *el);

/* Pushes a guard, not open, for the set at 1. Raises errors. */
ebb_lua_set_guard *ebb_lua_current_set_new_guard(lua_State *L, ebb_lua *el);

/* The set of the guard at the top is driven from here on, or no more. Cannot
   fail. */
void ebb_lua_current_set_start(lua_State *L);
void ebb_lua_current_set_stop(lua_State *L);

/* A call of run_until in a generator drives its set only while the code inside
   waits, which it always does on its own stack. From drive to rest, the sets of
   the running task's calls are driven; from drive_given on, for good, that of
   a coroutine which becomes a task. `drive` raises errors, the others cannot
   fail. */
void ebb_lua_current_set_drive(lua_State *L, ebb_lua *el);
void ebb_lua_current_set_rest(lua_State *L, ebb_lua *el);
void ebb_lua_current_set_drive_given(lua_State *L, ebb_lua *el,
                                     const lua_State *coroutine);

/* Aborts the tasks of sets that have been collected, since Lua may have had no
   memory to call the finalizer of one. Cannot fail. */
void ebb_lua_current_set_end_lost(ebb_lua *el);

/* The set of the LocalSet at `arg`; NULL once it is closed. */
ebb_lua_local_set *ebb_lua_current_set_at(lua_State *L, int arg);

/* The same of a value that must be an open LocalSet. Raises argument errors. */
ebb_lua_local_set *ebb_lua_current_set_check(lua_State *L, ebb_lua *el,
                                             int arg);

/* The engine's set of the LocalSet at `arg`; NULL when it is no such one.
   Raises an error when it has been closed. */
ebb_local_set *ebb_lua_current_set_carried(lua_State *L, ebb_lua *el, int arg);

#endif
