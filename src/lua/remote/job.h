/* SPDX-License-Identifier: MIT
   A Lua function on its way to another thread, and what comes of it. Here it
   is a Lua task whose thread only holds the results (job.c). There it is a call
   (call.c) as a task of the state that runs there. A pool's thread has a state
   of its own for that, and waits for the task itself (worker.c); in a Runtime
   a task of the engine does, the executor (executor.c). */
#ifndef EBB_LUA_REMOTE_JOB_H
#define EBB_LUA_REMOTE_JOB_H

#include "core/spawn/job.h"
#include "lua/remote/grant.h"
#include "lua/remote/pack.h"
#include "lua/remote/state_ref.h"
#include "lua/task/task.h"

/* It begins with the engine's job, whose rules about sides hold for these
   fields, too: what is said to be there belongs to the other thread from
   ebb_job_start until `is_over`, and to this one before and after.

   `call` is filled here, before the start, and emptied there, when it is done.
   `result` is filled there and emptied here, when the task takes it. `to`,
   `grant`, `kind` and `name` do not change while the job is under way, so both
   sides may read them. `to` is let go of when the task is done: a JoinHandle
   may keep the job for long, and while the reference is an external one the
   other runtime takes no wait for a deadlock. */
typedef struct ebb_lua_job {
  ebb_job job;
  ebb_lua_pack call;     /* function and arguments; for a pool after the paths
                        for `require` */
  ebb_lua_pack result;   /* results, or error and traceback. there, then here */
  ebb_lua_state_link to; /* whose runtime does it, or asks for it to be done on
                          a pool; none when its task is done */
  ebb_lua_grant grant;   /* for the state of a pool's thread that does it */
  const char *kind;      /* its noun in messages: static text */
  char *name;            /* Builder's, or NULL */
} ebb_lua_job;

/* ---- job.c ---- */

extern const ebb_task_ops ebb_lua_job_proxy_ops;

/* Pushes a target with a job that does the function at `body` with the
   arguments above it, which are popped. Raises errors. */
void ebb_lua_job_push(lua_State *L, ebb_lua *el, ebb_lua_state_ref *ref,
                      bool blocking, const char *name, int body);

/* Takes the job out of the target at `arg`; NULL when it is no such one. */
ebb_lua_job *ebb_lua_job_carried(lua_State *L, ebb_lua *el, int arg);

/* A job in place, for a task of `el`, which has a ref. */
void ebb_lua_job_init(ebb_lua_job *j, const ebb_job_ops *ops, ebb_lua *el,
                      ebb_lua_state_ref *ref, bool blocking);

/* Pushes an empty target, and puts a job with its reference into it. Raises
   errors. */
void ebb_lua_job_push_target(lua_State *L, ebb_lua *el);
void ebb_lua_job_carry(lua_State *L, int target, ebb_lua_job *j);

/* Gives a job a copy of a name; NULL: it has none. Raises errors. */
void ebb_lua_job_set_name(lua_State *L, ebb_lua_job *j, const char *name);

/* Frees a job, which is in a block from malloc. */
void ebb_lua_job_free(ebb_job *job);

/* The text of a message about work of a pool that still runs. */
void ebb_lua_job_describe(ebb_work *w, char *text, size_t size);

/* ---- executor.c ---- */

/* Makes the task that does the job in the state `el`. NULL: no memory. */
ebb_task *ebb_lua_executor_new(ebb_lua *el, ebb_lua_job *j);

/* ---- worker.c ---- */

/* Does the job on the thread of a pool. */
void ebb_lua_worker_run(ebb_job *job, ebb_worker *worker);

#endif
