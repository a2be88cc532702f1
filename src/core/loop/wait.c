/* SPDX-License-Identifier: MIT
   The public waits of ebb.h, for C tasks and for the root. */
#include <errno.h>

#include "core/loop/scheduler.h"

ebb_task *ebb_current(const ebb_runtime *rt) {
  /* In a signal handler, it may be the loop that runs. */
  ebb_task *t = rt->current;
  return t == NULL || ebb_task_is_root(t) ? NULL : t;
}

int ebb_yield_now(ebb_runtime *rt) { return ebb_yield(rt); }

int ebb_sleep_until(ebb_runtime *rt, int64_t deadline) {
  if (deadline <= ebb_now(rt)) return ebb_yield(rt);
  int status = ebb_wait(rt, NULL, deadline, "sleep");
  return status == -ETIMEDOUT ? 0 : status;
}

int ebb_sleep(ebb_runtime *rt, int64_t ns) {
  int64_t now = ebb_now(rt);
  return ebb_sleep_until(rt, ebb_time_add(now, ns > 0 ? ns : 0));
}

int ebb_park(ebb_runtime *rt, int64_t deadline) {
  ebb_task *t = rt->current;
  if (t->token) {
    t->token = false;
    return ebb_coop(rt);
  }
  t->in_park = true;
  int status = ebb_wait(rt, NULL, deadline, "unpark");
  t->in_park = false;
  /* The token of an unpark that an abort has overtaken stays. */
  if (status == 0) t->token = false;
  return status;
}

void ebb_unpark(ebb_task *t) {
  t->token = true;
  if (t->in_park) ebb_task_wake(t, 0);
}

int ebb_task_join(ebb_task *t, int64_t deadline, ebb_result *result) {
  ebb_runtime *rt = t->rt;
  if (t == rt->current) return -EDEADLK;
  int status = t->state == EBB_FINISHED ? ebb_coop(rt) : 0;
  while (status == 0 && t->state != EBB_FINISHED)
    status = ebb_wait(rt, &t->joiners, deadline, "join");
  if (status == 0) ebb_task_result(t, result);
  return status;
}

int ebb_consume_budget(ebb_runtime *rt) { return ebb_coop(rt); }

bool ebb_has_budget_remaining(const ebb_runtime *rt) { return rt->budget > 0; }

void ebb_begin_cleanup(ebb_runtime *rt) { rt->current->uncancellable = true; }
