/* SPDX-License-Identifier: MIT
   Functions that run another in a changed setting: task-local values, and
   tasks without a budget. */
#include "core/task/budget.h"
#include "threads.h"

static const char key, other_key;

/* What the key stands for; NULL outside of any scope. */
static char *value_of(ebb_runtime *rt, const void *k) {
  void *value = NULL;
  int err = ebb_task_local_get(rt, k, &value);
  CHECK(err == 0 || (err == -ENOENT && value == NULL));
  return value;
}

static bool stands_for(ebb_runtime *rt, const void *k, const char *value) {
  const char *got = value_of(rt, k);
  return value == NULL ? got == NULL : got != NULL && strcmp(got, value) == 0;
}

static void *in_scope(ebb_runtime *rt, const void *k, void *value,
                      void *(*run)(ebb_runtime *, void *), void *arg) {
  void *result = NULL;
  CHECK(ebb_task_local_scope(rt, k, value, run, arg, &result) == 0);
  return result;
}

/* ---- scopes ---- */

static void *expect(ebb_runtime *rt, void *value) {
  CHECK(stands_for(rt, &key, value));
  return value;
}

TEST(a_key_stands_for_its_value_while_the_scope_lasts) {
  ebb_runtime *rt = new_runtime();
  void *value = rt;
  CHECK(ebb_task_local_get(rt, &key, &value) == -ENOENT && value == rt);
  CHECK(strcmp(in_scope(rt, &key, "a", expect, "a"), "a") == 0);
  CHECK(stands_for(rt, &key, NULL));
  CHECK(ebb_task_local_scope(rt, &key, "b", expect, "b", NULL) == 0);
  CHECK(stands_for(rt, &key, NULL));
  free_runtime(rt);
}

static void *expect_nothing(ebb_runtime *rt, void *arg) {
  void *value = rt;
  CHECK(ebb_task_local_get(rt, &key, &value) == 0 && value == NULL);
  return arg;
}

TEST(a_value_may_be_null) {
  ebb_runtime *rt = new_runtime();
  CHECK(in_scope(rt, &key, NULL, expect_nothing, rt) == rt);
  free_runtime(rt);
}

static void *nest(ebb_runtime *rt, void *arg) {
  CHECK(stands_for(rt, &key, "outer"));
  in_scope(rt, &key, "inner", expect, "inner");
  CHECK(stands_for(rt, &key, "outer"));
  in_scope(rt, &other_key, "other", expect, "outer");
  CHECK(stands_for(rt, &other_key, NULL));
  return arg;
}

TEST(scopes_nest_and_the_innermost_counts) {
  ebb_runtime *rt = new_runtime();
  in_scope(rt, &key, "outer", nest, NULL);
  free_runtime(rt);
}

static void *wait_in_scope(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 3; i++) {
    CHECK(stands_for(rt, &key, arg));
    CHECK(ebb_sleep(rt, SECOND) == 0);
    CHECK(stands_for(rt, &key, arg));
    CHECK(ebb_yield_now(rt) == 0);
  }
  note(arg);
  return arg;
}

static void *enter_scope(ebb_runtime *rt, void *arg) {
  CHECK(stands_for(rt, &key, NULL));
  in_scope(rt, &key, arg, wait_in_scope, arg);
  CHECK(stands_for(rt, &key, NULL));
  return arg;
}

TEST(each_task_has_scopes_of_its_own_that_survive_waits) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, enter_scope, "a");
  start_detached(rt, enter_scope, "b");
  in_scope(rt, &key, "root", wait_in_scope, "root");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("root a b"));
  free_runtime(rt);
}

static void *spawn_and_join(ebb_runtime *rt, void *arg) {
  join(start(rt, expect, NULL));
  return arg;
}

TEST(a_spawned_task_inherits_none) {
  ebb_runtime *rt = new_runtime();
  in_scope(rt, &key, "root", spawn_and_join, NULL);
  free_runtime(rt);
}

static void *be_cut(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  CHECK(stands_for(rt, &key, arg));
  ebb_begin_cleanup(rt);
  CHECK(ebb_sleep(rt, SECOND) == 0);
  CHECK(stands_for(rt, &key, arg));
  note("cut");
  return arg;
}

static void *enter_and_be_cut(ebb_runtime *rt, void *arg) {
  in_scope(rt, &key, arg, be_cut, arg);
  CHECK(stands_for(rt, &key, NULL));
  return arg;
}

TEST(a_clean_up_sees_the_scopes_of_its_task) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, enter_and_be_cut, "a");
  CHECK(ebb_yield_now(rt) == 0);
  ebb_task_abort(t);
  CHECK(join(t).outcome == EBB_CANCELLED && noted("cut"));
  free_runtime(rt);
}

