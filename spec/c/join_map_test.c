/* SPDX-License-Identifier: MIT
   JoinMap, as ebb.h has it. */
#include "core/spawn/join_map.h"

#include "test.h"

static ebb_join_map *new_map(ebb_runtime *rt) {
  ebb_join_map *m;
  CHECK(ebb_join_map_new(rt, NULL, &m) == 0);
  return m;
}

static ebb_key text(const char *s) { return EBB_KEY_BYTES(s, strlen(s)); }

static ebb_id spawn(ebb_join_map *m, ebb_key key,
                    void *(*run)(ebb_runtime *, void *), void *arg) {
  ebb_id id = 0;
  CHECK(ebb_join_map_spawn(m, key, body(run, arg), &id) == 0);
  CHECK(id > 0 && ebb_join_map_contains_task(m, id));
  CHECK(ebb_join_map_contains_key(m, key) == 1);
  return id;
}

static void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return arg;
}

static void *return_at_once(ebb_runtime *rt, void *arg) {
  (void)rt;
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

/* Joins the next, whose key must be this integer. */
static ebb_result join(ebb_join_map *m, int64_t expected) {
  ebb_key key;
  ebb_result result;
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, &result) == 1);
  CHECK(key.data == NULL && (int64_t)key.bits == expected);
  CHECK(!ebb_join_map_contains_task(m, result.id));
  return result;
}

/* Lets the tasks run, joins all that have finished, and tells how many of
   them were cancelled. */
static int count_cancelled(ebb_join_map *m) {
  ebb_result result;
  int n = 0;
  CHECK(ebb_yield_now(m->set.rt) == 0);
  while (ebb_join_map_try_join_next(m, NULL, &result) == 1)
    n += result.outcome == EBB_CANCELLED;
  return n;
}

static void check_no_more(ebb_join_map *m) {
  ebb_key key = EBB_KEY_INT(77);
  ebb_result result = {.id = 77};
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, &result) == 0);
  CHECK(ebb_join_map_try_join_next(m, &key, &result) == 0);
  CHECK(key.bits == 77 && result.id == 77);
  CHECK(ebb_join_map_len(m) == 0);
}

/* ---- keys ---- */

TEST(a_new_map_is_empty_and_without_tables) {
  test_memory memory = {0};
  ebb_options options = {.alloc = test_alloc, .alloc_ctx = &memory};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  ebb_join_map *m = new_map(rt);
  CHECK(memory.requests == 2); /* the runtime and the map */
  CHECK(ebb_join_map_capacity(m) == 0);
  CHECK(ebb_join_map_contains_key(m, EBB_KEY_INT(0)) == 0);
  CHECK(ebb_join_map_abort(m, EBB_KEY_INT(0)) == 0);
  CHECK(ebb_join_map_shutdown(m) == 0);
  check_no_more(m);
  ebb_join_map_free(m);
  free_runtime(rt);
  CHECK(memory.bytes == 0);
}

TEST(an_integer_is_a_key) {
  static const int64_t keys[] = {0, 1, -1, INT64_MAX, INT64_MIN};
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  for (int i = 0; i < 5; i++) spawn(m, EBB_KEY_INT(keys[i]), say, "");
  CHECK(ebb_join_map_len(m) == 5);
  CHECK(ebb_join_map_contains_key(m, EBB_KEY_INT(2)) == 0);
  for (int i = 0; i < 5; i++) join(m, keys[i]);
  check_no_more(m);
  ebb_join_map_free(m);
  free_runtime(rt);
}

static void check_bytes(ebb_join_map *m, const void *data, size_t size) {
  ebb_key key;
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, NULL) == 1);
  CHECK(key.data != NULL && key.data != data && key.bits == size);
  CHECK(memcmp(key.data, data, size) == 0);
  ebb_join_map_key_free(m, key);
}

