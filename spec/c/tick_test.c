/* SPDX-License-Identifier: MIT
   ebb_tick: an engine that owns the loop and the clock. */
#include "test.h"

/* The engine's clock and the real one. Tasks move both, as if they took time;
   but by `slowness` the engine's runs behind. */
static int64_t now, real_now, slowness;

static int64_t look(void *ctx) {
  (void)ctx;
  return now;
}

static int64_t look_at_real(void *ctx) {
  (void)ctx;
  return real_now;
}

static ebb_runtime *new_ticked_runtime(void) {
  ebb_runtime *rt;
  ebb_options options = {
      .clock = look, .real_clock = look_at_real, .never_block = true};
  now = 1000;
  real_now = 77;
  slowness = 1;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  return rt;
}

static ebb_tick_report tick(ebb_runtime *rt, int64_t budget) {
  ebb_tick_report report;
  CHECK(ebb_tick(rt, budget, &report) == 0);
  return report;
}

static void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return NULL;
}

/* Takes 10 ns in each turn, for ever. */
static void *toil(ebb_runtime *rt, void *arg) {
  do {
    note(arg);
    real_now += 10;
    now += 10 / slowness;
  } while (ebb_yield_now(rt) == 0);
  return NULL;
}

/* As much of virtual time as a frame could have. */
static void *leap(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 4; i++) {
    CHECK(ebb_clock_advance(rt, SECOND) == 0);
    CHECK(ebb_yield_now(rt) == 0);
  }
  return arg;
}

static void *sleep_100(ebb_runtime *rt, void *arg) {
  if (ebb_sleep(rt, 100) == 0) note(arg);
  return NULL;
}

static void *park(ebb_runtime *rt, void *arg) {
  (void)ebb_park(rt, EBB_NEVER);
  return arg;
}

/* ---- what a tick runs ---- */

TEST(a_tick_of_an_idle_runtime_does_nothing) {
  ebb_runtime *rt = new_ticked_runtime();
  ebb_tick_report report = tick(rt, EBB_NEVER);
  CHECK(report.polls == 0 && report.ready == 0 && report.unfinished == 0);
  CHECK(report.next_timer == EBB_NEVER);
  CHECK(ebb_tick(rt, 0, NULL) == 0);
  free_runtime(rt);
}

TEST(a_tick_runs_all_that_is_ready) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, say, "a");
  start_detached(rt, say, "b");
  ebb_tick_report report = tick(rt, EBB_NEVER);
  CHECK(noted("a b") && report.polls == 2 && report.unfinished == 0);
  free_runtime(rt);
}

static void *spawn_another(ebb_runtime *rt, void *arg) {
  start_detached(rt, say, arg);
  return NULL;
}

TEST(a_tick_runs_also_what_is_spawned_meanwhile) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, spawn_another, "a");
  CHECK(tick(rt, EBB_NEVER).polls == 2 && noted("a"));
  free_runtime(rt);
}

TEST(a_tick_never_blocks) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, sleep_100, "a");
  start_detached(rt, park, NULL);
  for (int i = 0; i < 1000; i++) tick(rt, EBB_NEVER);
  CHECK(noted("") && tick(rt, 0).unfinished == 2);
  free_runtime(rt);
}

TEST(a_tick_fires_the_timers_that_are_due) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, sleep_100, "a");
  CHECK(tick(rt, EBB_NEVER).next_timer == 1100);
  now = 1099;
  CHECK(tick(rt, EBB_NEVER).polls == 0);
  now = 1100;
  ebb_tick_report report = tick(rt, EBB_NEVER);
  CHECK(noted("a") && report.polls == 1);
  CHECK(report.next_timer == EBB_NEVER && report.unfinished == 0);
  free_runtime(rt);
}

TEST(a_tick_fires_timers_that_come_due_while_it_runs) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, sleep_100, "a");
  tick(rt, EBB_NEVER);
  start_detached(rt, toil, "");
  tick(rt, 1000);
  CHECK(noted("a"));
  free_runtime(rt);
}

