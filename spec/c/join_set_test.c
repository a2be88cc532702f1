/* SPDX-License-Identifier: MIT
   JoinSet, as ebb.h has it. */
#include "test.h"

static ebb_join_set *new_set(ebb_runtime *rt) {
  ebb_join_set *s;
  CHECK(ebb_join_set_new(rt, &s) == 0);
  return s;
}

static ebb_id spawn(ebb_join_set *s, void *(*run)(ebb_runtime *, void *),
                    void *arg) {
  ebb_id id = 0;
  size_t len = ebb_join_set_len(s);
  CHECK(ebb_join_set_spawn(s, body(run, arg), &id) == 0);
  CHECK(id > 0 && ebb_join_set_len(s) == len + 1);
  CHECK(ebb_join_set_contains_task(s, id));
  return id;
}

static void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return arg;
}

static void *wait_for_ever(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  return arg;
}

/* Sleeps for so many seconds as its name has letters. */
static void *sleep_then_say(ebb_runtime *rt, void *arg) {
  int status = ebb_sleep(rt, (int64_t)strlen(arg) * SECOND);
  note(status == 0 ? arg : "cut");
  return arg;
}

/* Joins the next and returns its value. */
static const char *join(ebb_join_set *s) {
  ebb_result result;
  CHECK(ebb_join_set_join_next(s, EBB_NEVER, &result) == 1);
  CHECK(!ebb_join_set_contains_task(s, result.id));
  return result.value;
}

/* ---- joining ---- */

TEST(a_new_set_is_empty) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  CHECK(ebb_join_set_len(s) == 0);
  CHECK(ebb_join_set_join_next(s, EBB_NEVER, NULL) == 0);
  CHECK(ebb_join_set_try_join_next(s, NULL) == 0);
  CHECK(ebb_join_set_shutdown(s) == 0);
  CHECK(!ebb_join_set_contains_task(s, 1));
  ebb_join_set_free(s);
  free_runtime(rt);
}

TEST(tasks_are_joined_in_the_order_of_finishing) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  spawn(s, sleep_then_say, "ccc");
  spawn(s, sleep_then_say, "a");
  spawn(s, sleep_then_say, "bb");
  CHECK(strcmp(join(s), "a") == 0);
  CHECK(strcmp(join(s), "bb") == 0);
  CHECK(strcmp(join(s), "ccc") == 0);
  CHECK(ebb_join_set_join_next(s, EBB_NEVER, NULL) == 0);
  CHECK(noted("a bb ccc"));
  ebb_join_set_free(s);
  free_runtime(rt);
}

TEST(a_joined_task_shows_its_result) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  ebb_result result = {0};
  ebb_id id = spawn(s, say, "a");
  CHECK(ebb_join_set_join_next(s, EBB_NEVER, &result) == 1);
  CHECK(result.id == id && result.outcome == EBB_COMPLETED);
  CHECK(strcmp(result.value, "a") == 0 && noted("a"));
  ebb_join_set_free(s);
  free_runtime(rt);
}

TEST(trying_to_join_never_waits) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  ebb_result result = {0};
  ebb_id id = spawn(s, say, "a");
  CHECK(ebb_join_set_try_join_next(s, &result) == 0);
  CHECK(noted("") && result.id == 0);
  CHECK(ebb_run(rt) == 0);
  CHECK(ebb_join_set_len(s) == 1 && ebb_join_set_contains_task(s, id));
  CHECK(ebb_join_set_try_join_next(s, &result) == 1);
  CHECK(noted("a") && result.id == id && ebb_join_set_len(s) == 0);
  CHECK(ebb_join_set_try_join_next(s, &result) == 0);
  ebb_join_set_free(s);
  free_runtime(rt);
}

TEST(a_join_ends_at_its_deadline_and_loses_nothing) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  spawn(s, sleep_then_say, "aa");
  int64_t deadline = ebb_now(rt) + SECOND;
  CHECK(ebb_join_set_join_next(s, deadline, NULL) == -ETIMEDOUT);
  CHECK(ebb_now(rt) == deadline && ebb_join_set_len(s) == 1);
  CHECK(strcmp(join(s), "aa") == 0 && noted("aa"));
  ebb_join_set_free(s);
  free_runtime(rt);
}