TEST(bytes_are_a_key_and_are_copied) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  char buffer[] = "tower";
  spawn(m, text(buffer), say, "");
  memcpy(buffer, "cloud", 5);
  spawn(m, text(buffer), say, "");
  CHECK(ebb_join_map_contains_key(m, text("tower")) == 1);
  CHECK(ebb_join_map_contains_key(m, text("towe")) == 0);
  check_bytes(m, "tower", 5);
  check_bytes(m, "cloud", 5);
  check_no_more(m);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(bytes_may_be_none_and_may_be_zeroes) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  spawn(m, EBB_KEY_BYTES("", 0), say, "");
  spawn(m, EBB_KEY_BYTES("\0", 1), say, "");
  spawn(m, EBB_KEY_BYTES("\0\0", 2), say, "");
  spawn(m, EBB_KEY_INT(0), say, "");
  CHECK(ebb_join_map_len(m) == 4);
  check_bytes(m, "", 0);
  check_bytes(m, "\0", 1);
  check_bytes(m, "\0\0", 2);
  join(m, 0);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(keys_of_every_length_are_told_apart) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  char bytes[100];
  memset(bytes, 'x', sizeof bytes);
  for (size_t n = 0; n < 100; n++) spawn(m, EBB_KEY_BYTES(bytes, n), say, "");
  CHECK(ebb_join_map_len(m) == 100);
  for (size_t n = 0; n < 100; n++) check_bytes(m, bytes, n);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_byte_key_that_nobody_takes_is_freed) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  spawn(m, text("joined"), say, "");
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, NULL, NULL) == 1);
  spawn(m, text("replaced"), say, "");
  spawn(m, text("replaced"), say, "");
  spawn(m, text("detached"), say, "");
  ebb_join_map_detach_all(m);
  spawn(m, text("shut down"), say, "");
  CHECK(ebb_join_map_shutdown(m) == 0);
  spawn(m, text("left"), say, "");
  ebb_join_map_free(m);
  free_runtime(rt); /* and the leak checker looks */
}

/* ---- joining ---- */

TEST(tasks_are_joined_in_the_order_of_finishing) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  spawn(m, EBB_KEY_INT(1), sleep_then_say, "ccc");
  ebb_id id = spawn(m, EBB_KEY_INT(2), sleep_then_say, "a");
  spawn(m, EBB_KEY_INT(3), sleep_then_say, "bb");
  ebb_result result = join(m, 2);
  CHECK(result.id == id && result.outcome == EBB_COMPLETED);
  CHECK(strcmp(result.value, "a") == 0);
  join(m, 3);
  join(m, 1);
  check_no_more(m);
  CHECK(noted("a bb ccc"));
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_key_is_there_until_its_task_is_joined) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  ebb_id id = spawn(m, EBB_KEY_INT(1), say, "a");
  CHECK(ebb_join_map_try_join_next(m, NULL, NULL) == 0);
  CHECK(ebb_run(rt) == 0);
  CHECK(ebb_join_map_len(m) == 1 && noted("a"));
  CHECK(ebb_join_map_contains_key(m, EBB_KEY_INT(1)) == 1);
  CHECK(ebb_join_map_contains_task(m, id));
  CHECK(ebb_join_map_try_join_next(m, NULL, NULL) == 1);
  CHECK(ebb_join_map_contains_key(m, EBB_KEY_INT(1)) == 0);
  CHECK(!ebb_join_map_contains_task(m, id));
  check_no_more(m);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_join_ends_at_its_deadline_and_loses_nothing) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  spawn(m, EBB_KEY_INT(1), sleep_then_say, "aa");
  int64_t deadline = ebb_now(rt) + SECOND;
  CHECK(ebb_join_map_join_next(m, deadline, NULL, NULL) == -ETIMEDOUT);
  CHECK(ebb_now(rt) == deadline && ebb_join_map_len(m) == 1);
  join(m, 1);
  CHECK(noted("aa"));
  ebb_join_map_free(m);
  free_runtime(rt);
}

