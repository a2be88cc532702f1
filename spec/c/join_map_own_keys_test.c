/* SPDX-License-Identifier: MIT
   JoinMap: keys of one's own. */
#include "join_maps.h"

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
