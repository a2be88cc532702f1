/* SPDX-License-Identifier: MIT
   core/clock.h, and time as a runtime shows it: the system's, the engine's,
   and virtual time. */
#include "core/base/clock.h"

#include "test.h"

/* A clock that an engine supplies, and moves. */
typedef struct hand {
  int64_t now;
  int64_t step; /* moves by itself at each look */
} hand;

static int64_t look(void *ctx) {
  hand *h = ctx;
  return h->now += h->step;
}

static ebb_runtime *runtime_with(hand *h) {
  ebb_runtime *rt;
  ebb_options options = {.clock = look, .clock_ctx = h};
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  return rt;
}

/* A task that sleeps for *arg ns and notes "slept", unless it is aborted. */
static void *sleeper(ebb_runtime *rt, void *arg) {
  if (ebb_sleep(rt, *(int64_t *)arg) == 0) note("slept");
  return NULL;
}

/* ---- clocks ---- */

TEST(the_system_s_clock_never_goes_back) {
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  int64_t last = ebb_now(rt);
  for (int i = 0; i < 1000; i++) {
    int64_t now = ebb_now(rt);
    CHECK(now >= last);
    last = now;
  }
  free_runtime(rt);
}

TEST(the_engine_s_clock_is_the_runtime_s) {
  hand h = {.now = -7};
  ebb_runtime *rt = runtime_with(&h);
  CHECK(ebb_now(rt) == -7);
  h.now = INT64_MAX - 1;
  CHECK(ebb_now(rt) == INT64_MAX - 1);
  free_runtime(rt);
}

TEST(timers_go_by_the_engine_s_clock) {
  hand h = {.now = 100};
  int64_t span = 50;
  ebb_runtime *rt = runtime_with(&h);
  start_detached(rt, sleeper, &span);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  h.now = 149;
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  CHECK(noted(""));
  h.now = 150;
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  CHECK(noted("slept"));
  free_runtime(rt);
}

TEST(running_waits_until_the_engine_s_clock_has_come_there) {
  hand h = {.step = SECOND};
  int64_t span = 5 * SECOND / 2;
  ebb_runtime *rt = runtime_with(&h);
  start_detached(rt, sleeper, &span);
  h.step = 3 * SECOND; /* so that nobody has to sleep for it */
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("slept"));
  free_runtime(rt);
}

/* ---- virtual time ---- */

TEST(a_paused_clock_stands_still) {
  hand h = {.now = 100};
  ebb_runtime *rt = runtime_with(&h);
  CHECK(ebb_clock_pause(rt) == 0);
  h.now = 200;
  CHECK(ebb_now(rt) == 100);
  free_runtime(rt);
}

TEST(a_paused_clock_is_moved_by_hand) {
  hand h = {.now = 100};
  ebb_runtime *rt = runtime_with(&h);
  CHECK(ebb_clock_pause(rt) == 0);
  CHECK(ebb_clock_advance(rt, 11) == 0);
  CHECK(ebb_now(rt) == 111);
  CHECK(ebb_clock_advance(rt, 0) == 0);
  CHECK(ebb_now(rt) == 111);
  free_runtime(rt);
}

TEST(a_resumed_clock_goes_on_from_the_time_it_showed) {
  hand h = {.now = 100};
  ebb_runtime *rt = runtime_with(&h);
  CHECK(ebb_clock_pause(rt) == 0);
  CHECK(ebb_clock_advance(rt, 50) == 0);
  h.now = 1000;
  CHECK(ebb_clock_resume(rt) == 0);
  CHECK(ebb_now(rt) == 150);
  h.now = 1010;
  CHECK(ebb_now(rt) == 160);
  free_runtime(rt);
}

TEST(a_clock_can_be_paused_again) {
  hand h = {.now = 100};
  ebb_runtime *rt = runtime_with(&h);
  for (int i = 0; i < 3; i++) {
    CHECK(ebb_clock_pause(rt) == 0);
    CHECK(ebb_clock_advance(rt, 10) == 0);
    h.now += 1000;
    CHECK(ebb_clock_resume(rt) == 0);
    h.now += 1;
  }
  CHECK(ebb_now(rt) == 133);
  free_runtime(rt);
}

TEST(pausing_twice_and_resuming_twice_fail) {
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  CHECK(ebb_clock_resume(rt) == -EALREADY);
  CHECK(ebb_clock_pause(rt) == 0);
  CHECK(ebb_clock_pause(rt) == -EALREADY);
  CHECK(ebb_clock_resume(rt) == 0);
  CHECK(ebb_clock_resume(rt) == -EALREADY);
  free_runtime(rt);
}

