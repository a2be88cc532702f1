/* SPDX-License-Identifier: MIT
   C tasks, as ebb.h has them: their life, abort, and every way to wait. */
#include <signal.h>
#include <sys/time.h>

#include "test.h"

/* ---- kinds of tasks ---- */

/* Notes its name and ends. */
static void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return arg;
}

/* Notes its name in three turns. */
static void *say_thrice(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 3; i++) {
    note(arg);
    if (ebb_yield_now(rt) < 0) break;
  }
  return arg;
}

/* Parks until somebody unparks it, and keeps how that ended. */
static void *park(ebb_runtime *rt, void *arg) {
  int *status = arg;
  *status = ebb_park(rt, EBB_NEVER);
  return status;
}

static void *park_unnoticed(ebb_runtime *rt, void *arg) {
  (void)ebb_park(rt, EBB_NEVER);
  return arg;
}

static void *sleep_second(ebb_runtime *rt, void *arg) {
  int *status = arg;
  *status = ebb_sleep(rt, SECOND);
  return status;
}

static void note_drop(void *arg) {
  note("drop");
  if (arg != NULL) note(arg);
}

/* Lets every task that is ready take a turn. */
static void turn(ebb_runtime *rt) { CHECK(ebb_yield_now(rt) == 0); }

/* ---- spawning ---- */

TEST(a_task_first_runs_when_the_caller_waits) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say, "a");
  CHECK(noted("") && !ebb_task_is_finished(t));
  turn(rt);
  CHECK(noted("a") && ebb_task_is_finished(t));
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(tasks_first_run_in_the_order_of_spawning) {
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

TEST(tasks_that_yield_take_turns) {
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

TEST(runtimes_have_ids_of_their_own) {
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

TEST(the_result_is_the_same_for_everyone_who_asks) {
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

static void *join_and_note(ebb_runtime *rt, void *arg) {
  (void)rt;
  ebb_result result;
  CHECK(ebb_task_join(arg, EBB_NEVER, &result) == 0);
  CHECK(ebb_task_is_finished(arg));
  note(result.value);
  return NULL;
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

TEST(a_handle_keeps_a_finished_task) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, say, "a");
  CHECK(ebb_run(rt) == 0);
  for (int i = 0; i < 200; i++) start_detached(rt, park_unnoticed, NULL);
  turn(rt);
  CHECK(noted("a") && strcmp(finish(t).value, "a") == 0);
  free_runtime(rt);
}

/* ---- abort ---- */

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

TEST(aborting_neither_waits_nor_runs_anything) {
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

TEST(aborting_a_finished_task_changes_nothing) {
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

static void *clean_up_slowly(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  note("begin");
  CHECK(ebb_sleep(rt, SECOND) == 0);
  CHECK(ebb_yield_now(rt) == 0);
  note("end");
  return arg;
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

TEST(the_result_is_seen_only_after_the_clean_up) {
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

/* ---- sleeping ---- */

typedef struct dreamer {
  const char *name;
  int64_t ns;
} dreamer;

static void *dream(ebb_runtime *rt, void *arg) {
  dreamer *d = arg;
  int64_t begin = ebb_now(rt);
  CHECK(ebb_sleep(rt, d->ns) == 0);
  CHECK(ebb_now(rt) == begin + (d->ns > 0 ? d->ns : 0));
  note(d->name);
  return NULL;
}

static void dream_all(dreamer *dreamers, int n) {
  ebb_runtime *rt = new_runtime();
  for (int i = 0; i < n; i++) start_detached(rt, dream, &dreamers[i]);
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

TEST(sleepers_wake_in_the_order_of_their_deadlines) {
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
