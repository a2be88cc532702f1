/* SPDX-License-Identifier: MIT
   Where a panic comes from. */
#ifndef EBB_LUA_TASK_PANIC_H
#define EBB_LUA_TASK_PANIC_H

#include "lua/task/task.h"

/* Pops the trace of the value below it, which the running task is handed here,
   and keeps it. */
void ebb_lua_panic_hand_over(lua_State *L, ebb_lua *el);

/* Pushes the value that a task has raised, and hands it to the running one. */
void ebb_lua_panic_push_handed(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Pushes the trace of the value at the top, which the running task has raised,
   if it came from another; false: it is the task's own. What has raised it is
   at `level` of `at`, which may be NULL: not known. Raises errors. */
bool ebb_lua_panic_push_origin(lua_State *L, ebb_lua *el, lua_State *at,
                               int level);

/* Forgets what the task was handed. Cannot fail. */
void ebb_lua_panic_forget(ebb_lua *el, ebb_lua_task *lt);

/* Pops a trace and pushes it as text, or nil. Raises errors. */
void ebb_lua_panic_trace_to_text(lua_State *L);

#endif
