/* SPDX-License-Identifier: MIT
   C tasks, as ebb.h has them: their life, and callers outside of tasks. */
#include <signal.h>
#include <sys/time.h>

#include "task_bodies.h"

/* ---- spawning ---- */

TEST(R3_a_task_first_runs_when_the_caller_waits) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say, "a");
  CHECK(noted("") && !ebb_task_is_finished(t));
  turn(rt);
  CHECK(noted("a") && ebb_task_is_finished(t));
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(R3_tasks_first_run_in_the_order_of_spawning) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, say, "a");
  start_detached(rt, say, "b");
  start_detached(rt, say, "c");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a b c"));
  free_runtime(rt);
}

static void *spawn_two(ebb_runtime *rt, void *arg) {
  (void)arg;
  start_detached(rt, say, "c");
  start_detached(rt, say, "d");
  note("a");
  return NULL;
}

TEST(a_task_that_a_task_spawns_comes_after_those_before) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, spawn_two, NULL);
  start_detached(rt, say, "b");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a b c d"));
  free_runtime(rt);
}

TEST(R2_tasks_that_yield_take_turns) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, say_thrice, "a");
  start_detached(rt, say_thrice, "b");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a b a b a b"));
  free_runtime(rt);
}

TEST(ids_count_from_one_and_are_never_used_again) {
  ebb_runtime *rt = new_runtime();
  for (ebb_id id = 1; id <= 1000; id++) {
    ebb_task *t = start(rt, park_unnoticed, NULL);
    CHECK(ebb_task_id(t) == id);
    if (id % 3 == 0) ebb_task_abort(t);
    ebb_task_release(t);
    if (id % 7 == 0) turn(rt);
  }
  free_runtime(rt);
}

TEST(R1_runtimes_have_ids_of_their_own) {
  ebb_runtime *one = new_runtime(), *two = new_runtime();
  ebb_task *a = start(one, say, "a"), *b = start(two, say, "b");
  CHECK(ebb_task_id(a) == 1 && ebb_task_id(b) == 1);
  CHECK(ebb_run(two) == 0 && ebb_run(one) == 0);
  CHECK(noted("b a"));
  finish(a);
  finish(b);
  free_runtime(one);
  free_runtime(two);
}

static void *note_if_current(ebb_runtime *rt, void *arg) {
  ebb_task **self = arg;
  CHECK(ebb_current(rt) == *self);
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_current(rt) == *self);
  note("same");
  return NULL;
}

TEST(the_current_task_is_the_one_that_runs) {
  ebb_runtime *rt = new_runtime();
  ebb_task *a, *b;
  CHECK(ebb_current(rt) == NULL);
  a = start(rt, note_if_current, &a);
  b = start(rt, note_if_current, &b);
  CHECK(ebb_run(rt) == 0);
  CHECK(ebb_current(rt) == NULL && noted("same same"));
  finish(a);
  finish(b);
  free_runtime(rt);
}

/* ---- handles and joining ---- */

TEST(a_joined_task_gives_what_it_returned) {
  ebb_runtime *rt = new_runtime();
  ebb_result result = {0};
  ebb_task *t = start(rt, say, "a");
  CHECK(ebb_task_join(t, EBB_NEVER, &result) == 0);
  CHECK(noted("a") && result.id == ebb_task_id(t));
  CHECK(result.outcome == EBB_COMPLETED);
  CHECK(strcmp(result.value, "a") == 0);
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(R6_the_result_is_the_same_for_everyone_who_asks) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say, "a");
  for (int i = 0; i < 3; i++) {
    ebb_result result = {0};
    CHECK(ebb_task_join(t, EBB_NEVER, &result) == 0);
    CHECK(strcmp(result.value, "a") == 0);
    CHECK(ebb_task_join(t, EBB_NEVER, NULL) == 0);
  }
  CHECK(noted("a"));
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(many_can_join_one_task) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say_thrice, "a");
  for (int i = 0; i < 3; i++) start_detached(rt, join_and_note, t);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a a a a a a"));
  ebb_task_release(t);
  free_runtime(rt);
}

static void *join_self(ebb_runtime *rt, void *arg) {
  CHECK(ebb_task_join(ebb_current(rt), EBB_NEVER, NULL) == -EDEADLK);
  return arg;
}

TEST(a_task_cannot_join_itself) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, join_self, NULL);
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

