/* SPDX-License-Identifier: MIT
   C tasks, as ebb.h has them: runtimes whose caller must not block, and the
   end of a runtime. */
#include "task_bodies.h"

/* ---- a runtime whose caller must not block ---- */

static ebb_runtime *new_ticked_runtime(void) {
  ebb_runtime *rt;
  ebb_options options = {.never_block = true};
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  CHECK(ebb_clock_pause(rt) == 0);
  return rt;
}

TEST(where_blocking_is_forbidden_waits_outside_fail) {
  ebb_runtime *rt = new_ticked_runtime();
  ebb_task *t = start(rt, say, "a");
  CHECK(ebb_run(rt) == -EPERM);
  CHECK(ebb_yield_now(rt) == -EPERM);
  CHECK(ebb_sleep(rt, 0) == -EPERM);
  CHECK(ebb_sleep_until(rt, INT64_MIN) == -EPERM);
  CHECK(ebb_park(rt, INT64_MIN) == -EPERM);
  CHECK(ebb_task_join(t, EBB_NEVER, NULL) == -EPERM);
  CHECK(noted(""));
  ebb_task_release(t);
  free_runtime(rt);
  CHECK(noted(""));
}

TEST(what_has_finished_is_joined_outside_any_number_of_times) {
  ebb_runtime *rt = new_ticked_runtime();
  ebb_task *t = start(rt, say, "a");
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  for (int i = 0; i < 1000; i++) CHECK(ebb_task_join(t, EBB_NEVER, NULL) == 0);
  CHECK(noted("a"));
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(where_blocking_is_forbidden_tasks_still_wait) {
  ebb_runtime *rt = new_ticked_runtime();
  ebb_task *t = start(rt, say_thrice, "a");
  start_detached(rt, join_and_note, t);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  CHECK(noted("a a a a"));
  ebb_task_release(t);
  free_runtime(rt);
}

/* ---- the end of a runtime ---- */

TEST(freeing_a_runtime_aborts_its_tasks) {
  ebb_runtime *rt = new_runtime();
  int parked = 1, asleep = 1;
  ebb_body b = {.run = say, .arg = "a", .drop = note_drop};
  start_detached(rt, park, &parked);
  start_detached(rt, sleep_second, &asleep);
  turn(rt);
  CHECK(ebb_spawn(rt, b, NULL) == 0);
  free_runtime(rt);
  CHECK(parked == -ECANCELED && asleep == -ECANCELED);
  CHECK(noted("drop a"));
}

TEST(freeing_a_runtime_waits_for_the_clean_up) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, clean_up_slowly, NULL);
  turn(rt);
  free_runtime(rt);
  CHECK(noted("begin end"));
}

static void *clean_up_for_ever(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  note("begin");
  CHECK(ebb_park(rt, EBB_NEVER) < 0);
  note("end");
  return arg;
}

TEST(freeing_a_runtime_ends_a_clean_up_that_waits_in_vain) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, clean_up_for_ever, NULL);
  turn(rt);
  free_runtime(rt);
  CHECK(noted("begin end"));
}

static void *clean_up_or_be_cut(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  CHECK(ebb_yield_now(rt) == 0);
  note("begin");
  CHECK(ebb_sleep(rt, SECOND) < 0);
  note("end");
  return arg;
}

TEST(freeing_a_runtime_that_must_not_block_cuts_clean_ups_off) {
  ebb_runtime *rt = new_ticked_runtime();
  start_detached(rt, clean_up_or_be_cut, NULL);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  free_runtime(rt);
  CHECK(noted("begin end"));
}

static void *join_other(ebb_runtime *rt, void *arg) {
  (void)rt;
  CHECK(ebb_task_join(arg, EBB_NEVER, NULL) == -ECANCELED);
  ebb_task_release(arg);
  note("released");
  return NULL;
}

static void *spawn_in_clean_up(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  start_detached(rt, sleep_second, arg);
  return NULL;
}

TEST(a_task_that_a_clean_up_spawns_is_aborted_too) {
  ebb_runtime *rt = new_runtime();
  int status = -ECANCELED; /* it may also never start */
  start_detached(rt, spawn_in_clean_up, &status);
  turn(rt);
  free_runtime(rt);
  CHECK(status == -ECANCELED);
}

TEST(a_clean_up_can_give_handles_back) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, park_unnoticed, NULL);
  start_detached(rt, join_other, t);
  turn(rt);
  free_runtime(rt);
  CHECK(noted("released"));
}

TEST(a_thousand_tasks_can_wait_at_once) {
  ebb_runtime *rt = new_runtime();
  for (int i = 0; i < 1000; i++) start_detached(rt, park_unnoticed, NULL);
  CHECK(ebb_run(rt) == -EDEADLK);
  free_runtime(rt);
}