TEST(joining_what_can_never_finish_is_a_deadlock) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  spawn(s, wait_for_ever, NULL);
  CHECK(ebb_join_set_join_next(s, EBB_NEVER, NULL) == -EDEADLK);
  CHECK(ebb_join_set_len(s) == 1);
  ebb_join_set_free(s);
  free_runtime(rt);
}

static void *join_one(ebb_runtime *rt, void *arg) {
  (void)rt;
  int n = ebb_join_set_join_next(arg, EBB_NEVER, NULL);
  note(n == 1 ? "one" : n == 0 ? "none" : "cut");
  return NULL;
}

TEST(many_may_join_and_each_task_goes_to_one) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  spawn(s, sleep_then_say, "a");
  spawn(s, sleep_then_say, "bb");
  for (int i = 0; i < 4; i++) start_detached(rt, join_one, s);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a one bb one none none"));
  ebb_join_set_free(s);
  free_runtime(rt);
}

TEST(a_join_that_is_cut_off_loses_nothing) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  ebb_task *joiner = start(rt, join_one, s);
  spawn(s, say, "a");
  spawn(s, wait_for_ever, NULL);
  CHECK(ebb_yield_now(rt) == 0); /* "a" has finished, the joiner is ready */
  ebb_task_abort(joiner);
  CHECK(ebb_task_join(joiner, EBB_NEVER, NULL) == 0);
  CHECK(noted("a cut") && ebb_join_set_len(s) == 2);
  CHECK(strcmp(join(s), "a") == 0);
  ebb_task_release(joiner);
  ebb_join_set_free(s);
  free_runtime(rt);
}

static void *join_all_and_count(ebb_runtime *rt, void *arg) {
  ebb_join_set *s = arg;
  int joined = 0;
  (void)rt;
  while (ebb_join_set_join_next(s, EBB_NEVER, NULL) == 1) joined++;
  CHECK(joined == 300);
  note("all");
  return NULL;
}

static void *yield_once(ebb_runtime *rt, void *arg) {
  CHECK(ebb_yield_now(rt) == 0);
  note(arg);
  return NULL;
}

TEST(joins_that_are_satisfied_at_once_take_budget) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  for (int i = 0; i < 300; i++) spawn(s, say, "");
  CHECK(ebb_run(rt) == 0);
  test_log[0] = '\0';
  start_detached(rt, join_all_and_count, s);
  start_detached(rt, yield_once, "other");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("other all"));
  ebb_join_set_free(s);
  free_runtime(rt);
}

/* ---- ids ---- */

TEST(a_set_contains_its_own_tasks_only) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *a = new_set(rt), *b = new_set(rt);
  ebb_id id = spawn(a, say, "a");
  ebb_task *t = start(rt, say, "b");
  CHECK(!ebb_join_set_contains_task(b, id));
  CHECK(!ebb_join_set_contains_task(a, ebb_task_id(t)));
  CHECK(!ebb_join_set_contains_task(a, 0));
  CHECK(!ebb_join_set_contains_task(a, 12345));
  CHECK(ebb_run(rt) == 0);
  CHECK(ebb_join_set_contains_task(a, id) && noted("a b"));
  ebb_task_release(t);
  ebb_join_set_free(a);
  ebb_join_set_free(b);
  free_runtime(rt);
}

/* ---- aborting, detaching, freeing ---- */

TEST(aborted_tasks_stay_until_they_are_joined) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  ebb_result result;
  spawn(s, wait_for_ever, "a");
  spawn(s, say, "b");
  CHECK(ebb_yield_now(rt) == 0);
  spawn(s, say, "c");
  ebb_join_set_abort_all(s);
  CHECK(ebb_join_set_len(s) == 3);
  CHECK(strcmp(join(s), "b") == 0); /* it had finished */
  CHECK(ebb_join_set_join_next(s, EBB_NEVER, &result) == 1);
  CHECK(result.outcome == EBB_CANCELLED && result.value == NULL);
  CHECK(ebb_join_set_join_next(s, EBB_NEVER, &result) == 1);
  CHECK(result.outcome == EBB_CANCELLED);
  CHECK(strcmp(result.value, "a") == 0);
  CHECK(noted("b") && ebb_join_set_len(s) == 0);
  ebb_join_set_free(s);
  free_runtime(rt);
}