TEST(a_task_is_suspended_across_ticks) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, toil, "a");
  for (int i = 0; i < 5; i++) tick(rt, 0);
  CHECK(noted("a a a a a"));
  free_runtime(rt);
}

/* ---- its budget ---- */

TEST(a_budget_of_nothing_is_one_turn) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, say, "a");
  start_detached(rt, say, "b");
  ebb_tick_report report = tick(rt, 0);
  CHECK(noted("a") && report.polls == 1);
  CHECK(report.ready == 1 && report.unfinished == 1);
  CHECK(tick(rt, 0).polls == 1 && noted("b"));
  CHECK(tick(rt, 0).polls == 0);
  free_runtime(rt);
}

TEST(a_budget_below_nothing_is_one_turn_too) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, toil, "a");
  CHECK(tick(rt, -5).polls == 1 && noted("a"));
  CHECK(tick(rt, INT64_MIN / 2).polls == 1 && noted("a"));
  free_runtime(rt);
}

TEST(a_tick_ends_between_turns_when_its_budget_is_over) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, toil, "a");
  CHECK(tick(rt, 30).polls == 3);
  CHECK(tick(rt, 31).polls == 4);
  CHECK(tick(rt, 1).polls == 1);
  CHECK(noted("a a a a a a a a") && now == 1080);
  free_runtime(rt);
}

TEST(the_next_tick_goes_on_where_the_last_one_ended) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, toil, "a");
  start_detached(rt, toil, "b");
  start_detached(rt, toil, "c");
  tick(rt, 20);
  CHECK(noted("a b"));
  tick(rt, 20);
  CHECK(noted("c a"));
  tick(rt, 20);
  CHECK(noted("b c"));
  free_runtime(rt);
}

TEST(a_budget_does_not_last_longer_when_the_clock_is_slow) {
  ebb_runtime *rt = new_ticked_runtime();
  slowness = 5;
  start_detached(rt, toil, "");
  CHECK(tick(rt, 30).polls == 3 && now == 1006);
  free_runtime(rt);
}

TEST(a_budget_does_not_last_longer_when_the_clock_is_paused) {
  ebb_runtime *rt = new_ticked_runtime();
  CHECK(ebb_clock_pause(rt) == 0);
  start_detached(rt, toil, "");
  start_detached(rt, sleep_100, "a");
  CHECK(tick(rt, 30).polls == 4);
  CHECK(tick(rt, 300).polls == 30 && noted(""));
  CHECK(ebb_clock_advance(rt, 100) == 0);
  tick(rt, 30);
  CHECK(noted("a"));
  free_runtime(rt);
}

TEST(a_clock_that_runs_ahead_does_not_end_a_tick) {
  ebb_runtime *rt = new_ticked_runtime();
  CHECK(ebb_clock_pause(rt) == 0);
  start_detached(rt, leap, NULL);
  CHECK(tick(rt, 30).polls == 5);
  free_runtime(rt);
}

TEST(a_budget_without_end_lasts_until_nothing_is_ready) {
  ebb_runtime *rt = new_ticked_runtime();
  for (int i = 0; i < 1000; i++) start_detached(rt, say, "");
  CHECK(tick(rt, EBB_NEVER).polls == 1000);
  CHECK(tick(rt, EBB_NEVER - 1).polls == 0);
  free_runtime(rt);
}

/* ---- its report ---- */

TEST(a_report_counts_what_is_left) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, park, NULL);
  start_detached(rt, sleep_100, "a");
  tick(rt, EBB_NEVER);
  for (int i = 0; i < 3; i++) start_detached(rt, say, "");
  ebb_tick_report report = tick(rt, 0);
  CHECK(report.polls == 1 && report.ready == 2);
  CHECK(report.unfinished == 4 && report.next_timer == 1100);
  free_runtime(rt);
}

