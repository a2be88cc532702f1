/* SPDX-License-Identifier: MIT
   C tasks, as ebb.h has them: abort. */
#include "task_bodies.h"

TEST(a_task_aborted_before_it_started_is_dropped) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t;
  ebb_body b = {.run = say, .arg = "a", .drop = note_drop};
  CHECK(ebb_spawn(rt, b, &t) == 0);
  ebb_task_abort(t);
  CHECK(noted("") && !ebb_task_is_finished(t));
  turn(rt);
  CHECK(noted("drop a"));
  ebb_result result = finish(t);
  CHECK(result.outcome == EBB_CANCELLED && result.value == NULL);
  free_runtime(rt);
}

TEST(a_task_without_drop_is_just_left_out) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say, "a");
  ebb_task_abort(t);
  turn(rt);
  CHECK(noted("") && finish(t).outcome == EBB_CANCELLED);
  free_runtime(rt);
}

TEST(a_task_that_has_run_is_never_dropped) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t;
  ebb_body b = {.run = say_thrice, .arg = "a", .drop = note_drop};
  CHECK(ebb_spawn(rt, b, &t) == 0);
  turn(rt);
  ebb_task_abort(t);
  turn(rt);
  CHECK(noted("a") && finish(t).outcome == EBB_CANCELLED);
  CHECK(ebb_spawn(rt, b, NULL) == 0);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a a a"));
  free_runtime(rt);
}

TEST(R5_aborting_neither_waits_nor_runs_anything) {
  ebb_runtime *rt = new_runtime();
  int status = 1;
  ebb_task *t = start(rt, park, &status);
  turn(rt);
  ebb_task_abort(t);
  CHECK(status == 1 && !ebb_task_is_finished(t));
  turn(rt);
  CHECK(status == -ECANCELED && ebb_task_is_finished(t));
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(a_task_that_noticed_its_abort_is_cancelled) {
  ebb_runtime *rt = new_runtime();
  int status;
  ebb_task *t = start(rt, park, &status);
  turn(rt);
  ebb_task_abort(t);
  turn(rt);
  ebb_result result = finish(t);
  CHECK(result.outcome == EBB_CANCELLED && result.value == &status);
  free_runtime(rt);
}

static void *abort_self_and_end(ebb_runtime *rt, void *arg) {
  ebb_task_abort(ebb_current(rt));
  return arg;
}

TEST(a_task_that_ends_before_its_next_wait_is_completed) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, abort_self_and_end, "a");
  turn(rt);
  ebb_result result = finish(t);
  CHECK(result.outcome == EBB_COMPLETED);
  CHECK(strcmp(result.value, "a") == 0);
  free_runtime(rt);
}

TEST(R5_aborting_a_finished_task_changes_nothing) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say, "a");
  turn(rt);
  ebb_task_abort(t);
  turn(rt);
  CHECK(noted("a") && finish(t).outcome == EBB_COMPLETED);
  free_runtime(rt);
}

/* Each wait that there is, in a task that has been aborted. */
static void *wait_in_vain(ebb_runtime *rt, void *arg) {
  ebb_task *other = arg;
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  CHECK(ebb_park(rt, ebb_now(rt)) == -ECANCELED);
  CHECK(ebb_yield_now(rt) == -ECANCELED);
  CHECK(ebb_sleep(rt, 0) == -ECANCELED);
  CHECK(ebb_sleep(rt, SECOND) == -ECANCELED);
  CHECK(ebb_sleep_until(rt, EBB_NEVER) == -ECANCELED);
  CHECK(ebb_task_join(other, EBB_NEVER, NULL) == -ECANCELED);
  note("cut");
  return NULL;
}

TEST(every_later_wait_of_an_aborted_task_fails_too) {
  ebb_runtime *rt = new_runtime();
  ebb_task *other = start(rt, park_unnoticed, NULL);
  ebb_task *t = start(rt, wait_in_vain, other);
  int64_t begin = ebb_now(rt);
  turn(rt);
  ebb_task_abort(t);
  CHECK(ebb_task_join(t, EBB_NEVER, NULL) == 0);
  CHECK(noted("cut") && ebb_now(rt) == begin);
  CHECK(finish(t).outcome == EBB_CANCELLED);
  ebb_task_release(other);
  free_runtime(rt);
}

