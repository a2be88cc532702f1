/* SPDX-License-Identifier: MIT
   How tasks wait, and the public waits of ebb.h, for C tasks and the root. */
#include "core/loop/wait.h"

#include <assert.h>

#include "core/loop/mailbox.h"
#include "core/loop/scheduler.h"
#include "core/task/budget.h"
#include "core/task/run_queue.h"

/* ---- the waits of tasks ---- */

/* The deadline first: it can fail, and R9 wants nothing changed then. A task
   that has been aborted does not wait, but yields: its turn ends all the
   same, as that of a task that waits would, so that no loop around a wait
   can keep others from running. */
int ebb_wait_begin(ebb_runtime *rt, ebb_list *list, int64_t deadline,
                   const char *what) {
  ebb_task *t = rt->tasks.current;
  assert(t->state == EBB_RUNNING);
  if (ebb_task_is_cut(t)) {
    ebb_wait_yield(rt, what);
    return 0;
  }
  if (deadline != EBB_NEVER) {
    int err = ebb_timer_heap_push(&rt->tasks.timers, &t->timer, deadline);
    if (err < 0) return err;
  }
  assert(ebb_list_is_empty(&t->link)); /* R4 */
  if (list != NULL) ebb_list_push(list, &t->link);
  t->what = what;
  t->state = EBB_WAITING;
  return 0;
}

/* The task is ready again before it has left its stack. Nothing can run in
   between, so nobody sees that. */
void ebb_wait_yield(ebb_runtime *rt, const char *what) {
  ebb_task *t = rt->tasks.current;
  assert(t->state == EBB_RUNNING);
  t->what = what;
  t->status = ebb_task_is_cut(t) ? -ECANCELED : 0;
  ebb_run_queue_push(t);
}

/* ---- waiting in the middle of a call ---- */

/* With never_block the embedder's loop runs ours by ticks: a wait of the
   root would have to run it from here. */
static int check_may_wait(const ebb_runtime *rt) {
  return rt->tasks.never_block && ebb_task_is_root(rt->tasks.current) ? -EPERM
                                                                      : 0;
}

/* How the wait of the running task has ended.
   The kind is told at the one point where the task learns of its abort, not
   when it is aborted: between the two it may have run on. */
static int end_of_wait(ebb_task *t) {
  if (t->status == -ECANCELED) ebb_task_tell_cut(t);
  return t->status;
}

/* The stack to go on with is taken before the wait begins: if there is none
   the task has not waited, and may be told so. It may well be that nothing
   else is ready, and the loop on that stack only sleeps. */
int ebb_wait(ebb_runtime *rt, ebb_list *list, int64_t deadline,
             const char *what) {
  int err = check_may_wait(rt);
  if (err < 0) return err;
  ebb_stack *s = ebb_stack_take(&rt->stacks.pool);
  if (s == NULL) return -ENOMEM;
  ebb_task *t = rt->tasks.current;
  err = ebb_wait_begin(rt, list, deadline, what);
  if (err < 0) {
    ebb_stack_put(&rt->stacks.pool, s);
    return err;
  }
  ebb_scheduler_suspend(rt, s);
  return end_of_wait(t);
}

int ebb_yield_now(ebb_runtime *rt) {
  int err = check_may_wait(rt);
  if (err < 0) return err;
  ebb_stack *s = ebb_stack_take(&rt->stacks.pool);
  if (s == NULL) return -ENOMEM;
  ebb_task *t = rt->tasks.current;
  ebb_wait_yield(rt, EBB_NEXT_TURN);
  ebb_scheduler_suspend(rt, s);
  return end_of_wait(t);
}

void ebb_wait_briefly(ebb_runtime *rt) {
  enum { A_MOMENT = 1000000 };
  (void)ebb_poller_look(rt, A_MOMENT);
  if (ebb_mailbox_has_mail(rt)) ebb_mailbox_deliver(rt);
}

/* ---- the public waits ---- */

int64_t ebb_now(const ebb_runtime *rt) { return ebb_clock_now(&rt->clock); }

ebb_task *ebb_current(const ebb_runtime *rt) {
  /* In a signal handler, it may be the loop that runs. */
  ebb_task *t = rt->tasks.current;
  return t == NULL || ebb_task_is_root(t) ? NULL : t;
}

int ebb_sleep_until(ebb_runtime *rt, int64_t deadline) {
  if (deadline <= ebb_now(rt)) return ebb_yield_now(rt);
  int status = ebb_wait(rt, NULL, deadline, "sleep");
  return status == -ETIMEDOUT ? 0 : status;
}

int ebb_sleep(ebb_runtime *rt, int64_t ns) {
  int64_t now = ebb_now(rt);
  return ebb_sleep_until(rt, ebb_time_add(now, ns > 0 ? ns : 0));
}

/* A token is one bit: any number of unparks that nobody has waited for are
   one. Taking it uses the budget, as a wait that is satisfied at once. */
int ebb_park(ebb_runtime *rt, int64_t deadline) {
  ebb_task *t = rt->tasks.current;
  if (t->token) {
    t->token = false;
    return ebb_consume_budget(rt);
  }
  assert(!t->in_park);
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

void ebb_begin_cleanup(ebb_runtime *rt) {
  rt->tasks.current->uncancellable = true;
}

/* ---- the budget ---- */

/* In a loop, since the turn that a yield leads to may find the budget used
   up by another call of this task, as a finalizer. */
int ebb_consume_budget(ebb_runtime *rt) {
  if (ebb_wait_is_cut(rt)) return -ECANCELED;
  int err = 0;
  while (err == 0 && !ebb_budget_take(rt)) err = ebb_yield_now(rt);
  return err;
}

bool ebb_has_budget_remaining(const ebb_runtime *rt) {
  return rt->tasks.budget > 0;
}

void *ebb_unconstrained(ebb_runtime *rt,
                        void *(*run)(ebb_runtime *rt, void *arg), void *arg) {
  int budget = ebb_budget_suspend(rt->tasks.current);
  void *value = run(rt, arg);
  ebb_budget_resume(rt->tasks.current, budget);
  return value;
}
