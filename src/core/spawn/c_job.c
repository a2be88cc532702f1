/* SPDX-License-Identifier: MIT */
#include "core/spawn/c_job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/loop/wait.h"
#include "core/spawn/c_task.h"
#include "core/spawn/job.h"

/* ---- there: on a thread of a pool, or in another runtime ---- */

typedef struct c_job {
  ebb_job job;
  ebb_body body;
  void *value;
} c_job;

/* No runtime on a thread of the pool: a body that wants one must be sent to
   a handle without `blocking`. */
static void run_on_pool(ebb_job *job, ebb_worker *worker) {
  c_job *c = (c_job *)job;
  (void)worker;
  c->value = c->body.run(NULL, c->body.arg);
  job->outcome = EBB_COMPLETED;
}

/* The body of the task in the other runtime; `arg` is the job.
   The last thing that the task does there: the job may be freed by the other
   thread before this returns. */
static void *run_there(ebb_runtime *rt, void *arg) {
  c_job *c = arg;
  c->value = c->body.run(rt, c->body.arg);
  bool was_cut = ebb_c_task_was_cut(rt->tasks.current);
  c->job.outcome = was_cut ? EBB_CANCELLED : EBB_COMPLETED;
  ebb_job_done(&c->job);
  return NULL;
}

static void drop_body(const c_job *c) {
  if (c->body.drop != NULL) c->body.drop(c->body.arg);
}

static void drop_there(void *arg) {
  c_job *c = arg;
  drop_body(c);
  ebb_job_done(&c->job);
}

/* The same id here and there, so that a task that prints its own is found by
   it at home. */
static ebb_task *arrive(ebb_job *job, ebb_runtime *rt) {
  const char *name = ((c_job *)job)->body.name;
  ebb_task *t =
      ebb_c_task_create(rt, (ebb_body){run_there, job, drop_there, name});
  if (t != NULL) ebb_task_set_id(t, job->id);
  return t;
}

static void cancel_job(ebb_job *job) { drop_body((c_job *)job); }

static void free_job(ebb_job *job) { free(job); }

static const ebb_job_ops c_job_ops = {
    .run = run_on_pool,
    .arrive = arrive,
    .cancel = cancel_job,
    .free = free_job,
};

/* ---- here: the task that waits for it ---- */

typedef struct c_proxy {
  ebb_task task;
  c_job *c;
} c_proxy;

/* The task here stands for one in another place. Its struct is a pointer to
   the job, which is counted, and may outlive it. */
static c_job *job_of(ebb_task *t) { return ((c_proxy *)t)->c; }

static ebb_poll proxy_poll(ebb_task *t) {
  return ebb_job_poll(&job_of(t)->job, t);
}

static void proxy_start(ebb_task *t) { ebb_job_start(&job_of(t)->job, t); }

static void proxy_abort(ebb_task *t) { ebb_job_abort(&job_of(t)->job); }

/* Not before the mail has come: until then it is written by the other
   thread. */
static void *proxy_value(ebb_task *t) {
  return job_of(t)->job.is_over ? job_of(t)->value : NULL;
}

static const char *proxy_name(const ebb_task *t) {
  return ((const c_proxy *)t)->c->body.name;
}

static void proxy_finished(ebb_task *t) { ebb_job_let_go(&job_of(t)->job); }

/* The place that does the work may still have its own reference. */
static void proxy_drop(ebb_task *t) { ebb_job_release(&job_of(t)->job); }

static const ebb_task_ops proxy_ops = {
    .size = sizeof(c_proxy),
    .start = proxy_start,
    .poll = proxy_poll,
    .abort = proxy_abort,
    .value = proxy_value,
    .name = proxy_name,
    .finished = proxy_finished,
    .drop = proxy_drop,
};

/* All that can fail comes before ebb_job_init, which takes references: a
   failure has nothing to give back but memory. */
int ebb_c_job_new(ebb_runtime *rt, const ebb_target *target, ebb_body body,
                  ebb_task **out) {
  ebb_mailbox *home;
  int err = ebb_mailbox_get(rt, &home);
  if (err < 0) return err;
  ebb_handle *there = target->handle != NULL ? target->handle : &home->handle;
  ebb_handle_spare_ids(there, rt);
  c_job *c = malloc(sizeof *c);
  if (c == NULL) return -ENOMEM;
  c_proxy *p = (c_proxy *)ebb_task_create(rt, &proxy_ops);
  if (p == NULL) {
    free(c);
    return -ENOMEM;
  }
  ebb_job_init(&c->job, &c_job_ops, home, there, target->blocking);
  c->body = body;
  c->value = NULL;
  p->c = c;
  *out = &p->task;
  return 0;
}

/* ---- in place ---- */

typedef struct call {
  void (*fn)(void *arg);
  void *arg;
} call;

static void *run_call(ebb_runtime *rt, void *arg) {
  (void)rt;
  call *c = arg;
  c->fn(c->arg);
  return NULL;
}

/* A call in place is a job whose `fn` runs on another thread, but on behalf
   of the task that waits: it may use its stack, so nothing may end that wait
   but the end of the call. The reference keeps the outcome readable. */
static int start_call(ebb_runtime *rt, call *c, ebb_task **out) {
  ebb_target target = {.blocking = true};
  ebb_body body = {.run = run_call, .arg = c, .name = "block_in_place"};
  int err = ebb_c_job_new(rt, &target, body, out);
  if (err < 0) return err;
  job_of(*out)->job.in_place = true;
  ebb_task_retain(*out);
  ebb_task_start(*out);
  return 0;
}

/* Waits until the call is over. An abort of the running task takes it back
   if it has not begun; if it has, nothing ends this wait. Returns what came
   between. */
static int wait_for(ebb_runtime *rt, ebb_task *t) {
  ebb_task *self = rt->tasks.current;
  bool uncancellable = self->uncancellable;
  int err = 0;
  assert(!self->lending); /* it waits here: it cannot have lent it twice */
  self->lending = true;
  /* Whatever else ends the wait is remembered, and answered by an abort of
     the job: if that can still be withdrawn the call never happens, and if
     not it is waited for. Without a stack to wait on, the loop is run from
     here. */
  while (!job_of(t)->job.is_over) {
    int status = ebb_wait(rt, &t->joiners, EBB_NEVER, "block_in_place");
    if (status == 0) continue;
    err = status;
    ebb_task_abort(t);
    if (status == -ECANCELED) self->uncancellable = true;
    if (status == -ENOMEM) ebb_wait_briefly(rt);
  }
  self->uncancellable = uncancellable;
  self->lending = false;
  return err;
}

static int check_may_block(ebb_runtime *rt) {
  if (ebb_wait_is_cut(rt)) return -ECANCELED;
  return rt->tasks.never_block && ebb_task_is_root(rt->tasks.current) ? -EPERM
                                                                      : 0;
}

/* Completed: the call was made, and that is what counts, even when the task
   was aborted meanwhile. */
int ebb_block_in_place(ebb_runtime *rt, void (*fn)(void *arg), void *arg) {
  call c = {fn, arg};
  ebb_task *t;
  int err = check_may_block(rt);
  if (err == 0) err = start_call(rt, &c, &t);
  if (err < 0) return err;
  err = wait_for(rt, t);
  bool called = job_of(t)->job.outcome == EBB_COMPLETED;
  ebb_task_release(t);
  if (called) return 0;
  return err < 0 ? err : -EAGAIN;
}
