/* SPDX-License-Identifier: MIT
   core/table.h: the hash table with stable slots. */
#include "core/base/table.h"

#include "test.h"

static test_memory memory;
static const ebb_alloc alloc = {test_alloc, &memory};
static int items[1024]; /* what is put into tables: their addresses */

static ebb_table new_table(void) {
  ebb_table t;
  memory = (test_memory){0};
  ebb_table_init(&t, &alloc);
  return t;
}

static void free_table(ebb_table *t) {
  ebb_table_destroy(t);
  CHECK(memory.bytes == 0);
}

static uint32_t put(ebb_table *t, uint32_t hash, int *item) {
  CHECK(ebb_table_reserve(t, 1) == 0);
  uint32_t slot = ebb_table_insert(t, hash, EBB_KEY_INT(item - items), item);
  ebb_table_check(t);
  return slot;
}

/* Items 0..n-1, the index being the hash. */
static void put_many(ebb_table *t, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) put(t, i, &items[i]);
}

/* The slot of an item among the candidates of a hash. */
static uint32_t find(const ebb_table *t, uint32_t hash, const int *item) {
  uint32_t slot = ebb_table_first(t, hash);
  while (slot != EBB_TABLE_NONE && ebb_table_item(t, slot) != item)
    slot = ebb_table_next(t, slot);
  return slot;
}

static bool has(const ebb_table *t, uint32_t hash, const int *item) {
  return find(t, hash, item) != EBB_TABLE_NONE;
}

TEST(an_empty_table_needs_no_memory) {
  ebb_table t = new_table();
  CHECK(memory.requests == 0);
  CHECK(ebb_table_first(&t, 7) == EBB_TABLE_NONE);
  CHECK(ebb_table_scan(&t, 0) == EBB_TABLE_NONE);
  ebb_table_check(&t);
  free_table(&t);
}

TEST(an_item_is_found_by_its_hash) {
  ebb_table t = new_table();
  uint32_t slot = put(&t, 7, &items[0]);
  CHECK(ebb_table_first(&t, 7) == slot);
  CHECK(ebb_table_item(&t, slot) == &items[0]);
  CHECK(ebb_table_key(&t, slot).bits == 0);
  CHECK(ebb_table_next(&t, slot) == EBB_TABLE_NONE);
  CHECK(ebb_table_first(&t, 8) == EBB_TABLE_NONE);
  free_table(&t);
}

TEST(all_items_of_a_hash_are_candidates) {
  ebb_table t = new_table();
  for (int i = 0; i < 100; i++) put(&t, 7, &items[i]);
  for (int i = 0; i < 100; i++) CHECK(has(&t, 7, &items[i]));
  int candidates = 0;
  for (uint32_t s = ebb_table_first(&t, 7); s != EBB_TABLE_NONE;
       s = ebb_table_next(&t, s))
    candidates++;
  CHECK(candidates == 100);
  free_table(&t);
}

TEST(only_items_of_that_very_hash_are_candidates) {
  ebb_table t = new_table();
  put_many(&t, 64);
  for (uint32_t i = 0; i < 64; i++) {
    uint32_t slot = ebb_table_first(&t, i);
    CHECK(ebb_table_item(&t, slot) == &items[i]);
    CHECK(ebb_table_next(&t, slot) == EBB_TABLE_NONE);
  }
  free_table(&t);
}

TEST(an_item_keeps_its_slot_while_the_table_grows) {
  ebb_table t = new_table();
  uint32_t at[1000];
  for (uint32_t i = 0; i < 1000; i++) at[i] = put(&t, i, &items[i]);
  for (uint32_t i = 0; i < 1000; i++) {
    CHECK(ebb_table_item(&t, at[i]) == &items[i]);
    CHECK(find(&t, i, &items[i]) == at[i]);
  }
  free_table(&t);
}