/* And those that could be satisfied at once. */
static void *wait_at_once(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  CHECK(ebb_consume_budget(rt) == -ECANCELED);
  CHECK(ebb_task_join(arg, EBB_NEVER, NULL) == -ECANCELED);
  ebb_unpark(ebb_current(rt));
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  note("cut");
  return NULL;
}

TEST(also_a_wait_that_is_satisfied_at_once_fails) {
  ebb_runtime *rt = new_runtime();
  ebb_task *finished = start(rt, say, "a");
  ebb_task *t = start(rt, wait_at_once, finished);
  turn(rt);
  ebb_task_abort(t);
  CHECK(ebb_task_join(t, EBB_NEVER, NULL) == 0);
  CHECK(noted("a cut"));
  finish(t);
  finish(finished);
  free_runtime(rt);
}

TEST(aborting_twice_is_aborting_once) {
  ebb_runtime *rt = new_runtime();
  int status;
  ebb_task *t = start(rt, park, &status);
  turn(rt);
  ebb_task_abort(t);
  ebb_task_abort(t);
  turn(rt);
  CHECK(status == -ECANCELED && finish(t).outcome == EBB_CANCELLED);
  free_runtime(rt);
}

TEST(an_abort_overtakes_a_wake_up) {
  ebb_runtime *rt = new_runtime();
  int status;
  ebb_task *t = start(rt, park, &status);
  turn(rt);
  ebb_unpark(t);
  ebb_task_abort(t);
  turn(rt);
  CHECK(status == -ECANCELED && finish(t).outcome == EBB_CANCELLED);
  free_runtime(rt);
}

TEST(a_clean_up_may_wait) {
  ebb_runtime *rt = new_runtime();
  int64_t begin = ebb_now(rt);
  ebb_task *t = start(rt, clean_up_slowly, "a");
  turn(rt);
  ebb_task_abort(t);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("begin end") && ebb_now(rt) == begin + SECOND);
  ebb_result result = finish(t);
  CHECK(result.outcome == EBB_CANCELLED);
  CHECK(strcmp(result.value, "a") == 0);
  free_runtime(rt);
}

TEST(no_later_abort_cuts_a_clean_up_off) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, clean_up_slowly, "a");
  turn(rt);
  for (int i = 0; i < 3; i++) {
    ebb_task_abort(t);
    turn(rt);
  }
  CHECK(noted("begin"));
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("end") && finish(t).outcome == EBB_CANCELLED);
  free_runtime(rt);
}

TEST(R6_the_result_is_seen_only_after_the_clean_up) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, clean_up_slowly, "a");
  turn(rt);
  ebb_task_abort(t);
  turn(rt);
  CHECK(!ebb_task_is_finished(t));
  start_detached(rt, join_and_note, t);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("begin end a"));
  ebb_task_release(t);
  free_runtime(rt);
}

static void *abort_and_note(ebb_runtime *rt, void *arg) {
  (void)rt;
  ebb_task_abort(arg);
  note("abort");
  return NULL;
}

TEST(an_abort_wakes_who_joins_the_task) {
  ebb_runtime *rt = new_runtime();
  int status;
  ebb_task *t = start(rt, park, &status);
  ebb_result result;
  start_detached(rt, abort_and_note, t);
  CHECK(ebb_task_join(t, EBB_NEVER, &result) == 0);
  CHECK(noted("abort") && result.outcome == EBB_CANCELLED);
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(a_join_that_is_cut_off_leaves_the_other_task_alone) {
  ebb_runtime *rt = new_runtime();
  int status;
  ebb_task *t = start(rt, park, &status);
  ebb_task *joiner = start(rt, wait_in_vain, t);
  turn(rt);
  ebb_task_abort(joiner);
  CHECK(ebb_task_join(joiner, EBB_NEVER, NULL) == 0);
  CHECK(noted("cut") && !ebb_task_is_finished(t));
  ebb_unpark(t);
  turn(rt);
  CHECK(status == 0 && finish(t).outcome == EBB_COMPLETED);
  ebb_task_release(joiner);
  free_runtime(rt);
}
