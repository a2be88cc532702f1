/* SPDX-License-Identifier: MIT */
#include "core/spawn/c_task.h"

#include <assert.h>
#include <errno.h>

typedef struct c_task {
  ebb_task task;
  ebb_body body; /* when finished, `arg` is what run has returned */
  struct ebb_scope *scopes;
} c_task;

/* The last wait's status tells whether an abort was noticed: once it was,
   every later wait fails with -ECANCELED too, but for those of a clean-up.
   A C task is polled once. Its function waits in the middle of the call, on
   the stack that polled it, and its return is the end of the task; so there
   is no state to keep between polls, and an abort is seen by the function as
   an error of a wait. */
bool ebb_c_task_was_cut(const ebb_task *t) {
  return t->aborted && (t->uncancellable || t->status == -ECANCELED);
}

/* The argument is taken out first: once the function has begun, `drop` must
   not be called for it, and the place holds what it returns in the end. */
static ebb_poll c_task_poll(ebb_task *t) {
  c_task *c = (c_task *)t;
  assert(t->state == EBB_RUNNING &&
         t->polls == 1); /* it never returns pending */
  void *arg = c->body.arg;
  c->body.arg = NULL;
  if (t->aborted) {
    t->outcome = EBB_CANCELLED;
    if (c->body.drop != NULL) c->body.drop(arg);
    return EBB_POLL_DONE;
  }
  c->body.arg = c->body.run(t->rt, arg);
  t->outcome = ebb_c_task_was_cut(t) ? EBB_CANCELLED : EBB_COMPLETED;
  return EBB_POLL_DONE;
}

/* Meaningful once it has finished; what an aborted one has returned is
   given, too. */
static void *c_task_value(ebb_task *t) { return ((c_task *)t)->body.arg; }

static const char *c_task_name(const ebb_task *t) {
  return ((const c_task *)t)->body.name;
}

static struct ebb_scope **c_task_scopes(ebb_task *t) {
  return &((c_task *)t)->scopes;
}

/* The function has given back what it had. */
static void c_task_drop(ebb_task *t) { (void)t; }

static const ebb_task_ops c_task_ops = {
    .size = sizeof(c_task),
    .poll = c_task_poll,
    .value = c_task_value,
    .name = c_task_name,
    .scopes = c_task_scopes,
    .drop = c_task_drop,
};

/* Nothing of the body is called when this fails: its argument is still the
   caller's. */
ebb_task *ebb_c_task_create(ebb_runtime *rt, ebb_body body) {
  c_task *c = (c_task *)ebb_task_create(rt, &c_task_ops);
  if (c == NULL) return NULL;
  c->body = body;
  c->scopes = NULL;
  return &c->task;
}