TEST(a_removed_item_is_no_candidate) {
  ebb_table t = new_table();
  for (int i = 0; i < 9; i++) put(&t, 7, &items[i]);
  ebb_table_remove(&t, find(&t, 7, &items[4]));
  ebb_table_check(&t);
  for (int i = 0; i < 9; i++) CHECK(has(&t, 7, &items[i]) == (i != 4));
  CHECK(t.len == 8);
  free_table(&t);
}

TEST(the_slot_of_a_removed_item_is_used_again) {
  ebb_table t = new_table();
  put_many(&t, 4);
  ebb_table_remove(&t, find(&t, 2, &items[2]));
  uint32_t capacity = t.capacity;
  put(&t, 9, &items[9]);
  CHECK(t.capacity == capacity);
  free_table(&t);
}

TEST(a_walk_meets_each_item_once) {
  ebb_table t = new_table();
  bool met[100] = {false};
  put_many(&t, 100);
  for (uint32_t s = ebb_table_scan(&t, 0); s != EBB_TABLE_NONE;
       s = ebb_table_scan(&t, s + 1)) {
    int i = (int)((int *)ebb_table_item(&t, s) - items);
    CHECK(!met[i]);
    met[i] = true;
  }
  for (int i = 0; i < 100; i++) CHECK(met[i]);
  free_table(&t);
}

TEST(a_walk_survives_the_removal_of_each_item) {
  ebb_table t = new_table();
  put_many(&t, 100);
  int met = 0;
  for (uint32_t s = ebb_table_scan(&t, 0); s != EBB_TABLE_NONE;
       s = ebb_table_scan(&t, s + 1)) {
    ebb_table_remove(&t, s);
    ebb_table_check(&t);
    met++;
  }
  CHECK(met == 100 && t.len == 0);
  free_table(&t);
}

TEST(a_walk_survives_growth) {
  ebb_table t = new_table();
  put_many(&t, 4);
  uint32_t slot = ebb_table_scan(&t, 0);
  int met = 1;
  for (uint32_t i = 4; i < 100; i++) put(&t, i, &items[i]);
  while ((slot = ebb_table_scan(&t, slot + 1)) != EBB_TABLE_NONE) met++;
  CHECK(met == 100);
  free_table(&t);
}

TEST(what_was_reserved_needs_no_more_memory) {
  ebb_table t = new_table();
  put_many(&t, 3);
  CHECK(ebb_table_reserve(&t, 500) == 0);
  CHECK(t.capacity - t.len >= 500);
  size_t requests = memory.requests;
  for (uint32_t i = 3; i < 503; i++) put(&t, i, &items[i]);
  CHECK(memory.requests == requests);
  free_table(&t);
}

TEST(reserving_what_is_there_does_nothing) {
  ebb_table t = new_table();
  CHECK(ebb_table_reserve(&t, 0) == 0);
  CHECK(memory.requests == 0);
  CHECK(ebb_table_reserve(&t, 100) == 0);
  size_t requests = memory.requests;
  CHECK(ebb_table_reserve(&t, 100) == 0);
  CHECK(memory.requests == requests);
  free_table(&t);
}

TEST(the_capacity_is_a_power_of_two) {
  ebb_table t = new_table();
  for (uint32_t i = 0; i < 100; i++) {
    put(&t, i, &items[i]);
    CHECK((t.capacity & (t.capacity - 1)) == 0);
  }
  free_table(&t);
}

TEST(no_table_can_have_more_slots_than_numbers) {
  ebb_table t = new_table();
  put_many(&t, 1);
  CHECK(ebb_table_reserve(&t, SIZE_MAX) == -ENOMEM);
  CHECK(ebb_table_reserve(&t, UINT32_MAX) == -ENOMEM);
  CHECK(has(&t, 0, &items[0]));
  ebb_table_check(&t);
  free_table(&t);
}

TEST(each_change_can_be_noticed) {
  ebb_table t = new_table();
  uint32_t version = t.version;
  uint32_t slot = put(&t, 1, &items[1]);
  CHECK(t.version != version);
  version = t.version;
  CHECK(ebb_table_first(&t, 1) == slot);
  CHECK(ebb_table_reserve(&t, 1) == 0);
  CHECK(t.version == version);
  CHECK(ebb_table_reserve(&t, 100) == 0);
  CHECK(t.version != version);
  version = t.version;
  ebb_table_remove(&t, slot);
  CHECK(t.version != version);
  free_table(&t);
}

