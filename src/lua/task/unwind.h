/* SPDX-License-Identifier: MIT
   Closing the threads of a task, which runs its clean-up. */
#ifndef EBB_LUA_TASK_UNWIND_H
#define EBB_LUA_TASK_UNWIND_H

#include "lua/task/task.h"

/* The ends of a poll. The task has been aborted. */
ebb_poll ebb_lua_unwind_abort(ebb_lua_task *lt);

/* Its body, or lua_resume itself, has failed. */
ebb_poll ebb_lua_unwind_error(ebb_lua_task *lt);

/* A C function has returned, with a status, from a wait that was cut off. */
ebb_poll ebb_lua_unwind_cut(ebb_lua_task *lt, int status);

/* Another task runs this one's thread by coroutine.resume or closes it, and
   waits inside of that call, on a stack of its own. The call can only end when
   such a stack goes on: then the task looks again. An abort does not change
   that. */
ebb_poll ebb_lua_unwind_retry(ebb_lua_task *lt);

/* Closes the variables of a task that is in the middle of a call, innermost
   first; `L` is the innermost thread, NULL: not known. Sets outcome and
   result. */
void ebb_lua_unwind(ebb_lua_task *lt, lua_State *L);

/* The running task, suspended in the middle of a call on L, has been
   aborted: closes its variables on top of its frames and ends it. */
_Noreturn void ebb_lua_unwind_here(ebb_lua_task *lt, lua_State *L);

#endif