/* ---- replacing ---- */

TEST(a_waiting_task_is_aborted_and_replaced) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  ebb_id old = spawn(m, EBB_KEY_INT(1), sleep_then_say, "a");
  CHECK(ebb_yield_now(rt) == 0);
  ebb_id fresh = spawn(m, EBB_KEY_INT(1), sleep_then_say, "b");
  CHECK(fresh != old && ebb_join_map_len(m) == 1);
  CHECK(!ebb_join_map_contains_task(m, old));
  ebb_result result = join(m, 1);
  CHECK(result.id == fresh && result.outcome == EBB_COMPLETED);
  CHECK(noted("cut b"));
  check_no_more(m);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_finished_task_is_replaced_unseen) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  spawn(m, EBB_KEY_INT(1), say, "a");
  CHECK(ebb_run(rt) == 0);
  ebb_id fresh = spawn(m, EBB_KEY_INT(1), say, "b");
  CHECK(join(m, 1).id == fresh);
  CHECK(noted("a b"));
  check_no_more(m);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_task_that_has_not_started_is_replaced_before_it_does) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  spawn(m, text("k"), say, "a");
  spawn(m, text("k"), say, "b");
  spawn(m, text("k"), say, "c");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("c") && ebb_join_map_len(m) == 1);
  ebb_join_map_free(m);
  free_runtime(rt);
}

static void *replace_self(ebb_runtime *rt, void *arg) {
  spawn(arg, EBB_KEY_INT(1), say, "new");
  CHECK(ebb_yield_now(rt) == -ECANCELED);
  note("old");
  return NULL;
}

TEST(a_task_may_replace_itself) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  spawn(m, EBB_KEY_INT(1), replace_self, m);
  CHECK(strcmp(join(m, 1).value, "new") == 0);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("new old"));
  check_no_more(m);
  ebb_join_map_free(m);
  free_runtime(rt);
}

/* ---- aborting ---- */

TEST(aborting_leaves_the_entry_until_it_is_joined) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  ebb_id id = spawn(m, EBB_KEY_INT(1), wait_for_ever, "a");
  spawn(m, EBB_KEY_INT(2), wait_for_ever, "b");
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(ebb_join_map_abort(m, EBB_KEY_INT(1)) == 1);
  CHECK(ebb_join_map_abort(m, EBB_KEY_INT(1)) == 1);
  CHECK(ebb_join_map_len(m) == 2);
  ebb_result result = join(m, 1);
  CHECK(result.id == id && result.outcome == EBB_CANCELLED);
  CHECK(ebb_join_map_abort(m, EBB_KEY_INT(1)) == 0);
  CHECK(ebb_join_map_len(m) == 1);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(aborting_a_finished_task_finds_it_and_changes_nothing) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  spawn(m, EBB_KEY_INT(1), say, "a");
  CHECK(ebb_run(rt) == 0);
  CHECK(ebb_join_map_abort(m, EBB_KEY_INT(1)) == 1);
  CHECK(join(m, 1).outcome == EBB_COMPLETED && noted("a"));
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(all_tasks_can_be_aborted) {
  ebb_runtime *rt = new_runtime();
  ebb_join_map *m = new_map(rt);
  for (int i = 0; i < 50; i++) spawn(m, EBB_KEY_INT(i), wait_for_ever, NULL);
  CHECK(ebb_yield_now(rt) == 0);
  ebb_join_map_abort_all(m);
  CHECK(ebb_join_map_len(m) == 50);
  CHECK(count_cancelled(m) == 50);
  check_no_more(m);
  ebb_join_map_free(m);
  free_runtime(rt);
}

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

/* ---- keys of one's own ---- */

typedef struct own_keys {
  ebb_join_map *m;
  int dropped[256];
  int equal_calls;
  int error;                       /* what `equal` returns, if not 0 */
  void (*during)(ebb_join_map *m); /* called once, by `equal` or `drop` */
} own_keys;

