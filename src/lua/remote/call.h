/* SPDX-License-Identifier: MIT
   The call of a job, in the state that does it: a Lua task under the id of the
   job's task at home, and its results on their way back. */
#ifndef EBB_LUA_REMOTE_CALL_H
#define EBB_LUA_REMOTE_CALL_H

#include "lua/remote/job.h"
#include "lua/task/task.h"

typedef struct ebb_lua_call {
  ebb_lua_job *job;
  ebb_lua *el;
  ebb_lua_task *lt; /* a reference; NULL: it has not begun, or could not */
} ebb_lua_call;

/* Unpacks the function and starts its task. If that fails, the job's outcome
   and error say so, and `lt` stays NULL. */
void ebb_lua_call_begin(ebb_lua_call *c);

/* The task has finished: packs what it came to, and sets the job's outcome. May
   run Lua code, which cannot wait. */
void ebb_lua_call_send(ebb_lua_call *c);

#endif
