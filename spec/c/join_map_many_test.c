/* SPDX-License-Identifier: MIT
   JoinMap: what concerns all of its tasks. */
#include "join_maps.h"

/* ---- aborting by predicate ---- */

typedef struct predicate {
  ebb_join_map *m;
  int calls;
  uint64_t first; /* the key that it was asked about first */
} predicate;

static int is_odd(void *ctx, ebb_key key) {
  ((predicate *)ctx)->calls++;
  return key.bits % 2 == 1;
}

/* A map of 0 to 9, all waiting. */
static ebb_join_map *map_of_ten(ebb_runtime *rt) {
  ebb_join_map *m = new_map(rt);
  for (int i = 0; i < 10; i++) spawn(m, EBB_KEY_INT(i), wait_for_ever, NULL);
  CHECK(ebb_yield_now(rt) == 0);
  return m;
}

TEST(tasks_whose_keys_match_are_aborted) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = map_of_ten(rt);
  predicate p = {0};
  CHECK(ebb_join_map_abort_matching(m, is_odd, &p) == 0);
  CHECK(p.calls == 10);
  CHECK(count_cancelled(m) == 5 && ebb_join_map_len(m) == 5);
  for (int i = 0; i < 10; i++)
    CHECK(ebb_join_map_contains_key(m, EBB_KEY_INT(i)) == (i % 2 == 0));
  ebb_join_map_free(m);
  free_runtime(rt);
}

static int fail_at_the_fifth(void *ctx, ebb_key key) {
  (void)key;
  return ((predicate *)ctx)->calls++ == 4 ? -EIO : 1;
}

TEST(a_predicate_that_fails_ends_the_walk) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = map_of_ten(rt);
  predicate p = {0};
  CHECK(ebb_join_map_abort_matching(m, fail_at_the_fifth, &p) == -EIO);
  CHECK(p.calls == 5 && count_cancelled(m) == 4);
  CHECK(ebb_join_map_len(m) == 6);
  ebb_join_map_free(m);
  free_runtime(rt);
}

static int detach_all(void *ctx, ebb_key key) {
  predicate *p = ctx;
  (void)key;
  p->calls++;
  ebb_join_map_detach_all(p->m);
  return 1;
}

TEST(a_predicate_may_empty_the_map) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = map_of_ten(rt);
  predicate p = {.m = m};
  ebb_tick_report report;
  CHECK(ebb_join_map_abort_matching(m, detach_all, &p) == 0);
  CHECK(p.calls == 1);
  CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  CHECK(report.unfinished == 10); /* no longer in the map, not aborted */
  ebb_join_map_free(m);
  free_runtime(rt);
}

static int add_many(void *ctx, ebb_key key) {
  predicate *p = ctx;
  if (p->calls++ == 0)
    for (int i = 10; i < 200; i++)
      spawn(p->m, EBB_KEY_INT(i), wait_for_ever, NULL);
  return key.bits < 10;
}

TEST(a_predicate_may_add_to_the_map) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = map_of_ten(rt);
  predicate p = {.m = m};
  CHECK(ebb_join_map_abort_matching(m, add_many, &p) == 0);
  CHECK(p.calls >= 10 && count_cancelled(m) == 10);
  CHECK(ebb_join_map_len(m) == 190);
  ebb_join_map_free(m);
  free_runtime(rt);
}

static int replace_same(void *ctx, ebb_key key) {
  predicate *p = ctx;
  p->calls++;
  if (key.bits < 10) spawn(p->m, key, return_at_once, NULL);
  return 1;
}

TEST(a_task_that_replaced_another_meanwhile_is_not_aborted) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = map_of_ten(rt);
  predicate p = {.m = m};
  CHECK(ebb_join_map_abort_matching(m, replace_same, &p) == 0);
  CHECK(p.calls == 10 && ebb_join_map_len(m) == 10);
  CHECK(count_cancelled(m) == 0 && ebb_join_map_len(m) == 0);
  ebb_join_map_free(m);
  free_runtime(rt);
}

static int shrink_to_fit(void *ctx, ebb_key key) {
  predicate *p = ctx;
  (void)key;
  p->calls++;
  CHECK(ebb_join_map_shrink_to(p->m, 0) == 0);
  return 1;
}

TEST(a_predicate_may_shrink_the_map) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  predicate p = {.m = m};
  for (int i = 0; i < 64; i++)
    spawn(m, EBB_KEY_INT(i), i < 50 ? return_at_once : wait_for_ever, NULL);
  CHECK(ebb_yield_now(rt) == 0);
  while (ebb_join_map_try_join_next(m, NULL, NULL) == 1) continue;
  CHECK(ebb_join_map_abort_matching(m, shrink_to_fit, &p) == 0);
  CHECK(p.calls == 14 && count_cancelled(m) == 14);
  ebb_join_map_free(m);
  free_runtime(rt);
}

static int join_finished(void *ctx, ebb_key key) {
  predicate *p = ctx;
  if (p->calls++ == 0) p->first = key.bits;
  while (ebb_join_map_try_join_next(p->m, NULL, NULL) == 1) continue;
  return key.bits != 5;
}