TEST(scopes_work_in_tasks_from_elsewhere) {
  ebb_runtime *here = new_runtime(), *there = new_runtime();
  ebb_handle *h = handle_of(there);
  ebb_task *t =
      start_on(here, (ebb_target){.handle = h}, body(enter_scope, "a"));
  for (int i = 0; i < 3; i++) {
    CHECK(ebb_tick(there, EBB_NEVER, NULL) == 0);
    CHECK(ebb_clock_advance(there, SECOND) == 0);
  }
  CHECK(ebb_tick(there, EBB_NEVER, NULL) == 0);
  CHECK(noted("a"));
  CHECK(join(t).outcome == EBB_COMPLETED);
  ebb_handle_free(h);
  free_runtime(here);
  free_runtime(there);
}

/* ---- without a budget ---- */

enum { MUCH = 10 * EBB_BUDGET };

static void *use_much(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < MUCH; i++) {
    CHECK(ebb_has_budget_remaining(rt));
    CHECK(ebb_consume_budget(rt) == 0);
  }
  note(arg);
  return arg;
}

/* Uses up the budget, so that the next such wait yields. */
static void use_up(ebb_runtime *rt) {
  while (ebb_has_budget_remaining(rt)) CHECK(ebb_consume_budget(rt) == 0);
}

static void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return arg;
}

static void *run_free(ebb_runtime *rt, void *arg) {
  start_detached(rt, say, "other");
  CHECK(ebb_unconstrained(rt, use_much, arg) == arg);
  CHECK(noted("much"));
  use_up(rt);
  CHECK(noted(""));
  CHECK(ebb_consume_budget(rt) == 0);
  CHECK(noted("other"));
  return arg;
}

TEST(an_unconstrained_task_is_not_forced_to_yield) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t = start(rt, run_free, "much");
  CHECK(join(t).outcome == EBB_COMPLETED);
  free_runtime(rt);
}

static void *leave_some(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < EBB_BUDGET - 3; i++) CHECK(ebb_consume_budget(rt) == 0);
  CHECK(ebb_unconstrained(rt, use_much, "much") != NULL);
  for (int i = 0; i < 3; i++) {
    CHECK(ebb_has_budget_remaining(rt));
    CHECK(ebb_consume_budget(rt) == 0);
  }
  CHECK(!ebb_has_budget_remaining(rt));
  return arg;
}

TEST(afterwards_the_budget_is_what_it_was) {
  ebb_runtime *rt = new_runtime();
  CHECK(join(start(rt, leave_some, NULL)).outcome == EBB_COMPLETED);
  CHECK(noted("much"));
  free_runtime(rt);
}

static void *use_much_twice(ebb_runtime *rt, void *arg) {
  use_much(rt, "1");
  CHECK(ebb_unconstrained(rt, use_much, "2") != NULL);
  use_much(rt, "3");
  return arg;
}

static void *nest_free(ebb_runtime *rt, void *arg) {
  start_detached(rt, say, "other");
  ebb_unconstrained(rt, use_much_twice, NULL);
  CHECK(noted("1 2 3"));
  use_up(rt);
  return arg;
}

TEST(unconstrained_calls_may_be_nested) {
  ebb_runtime *rt = new_runtime();
  CHECK(join(start(rt, nest_free, NULL)).outcome == EBB_COMPLETED);
  CHECK(noted("other"));
  free_runtime(rt);
}

static void *yield_between(ebb_runtime *rt, void *arg) {
  use_much(rt, "1");
  CHECK(ebb_yield_now(rt) == 0);
  use_much(rt, "3");
  return arg;
}

static void *wait_free(ebb_runtime *rt, void *arg) {
  start_detached(rt, say, "2");
  ebb_unconstrained(rt, yield_between, NULL);
  CHECK(noted("1 2 3"));
  use_up(rt);
  return arg;
}

TEST(a_wait_of_an_unconstrained_task_lets_others_run) {
  ebb_runtime *rt = new_runtime();
  CHECK(join(start(rt, wait_free, NULL)).outcome == EBB_COMPLETED);
  free_runtime(rt);
}

TEST(outside_of_tasks_there_is_a_budget_too) {
  ebb_runtime *rt = new_runtime();
  start_detached(rt, say, "other");
  ebb_unconstrained(rt, use_much, "much");
  CHECK(noted("much"));
  use_up(rt);
  CHECK(ebb_consume_budget(rt) == 0);
  CHECK(noted("other"));
  free_runtime(rt);
}

static void *use_until_cut(ebb_runtime *rt, void *arg) {
  use_much(rt, "");
  ebb_task_abort(ebb_current(rt));
  CHECK(ebb_consume_budget(rt) == -ECANCELED);
  return arg;
}

static void *run_free_until_cut(ebb_runtime *rt, void *arg) {
  return ebb_unconstrained(rt, use_until_cut, arg);
}

TEST(an_abort_cuts_an_unconstrained_task_too) {
  ebb_runtime *rt = new_runtime();
  CHECK(join(start(rt, run_free_until_cut, NULL)).outcome == EBB_CANCELLED);
  free_runtime(rt);
}