/* ---- shrinking ---- */

static uint32_t slots[1024]; /* of items, as far as they are known */
static int moves;

static void moved(void *item, uint32_t slot) {
  slots[(int *)item - items] = slot;
  moves++;
}

/* A table of 100 of which only each tenth is left. */
static ebb_table sparse_table(void) {
  ebb_table t = new_table();
  put_many(&t, 100);
  for (uint32_t i = 0; i < 100; i++)
    if (i % 10 != 0) ebb_table_remove(&t, find(&t, i, &items[i]));
  ebb_table_check(&t);
  moves = 0;
  return t;
}

static void check_sparse(const ebb_table *t) {
  ebb_table_check(t);
  CHECK(t->len == 10);
  for (uint32_t i = 0; i < 100; i++)
    CHECK(has(t, i, &items[i]) == (i % 10 == 0));
}

TEST(shrinking_tells_each_item_its_new_slot) {
  ebb_table t = sparse_table();
  CHECK(ebb_table_shrink(&t, 0, moved) == 0);
  CHECK(moves == 10 && t.capacity == 16);
  check_sparse(&t);
  for (uint32_t i = 0; i < 100; i += 10) {
    CHECK(ebb_table_item(&t, slots[i]) == &items[i]);
    CHECK(ebb_table_key(&t, slots[i]).bits == i);
  }
  free_table(&t);
}

TEST(shrinking_keeps_the_room_asked_for) {
  ebb_table t = sparse_table();
  CHECK(ebb_table_shrink(&t, 50, moved) == 0);
  CHECK(t.capacity == 64);
  check_sparse(&t);
  free_table(&t);
}

TEST(shrinking_never_makes_a_table_larger) {
  ebb_table t = sparse_table();
  CHECK(ebb_table_shrink(&t, 1000, moved) == 0);
  CHECK(ebb_table_shrink(&t, SIZE_MAX, moved) == 0);
  CHECK(moves == 0 && t.capacity == 128);
  check_sparse(&t);
  free_table(&t);
}

TEST(an_empty_table_shrinks_to_nothing) {
  ebb_table t = new_table();
  moves = 0;
  CHECK(ebb_table_reserve(&t, 100) == 0);
  uint32_t version = t.version;
  CHECK(ebb_table_shrink(&t, 0, moved) == 0);
  CHECK(t.capacity == 0 && memory.bytes == 0 && moves == 0);
  CHECK(t.version != version);
  put_many(&t, 10);
  CHECK(has(&t, 3, &items[3]));
  free_table(&t);
}

/* ---- no memory ---- */

TEST(growing_without_memory_changes_nothing) {
  ebb_table t = sparse_table();
  size_t bytes = memory.bytes;
  uint32_t version = t.version;
  memory.fail_at = memory.requests + 1;
  memory.fail_count = FAIL_FOR_EVER;
  CHECK(ebb_table_reserve(&t, 1000) == -ENOMEM);
  CHECK(memory.bytes == bytes && t.capacity == 128);
  CHECK(t.version == version);
  check_sparse(&t);
  free_table(&t);
}

TEST(shrinking_without_memory_loses_no_item) {
  ebb_table t = sparse_table();
  memory.fail_at = memory.requests + 1;
  memory.fail_count = FAIL_FOR_EVER;
  CHECK(ebb_table_shrink(&t, 0, moved) == -ENOMEM);
  CHECK(t.capacity == 128);
  check_sparse(&t);
  free_table(&t);
}

