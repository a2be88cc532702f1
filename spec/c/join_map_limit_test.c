/* SPDX-License-Identifier: MIT
   JoinMap: a limit to its tasks. */
#include "join_maps.h"

static ebb_join_map *new_limited_map(ebb_runtime *rt, size_t max_tasks) {
  ebb_join_map *m = new_map(rt);
  ebb_join_map_set_max_tasks(m, max_tasks);
  return m;
}

/* A task that spawns into the map when there is a place. */
typedef struct spawner {
  ebb_join_map *map;
  int64_t key;
  int got;
} spawner;

static void *spawn_when_free(ebb_runtime *rt, void *arg) {
  spawner *s = arg;
  (void)rt;
  s->got = ebb_join_map_spawn(s->map, EBB_KEY_INT(s->key),
                              body(wait_for_ever, NULL), NULL);
  return NULL;
}

static ebb_task *start_spawner(spawner *s, ebb_join_map *m, int64_t key) {
  *s = (spawner){m, key, 1};
  return start(m->set.rt, spawn_when_free, s);
}

static void settle(ebb_runtime *rt) {
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
}

TEST(a_spawn_waits_for_a_free_place) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_limited_map(rt, 2);
  spawn(m, EBB_KEY_INT(1), sleep_then_say, "aaa");
  spawn(m, EBB_KEY_INT(2), sleep_then_say, "b");
  CHECK(noted(""));
  spawn(m, EBB_KEY_INT(3), sleep_then_say, "cccc");
  CHECK(noted("b") && ebb_join_map_len(m) == 3);
  spawn(m, EBB_KEY_INT(4), sleep_then_say, "d");
  CHECK(noted("aaa") && m->set.unfinished == 2);
  ebb_join_map_free(m);
  free_runtime(rt);
  CHECK(noted("cut"));
}

TEST(without_a_limit_no_spawn_waits) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_limited_map(rt, 0);
  for (int i = 0; i < 100; i++) spawn(m, EBB_KEY_INT(i), wait_for_ever, NULL);
  CHECK(ebb_current(rt) == NULL && m->set.unfinished == 100);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_task_in_the_place_of_another_needs_none) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_limited_map(rt, 1);
  spawn(m, EBB_KEY_INT(1), wait_for_ever, NULL);
  for (int i = 0; i < 3; i++) spawn(m, EBB_KEY_INT(1), wait_for_ever, NULL);
  CHECK(m->set.unfinished == 1);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_task_in_the_place_of_a_finished_one_needs_a_free_place) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_limited_map(rt, 1);
  spawn(m, EBB_KEY_INT(1), return_at_once, NULL);
  settle(rt);
  spawn(m, EBB_KEY_INT(2), sleep_then_say, "a");
  spawn(m, EBB_KEY_INT(1), wait_for_ever, NULL);
  CHECK(noted("a") && ebb_join_map_len(m) == 2);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_place_is_free_when_a_task_is_detached) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_limited_map(rt, 1);
  spawner s;
  spawn(m, EBB_KEY_INT(1), wait_for_ever, NULL);
  ebb_task *t = start_spawner(&s, m, 2);
  settle(rt);
  CHECK(s.got == 1);
  ebb_join_map_detach_all(m);
  settle(rt);
  CHECK(s.got == 0 && ebb_join_map_contains_key(m, EBB_KEY_INT(2)) == 1);
  CHECK(finish(t).outcome == EBB_COMPLETED);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_limit_may_be_raised_while_spawns_wait) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_limited_map(rt, 1);
  spawner spawners[4];
  ebb_task *tasks[4];
  spawn(m, EBB_KEY_INT(0), wait_for_ever, NULL);
  for (int i = 0; i < 4; i++) tasks[i] = start_spawner(&spawners[i], m, i + 1);
  settle(rt);
  ebb_join_map_set_max_tasks(m, 3);
  settle(rt);
  CHECK(spawners[0].got == 0 && spawners[1].got == 0);
  CHECK(spawners[2].got == 1 && spawners[3].got == 1);
  ebb_join_map_set_max_tasks(m, 2);
  settle(rt);
  CHECK(m->set.unfinished == 3 && spawners[2].got == 1);
  ebb_join_map_set_max_tasks(m, 0);
  settle(rt);
  CHECK(m->set.unfinished == 5);
  for (int i = 0; i < 4; i++) CHECK(finish(tasks[i]).outcome == EBB_COMPLETED);
  ebb_join_map_free(m);
  free_runtime(rt);
}

/* Though it was woken first. */
TEST(a_spawn_that_is_cut_off_leaves_the_place_to_the_next) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_limited_map(rt, 1);
  spawner a, b;
  spawn(m, EBB_KEY_INT(1), wait_for_ever, NULL);
  ebb_task *t = start_spawner(&a, m, 2), *u = start_spawner(&b, m, 3);
  settle(rt);
  ebb_join_map_detach_all(m);
  ebb_task_abort(t);
  settle(rt);
  CHECK(a.got == -ECANCELED && b.got == 0);
  CHECK(ebb_join_map_contains_key(m, EBB_KEY_INT(2)) == 0);
  CHECK(ebb_join_map_contains_key(m, EBB_KEY_INT(3)) == 1);
  CHECK(finish(t).outcome == EBB_CANCELLED);
  CHECK(finish(u).outcome == EBB_COMPLETED);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_place_that_nobody_can_free_is_a_deadlock) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_limited_map(rt, 1);
  ebb_id id = 0;
  spawn(m, EBB_KEY_INT(1), wait_for_ever, NULL);
  CHECK(ebb_join_map_spawn(m, text("key"), body(say, "never"), &id) ==
        -EDEADLK);
  CHECK(id == 0 && ebb_join_map_len(m) == 1);
  ebb_join_map_free(m);
  free_runtime(rt);
  CHECK(noted(""));
}

TEST(a_host_with_a_loop_of_its_own_does_not_wait_for_a_place) {
  ebb_options options = {.never_block = true};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  ebb_join_map *m = new_limited_map(rt, 1);
  spawn(m, EBB_KEY_INT(1), wait_for_ever, NULL);
  CHECK(ebb_join_map_spawn(m, EBB_KEY_INT(2), body(say, "no"), NULL) == -EPERM);
  CHECK(ebb_join_map_len(m) == 1);
  ebb_join_map_free(m);
  free_runtime(rt);
}

enum { PLACES = 3, CROWD = 200 };

static int most_at_once, at_once;

static void *count_in(ebb_runtime *rt, void *arg) {
  if (++at_once > most_at_once) most_at_once = at_once;
  CHECK(ebb_sleep(rt, (int64_t)(uintptr_t)arg % 7) == 0);
  at_once--;
  return NULL;
}

static void *spawn_counted(ebb_runtime *rt, void *arg) {
  static int64_t next;
  (void)rt;
  next++;
  spawn(arg, EBB_KEY_INT(next), count_in, (void *)(uintptr_t)next);
  return NULL;
}

TEST(the_limit_is_kept_and_reached) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_limited_map(rt, PLACES);
  for (int i = 0; i < CROWD; i++) start_detached(rt, spawn_counted, m);
  CHECK(ebb_run(rt) == 0);
  CHECK(most_at_once == PLACES && at_once == 0);
  CHECK(ebb_join_map_len(m) == CROWD);
  for (int i = 0; i < CROWD; i++)
    CHECK(ebb_join_map_try_join_next(m, NULL, NULL) == 1);
  ebb_join_map_free(m);
  free_runtime(rt);
}
