/* SPDX-License-Identifier: MIT */
#include "core/base/table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { MIN_CAPACITY = 4, CACHE_LINE = 64 };

/* Where an item is. A hash names a home slot, the low bits of it. An item lies
   there if the slot was free when it came; else in any free slot, and that is
   entered in the chain of its home. The chain begins in `buckets`, beside the
   entries, and not in the home slot: that may hold an item of another home,
   which is not in this chain at all. So a look-up compares the home slot
   first, and then walks the chain of the few that found it taken.

   An item never moves while it is in the table, except by shrinking. That is
   what lets a task keep its slot and be removed without its key or a look-up,
   and what lets a walk go on by a number while the table changes.

   Free slots are a ring, linked through fields that mean nothing in them, so
   that any of them can be taken out: the home slot of an item that comes is
   most often not the first in the ring. */
void ebb_table_init(ebb_table *t, const ebb_alloc *alloc) {
  *t = (ebb_table){.free = EBB_TABLE_NONE, .alloc = alloc};
}

/* Entries and buckets are one block, the entries at a cache line's start so
   that none lies across two. */
static size_t block_size(uint32_t capacity) {
  return CACHE_LINE + capacity * (sizeof(ebb_table_entry) + sizeof(uint32_t));
}

static void free_block(ebb_table *t) {
  ebb_alloc_free(t->alloc, t->block, block_size(t->capacity));
}

void ebb_table_destroy(ebb_table *t) {
  uint32_t version = t->version;
  free_block(t);
  ebb_table_init(t, t->alloc);
  t->version = version + 1;
}

/* ---- free slots, a ring through `next` and `key.bits` ---- */

/* Takes a slot out of the ring, wherever it is in it. */
static void unfree(ebb_table *t, uint32_t slot) {
  ebb_table_entry *e = &t->entries[slot];
  uint32_t prev = (uint32_t)e->key.bits;
  t->entries[prev].next = e->next;
  t->entries[e->next].key.bits = prev;
  if (t->free == slot) t->free = e->next != slot ? e->next : EBB_TABLE_NONE;
}

/* Makes a slot the first to be taken, or the last. */
static void make_free(ebb_table *t, uint32_t slot, bool first) {
  ebb_table_entry *e = &t->entries[slot];
  e->item = NULL;
  if (t->free == EBB_TABLE_NONE) {
    e->next = slot;
    e->key.bits = slot;
    t->free = slot;
    return;
  }
  uint32_t prev = (uint32_t)t->entries[t->free].key.bits;
  e->next = t->free;
  e->key.bits = prev;
  t->entries[prev].next = slot;
  t->entries[t->free].key.bits = slot;
  if (first) t->free = slot;
}

/* ---- chains: of the items that are not in their home slot ---- */

/* An item in its home slot is in no chain: it is found there first. */
static void link_slot(ebb_table *t, uint32_t slot) {
  uint32_t at = ebb_table_home(t, t->entries[slot].hash);
  if (at == slot) return;
  t->entries[slot].next = t->buckets[at];
  t->buckets[at] = slot;
}

/* Chains are short, since only items that found their home taken are in one;
   the walk from the bucket costs less than a second link in each entry
   would. */
static void unlink_slot(ebb_table *t, uint32_t slot) {
  uint32_t h = ebb_table_home(t, t->entries[slot].hash);
  if (h == slot) return;
  uint32_t *at = &t->buckets[h];
  while (*at != slot) at = &t->entries[*at].next;
  *at = t->entries[slot].next;
}

/* With another capacity every home is another slot, so that chains are made
   anew; the items stay where they are. Free slots are entered in their
   order: a table that fills up fills from the front. */
static void rebuild(ebb_table *t) {
  for (uint32_t i = 0; i < t->capacity; i++) t->buckets[i] = EBB_TABLE_NONE;
  t->free = EBB_TABLE_NONE;
  for (uint32_t i = 0; i < t->capacity; i++) {
    if (t->entries[i].item != NULL)
      link_slot(t, i);
    else
      make_free(t, i, false);
  }
  t->version++;
}

static uint32_t capacity_for(size_t n) {
  uint32_t capacity = MIN_CAPACITY;
  while (capacity < n) capacity *= 2;
  return capacity;
}

/* Moves the first `count` entries to `block`, which has room for `capacity`,
   and frees the old block. */
