/* SPDX-License-Identifier: MIT */
#include "core/loop/join.h"

#include <errno.h>

typedef struct join {
  ebb_task *t;
  int64_t deadline;
} join;

/* A task cannot wait for its own end: nothing could end that wait. */
static int join_poll(void *op, ebb_await *w) {
  const join *o = op;
  w->deadline = o->deadline;
  return ebb_join_poll(o->t, w);
}

int ebb_task_join(ebb_task *t, int64_t deadline, ebb_result *result) {
  join o = {t, deadline};
  if (t == t->rt->tasks.current) return -EDEADLK;
  int status = ebb_await_run(t->rt, "join", join_poll, &o);
  if (status == 0) ebb_task_result(t, result);
  return status;
}