static void change_map(own_keys *own) {
  void (*during)(ebb_join_map *) = own->during;
  own->during = NULL;
  if (during != NULL) during(own->m);
}

/* Letters, upper and lower case being the same, as pointers to text that
   the test owns. All have one hash. */
static uint64_t hash_all_alike(void *ctx, ebb_key key) {
  (void)ctx, (void)key;
  return 7;
}

static char letter(ebb_key key) { return *(const char *)key.data; }

static int equal_letters(void *ctx, ebb_key a, ebb_key b) {
  own_keys *own = ctx;
  own->equal_calls++;
  change_map(own);
  if (own->error != 0) return own->error;
  return (letter(a) | 32) == (letter(b) | 32);
}

static void drop_letter(void *ctx, ebb_key key) {
  own_keys *own = ctx;
  own->dropped[(unsigned char)letter(key)]++;
  if (letter(key) == '!') change_map(own);
}

static ebb_join_map *new_own_map(ebb_runtime *rt, own_keys *own) {
  ebb_key_ops ops = {hash_all_alike, equal_letters, drop_letter, own};
  *own = (own_keys){0};
  CHECK(ebb_join_map_new(rt, &ops, &own->m) == 0);
  memset(&ops, 0, sizeof ops); /* they have been copied */
  return own->m;
}

TEST(own_keys_are_kept_as_they_were_given) {
  ebb_runtime *rt = new_runtime();
  own_keys own;
  ebb_join_map *m = new_own_map(rt, &own);
  const char *a = "a";
  ebb_key key;
  spawn(m, text(a), say, "");
  CHECK(ebb_join_map_contains_key(m, text("A")) == 1);
  CHECK(ebb_join_map_contains_key(m, text("b")) == 0);
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, NULL) == 1);
  CHECK(key.data == a && own.dropped['a'] == 0);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_key_is_dropped_once_when_it_leaves_the_map) {
  ebb_runtime *rt = new_runtime();
  own_keys own;
  ebb_join_map *m = new_own_map(rt, &own);
  spawn(m, text("j"), say, "");
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, NULL, NULL) == 1);
  spawn(m, text("d"), say, "");
  ebb_join_map_detach_all(m);
  spawn(m, text("s"), say, "");
  CHECK(ebb_join_map_shutdown(m) == 0);
  spawn(m, text("f"), say, "");
  ebb_join_map_free(m);
  for (const char *p = "jdsf"; *p != '\0'; p++)
    CHECK(own.dropped[(int)*p] == 1);
  free_runtime(rt);
}

TEST(the_key_of_a_replaced_task_is_dropped) {
  ebb_runtime *rt = new_runtime();
  own_keys own;
  ebb_join_map *m = new_own_map(rt, &own);
  ebb_key key;
  spawn(m, text("a"), wait_for_ever, NULL);
  CHECK(ebb_yield_now(rt) == 0);
  spawn(m, text("A"), say, "");
  CHECK(own.dropped['a'] == 1 && own.dropped['A'] == 0);
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, NULL) == 1);
  CHECK(letter(key) == 'A' && own.dropped['A'] == 0);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(an_error_of_equal_is_returned_and_changes_nothing) {
  ebb_runtime *rt = new_runtime();
  own_keys own;
  ebb_join_map *m = new_own_map(rt, &own);
  spawn(m, text("a"), wait_for_ever, NULL);
  CHECK(ebb_yield_now(rt) == 0);
  own.error = -EIO;
  ebb_id id = 77;
  ebb_key b = text("b");
  CHECK(ebb_join_map_spawn(m, b, body(say, "no"), &id) == -EIO);
  CHECK(ebb_join_map_contains_key(m, b) == -EIO);
  CHECK(ebb_join_map_abort(m, text("a")) == -EIO);
  CHECK(id == 77 && ebb_join_map_len(m) == 1 && own.dropped['b'] == 0);
  CHECK(ebb_run(rt) == -EDEADLK);
  CHECK(noted(""));
  own.error = 0;
  spawn(m, b, say, "b");
  ebb_join_map_free(m);
  free_runtime(rt);
}