static void move_to(ebb_table *t, void *block, uint32_t capacity,
                    uint32_t count) {
  uintptr_t start = (uintptr_t)block + CACHE_LINE - 1;
  ebb_table_entry *entries = (void *)(start / CACHE_LINE * CACHE_LINE);
  if (count > 0) memcpy(entries, t->entries, count * sizeof *entries);
  for (uint32_t i = count; i < capacity; i++) entries[i].item = NULL;
  free_block(t);
  t->block = block;
  t->entries = entries;
  t->buckets = (uint32_t *)(void *)(entries + capacity);
  t->capacity = capacity;
  rebuild(t);
}

/* Slots keep their numbers: only shrinking renumbers them. */
int ebb_table_grow(ebb_table *t, size_t n) {
  /* Slots are uint32_t, and the block's size must not overflow. */
  if (n > (UINT32_C(1) << 30) - t->len) return -ENOMEM;
  uint32_t capacity = capacity_for(t->len + n);
  void *block = ebb_alloc_new(t->alloc, block_size(capacity));
  if (block == NULL) return -ENOMEM;
  move_to(t, block, capacity, t->capacity);
  return 0;
}

uint32_t ebb_table_insert(ebb_table *t, uint32_t hash, ebb_key key,
                          void *item) {
  assert(t->free != EBB_TABLE_NONE && item != NULL);
  uint32_t slot = ebb_table_home(t, hash);
  if (t->entries[slot].item != NULL) slot = t->free;
  unfree(t, slot);
  t->entries[slot].key = key;
  t->entries[slot].item = item;
  t->entries[slot].hash = hash;
  link_slot(t, slot);
  t->len++;
  t->version++;
  return slot;
}

/* The slot is the next to be taken by an item whose home is not free: it is
   in the cache. */
void ebb_table_remove(ebb_table *t, uint32_t slot) {
  assert(slot < t->capacity && t->entries[slot].item != NULL);
  unlink_slot(t, slot);
  make_free(t, slot, true);
  t->len--;
  t->version++;
}

/* The hash is the old item's: the keys are equal, so that chains do not
   change. The version does, as a walk by a comparison that has run Lua code
   must start anew. */
void ebb_table_replace(ebb_table *t, uint32_t slot, ebb_key key, void *item) {
  assert(slot < t->capacity && t->entries[slot].item != NULL);
  t->entries[slot].key = key;
  t->entries[slot].item = item;
  t->version++;
}

/* Only hashes are compared here. Keys are compared by the caller, whose way
   of comparing may run any code. */
uint32_t ebb_table_match(const ebb_table *t, uint32_t slot, uint32_t hash) {
  while (slot != EBB_TABLE_NONE && t->entries[slot].hash != hash)
    slot = t->entries[slot].next;
  return slot;
}

uint32_t ebb_table_next(const ebb_table *t, uint32_t slot) {
  const ebb_table_entry *e = &t->entries[slot];
  uint32_t h = ebb_table_home(t, e->hash);
  return ebb_table_match(t, slot == h ? t->buckets[h] : e->next, e->hash);
}

uint32_t ebb_table_scan(const ebb_table *t, uint32_t slot) {
  for (; slot < t->capacity; slot++)
    if (t->entries[slot].item != NULL) return slot;
  return EBB_TABLE_NONE;
}

/* ---- a walk that survives any change ---- */

/* The bits of a number in the opposite order: neighbours change places, then
   pairs of them, and so on. */
static uint32_t backwards(uint32_t n) {
  n = (n >> 1 & 0x55555555) | (n & 0x55555555) << 1;
  n = (n >> 2 & 0x33333333) | (n & 0x33333333) << 2;
  n = (n >> 4 & 0x0f0f0f0f) | (n & 0x0f0f0f0f) << 4;
  n = (n >> 8 & 0x00ff00ff) | (n & 0x00ff00ff) << 8;
  return n >> 16 | n << 16;
}

typedef uint64_t order_fn(const void *item);

/* The order of a walk: by the hash read backwards, and among equal hashes by
   the number that the caller has for each item. */
static bool is_before(const ebb_table *t, uint32_t a, uint32_t b,
                      order_fn *order) {
  const ebb_table_entry *x = &t->entries[a], *y = &t->entries[b];
  if (x->hash != y->hash) return backwards(x->hash) < backwards(y->hash);
  return order(x->item) < order(y->item);
}

