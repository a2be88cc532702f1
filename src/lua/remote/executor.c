/* SPDX-License-Identifier: MIT
   The executor: the task of the engine that has a Lua function done in a
   Runtime for another state. It counts as a task of this state, which waits for
   it when it is closed. A thread of a pool needs none: it waits itself, see
   worker.c. */
#include <assert.h>
#include <errno.h>

#include "lua/remote/call.h"
#include "lua/remote/job.h"
#include "lua/remote/pack.h"
#include "lua/task/task.h"

/* The executor's turns: in the first it unpacks the call and starts the Lua
   task, and then waits among that task's joiners; in the last it packs what
   the Lua task came to. No abort cuts its wait: an abort goes to the Lua task,
   whose clean-up is waited for. An abort before the first turn leaves `lt`
   NULL, and the job cancelled.

   `job` is the executor's from its making until `finished`, which is called
   also where the end of the state kills the executor. Its outcome is what the
   job had before (cancelled, see worker.c and ebb_job_init) until call.c says
   otherwise. `lt` is a reference (R7). */
typedef struct executor {
  ebb_task task;
  ebb_lua_call call; /* its job is NULL once it is done */
} executor;

static const ebb_task_ops executor_ops;

ebb_task *ebb_lua_executor_new(ebb_lua *el, ebb_lua_job *j) {
  assert(!j->job.blocking);
  executor *c = (executor *)ebb_task_create(el->rt, &executor_ops);
  if (c == NULL) return NULL;
  c->call = (ebb_lua_call){.job = j, .el = el};
  ebb_task_set_uncancellable(&c->task, true);
  return &c->task;
}

/* ---- the task ---- */

/* From here on the job is not touched: in ebb_job_done it becomes the other
   side's, which may free it. */
static void reply(executor *c) {
  assert(c->call.job != NULL);
  ebb_job *job = &c->call.job->job;
  c->call.job = NULL;
  ebb_lua_pack_clear(&((ebb_lua_job *)job)->call);
  ebb_job_done(job);
}

static void let_go(executor *c) {
  if (c->call.lt != NULL) ebb_task_release(&c->call.lt->task);
  c->call.lt = NULL;
}

/* The executor's own outcome is not looked at: it always completes. The wait
   cannot fail, having no deadline. */
static ebb_poll executor_poll(ebb_task *t) {
  executor *c = (executor *)t;
  assert(c->call.job != NULL && t->uncancellable);
  ebb_task_set_outcome(t, EBB_COMPLETED);
  if (c->call.lt == NULL && !t->aborted) ebb_lua_call_begin(&c->call);
  if (c->call.lt == NULL) return EBB_POLL_DONE;
  if (!ebb_task_is_finished(&c->call.lt->task)) {
    (void)ebb_wait_begin(t->rt, &c->call.lt->task.joiners, EBB_NEVER,
                         "its task");
    return EBB_POLL_PENDING;
  }
  ebb_lua_call_send(&c->call);
  return EBB_POLL_DONE;
}

/* In place of ending the wait: R5 holds for the Lua task. */
static void abort_task(ebb_task *t) {
  executor *c = (executor *)t;
  if (c->call.lt != NULL) ebb_task_abort(&c->call.lt->task);
}

/* Also called by a kill, which may come before that of the Lua task. */
static void finished(ebb_task *t) {
  executor *c = (executor *)t;
  let_go(c);
  reply(c);
  ebb_lua_task_note_end(c->call.el);
}

static void *owner(const ebb_task *t) { return ((const executor *)t)->call.el; }

/* `finished` has let go of all. */
static void drop(ebb_task *t) {
  assert(((executor *)t)->call.job == NULL && ((executor *)t)->call.lt == NULL);
  (void)t;
}

static const ebb_task_ops executor_ops = {
    .size = sizeof(executor),
    .traits = EBB_LUA_IS_INNER,
    .poll = executor_poll,
    .abort = abort_task,
    .owner = owner,
    .finished = finished,
    .drop = drop,
};