static void remove_all(ebb_join_map *m) { ebb_join_map_detach_all(m); }

static void add_letters(ebb_join_map *m) {
  static const char letters[] = "bcdefghijklmnopqrstuvwxyz";
  for (int i = 0; i < 25; i++)
    spawn(m, EBB_KEY_BYTES(&letters[i], 1), return_at_once, NULL);
}

static void add_the_same(ebb_join_map *m) {
  spawn(m, text("z"), return_at_once, NULL);
}

TEST(equal_may_change_the_map) {
  static void (*const changes[])(ebb_join_map *) = {remove_all, add_letters,
                                                    add_the_same};
  for (int i = 0; i < 3; i++) {
    ebb_runtime *rt = new_runtime();
    own_keys own;
    ebb_join_map *m = new_own_map(rt, &own);
    spawn(m, text("a"), return_at_once, NULL);
    spawn(m, text("b"), return_at_once, NULL);
    own.during = changes[i];
    ebb_id id = spawn(m, text("z"), return_at_once, NULL);
    CHECK(ebb_join_map_contains_task(m, id));
    CHECK(ebb_join_map_len(m) == (i == 0 ? 1 : i == 1 ? 26 : 3));
    ebb_table_check(&m->set.group.members);
    ebb_join_map_free(m);
    free_runtime(rt);
  }
}

static void fill_up(ebb_join_map *m) {
  static const char letters[] = "bcdefghijklmnopqrstuvwxyz";
  size_t capacity = ebb_join_map_capacity(m);
  for (int i = 0; ebb_join_map_len(m) < capacity; i++)
    spawn(m, EBB_KEY_BYTES(&letters[i], 1), return_at_once, NULL);
}

TEST(drop_may_change_the_map) {
  static void (*const changes[])(ebb_join_map *) = {remove_all, add_letters,
                                                    fill_up};
  for (int i = 0; i < 3; i++) {
    ebb_runtime *rt = new_runtime();
    own_keys own;
    ebb_join_map *m = new_own_map(rt, &own);
    spawn(m, text("a"), return_at_once, NULL);
    spawn(m, text("!"), return_at_once, NULL);
    own.during = changes[i];
    spawn(m, text("!"), return_at_once, NULL);
    ebb_table_check(&m->set.group.members);
    CHECK(ebb_run(rt) == 0);
    ebb_join_map_free(m);
    free_runtime(rt);
  }
}

static void wait_a_turn(ebb_join_map *m) {
  CHECK(ebb_yield_now(m->set.rt) == 0);
  ebb_join_map_detach_all(m);
}

static void *look_up(ebb_runtime *rt, void *arg) {
  own_keys *own = arg;
  (void)rt;
  own->during = wait_a_turn;
  CHECK(ebb_join_map_contains_key(own->m, text("b")) == 0);
  note("looked");
  return NULL;
}

TEST(equal_may_wait) {
  ebb_runtime *rt = new_runtime();
  own_keys own;
  ebb_join_map *m = new_own_map(rt, &own);
  spawn(m, text("a"), return_at_once, NULL);
  spawn(m, text("b"), return_at_once, NULL);
  start_detached(rt, look_up, &own);
  start_detached(rt, say, "other");
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("other looked"));
  ebb_join_map_free(m);
  free_runtime(rt);
}

/* ---- a limit ---- */

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

/* ---- chance ---- */

enum { KEYS = 200, STEPS = 100000 };

typedef struct model {
  ebb_runtime *rt;
  ebb_join_map *m;
  ebb_id ids[KEYS];    /* of the task under each key; 0: none */
  bool aborted[KEYS];  /* and whether it was aborted while it waited */
  char names[KEYS][8]; /* of odd keys, which are bytes */
  size_t len;
  uint64_t state;
} model;