TEST(the_next_timer_is_the_first_that_is_still_set) {
  ebb_runtime *rt = new_ticked_runtime();
  ebb_task *a = start(rt, sleep_100, "a");
  tick(rt, EBB_NEVER);
  now += 50;
  ebb_task *b = start(rt, sleep_100, "b");
  CHECK(tick(rt, EBB_NEVER).next_timer == 1100);
  ebb_task_abort(a);
  CHECK(tick(rt, EBB_NEVER).next_timer == 1150);
  ebb_task_abort(b);
  CHECK(tick(rt, EBB_NEVER).next_timer == EBB_NEVER);
  ebb_task_release(a);
  ebb_task_release(b);
  free_runtime(rt);
}

TEST(a_report_that_nobody_wants_is_left_out) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, say, "a");
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  CHECK(noted("a"));
  free_runtime(rt);
}

/* ---- who may tick ---- */

static void *tick_inside(ebb_runtime *rt, void *arg) {
  ebb_tick_report report = {.polls = 77};
  CHECK(ebb_tick(rt, EBB_NEVER, &report) == -EBUSY);
  CHECK(report.polls == 77);
  note(arg);
  return NULL;
}

TEST(a_task_cannot_tick) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, tick_inside, "a");
  CHECK(tick(rt, EBB_NEVER).polls == 1 && noted("a"));
  free_runtime(rt);
}

static void *tick_other(ebb_runtime *rt, void *arg) {
  (void)rt;
  note("outer");
  CHECK(tick(arg, EBB_NEVER).polls == 1);
  CHECK(ebb_yield_now(rt) == 0);
  note("end");
  return NULL;
}

TEST(a_task_can_tick_another_runtime) {
  ebb_runtime *outer = new_ticked_runtime(), *inner = new_ticked_runtime();
  start_detached(inner, say, "inner");
  start_detached(outer, tick_other, inner);
  CHECK(tick(outer, EBB_NEVER).polls == 2);
  CHECK(noted("outer inner end"));
  free_runtime(inner);
  free_runtime(outer);
}

TEST(a_runtime_that_may_block_can_be_ticked_too) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, sleep_100, "a");
  CHECK(tick(rt, EBB_NEVER).polls == 1);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a") && tick(rt, EBB_NEVER).polls == 0);
  free_runtime(rt);
}

TEST(what_is_done_between_ticks_is_seen_at_the_next) {
  ebb_runtime *rt = new_ticked_runtime();
  ebb_task *a = start(rt, park, NULL), *b = start(rt, park, NULL);
  tick(rt, EBB_NEVER);
  ebb_unpark(a);
  ebb_task_abort(b);
  ebb_tick_report report = tick(rt, 0);
  CHECK(report.polls == 1 && report.ready == 1);
  CHECK(finish(a).outcome == EBB_COMPLETED);
  tick(rt, 0);
  CHECK(finish(b).outcome == EBB_CANCELLED);
  free_runtime(rt);
}

TEST(what_has_finished_is_joined_between_ticks) {
  ebb_runtime *rt = new_ticked_runtime();
  ebb_join_set *s;
  CHECK(ebb_join_set_new(rt, &s) == 0);
  for (int i = 0; i < 1000; i++)
    CHECK(ebb_join_set_spawn(s, body(say, ""), NULL) == 0);
  tick(rt, EBB_NEVER);
  for (int i = 0; i < 1000; i++)
    CHECK(ebb_join_set_join_next(s, EBB_NEVER, NULL) == 1);
  CHECK(ebb_join_set_join_next(s, EBB_NEVER, NULL) == 0);
  ebb_join_set_free(s);
  free_runtime(rt);
}

TEST(a_tick_without_a_stack_fails_and_can_be_repeated) {
  ebb_runtime *rt;
  test_memory memory = {0};
  ebb_options options = {
      .alloc = test_alloc, .alloc_ctx = &memory, .never_block = true};
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  start_detached(rt, say, "a");
  memory.fail_at = memory.requests + 1;
  memory.fail_count = FAIL_FOR_EVER;
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == -ENOMEM);
  CHECK(noted(""));
  memory.fail_at = 0;
  CHECK(tick(rt, EBB_NEVER).polls == 1 && noted("a"));
  free_runtime(rt);
  CHECK(memory.bytes == 0);
}
