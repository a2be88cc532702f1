/* SPDX-License-Identifier: MIT
   Tasks of one runtime that run in another: sets and maps of them. */
#include "runtime_pair.h"

TEST(a_set_holds_tasks_of_any_place) {
  pair p = new_pair();
  ebb_join_set *s;
  ebb_target there = {.handle = p.handle};
  pack packs[4] = {{0}};
  ebb_id ids[4];
  ebb_result result;
  CHECK(ebb_join_set_new(p.here, &s) == 0);
  for (int i = 0; i < 4; i++)
    CHECK(ebb_join_set_spawn_on(s, i % 2 ? &there : NULL,
                                of(i < 2 ? look : park, &packs[i]),
                                &ids[i]) == 0);
  for (int i = 0; i < 4; i++) CHECK(ebb_join_set_contains_task(s, ids[i]));
  tick(p.here);
  turn(&p);
  for (int i = 0; i < 2; i++) {
    CHECK(ebb_join_set_try_join_next(s, &result) == 1);
    CHECK(result.id == ids[i] && is(result, EBB_COMPLETED, &packs[i]));
  }
  CHECK(ebb_join_set_try_join_next(s, &result) == 0);
  ebb_join_set_abort_all(s);
  turn(&p);
  for (int i = 2; i < 4; i++) {
    CHECK(ebb_join_set_try_join_next(s, &result) == 1);
    CHECK(result.id == ids[i] && is(result, EBB_CANCELLED, &packs[i]));
  }
  CHECK(ebb_join_set_len(s) == 0);
  ebb_join_set_free(s);
  free_pair(&p);
}

TEST(a_set_that_is_freed_aborts_its_tasks_elsewhere) {
  pair p = new_pair();
  ebb_join_set *s;
  ebb_target there = {.handle = p.handle};
  pack x = {0}, y = {0};
  CHECK(ebb_join_set_new(p.here, &s) == 0);
  CHECK(ebb_join_set_spawn_on(s, &there, of(park, &x), NULL) == 0);
  tick(p.there);
  CHECK(ebb_join_set_spawn_on(s, &there, of(park, &y), NULL) == 0);
  ebb_join_set_free(s);
  turn(&p);
  CHECK(came_to(&x, 1, 1, 0) && came_to(&y, 0, 0, 1));
  free_pair(&p);
}

TEST(a_key_stands_for_the_newest_task_wherever_it_runs) {
  pair p = new_pair();
  ebb_join_map *m;
  ebb_target there = {.handle = p.handle};
  ebb_key key = EBB_KEY_INT(7), got;
  pack x = {0}, y = {0}, z = {0};
  ebb_result result;
  ebb_id id;
  CHECK(ebb_join_map_new(p.here, NULL, &m) == 0);
  CHECK(ebb_join_map_spawn_on(m, key, &there, of(park, &x), NULL) == 0);
  tick(p.there);
  CHECK(ebb_join_map_spawn_on(m, key, &there, of(park, &y), NULL) == 0);
  CHECK(ebb_join_map_spawn_on(m, key, &there, of(look, &z), &id) == 0);
  turn(&p);
  CHECK(came_to(&x, 1, 1, 0) && came_to(&y, 0, 0, 1) && came_to(&z, 1, 1, 0));
  CHECK(ebb_join_map_try_join_next(m, &got, &result) == 1);
  CHECK(got.bits == 7 && result.id == id && z.seen_id == id);
  CHECK(is(result, EBB_COMPLETED, &z) && ebb_join_map_len(m) == 0);
  ebb_join_map_free(m);
  CHECK(ebb_run(p.here) == 0);
  free_pair(&p);
}

TEST(a_map_learns_that_the_other_runtime_has_gone) {
  pair p = new_pair();
  ebb_join_map *m;
  ebb_target there = {.handle = p.handle};
  pack packs[5] = {{0}};
  ebb_key key;
  ebb_result result;
  CHECK(ebb_join_map_new(p.here, NULL, &m) == 0);
  for (int i = 0; i < 5; i++)
    CHECK(ebb_join_map_spawn_on(m, EBB_KEY_INT(i), &there, of(park, &packs[i]),
                                NULL) == 0);
  drop_there(&p);
  for (int i = 0; i < 5; i++) {
    CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, &result) == 1);
    CHECK(key.bits == (uint64_t)i && is(result, EBB_CANCELLED, NULL));
    CHECK(came_to(&packs[i], 0, 0, 1));
  }
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, &result) == 0);
  ebb_join_map_free(m);
  free_pair(&p);
}

/* An abort never runs the task's code, so that it can change no map. */
static ebb_join_map *dropped_into;

static void drop_into_map(void *arg) {
  drop(arg);
  ebb_join_map_detach_all(dropped_into);
}

TEST(an_abort_that_cannot_be_sent_drops_later) {
  pair p = new_pair();
  ebb_target there = {.handle = p.handle};
  pack x = {0}, y = {0};
  ebb_body b = {.run = look, .arg = &x, .drop = drop_into_map};
  drop_there(&p);
  CHECK(ebb_join_map_new(p.here, NULL, &dropped_into) == 0);
  ebb_key key = EBB_KEY_INT(1);
  CHECK(ebb_join_map_spawn_on(dropped_into, key, &there, b, NULL) == 0);
  CHECK(came_to(&x, 0, 0, 0));
  CHECK(ebb_join_map_spawn(dropped_into, key, of(look, &y), NULL) == 0);
  CHECK(came_to(&x, 0, 0, 0) && ebb_join_map_len(dropped_into) == 1);
  tick(p.here);
  CHECK(came_to(&x, 0, 0, 1) && came_to(&y, 1, 1, 0));
  CHECK(ebb_join_map_len(dropped_into) == 0);
  ebb_join_map_free(dropped_into);
  free_pair(&p);
}
