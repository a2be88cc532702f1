/* SPDX-License-Identifier: MIT */
#include "c_task.h"

#include <errno.h>

typedef struct c_task {
  ebb_task task;
  ebb_body body;
  void *value; /* meaningful when finished */
} c_task;

/* The last wait's status tells whether an abort was noticed: once it was,
   every later wait fails with -ECANCELED too, but for those of a clean-up. */
static bool was_cut(const ebb_task *t) {
  return t->aborted && (t->closing || t->status == -ECANCELED);
}

static ebb_poll poll(ebb_task *t) {
  c_task *c = (c_task *)t;
  if (t->aborted) {
    t->outcome = EBB_CANCELLED;
    if (c->body.drop != NULL) c->body.drop(c->body.arg);
    return EBB_POLL_DONE;
  }
  c->value = c->body.run(t->rt, c->body.arg);
  t->outcome = was_cut(t) ? EBB_CANCELLED : EBB_COMPLETED;
  return EBB_POLL_DONE;
}

static void *value(ebb_task *t) { return ((c_task *)t)->value; }

static void drop(ebb_task *t) { (void)t; }

static const ebb_task_ops c_task_ops = {
    .size = sizeof(c_task),
    .poll = poll,
    .value = value,
    .drop = drop,
};

ebb_task *ebb_c_task_new(ebb_runtime *rt, ebb_body body) {
  c_task *c = (c_task *)ebb_task_create(rt, &c_task_ops);
  if (c == NULL) return NULL;
  c->body = body;
  c->value = NULL;
  return &c->task;
}

int ebb_spawn(ebb_runtime *rt, ebb_body body, ebb_task **out) {
  ebb_task *t = ebb_c_task_new(rt, body);
  if (t == NULL) return -ENOMEM;
  if (out != NULL) {
    ebb_task_retain(t);
    *out = t;
  }
  ebb_task_start(t);
  return 0;
}