static ebb_key model_key(const model *d, uint32_t i) {
  return i % 2 == 0 ? EBB_KEY_INT(i) : text(d->names[i]);
}

static uint32_t model_index(ebb_key key) {
  if (key.data == NULL) return (uint32_t)key.bits;
  char name[8] = {0};
  memcpy(name, key.data, key.bits);
  return (uint32_t)atoi(name + 1);
}

static void model_spawn(model *d, uint32_t i) {
  bool waits = chance(&d->state, 2) == 0;
  if (d->ids[i] == 0) d->len++;
  d->aborted[i] = false;
  d->ids[i] = spawn(d->m, model_key(d, i),
                    waits ? wait_for_ever : return_at_once, NULL);
}

static void model_join(model *d) {
  ebb_key key;
  ebb_result result;
  if (ebb_join_map_try_join_next(d->m, &key, &result) == 0) return;
  uint32_t i = model_index(key);
  CHECK(d->ids[i] == result.id);
  CHECK(result.outcome == EBB_COMPLETED || d->aborted[i]);
  d->ids[i] = 0;
  d->len--;
  ebb_join_map_key_free(d->m, key);
}

static void model_abort(model *d, uint32_t i) {
  int found = ebb_join_map_abort(d->m, model_key(d, i));
  CHECK(found == (d->ids[i] != 0));
  d->aborted[i] = true;
}

static void model_look(const model *d, uint32_t i) {
  ebb_key key = model_key(d, i);
  CHECK(ebb_join_map_contains_key(d->m, key) == (d->ids[i] != 0));
  if (d->ids[i] != 0) CHECK(ebb_join_map_contains_task(d->m, d->ids[i]));
  CHECK(ebb_join_map_len(d->m) == d->len);
}

static int match_third(void *ctx, ebb_key key) {
  model *d = ctx;
  uint32_t i = model_index(key);
  if (i % 3 != 0) return 0;
  d->aborted[i] = true;
  return 1;
}

static void model_change_all(model *d, uint32_t what) {
  if (what == 0) {
    ebb_join_map_detach_all(d->m);
    memset(d->ids, 0, sizeof d->ids);
    d->len = 0;
  } else if (what == 1) {
    ebb_join_map_abort_all(d->m);
    memset(d->aborted, 1, sizeof d->aborted);
  } else if (what < 5) {
    CHECK(ebb_join_map_abort_matching(d->m, match_third, d) == 0);
  } else if (what < 20) {
    CHECK(ebb_join_map_shrink_to(d->m, chance(&d->state, KEYS)) == 0);
  } else if (what < 30) {
    CHECK(ebb_join_map_reserve(d->m, chance(&d->state, KEYS)) == 0);
  } else {
    CHECK(ebb_yield_now(d->rt) == 0);
  }
}

static void model_step(model *d) {
  uint32_t i = chance(&d->state, KEYS), what = chance(&d->state, 100);
  if (what < 30)
    model_spawn(d, i);
  else if (what < 60)
    model_join(d);
  else if (what < 75)
    model_abort(d, i);
  else if (what < 85)
    model_look(d, i);
  else
    model_change_all(d, chance(&d->state, 200));
}

TEST(any_sequence_of_calls_agrees_with_a_model) {
  static model d;
  d.rt = new_runtime();
  d.m = new_map(d.rt);
  d.state = 1;
  for (int i = 0; i < KEYS; i++)
    snprintf(d.names[i], sizeof d.names[i], "k%d", i);
  for (int step = 0; step < STEPS; step++) {
    model_step(&d);
    if (step % 100 == 0) ebb_table_check(&d.m->set.group.members);
    if (step % 1000 == 0)
      for (uint32_t i = 0; i < KEYS; i++) model_look(&d, i);
  }
  ebb_join_map_free(d.m);
  free_runtime(d.rt);
}