TEST(detached_tasks_run_on) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  ebb_id id = spawn(s, sleep_then_say, "a");
  spawn(s, sleep_then_say, "bb");
  CHECK(ebb_sleep(rt, 3 * SECOND / 2) == 0);
  ebb_join_set_detach_all(s);
  CHECK(ebb_join_set_len(s) == 0 && !ebb_join_set_contains_task(s, id));
  CHECK(ebb_join_set_join_next(s, EBB_NEVER, NULL) == 0);
  ebb_join_set_free(s);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a bb"));
  free_runtime(rt);
}

TEST(detaching_ends_a_join) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  spawn(s, sleep_then_say, "a");
  start_detached(rt, join_one, s);
  CHECK(ebb_yield_now(rt) == 0);
  ebb_join_set_detach_all(s);
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(noted("none"));
  ebb_join_set_free(s);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a"));
  free_runtime(rt);
}

static void *clean_up_slowly(ebb_runtime *rt, void *arg) {
  (void)ebb_park(rt, EBB_NEVER);
  ebb_begin_cleanup(rt);
  CHECK(ebb_sleep(rt, SECOND) == 0);
  note(arg);
  return NULL;
}

TEST(a_shutdown_waits_for_the_clean_up) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  spawn(s, clean_up_slowly, "cleaned");
  spawn(s, say, "said");
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_join_set_shutdown(s) == 0);
  CHECK(noted("said cleaned") && ebb_join_set_len(s) == 0);
  ebb_join_set_free(s);
  free_runtime(rt);
}

static void *shut_down(ebb_runtime *rt, void *arg) {
  (void)rt;
  CHECK(ebb_join_set_shutdown(arg) == -ECANCELED);
  note("cut");
  return NULL;
}

TEST(a_shutdown_that_is_cut_off_can_be_repeated) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  spawn(s, clean_up_slowly, "cleaned");
  CHECK(ebb_yield_now(rt) == 0);
  ebb_task *t = start(rt, shut_down, s);
  CHECK(ebb_yield_now(rt) == 0);
  ebb_task_abort(t);
  CHECK(ebb_task_join(t, EBB_NEVER, NULL) == 0);
  CHECK(noted("cut") && ebb_join_set_len(s) == 1);
  CHECK(ebb_join_set_shutdown(s) == 0);
  CHECK(noted("cleaned"));
  ebb_task_release(t);
  ebb_join_set_free(s);
  free_runtime(rt);
}

TEST(freeing_a_set_aborts_its_tasks) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  spawn(s, sleep_then_say, "a");
  CHECK(ebb_yield_now(rt) == 0);
  spawn(s, say, "b");
  ebb_join_set_free(s);
  CHECK(noted(""));
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("cut"));
  free_runtime(rt);
}

static void *spawn_into_own_set(ebb_runtime *rt, void *arg) {
  (void)rt;
  note("first");
  spawn(arg, say, "second");
  return "first";
}

TEST(a_task_may_spawn_into_its_own_set) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  spawn(s, spawn_into_own_set, s);
  CHECK(strcmp(join(s), "first") == 0);
  CHECK(strcmp(join(s), "second") == 0);
  CHECK(noted("first second"));
  ebb_join_set_free(s);
  free_runtime(rt);
}

TEST(a_set_may_be_large) {
  ebb_runtime *rt = new_runtime();
  ebb_join_set *s = new_set(rt);
  ebb_id last = 0;
  for (int i = 0; i < 10000; i++) spawn(s, say, "");
  CHECK(ebb_run(rt) == 0);
  for (int i = 0; i < 10000; i++) {
    ebb_result result;
    CHECK(ebb_join_set_try_join_next(s, &result) == 1);
    CHECK(result.id > last); /* they ran in the order of spawning */
    last = result.id;
  }
  CHECK(ebb_join_set_len(s) == 0);
  test_log[0] = '\0';
  ebb_join_set_free(s);
  free_runtime(rt);
}
