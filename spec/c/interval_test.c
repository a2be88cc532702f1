/* SPDX-License-Identifier: MIT
   Intervals, as ebb.h has them. */
#include "test.h"

static ebb_interval every(ebb_runtime *rt, int64_t period) {
  ebb_interval iv;
  CHECK(ebb_interval_init(&iv, rt, period) == 0);
  return iv;
}

/* The next tick comes and was due so many ns after `start`. */
static void check_tick(ebb_runtime *rt, ebb_interval *iv, int64_t start,
                       int64_t comes, int64_t due) {
  int64_t deadline = -1;
  CHECK(ebb_interval_tick(iv, rt, &deadline) == 0);
  CHECK(ebb_now(rt) - start == comes);
  CHECK(deadline - start == due);
}

TEST(it_ticks_at_once_and_then_every_period) {
  ebb_runtime *rt = new_runtime();
  int64_t start = ebb_now(rt);
  ebb_interval iv = every(rt, 7);
  for (int i = 0; i < 1000; i++) check_tick(rt, &iv, start, 7 * i, 7 * i);
  free_runtime(rt);
}

TEST(a_period_must_be_above_0) {
  ebb_runtime *rt = new_runtime();
  ebb_interval iv = {.period = 42};
  CHECK(ebb_interval_init(&iv, rt, 0) == -EINVAL);
  CHECK(ebb_interval_init(&iv, rt, -1) == -EINVAL);
  CHECK(iv.period == 42);
  free_runtime(rt);
}

/* The first tick, then so late that ticks were missed, then three more. */
static void check_missed(ebb_missed_tick missed, const double comes[3],
                         const double due[3]) {
  ebb_runtime *rt = new_runtime();
  int64_t start = ebb_now(rt);
  ebb_interval iv = every(rt, SECOND);
  iv.missed = missed;
  check_tick(rt, &iv, start, 0, 0);
  CHECK(ebb_clock_advance(rt, 5 * SECOND / 2) == 0);
  for (int i = 0; i < 3; i++)
    check_tick(rt, &iv, start, (int64_t)(comes[i] * SECOND),
               (int64_t)(due[i] * SECOND));
  free_runtime(rt);
}

TEST(missed_ticks_come_in_a_burst) {
  check_missed(EBB_MISSED_BURST, (double[]){2.5, 2.5, 3}, (double[]){1, 2, 3});
}

TEST(missed_ticks_can_delay_the_next) {
  check_missed(EBB_MISSED_DELAY, (double[]){2.5, 3.5, 4.5},
               (double[]){1, 3.5, 4.5});
}

TEST(missed_ticks_can_be_skipped) {
  check_missed(EBB_MISSED_SKIP, (double[]){2.5, 3, 4}, (double[]){1, 3, 4});
}

TEST(a_reset_puts_the_next_tick_off) {
  ebb_runtime *rt = new_runtime();
  int64_t start = ebb_now(rt);
  ebb_interval iv = every(rt, 10);
  check_tick(rt, &iv, start, 0, 0);
  CHECK(ebb_clock_advance(rt, 4) == 0);
  ebb_interval_reset(&iv, rt);
  check_tick(rt, &iv, start, 14, 14);
  free_runtime(rt);
}

TEST(an_endless_period_ticks_once) {
  ebb_runtime *rt = new_runtime();
  ebb_interval iv = every(rt, EBB_NEVER);
  CHECK(ebb_interval_tick(&iv, rt, NULL) == 0);
  CHECK(ebb_interval_tick(&iv, rt, NULL) == -EDEADLK);
  free_runtime(rt);
}

static void *tick(ebb_runtime *rt, void *arg) {
  int status = ebb_interval_tick(arg, rt, NULL);
  note(status == 0 ? "tick" : "cut");
  return NULL;
}

TEST(a_tick_that_is_cut_off_is_not_lost) {
  ebb_runtime *rt = new_runtime();
  int64_t start = ebb_now(rt);
  ebb_interval iv = every(rt, 10);
  check_tick(rt, &iv, start, 0, 0);
  ebb_task *t;
  CHECK(ebb_spawn(rt, body(tick, &iv), &t) == 0);
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_clock_advance(rt, 10) == 0); /* due, and not looked at yet */
  ebb_task_abort(t);
  CHECK(ebb_task_join(t, EBB_NEVER, NULL) == 0);
  CHECK(noted("cut"));
  check_tick(rt, &iv, start, 10, 10);
  ebb_task_release(t);
  free_runtime(rt);
}

static void *tick_often(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 1000; i++) CHECK(ebb_interval_tick(arg, rt, NULL) == 0);
  note("ticked");
  return NULL;
}

static void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return NULL;
}

TEST(ticks_that_are_due_take_of_the_budget) {
  ebb_runtime *rt = new_runtime();
  ebb_interval iv = every(rt, 1);
  CHECK(ebb_clock_advance(rt, SECOND) == 0);
  CHECK(ebb_spawn(rt, body(tick_often, &iv), NULL) == 0);
  CHECK(ebb_spawn(rt, body(say, "other"), NULL) == 0);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("other ticked"));
  free_runtime(rt);
}
