/* SPDX-License-Identifier: MIT
   Notify, without Lua. Most of it is about waiters that are aborted: at each
   place in line, and at each moment. */
#include "sync_jobs.h"

static void *notified(ebb_runtime *rt, void *arg) {
  job *j = arg;
  (void)rt;
  j->status = ebb_notify_wait(j->notify, j->deadline);
  if (j->status == 0) note(j->name);
  return NULL;
}

static void start_notified(ebb_runtime *rt, ebb_notify *n, job *jobs,
                           ebb_task **tasks) {
  for (int i = 0; i < TASKS; i++) {
    jobs[i] = (job){
        .notify = n, .name = names[i], .deadline = EBB_NEVER, .status = 1};
    tasks[i] = start(rt, notified, &jobs[i]);
  }
  ebb_yield_now(rt);
}

TEST(one_notification_is_kept) {
  ebb_runtime *rt = new_runtime();
  ebb_notify *n = new_notify(rt);
  ebb_notify_waiters(n);
  CHECK(ebb_notify_wait(n, 0) == -ETIMEDOUT);
  ebb_notify_one(n);
  ebb_notify_one(n);
  CHECK(ebb_notify_wait(n, 0) == 0);
  CHECK(ebb_notify_wait(n, 0) == -ETIMEDOUT);
  ebb_notify_free(n);
  free_runtime(rt);
}

TEST(waiters_are_notified_in_order) {
  ebb_runtime *rt = new_runtime();
  ebb_notify *n = new_notify(rt);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  start_notified(rt, n, jobs, tasks);
  ebb_notify_one(n);
  ebb_notify_one(n);
  ebb_yield_now(rt);
  CHECK(noted("a b"));
  ebb_notify_waiters(n);
  ebb_yield_now(rt);
  CHECK(noted("c d e"));
  CHECK(ebb_notify_wait(n, 0) == -ETIMEDOUT);
  finish_all(tasks, TASKS);
  ebb_notify_free(n);
  free_runtime(rt);
}

static void abort_one_notified(int victim, int given) {
  ebb_runtime *rt = new_runtime();
  ebb_notify *n = new_notify(rt);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  start_notified(rt, n, jobs, tasks);
  for (int i = 0; i < given; i++) ebb_notify_one(n);
  ebb_task_abort(tasks[victim]);
  for (int i = given; i < TASKS; i++) ebb_notify_one(n);
  ebb_yield_now(rt);
  CHECK(noted(all_but(victim)));
  CHECK(ebb_notify_wait(n, 0) == 0);
  finish_all(tasks, TASKS);
  ebb_notify_free(n);
  free_runtime(rt);
}

TEST(no_notification_is_lost_wherever_a_waiter_is_aborted) {
  for (int victim = 0; victim < TASKS; victim++)
    for (int given = 0; given <= TASKS; given++)
      abort_one_notified(victim, given);
}

TEST(an_aborted_task_does_not_pass_on_what_all_were_told) {
  ebb_runtime *rt = new_runtime();
  ebb_notify *n = new_notify(rt);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  start_notified(rt, n, jobs, tasks);
  ebb_notify_waiters(n);
  ebb_task_abort(tasks[0]);
  ebb_yield_now(rt);
  CHECK(noted("b c d e"));
  CHECK(ebb_notify_wait(n, 0) == -ETIMEDOUT);
  finish_all(tasks, TASKS);
  ebb_notify_free(n);
  free_runtime(rt);
}
