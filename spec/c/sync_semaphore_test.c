/* SPDX-License-Identifier: MIT
   Semaphore, without Lua. Most of it is about waiters that are aborted: at each
   place in line, and at each moment. */
#include "sync_jobs.h"

static void *acquire(ebb_runtime *rt, void *arg) {
  job *j = arg;
  (void)rt;
  j->status = ebb_semaphore_acquire(j->semaphore, j->n, j->deadline);
  if (j->status == 0) note(j->name);
  return NULL;
}

static job acquire_job(ebb_semaphore *s, int i, uint32_t n) {
  return (job){.semaphore = s,
               .name = names[i],
               .n = n,
               .deadline = EBB_NEVER,
               .status = 1};
}

TEST(permits_are_taken_at_once_while_there_are_enough) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 3);
  CHECK(ebb_semaphore_try_acquire(s, 2) == 0);
  CHECK(ebb_semaphore_try_acquire(s, 2) == -EAGAIN);
  CHECK(ebb_semaphore_acquire(s, 1, EBB_NEVER) == 0);
  CHECK(ebb_semaphore_available_permits(s) == 0);
  CHECK(ebb_semaphore_acquire(s, 1, 0) == -ETIMEDOUT);
  CHECK(ebb_semaphore_acquire(s, 1, EBB_NEVER) == -EDEADLK);
  CHECK(ebb_semaphore_try_acquire(s, 0) == 0);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

TEST(there_is_a_limit_to_permits) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 1);
  CHECK(ebb_semaphore_add_permits(s, EBB_PERMITS_MAX) == -EOVERFLOW);
  CHECK(ebb_semaphore_available_permits(s) == 1);
  CHECK(ebb_semaphore_add_permits(s, EBB_PERMITS_MAX - 1) == 0);
  CHECK(ebb_semaphore_acquire(s, EBB_PERMITS_MAX, EBB_NEVER) == 0);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

TEST(permits_are_given_in_the_order_of_asking) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 1);
  job jobs[] = {acquire_job(s, 0, 3), acquire_job(s, 1, 1),
                acquire_job(s, 2, 2)};
  ebb_task *tasks[3];
  for (int i = 0; i < 3; i++) tasks[i] = start(rt, acquire, &jobs[i]);
  ebb_yield_now(rt);
  CHECK(ebb_semaphore_try_acquire(s, 1) == -EAGAIN);
  CHECK(ebb_semaphore_available_permits(s) == 0);
  CHECK(ebb_semaphore_add_permits(s, 1) == 0);
  ebb_yield_now(rt);
  CHECK(noted(""));
  CHECK(ebb_semaphore_add_permits(s, 2) == 0);
  ebb_yield_now(rt);
  CHECK(noted("a b"));
  CHECK(ebb_semaphore_add_permits(s, 2) == 0);
  ebb_yield_now(rt);
  CHECK(noted("c"));
  CHECK(ebb_semaphore_available_permits(s) == 0);
  finish_all(tasks, 3);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

TEST(who_leaves_the_line_makes_room_for_the_next) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 1);
  job jobs[] = {acquire_job(s, 0, 3), acquire_job(s, 1, 1)};
  jobs[0].deadline = ebb_now(rt) + SECOND;
  ebb_task *tasks[] = {start(rt, acquire, &jobs[0]),
                       start(rt, acquire, &jobs[1])};
  CHECK(ebb_sleep(rt, 2 * SECOND) == 0);
  CHECK(jobs[0].status == -ETIMEDOUT && noted("b"));
  finish_all(tasks, 2);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