TEST(a_join_ends_at_its_deadline) {
  ebb_runtime *rt = new_runtime();
  int status = 1;
  ebb_result result = {.id = 7};
  ebb_task *t = start(rt, sleep_second, &status);
  int64_t deadline = ebb_now(rt) + SECOND / 2;
  CHECK(ebb_task_join(t, deadline, &result) == -ETIMEDOUT);
  CHECK(ebb_now(rt) == deadline && result.id == 7);
  CHECK(ebb_task_join(t, EBB_NEVER, &result) == 0);
  CHECK(result.value == &status && status == 0);
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(a_finished_task_is_joined_whatever_the_deadline) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say, "a");
  turn(rt);
  CHECK(ebb_task_join(t, INT64_MIN, NULL) == 0);
  CHECK(noted("a"));
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(a_released_task_runs_on) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say_thrice, "a");
  turn(rt);
  ebb_task_release(t);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a a a"));
  free_runtime(rt);
}

TEST(R7_a_handle_keeps_a_finished_task) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say, "a");
  CHECK(ebb_run(rt) == 0);
  for (int i = 0; i < 200; i++) start_detached(rt, park_unnoticed, NULL);
  turn(rt);
  CHECK(noted("a") && strcmp(finish(t).value, "a") == 0);
  free_runtime(rt);
}

/* ---- outside of tasks ---- */

TEST(running_nothing_returns_at_once) {
  ebb_runtime *rt = new_runtime();
  CHECK(ebb_run(rt) == 0);
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_consume_budget(rt) == 0);
  free_runtime(rt);
}

static void *forbid(ebb_runtime *rt, void *arg) {
  CHECK(ebb_run(rt) == -EBUSY);
  CHECK(ebb_runtime_free(rt) == -EBUSY);
  note("forbidden");
  return arg;
}

TEST(tasks_cannot_run_or_free_their_runtime) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, forbid, NULL);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("forbidden"));
  free_runtime(rt);
}

TEST(running_ends_when_nothing_can_wake_what_waits) {
  ebb_runtime *rt = new_runtime();
  int status = 1;
  ebb_task *t = start(rt, park, &status);
  CHECK(ebb_run(rt) == -EDEADLK);
  CHECK(status == 1 && !ebb_task_is_finished(t));
  ebb_unpark(t);
  CHECK(ebb_run(rt) == 0);
  CHECK(status == 0);
  finish(t);
  free_runtime(rt);
}

TEST(no_deadlock_is_called_while_a_timer_runs) {
  ebb_runtime *rt = new_runtime();
  int status = 1;
  dreamer d = {"a", SECOND};
  ebb_task *t = start(rt, park, &status);
  start_detached(rt, dream, &d);
  CHECK(ebb_run(rt) == -EDEADLK);
  CHECK(noted("a") && status == 1);
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(a_wait_that_nothing_can_end_fails) {
  ebb_runtime *rt = new_runtime();
  int status;
  ebb_task *t = start(rt, park, &status);
  CHECK(ebb_park(rt, EBB_NEVER) == -EDEADLK);
  CHECK(ebb_sleep_until(rt, EBB_NEVER) == -EDEADLK);
  CHECK(ebb_task_join(t, EBB_NEVER, NULL) == -EDEADLK);
  CHECK(ebb_task_join(t, ebb_now(rt) + 1, NULL) == -ETIMEDOUT);
  ebb_task_release(t);
  free_runtime(rt);
}

static void on_alarm(int number) { (void)number; }

/* A signal each millisecond until `stop`. */
static void send_signals(bool stop) {
  struct sigaction action = {.sa_handler = stop ? SIG_IGN : on_alarm};
  long us = stop ? 0 : 1000;
  struct itimerval timer = {{0, us}, {0, us}};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

TEST(a_signal_ends_a_wait_outside_of_tasks) {
  ebb_runtime *rt;
  int status = 1;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  ebb_task *t = start(rt, sleep_second, &status);
  send_signals(false);
  CHECK(ebb_sleep(rt, 1000 * SECOND) == -EINTR);
  CHECK(ebb_task_join(t, ebb_now(rt) + 1000 * SECOND, NULL) == -EINTR);
  CHECK(ebb_run(rt) == -EINTR);
  send_signals(true);
  CHECK(status == 1 && !ebb_task_is_finished(t));
  ebb_task_release(t);
  free_runtime(rt);
}
