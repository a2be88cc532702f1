/* SPDX-License-Identifier: MIT
   LocalSet: tasks that run only while their set is driven. */
#include "local_sets.h"

/* ---- tasks ---- */

static void *say_twice(ebb_runtime *rt, void *arg) {
  note(arg);
  CHECK(ebb_yield_now(rt) == 0);
  note(arg);
  return arg;
}

static void *sleep_then_say(ebb_runtime *rt, void *arg) {
  note(ebb_sleep(rt, SECOND) == 0 ? arg : "cut");
  return arg;
}

/* ---- driving ---- */

TEST(without_a_driver_its_tasks_do_not_run) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  put(s, say, "in");
  start_detached(rt, say, "out");
  settle(rt);
  CHECK(noted("out"));
  CHECK(ebb_local_set_await(s, EBB_NEVER) == 0);
  CHECK(noted("in"));
  ebb_local_set_free(s);
  free_runtime(rt);
}

TEST(an_empty_set_has_nothing_to_wait_for) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  CHECK(ebb_local_set_await(s, EBB_NEVER) == 0);
  CHECK(s->gate.drivers == 0);
  ebb_local_set_free(s);
  free_runtime(rt);
}

TEST(its_tasks_start_in_the_order_of_spawning) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  put(s, say, "1");
  put(s, sleep_then_say, "4");
  put(s, say, "2");
  put(s, say, "3");
  CHECK(ebb_local_set_await(s, EBB_NEVER) == 0);
  CHECK(noted("1 2 3 4"));
  ebb_local_set_free(s);
  free_runtime(rt);
}

static void *put_more(ebb_runtime *rt, void *arg) {
  CHECK(ebb_local_set_current(rt) == arg);
  put(arg, say, "more");
  start_detached(rt, sleep_then_say, "outside");
  return NULL;
}

TEST(what_its_tasks_put_in_is_waited_for_too) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  put(s, put_more, s);
  CHECK(ebb_local_set_await(s, EBB_NEVER) == 0);
  CHECK(noted("more"));
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("outside"));
  ebb_local_set_free(s);
  free_runtime(rt);
}

static void *say_set(ebb_runtime *rt, void *arg) {
  note(ebb_local_set_current(rt) == arg ? "in" : "out");
  return NULL;
}

static void *say_no_set(ebb_runtime *rt, void *arg) {
  note(ebb_local_set_current(rt) == NULL ? "none" : "some");
  return arg;
}

TEST(a_task_knows_its_set) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt), *other = new_set(rt);
  put(s, say_set, s);
  put(other, say_set, other);
  start_detached(rt, say_no_set, NULL);
  CHECK(ebb_local_set_current(rt) == NULL);
  CHECK(ebb_local_set_await(s, EBB_NEVER) == 0);
  CHECK(noted("none in"));
  CHECK(ebb_local_set_await(other, EBB_NEVER) == 0);
  CHECK(noted("in"));
  ebb_local_set_free(s);
  ebb_local_set_free(other);
  free_runtime(rt);
}

static void *sleep_here(ebb_runtime *rt, void *arg) {
  CHECK(ebb_sleep(rt, SECOND * (int64_t)strlen(arg)) == 0);
  return arg;
}

TEST(run_until_drives_and_gives_the_value) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  put(s, say_twice, "a");
  put(s, sleep_then_say, "b");
  put(s, park, "c");
  CHECK(strcmp(ebb_local_set_run_until(s, sleep_here, "xx"), "xx") == 0);
  CHECK(noted("a a b") && s->gate.drivers == 0);
  ebb_local_set_free(s);
  settle(rt);
  CHECK(noted("c"));
  free_runtime(rt);
}

/* Those that are ready, and those whose wait ends meanwhile. */
TEST(its_tasks_are_paused_between_drivers) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  put(s, say_twice, "a");
  put(s, sleep_then_say, "b");
  CHECK(ebb_local_set_run_until(s, yield_here, NULL) == NULL);
  CHECK(noted("a"));
  CHECK(ebb_sleep(rt, 10 * SECOND) == 0);
  settle(rt);
  CHECK(noted(""));
  put(s, say, "c");
  CHECK(ebb_local_set_await(s, EBB_NEVER) == 0);
  CHECK(noted("a b c"));
  ebb_local_set_free(s);
  free_runtime(rt);
}

static void *drive(ebb_runtime *rt, void *arg) {
  (void)rt;
  return ebb_local_set_run_until(arg, sleep_here, "x");
}

static void *drive_for_long(ebb_runtime *rt, void *arg) {
  (void)rt;
  return ebb_local_set_run_until(arg, sleep_here, "xxx");
}

TEST(as_long_as_one_drives_its_tasks_run) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  start_detached(rt, drive, s);
  start_detached(rt, drive_for_long, s);
  settle(rt);
  CHECK(s->gate.drivers == 2);
  CHECK(ebb_sleep(rt, 2 * SECOND) == 0);
  CHECK(s->gate.drivers == 1);
  put(s, say_twice, "a");
  settle(rt);
  CHECK(noted("a a"));
  CHECK(ebb_run(rt) == 0);
  CHECK(s->gate.drivers == 0);
  ebb_local_set_free(s);
  free_runtime(rt);
}

