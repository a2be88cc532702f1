/* SPDX-License-Identifier: MIT
   core/join_set.h: races, which ebb.select stands on. */
#include "core/spawn/join_set.h"

#include "core/loop/scheduler.h"
#include "core/task/run_queue.h"
#include "test.h"

/* Sleeps for a second for each letter, and yields to clean up when cut. */
static void *runner(ebb_runtime *rt, void *arg) {
  if (ebb_sleep(rt, (int64_t)strlen(arg) * SECOND) < 0) {
    note("cut");
    return NULL;
  }
  note(arg);
  return arg;
}

static void *slow_to_clean_up(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  CHECK(ebb_sleep(rt, SECOND) == 0);
  note(arg);
  return NULL;
}

static void *bystander(ebb_runtime *rt, void *arg) {
  CHECK(ebb_sleep(rt, SECOND) == 0);
  note(arg);
  return NULL;
}

/* Races the bodies, and notes what the first came to. */
static int race(ebb_runtime *rt, const ebb_body bodies[], int count) {
  ebb_join_set *s;
  ebb_result result;
  CHECK(ebb_join_set_new(rt, &s) == 0);
  ebb_join_set_race(s, rt->tasks.current);
  for (int i = 0; i < count; i++)
    CHECK(ebb_join_set_spawn(s, bodies[i], NULL) == 0);
  int n = ebb_join_set_join_next(s, EBB_NEVER, &result);
  if (n < 0) {
    ebb_join_set_cancel_rest(s);
    ebb_begin_cleanup(rt);
  }
  CHECK(ebb_join_set_shutdown(s) == 0);
  rt->tasks.current->racing = false;
  ebb_join_set_free(s);
  if (n == 1) note("won:"), note(result.value);
  return n;
}

static void *race_three(ebb_runtime *rt, void *arg) {
  (void)arg;
  const ebb_body bodies[] = {body(runner, "bb"), body(runner, "a"),
                             body(runner, "ccc")};
  if (race(rt, bodies, 3) < 0) note("owner cut");
  return NULL;
}

static void run_with(void *(*owner)(ebb_runtime *, void *)) {
  ebb_runtime *rt = new_runtime();
  CHECK(ebb_spawn(rt, body(owner, NULL), NULL) == 0);
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

TEST(the_first_to_finish_cuts_the_others_off) {
  run_with(race_three);
  CHECK(noted("a cut cut won: a"));
}

static void *race_equals(ebb_runtime *rt, void *arg) {
  (void)arg;
  const ebb_body bodies[] = {body(runner, "a"), body(runner, "b"),
                             body(runner, "c")};
  CHECK(race(rt, bodies, 3) == 1);
  return NULL;
}

TEST(those_that_are_ready_are_cut_off_too) {
  run_with(race_equals);
  CHECK(noted("a cut cut won: a"));
}

TEST(others_and_owner_go_on_before_anybody_else) {
  ebb_runtime *rt = new_runtime();
  CHECK(ebb_spawn(rt, body(race_equals, NULL), NULL) == 0);
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_yield_now(rt) == 0); /* the race has set its timers */
  CHECK(ebb_spawn(rt, body(bystander, "bystander"), NULL) == 0);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a cut cut won: a bystander"));
  free_runtime(rt);
}

static void *race_slow(ebb_runtime *rt, void *arg) {
  (void)arg;
  const ebb_body bodies[] = {body(slow_to_clean_up, "slow"), body(runner, "a")};
  CHECK(race(rt, bodies, 2) == 1);
  return NULL;
}

TEST(a_clean_up_may_wait) {
  run_with(race_slow);
  CHECK(noted("a slow won: a"));
}

/* Its tasks are ready when the owner is aborted, and none of them starts. */
TEST(an_aborted_owner_goes_on_before_its_race) {
  ebb_runtime *rt = new_runtime();
  ebb_task *owner;
  CHECK(ebb_spawn(rt, body(race_three, NULL), &owner) == 0);
  CHECK(ebb_yield_now(rt) == 0);
  ebb_task_abort(owner);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("owner cut"));
  ebb_task_release(owner);
  free_runtime(rt);
}

/* ---- hastening ---- */

TEST(a_hastened_task_is_the_next_to_run) {
  ebb_runtime *rt = new_runtime();
  ebb_task *t;
  CHECK(ebb_spawn(rt, body(runner, ""), NULL) == 0);
  CHECK(ebb_spawn(rt, body(race_equals, NULL), NULL) == 0);
  CHECK(ebb_spawn(rt, body(slow_to_clean_up, "hastened"), &t) == 0);
  ebb_run_queue_schedule_next(t);
  CHECK(rt->tasks.queue.ready.next == &t->link);
  ebb_run_queue_schedule_next(t);
  CHECK(rt->tasks.queue.ready.next == &t->link && rt->tasks.queue.count == 3);
  ebb_task_abort(t);
  CHECK(ebb_run(rt) == 0);
  ebb_run_queue_schedule_next(t); /* finished: nothing happens */
  CHECK(rt->tasks.queue.count == 0 && noted("a cut cut won: a"));
  ebb_task_release(t);
  free_runtime(rt);
}
