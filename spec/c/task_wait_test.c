/* SPDX-License-Identifier: MIT
   C tasks, as ebb.h has them: sleeping, parking and the budget. */
#include "task_bodies.h"

/* ---- sleeping ---- */

static void dream_all(dreamer *dreamers, int n) {
  ebb_runtime *rt = new_runtime();
  for (int i = 0; i < n; i++) start_detached(rt, dream, &dreamers[i]);
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

TEST(R10_sleepers_wake_in_the_order_of_their_deadlines) {
  dreamer d[] = {{"c", 3}, {"a", 1}, {"d", 4}, {"b", 2}};
  dream_all(d, 4);
  CHECK(noted("a b c d"));
}

TEST(sleepers_with_one_deadline_wake_in_the_order_they_slept) {
  dreamer d[] = {{"a", 5}, {"b", 5}, {"z", 9}, {"c", 5}, {"d", 5}};
  dream_all(d, 5);
  CHECK(noted("a b c d z"));
}

TEST(no_sleep_is_shorter_than_nothing) {
  dreamer d[] = {{"a", 0}, {"b", -1}, {"c", INT64_MIN}};
  dream_all(d, 3);
  CHECK(noted("a b c"));
}

TEST(a_sleep_outside_of_tasks_lets_them_run) {
  ebb_runtime *rt = new_runtime();
  dreamer d = {"a", SECOND};
  int64_t begin = ebb_now(rt);
  start_detached(rt, dream, &d);
  CHECK(ebb_sleep_until(rt, begin + 2 * SECOND) == 0);
  CHECK(noted("a") && ebb_now(rt) == begin + 2 * SECOND);
  free_runtime(rt);
}

TEST(a_deadline_in_the_past_lets_the_others_run_once) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, say_thrice, "a");
  CHECK(ebb_sleep_until(rt, INT64_MIN) == 0);
  CHECK(noted("a"));
  free_runtime(rt);
}

static void *sleep_into_the_past(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 3; i++) {
    CHECK(ebb_sleep_until(rt, INT64_MIN) == 0);
    note(arg);
  }
  return NULL;
}

TEST(sleeping_into_the_past_takes_turns_like_yielding) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, sleep_into_the_past, "a");
  start_detached(rt, say_thrice, "b");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("b a b a b a"));
  free_runtime(rt);
}

TEST(timers_come_in_spite_of_tasks_that_are_always_ready) {
  ebb_runtime *rt = new_runtime();
  dreamer d = {"a", SECOND};
  start_detached(rt, dream, &d);
  turn(rt);
  CHECK(ebb_clock_advance(rt, SECOND) == 0);
  for (int i = 0; i < 200; i++) turn(rt);
  CHECK(noted("a"));
  free_runtime(rt);
}

/* ---- parking ---- */

TEST(an_unparked_task_runs_on) {
  ebb_runtime *rt = new_runtime();
  int status = 1;
  ebb_task *t = start(rt, park, &status);
  turn(rt);
  turn(rt);
  CHECK(status == 1);
  ebb_unpark(t);
  CHECK(status == 1);
  turn(rt);
  CHECK(status == 0);
  finish(t);
  free_runtime(rt);
}

static void *park_twice(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 2; i++) {
    if (ebb_park(rt, EBB_NEVER) < 0) break;
    note(arg);
  }
  return NULL;
}

TEST(an_unpark_that_came_before_is_kept) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, park_twice, "a");
  ebb_unpark(t);
  turn(rt);
  CHECK(noted("a"));
  turn(rt);
  CHECK(noted(""));
  ebb_unpark(t);
  turn(rt);
  CHECK(noted("a"));
  finish(t);
  free_runtime(rt);
}

TEST(unparks_do_not_add_up) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, park_twice, "a");
  for (int i = 0; i < 5; i++) ebb_unpark(t);
  turn(rt);
  CHECK(noted("a") && !ebb_task_is_finished(t));
  ebb_task_release(t);
  free_runtime(rt);
}

static void *unpark_self(ebb_runtime *rt, void *arg) {
  ebb_unpark(ebb_current(rt));
  CHECK(ebb_park(rt, EBB_NEVER) == 0);
  return arg;
}

TEST(a_task_may_unpark_itself) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, unpark_self, NULL);
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

