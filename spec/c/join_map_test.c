/* SPDX-License-Identifier: MIT
   JoinMap, as ebb.h has it. */
#include "join_maps.h"

/* Joins the next, whose key must be this integer. */
static ebb_result join(ebb_join_map *m, int64_t expected) {
  ebb_key key;
  ebb_result result;
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, &result) == 1);
  CHECK(key.data == NULL && (int64_t)key.bits == expected);
  CHECK(!ebb_join_map_contains_task(m, result.id));
  return result;
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