TEST(a_predicate_may_join_the_task_it_is_asked_about) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  predicate p = {.m = m};
  for (int i = 0; i < 10; i++)
    spawn(m, EBB_KEY_INT(i), i < 5 ? return_at_once : wait_for_ever, NULL);
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_join_map_abort_matching(m, join_finished, &p) == 0);
  CHECK(p.calls == (p.first < 5 ? 6 : 5) && ebb_join_map_len(m) == 5);
  CHECK(count_cancelled(m) == 4 && ebb_join_map_len(m) == 1);
  ebb_join_map_free(m);
  free_runtime(rt);
}

/* ---- detaching, shutting down, freeing ---- */

TEST(detached_tasks_run_on_without_their_keys) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  ebb_id id = spawn(m, text("k"), sleep_then_say, "a");
  spawn(m, text("l"), say, "b");
  CHECK(ebb_yield_now(rt) == 0);
  ebb_join_map_detach_all(m);
  CHECK(!ebb_join_map_contains_task(m, id));
  CHECK(ebb_join_map_contains_key(m, text("k")) == 0);
  spawn(m, text("k"), say, "c");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("b c a") && ebb_join_map_len(m) == 1);
  ebb_join_map_free(m);
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
  ebb_join_map *m = new_map(rt);
  spawn(m, text("k"), clean_up_slowly, "cleaned");
  spawn(m, text("l"), say, "said");
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_join_map_shutdown(m) == 0);
  CHECK(noted("said cleaned"));
  check_no_more(m);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(freeing_a_map_aborts_its_tasks) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  spawn(m, text("k"), sleep_then_say, "a");
  CHECK(ebb_yield_now(rt) == 0);
  spawn(m, text("l"), say, "b");
  ebb_join_map_free(m);
  CHECK(noted(""));
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("cut"));
  free_runtime(rt);
}

TEST(a_map_contains_its_own_tasks_only) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *a = new_map(rt), *b = new_map(rt);
  ebb_id id = spawn(a, EBB_KEY_INT(1), say, "");
  CHECK(!ebb_join_map_contains_task(b, id));
  CHECK(!ebb_join_map_contains_task(a, id + 1));
  CHECK(!ebb_join_map_contains_task(a, 0));
  CHECK(ebb_join_map_contains_key(b, EBB_KEY_INT(1)) == 0);
  ebb_join_map_free(a);
  ebb_join_map_free(b);
  free_runtime(rt);
}

/* ---- room ---- */

TEST(a_map_grows_by_itself) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  for (int i = 0; i < 1000; i++) {
    spawn(m, EBB_KEY_INT(i), return_at_once, NULL);
    CHECK(ebb_join_map_capacity(m) >= ebb_join_map_len(m));
  }
  CHECK(ebb_join_map_len(m) == 1000);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(what_was_reserved_needs_no_growth) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  spawn(m, EBB_KEY_INT(-1), return_at_once, NULL);
  CHECK(ebb_join_map_reserve(m, 500) == 0);
  size_t capacity = ebb_join_map_capacity(m);
  CHECK(capacity >= 501);
  for (int i = 0; i < 500; i++) spawn(m, EBB_KEY_INT(i), return_at_once, NULL);
  CHECK(ebb_join_map_capacity(m) == capacity);
  CHECK(ebb_join_map_reserve(m, 0) == 0);
  CHECK(ebb_join_map_reserve(m, SIZE_MAX) == -ENOMEM);
  CHECK(ebb_join_map_capacity(m) == capacity);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(shrinking_loses_no_task) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  for (int i = 0; i < 1000; i++)
    spawn(m, EBB_KEY_INT(i), i % 10 ? return_at_once : wait_for_ever, NULL);
  CHECK(ebb_yield_now(rt) == 0);
  while (ebb_join_map_try_join_next(m, NULL, NULL) == 1) continue;
  CHECK(ebb_join_map_shrink_to(m, 300) == 0);
  CHECK(ebb_join_map_capacity(m) >= 300);
  CHECK(ebb_join_map_capacity(m) < 1000);
  CHECK(ebb_join_map_shrink_to(m, 0) == 0);
  CHECK(ebb_join_map_capacity(m) < 300 && ebb_join_map_len(m) == 100);
  ebb_table_check(&m->set.group.members);
  for (int i = 0; i < 1000; i++)
    CHECK(ebb_join_map_contains_key(m, EBB_KEY_INT(i)) == (i % 10 == 0));
  for (int i = 0; i < 1000; i += 10)
    CHECK(ebb_join_map_abort(m, EBB_KEY_INT(i)) == 1);
  CHECK(count_cancelled(m) == 100);
  CHECK(ebb_join_map_shrink_to(m, 0) == 0);
  CHECK(ebb_join_map_capacity(m) == 0);
  spawn(m, EBB_KEY_INT(1), return_at_once, NULL);
  ebb_join_map_free(m);
  free_runtime(rt);
}