static void *sleep_then_park(ebb_runtime *rt, void *arg) {
  int64_t begin = ebb_now(rt);
  CHECK(ebb_sleep(rt, SECOND) == 0);
  CHECK(ebb_now(rt) == begin + SECOND);
  CHECK(ebb_park(rt, EBB_NEVER) == 0);
  return arg;
}

TEST(an_unpark_does_not_end_another_wait) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, sleep_then_park, NULL);
  turn(rt);
  ebb_unpark(t);
  CHECK(ebb_run(rt) == 0);
  finish(t);
  free_runtime(rt);
}

TEST(a_park_ends_at_its_deadline) {
  ebb_runtime *rt = new_runtime();
  int64_t deadline = ebb_now(rt) + SECOND;
  CHECK(ebb_park(rt, deadline) == -ETIMEDOUT);
  CHECK(ebb_now(rt) == deadline);
  free_runtime(rt);
}

static void *park_until_a_second(ebb_runtime *rt, void *arg) {
  int64_t begin = ebb_now(rt);
  CHECK(ebb_park(rt, begin + SECOND) == 0);
  CHECK(ebb_now(rt) == begin);
  CHECK(ebb_sleep(rt, 2 * SECOND) == 0);
  CHECK(ebb_now(rt) == begin + 2 * SECOND);
  return arg;
}

TEST(an_ended_wait_leaves_no_timer) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, park_until_a_second, NULL);
  turn(rt);
  ebb_unpark(t);
  CHECK(ebb_run(rt) == 0);
  finish(t);
  free_runtime(rt);
}

static void *park_past_a_deadline(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, ebb_now(rt) + SECOND) == -ETIMEDOUT);
  CHECK(ebb_park(rt, EBB_NEVER) == 0);
  return arg;
}

static void *sleep_and_unpark(ebb_runtime *rt, void *arg) {
  ebb_task **t = arg;
  CHECK(ebb_sleep(rt, SECOND) == 0);
  ebb_unpark(*t);
  return NULL;
}

TEST(an_unpark_after_the_deadline_is_kept) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t;
  /* Both deadlines are the same; the one who unparks goes first. */
  start_detached(rt, sleep_and_unpark, &t);
  t = start(rt, park_past_a_deadline, NULL);
  CHECK(ebb_run(rt) == 0);
  finish(t);
  free_runtime(rt);
}

static void *park_in_clean_up(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  CHECK(ebb_park(rt, EBB_NEVER) == 0);
  return arg;
}

TEST(an_unpark_that_an_abort_overtook_is_kept) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, park_in_clean_up, NULL);
  turn(rt);
  ebb_unpark(t);
  ebb_task_abort(t);
  CHECK(ebb_run(rt) == 0);
  CHECK(finish(t).outcome == EBB_CANCELLED);
  free_runtime(rt);
}

/* ---- budget ---- */

static void *use_budget(ebb_runtime *rt, void *arg) {
  (void)arg;
  for (int i = 0; i < 128; i++) {
    CHECK(ebb_has_budget_remaining(rt));
    CHECK(ebb_consume_budget(rt) == 0);
  }
  CHECK(!ebb_has_budget_remaining(rt));
  note("empty");
  CHECK(ebb_consume_budget(rt) == 0);
  note("next");
  CHECK(ebb_has_budget_remaining(rt));
  return NULL;
}

TEST(a_turn_has_a_budget_of_128) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, use_budget, NULL);
  start_detached(rt, say, "other");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("empty other next"));
  free_runtime(rt);
}

static void *join_often(ebb_runtime *rt, void *arg) {
  (void)rt;
  for (int i = 0; i < 300; i++) CHECK(ebb_task_join(arg, EBB_NEVER, NULL) == 0);
  note("done");
  return NULL;
}

TEST(a_join_that_is_satisfied_at_once_takes_budget) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say, "a");
  turn(rt);
  start_detached(rt, join_often, t);
  start_detached(rt, say_thrice, "b");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a b b done b"));
  finish(t);
  free_runtime(rt);
}

static void *park_often(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 200; i++) {
    ebb_unpark(ebb_current(rt));
    CHECK(ebb_park(rt, EBB_NEVER) == 0);
  }
  note(arg);
  return NULL;
}

TEST(a_park_that_is_satisfied_at_once_takes_budget) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, park_often, "a");
  start_detached(rt, say_thrice, "b");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("b a b b"));
  free_runtime(rt);
}