TEST(only_a_paused_clock_can_be_advanced_and_not_back) {
  hand h = {.now = 100};
  ebb_runtime *rt = runtime_with(&h);
  CHECK(ebb_clock_advance(rt, 1) == -EINVAL);
  CHECK(ebb_clock_pause(rt) == 0);
  CHECK(ebb_clock_advance(rt, -1) == -EINVAL);
  CHECK(ebb_now(rt) == 100);
  free_runtime(rt);
}

TEST(the_clock_is_never_advanced_to_where_it_could_not_run_on) {
  hand h = {.now = 100};
  ebb_runtime *rt = runtime_with(&h);
  CHECK(ebb_clock_pause(rt) == 0);
  CHECK(ebb_clock_advance(rt, INT64_MAX) == -EOVERFLOW);
  CHECK(ebb_clock_advance(rt, INT64_MAX - 1000) == -EOVERFLOW);
  CHECK(ebb_now(rt) == 100);
  CHECK(ebb_clock_advance(rt, INT64_C(9100000000000000000)) == 0);
  CHECK(ebb_sleep(rt, SECOND) == 0 && ebb_clock_resume(rt) == 0);
  h.now += SECOND;
  CHECK(ebb_now(rt) == INT64_C(9100000002000000100));
  free_runtime(rt);
}

/* ---- timers in virtual time ---- */

TEST(running_jumps_from_timer_to_timer) {
  ebb_runtime *rt = new_runtime();
  int64_t begin = ebb_now(rt), spans[] = {3 * SECOND, SECOND, 2 * SECOND};
  for (int i = 0; i < 3; i++) start_detached(rt, sleeper, &spans[i]);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("slept slept slept"));
  CHECK(ebb_now(rt) == begin + 3 * SECOND);
  free_runtime(rt);
}

TEST(a_wait_outside_of_tasks_jumps_no_further_than_it_must) {
  ebb_runtime *rt = new_runtime();
  int64_t begin = ebb_now(rt), spans[] = {SECOND, 9 * SECOND};
  for (int i = 0; i < 2; i++) start_detached(rt, sleeper, &spans[i]);
  CHECK(ebb_sleep(rt, 5 * SECOND) == 0);
  CHECK(noted("slept"));
  CHECK(ebb_now(rt) == begin + 5 * SECOND);
  free_runtime(rt);
}

TEST(a_tick_does_not_jump) {
  ebb_runtime *rt = new_runtime();
  ebb_tick_report report;
  int64_t span = SECOND, begin = ebb_now(rt);
  start_detached(rt, sleeper, &span);
  CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  CHECK(ebb_now(rt) == begin && noted(""));
  CHECK(report.next_timer == begin + SECOND);
  free_runtime(rt);
}

TEST(advancing_runs_nobody_until_the_next_wait) {
  ebb_runtime *rt = new_runtime();
  int64_t span = SECOND;
  start_detached(rt, sleeper, &span);
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_clock_advance(rt, SECOND) == 0);
  CHECK(noted(""));
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(noted("slept"));
  free_runtime(rt);
}

TEST(advancing_fires_due_timers_at_the_next_tick) {
  ebb_runtime *rt = new_runtime();
  int64_t span = SECOND;
  start_detached(rt, sleeper, &span);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  CHECK(ebb_clock_advance(rt, SECOND - 1) == 0);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  CHECK(noted(""));
  CHECK(ebb_clock_advance(rt, 1) == 0);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  CHECK(noted("slept"));
  free_runtime(rt);
}

TEST(a_ready_task_keeps_time_from_jumping) {
  ebb_runtime *rt = new_runtime();
  int64_t span = SECOND, begin = ebb_now(rt);
  start_detached(rt, sleeper, &span);
  for (int i = 0; i < 1000; i++) CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_now(rt) == begin && noted(""));
  free_runtime(rt);
}

/* ---- the atom ---- */

TEST(a_jump_into_the_past_is_ignored) {
  hand h = {.now = 100};
  ebb_clock c = {.source = look, .ctx = &h};
  CHECK(ebb_clock_stop(&c) == 0);
  ebb_clock_jump(&c, 99);
  CHECK(ebb_clock_now(&c) == 100);
  ebb_clock_jump(&c, 101);
  CHECK(ebb_clock_now(&c) == 101);
}

TEST(adding_times_does_not_overflow) {
  CHECK(ebb_time_add(1, 2) == 3);
  CHECK(ebb_time_add(-5, 3) == -2);
  CHECK(ebb_time_add(INT64_MIN, INT64_MAX) == -1);
  CHECK(ebb_time_add(1, INT64_MAX) == EBB_NEVER);
  CHECK(ebb_time_add(INT64_MAX, INT64_MAX) == EBB_NEVER);
  CHECK(ebb_time_add(INT64_MAX - 1, 1) == EBB_NEVER);
}