TEST(closing_a_semaphore_ends_the_waits) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 0);
  job jobs[] = {acquire_job(s, 0, 1), acquire_job(s, 1, 2)};
  ebb_task *tasks[] = {start(rt, acquire, &jobs[0]),
                       start(rt, acquire, &jobs[1])};
  ebb_yield_now(rt);
  CHECK(ebb_semaphore_add_permits(s, 1) == 0);
  ebb_semaphore_close(s);
  CHECK(ebb_semaphore_is_closed(s));
  ebb_yield_now(rt);
  CHECK(jobs[0].status == 0 && jobs[1].status == -EPIPE && noted("a"));
  CHECK(ebb_semaphore_add_permits(s, 1) == 0);
  CHECK(ebb_semaphore_try_acquire(s, 1) == -EPIPE);
  CHECK(ebb_semaphore_acquire(s, 1, EBB_NEVER) == -EPIPE);
  finish_all(tasks, 2);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

/* `given` permits are there when the victim is aborted, whose place in line
   is `victim`: so it has one already, or not. */
static void abort_one_acquire(int victim, uint32_t given) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 0);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  for (int i = 0; i < TASKS; i++) {
    jobs[i] = acquire_job(s, i, 1);
    tasks[i] = start(rt, acquire, &jobs[i]);
  }
  ebb_yield_now(rt);
  CHECK(ebb_semaphore_add_permits(s, given) == 0);
  ebb_task_abort(tasks[victim]);
  ebb_yield_now(rt);
  CHECK(jobs[victim].status == -ECANCELED);
  CHECK(ebb_semaphore_add_permits(s, TASKS - given) == 0);
  ebb_yield_now(rt);
  CHECK(noted(all_but(victim)));
  CHECK(ebb_semaphore_available_permits(s) == 1);
  finish_all(tasks, TASKS);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

TEST(no_permit_is_lost_wherever_a_waiter_is_aborted) {
  for (int victim = 0; victim < TASKS; victim++)
    for (uint32_t given = 0; given <= TASKS; given++)
      abort_one_acquire(victim, given);
}

TEST(R11_what_an_aborted_task_was_granted_is_there_at_once) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 0);
  job j = acquire_job(s, 0, 2);
  ebb_task *t = start(rt, acquire, &j);
  ebb_yield_now(rt);
  CHECK(ebb_semaphore_add_permits(s, 2) == 0);
  CHECK(ebb_semaphore_available_permits(s) == 0);
  ebb_task_abort(t);
  CHECK(ebb_semaphore_available_permits(s) == 2);
  ebb_yield_now(rt);
  CHECK(j.status == -ECANCELED);
  finish(t);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

static void *acquire_to_clean_up(ebb_runtime *rt, void *arg) {
  job *j = arg;
  CHECK(ebb_sleep(rt, SECOND) == -ECANCELED);
  CHECK(ebb_semaphore_acquire(j->semaphore, 1, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  return acquire(rt, arg);
}

TEST(a_clean_up_keeps_what_it_was_granted) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 0);
  job j = acquire_job(s, 0, 1);
  ebb_task *t = start(rt, acquire_to_clean_up, &j);
  ebb_yield_now(rt);
  ebb_task_abort(t);
  ebb_yield_now(rt);
  CHECK(ebb_semaphore_add_permits(s, 1) == 0);
  ebb_task_abort(t);
  ebb_yield_now(rt);
  CHECK(j.status == 0 && noted("a"));
  CHECK(ebb_semaphore_available_permits(s) == 0);
  finish(t);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

static void *take_and_give_back(ebb_runtime *rt, void *arg) {
  job *j = arg;
  for (int i = 0; i < 1000; i++) {
    CHECK(ebb_semaphore_acquire(j->semaphore, 1, EBB_NEVER) == 0);
    CHECK(ebb_semaphore_add_permits(j->semaphore, 1) == 0);
  }
  (void)rt;
  return NULL;
}

TEST(a_task_that_always_gets_its_permit_lets_others_run) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 1);
  job j = acquire_job(s, 0, 1);
  ebb_task *t = start(rt, take_and_give_back, &j);
  int turns = 0;
  for (; !ebb_task_is_finished(t); turns++) ebb_yield_now(rt);
  CHECK(turns >= 1000 / 128);
  finish(t);
  ebb_semaphore_free(s);
  free_runtime(rt);
}