TEST(an_item_can_be_replaced_in_its_slot) {
  ebb_table t = new_table();
  for (uint32_t i = 0; i < 20; i++) put(&t, i % 3, &items[i]);
  for (uint32_t i = 0; i < 20; i++) {
    uint32_t slot = find(&t, i % 3, &items[i]), version = t.version;
    ebb_table_replace(&t, slot, EBB_KEY_INT(100 + i), &items[100 + i]);
    ebb_table_check(&t);
    CHECK(t.version != version && t.len == 20);
    CHECK(!has(&t, i % 3, &items[i]));
    CHECK(find(&t, i % 3, &items[100 + i]) == slot);
    CHECK(ebb_table_key(&t, slot).bits == 100 + i);
  }
  free_table(&t);
}

/* ---- chance ---- */

typedef struct model {
  ebb_table t;
  uint32_t len;
} model; /* and `slots`: EBB_TABLE_NONE for an item that is not in */

/* Few hashes, so that there are long chains. */
static uint32_t hash_of(uint32_t i) { return i % 97 * 1000003; }

static void toggle(model *m, uint32_t i) {
  if (slots[i] == EBB_TABLE_NONE) {
    CHECK(ebb_table_reserve(&m->t, 1) == 0);
    slots[i] = ebb_table_insert(&m->t, hash_of(i), EBB_KEY_INT(i), &items[i]);
    m->len++;
  } else {
    ebb_table_remove(&m->t, slots[i]);
    slots[i] = EBB_TABLE_NONE;
    m->len--;
  }
}

static void check_model(const model *m) {
  ebb_table_check(&m->t);
  CHECK(m->t.len == m->len);
  for (uint32_t i = 0; i < 1024; i++)
    CHECK(find(&m->t, hash_of(i), &items[i]) == slots[i]);
}

static uint64_t order_of(const void *item) {
  return (uint64_t)((const int *)item - items) + 1;
}

/* Walks while chance toggles the items of odd numbers, which are new when they
   come back. Those of even numbers stay. */
static void walk_while_all_changes(model *m, uint64_t *state) {
  static int met[1024];
  ebb_table_cursor c = {.last = 1024};
  uint32_t slot;
  memset(met, 0, sizeof met);
  while ((slot = ebb_table_walk(&m->t, &c, order_of)) != EBB_TABLE_NONE) {
    uint32_t i = (uint32_t)((int *)ebb_table_item(&m->t, slot) - items);
    met[i]++;
    for (uint32_t n = chance(state, 3); n > 0; n--)
      toggle(m, chance(state, 512) * 2 + 1);
    if (chance(state, 20) == 0)
      CHECK(ebb_table_shrink(&m->t, chance(state, 900), moved) == 0);
    if (chance(state, 20) == 0)
      CHECK(ebb_table_reserve(&m->t, chance(state, 3000)) == 0);
  }
  for (uint32_t i = 0; i < 1024; i += 2)
    CHECK(met[i] == (slots[i] != EBB_TABLE_NONE));
  for (uint32_t i = 1; i < 1024; i += 2) CHECK(met[i] <= 1);
}

TEST(a_walk_meets_what_stays_once_whatever_happens_to_the_table) {
  static model m;
  uint64_t state = 1;
  m.t = new_table();
  for (uint32_t i = 0; i < 1024; i++) slots[i] = EBB_TABLE_NONE;
  for (int round = 0; round < 200; round++) {
    for (int n = 0; n < 50; n++) toggle(&m, chance(&state, 512) * 2);
    walk_while_all_changes(&m, &state);
  }
  check_model(&m);
  free_table(&m.t);
}

TEST(any_sequence_of_changes_agrees_with_a_model) {
  static model m;
  uint64_t state = 1;
  m.t = new_table();
  for (uint32_t i = 0; i < 1024; i++) slots[i] = EBB_TABLE_NONE;
  for (int step = 0; step < 100000; step++) {
    /* The range wanders, so that the table grows and empties. */
    uint32_t limit = 1 + (uint32_t)(step / 97) % 1024;
    toggle(&m, chance(&state, limit));
    if (chance(&state, 500) == 0)
      CHECK(ebb_table_shrink(&m.t, chance(&state, 300), moved) == 0);
    if (step % 1000 == 0) check_model(&m);
  }
  check_model(&m);
  free_table(&m.t);
}