/* Items with the hash that was met last have a second order, so that none is
   met twice. Newer ones than the walk are left out: else a walk that spawns
   under one key would never end. */
static bool is_to_come(const ebb_table *t, uint32_t slot,
                       const ebb_table_cursor *c, order_fn *order) {
  uint32_t rank = backwards(t->entries[slot].hash);
  if (rank != c->rank) return rank > c->rank;
  uint64_t number = order(t->entries[slot].item);
  return number > c->order && number <= c->last;
}

/* The next of those whose home slot is `at`: it is there, or in the chain. */
static uint32_t next_of(const ebb_table *t, uint32_t at,
                        const ebb_table_cursor *c, order_fn *order) {
  const ebb_table_entry *e = &t->entries[at];
  bool lives = e->item != NULL && ebb_table_home(t, e->hash) == at;
  uint32_t best = EBB_TABLE_NONE, slot = lives ? at : t->buckets[at];
  while (slot != EBB_TABLE_NONE) {
    if (is_to_come(t, slot, c, order) &&
        (best == EBB_TABLE_NONE || is_before(t, slot, best, order)))
      best = slot;
    slot = slot == at ? t->buckets[at] : t->entries[slot].next;
  }
  return best;
}

/* A home slot stands for all hashes that end in its number, that is for a
   run of hashes read backwards. Runs of a table of half the size are two
   runs of this one, side by side; so the place that a walk has reached means
   the same in a table of any size, and a table may grow or shrink under it. */
uint32_t ebb_table_walk(const ebb_table *t, ebb_table_cursor *c,
                        order_fn *order) {
  uint64_t step = t->capacity > 0 ? (UINT64_C(1) << 32) / t->capacity : 0;
  uint64_t begin = step > 0 ? c->rank / step * step : 0;
  for (uint64_t rank = begin; t->len > 0 && rank >> 32 == 0; rank += step) {
    uint32_t slot = next_of(t, backwards((uint32_t)rank), c, order);
    if (slot == EBB_TABLE_NONE) continue;
    c->rank = backwards(t->entries[slot].hash);
    c->order = order(t->entries[slot].item);
    return slot;
  }
  return EBB_TABLE_NONE;
}

/* `from` never falls behind `to`: an entry is moved to a slot that has been
   emptied or is its own. */
static void compact(ebb_table *t, void (*moved)(void *, uint32_t)) {
  uint32_t to = 0;
  for (uint32_t from = 0; from < t->capacity; from++) {
    if (t->entries[from].item == NULL) continue;
    ebb_table_entry entry = t->entries[from];
    t->entries[from].item = NULL;
    t->entries[to] = entry;
    moved(entry.item, to++);
  }
}

/* Nothing happens unless the table is at least halved: an item that comes at
   once must not make it grow again. */
int ebb_table_shrink(ebb_table *t, size_t n,
                     void (*moved)(void *item, uint32_t slot)) {
  size_t want = n > t->len ? n : t->len;
  if (want == 0) {
    ebb_table_destroy(t);
    return 0;
  }
  if (want > t->capacity / 2) return 0;
  uint32_t capacity = capacity_for(want);
  if (capacity >= t->capacity) return 0;
  void *block = ebb_alloc_new(t->alloc, block_size(capacity));
  if (block == NULL) return -ENOMEM;
  compact(t, moved);
  move_to(t, block, capacity, t->len);
  return 0;
}

void ebb_table_check(const ebb_table *t) {
  uint32_t used = 0, at_home = 0, chained = 0, unused = 0;
  for (uint32_t i = 0; i < t->capacity; i++) {
    const ebb_table_entry *e = &t->entries[i];
    used += e->item != NULL;
    at_home += e->item != NULL && ebb_table_home(t, e->hash) == i;
    for (uint32_t s = t->buckets[i]; s != EBB_TABLE_NONE;
         s = t->entries[s].next) {
      assert(t->entries[s].item != NULL && s != i);
      assert(ebb_table_home(t, t->entries[s].hash) == i);
      chained++;
    }
  }
  for (uint32_t s = t->free; s != EBB_TABLE_NONE;) {
    assert(t->entries[t->entries[s].next].key.bits == s);
    unused++;
    s = t->entries[s].next;
    if (s == t->free) break;
  }
  assert(used == t->len && at_home + chained == used);
  assert(used + unused == t->capacity);
  (void)used, (void)at_home, (void)chained, (void)unused;
}