TEST(one_of_its_tasks_may_drive_it) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  put(s, drive_for_long, s);
  put(s, sleep_then_say, "a");
  CHECK(ebb_local_set_run_until(s, yield_here, NULL) == NULL);
  CHECK(s->gate.drivers == 1);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a") && s->gate.drivers == 0);
  ebb_local_set_free(s);
  free_runtime(rt);
}

static void *await(ebb_runtime *rt, void *arg) {
  int status = ebb_local_set_await(arg, ebb_now(rt) + SECOND);
  note(status == 0 ? "done" : status == -ETIMEDOUT ? "late" : "cut");
  return NULL;
}

TEST(a_wait_for_a_set_may_end_before_it_is_drained) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  put(s, park, "a");
  CHECK(ebb_local_set_await(s, ebb_now(rt) + SECOND) == -ETIMEDOUT);
  ebb_task *t = start(rt, await, s);
  settle(rt);
  CHECK(s->gate.drivers == 1);
  ebb_task_abort(t);
  settle(rt);
  CHECK(noted("cut") && s->gate.drivers == 0);
  CHECK(finish(t).outcome == EBB_CANCELLED);
  CHECK(ebb_local_set_await(s, EBB_NEVER) == -EDEADLK);
  CHECK(s->gate.drivers == 0);
  ebb_local_set_free(s);
  settle(rt);
  CHECK(noted("a"));
  free_runtime(rt);
}

TEST(many_may_wait_for_one_set) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  put(s, say_twice, "a");
  for (int i = 0; i < 3; i++) start_detached(rt, await, s);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a a done done done") && s->gate.drivers == 0);
  ebb_local_set_free(s);
  free_runtime(rt);
}

TEST(a_set_that_nobody_drives_is_a_deadlock) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  ebb_task *t = start_in(s, say, "a");
  CHECK(ebb_task_join(t, EBB_NEVER, NULL) == -EDEADLK);
  CHECK(ebb_run(rt) == -EDEADLK);
  CHECK(noted(""));
  CHECK(ebb_local_set_await(s, EBB_NEVER) == 0);
  CHECK(finish(t).outcome == EBB_COMPLETED && noted("a"));
  ebb_local_set_free(s);
  free_runtime(rt);
}

TEST(a_host_with_a_loop_of_its_own_cannot_wait_for_a_set) {
  ebb_options options = {.never_block = true};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  ebb_local_set *s = new_set(rt);
  ebb_tick_report report;
  put(s, say, "a");
  CHECK(ebb_local_set_await(s, EBB_NEVER) == -EPERM && s->gate.drivers == 0);
  CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  CHECK(noted("") && report.ready == 0 && report.unfinished == 1);
  start_detached(rt, await, s);
  settle(rt);
  CHECK(noted("a done"));
  ebb_local_set_free(s);
  free_runtime(rt);
}

/* ---- aborting and joining ---- */

TEST(a_paused_task_is_aborted_when_it_is_driven) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  ebb_task *fresh = start_in(s, say, "a"), *parked = start_in(s, park, "b");
  CHECK(ebb_local_set_run_until(s, yield_here, NULL) == NULL);
  CHECK(noted("a"));
  ebb_task *late = start_in(s, say, "c");
  ebb_task_abort(parked);
  ebb_task_abort(late);
  settle(rt);
  CHECK(noted("") && !ebb_task_is_finished(parked));
  CHECK(ebb_local_set_await(s, EBB_NEVER) == 0);
  CHECK(noted("b"));
  CHECK(finish(fresh).outcome == EBB_COMPLETED);
  CHECK(finish(parked).outcome == EBB_CANCELLED);
  CHECK(finish(late).outcome == EBB_CANCELLED);
  ebb_local_set_free(s);
  free_runtime(rt);
}

TEST(a_set_holds_tasks_of_join_sets_and_maps) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  ebb_join_set *set;
  ebb_join_map *map;
  ebb_target target = {.local_set = s};
  ebb_result result;
  ebb_key key;
  CHECK(ebb_join_set_new(rt, &set) == 0);
  CHECK(ebb_join_map_new(rt, NULL, &map) == 0);
  CHECK(ebb_join_set_spawn_on(set, &target, body(say, "a"), NULL) == 0);
  CHECK(ebb_join_map_spawn_on(map, EBB_KEY_INT(1), &target, body(park, "b"),
                              NULL) == 0);
  settle(rt);
  CHECK(noted("") && ebb_join_set_try_join_next(set, &result) == 0);
  CHECK(ebb_local_set_run_until(s, yield_here, NULL) == NULL);
  CHECK(noted("a") && ebb_join_set_try_join_next(set, &result) == 1);
  CHECK(ebb_join_map_spawn_on(map, EBB_KEY_INT(1), &target, body(say, "c"),
                              NULL) == 0);
  CHECK(ebb_local_set_await(s, EBB_NEVER) == 0);
  CHECK(noted("b c"));
  CHECK(ebb_join_map_try_join_next(map, &key, &result) == 1);
  CHECK(result.outcome == EBB_COMPLETED && ebb_join_map_len(map) == 0);
  ebb_join_set_free(set);
  ebb_join_map_free(map);
  ebb_local_set_free(s);
  free_runtime(rt);
}
