/* SPDX-License-Identifier: MIT
   Hash table with stable slots. An item stays in its slot while it is in the
   table, so the slot is a second, O(1) way to it, and a walk over the slots
   survives any change meanwhile. An item's key lies beside it, so that a
   look-up touches one cache line before the item; comparing keys is the
   caller's affair: it walks the candidates of a hash.

   An item goes to its home slot, which its hash names, if that is free, and
   to any other and into the home's chain if not. So a look-up that succeeds
   mostly needs one entry. The low bits of hashes must differ: mixed ones do,
   and so do the ids of tasks, and those as they are keep what was made
   together close together. */
#ifndef EBB_CORE_BASE_TABLE_H
#define EBB_CORE_BASE_TABLE_H

#include <assert.h>

#include "core/base/alloc.h"
#include "core/base/list.h"

#define EBB_TABLE_NONE UINT32_MAX

typedef struct ebb_table_entry {
  ebb_key key;   /* in a free slot, `bits` is the free slot before it */
  void *item;    /* NULL in a free slot */
  uint32_t hash; /* meaningless in a free slot */
  uint32_t next; /* the next free slot; or the next item of the chain, which
                    is meaningless for an item in its home slot */
} ebb_table_entry;

typedef struct ebb_table {
  void *block; /* the memory of both arrays */
  ebb_table_entry *entries;
  uint32_t *buckets; /* the chain of each home slot */
  uint32_t capacity; /* 0 or a power of two */
  uint32_t len;
  uint32_t free;    /* a free slot, the next to be taken */
  uint32_t version; /* counts changes, so that a walk can notice one */
  const ebb_alloc *alloc;
} ebb_table;

void ebb_table_init(ebb_table *t, const ebb_alloc *alloc);

/* The table is empty, and may be used again. */
void ebb_table_destroy(ebb_table *t);

/* Makes room for n more items. 0 or -ENOMEM. */
int ebb_table_grow(ebb_table *t, size_t n);
static inline int ebb_table_reserve(ebb_table *t, size_t n) {
  return n <= t->capacity - t->len ? 0 : ebb_table_grow(t, n);
}

/* Puts an item into a slot and returns the slot. There must be room. */
uint32_t ebb_table_insert(ebb_table *t, uint32_t hash, ebb_key key, void *item);
void ebb_table_remove(ebb_table *t, uint32_t slot);

/* Puts another item, with an equal key, into a used slot. */
void ebb_table_replace(ebb_table *t, uint32_t slot, ebb_key key, void *item);

/* The candidates of a hash: first, then next until EBB_TABLE_NONE. */
uint32_t ebb_table_match(const ebb_table *t, uint32_t slot, uint32_t hash);
static inline uint32_t ebb_table_home(const ebb_table *t, uint32_t hash) {
  return hash & (t->capacity - 1);
}
static inline uint32_t ebb_table_first(const ebb_table *t, uint32_t hash) {
  if (t->len == 0) return EBB_TABLE_NONE;
  uint32_t slot = ebb_table_home(t, hash);
  const ebb_table_entry *e = &t->entries[slot];
  if (e->item != NULL && e->hash == hash) return slot;
  if (t->buckets[slot] == EBB_TABLE_NONE) return EBB_TABLE_NONE;
  return ebb_table_match(t, t->buckets[slot], hash);
}
uint32_t ebb_table_next(const ebb_table *t, uint32_t slot);

static inline void *ebb_table_item(const ebb_table *t, uint32_t slot) {
  assert(slot < t->capacity);
  return t->entries[slot].item;
}

static inline ebb_key ebb_table_key(const ebb_table *t, uint32_t slot) {
  assert(slot < t->capacity && t->entries[slot].item != NULL);
  return t->entries[slot].key;
}

static inline void ebb_table_prefetch(const ebb_table *t, uint32_t slot) {
  ebb_prefetch(&t->entries[slot], sizeof *t->entries);
}

/* Walks the items in the order of slots: the first used slot at or after
   `slot`, or EBB_TABLE_NONE. */
uint32_t ebb_table_scan(const ebb_table *t, uint32_t slot);

/* A walk during which anything may be done with the table: shrunk, too, when
   the slots are renumbered. The items come in the order of their hashes read
   backwards, in which those of one bucket are together whatever the number of
   buckets is; of one hash, in the order of `order`, which gives each item a
   number above 0. So each item that stays is met once, and one that is put in
   meanwhile is met or not: not when it is of the hash that was met last, and
   its number above `last`. Begins with {.last = ...}. */
typedef struct ebb_table_cursor {
  uint32_t rank;  /* hash of the item that was met last, backwards */
  uint64_t order; /* its number, 0 at the beginning */
  uint64_t last;
} ebb_table_cursor;

/* The slot of the next item, or EBB_TABLE_NONE. */
uint32_t ebb_table_walk(const ebb_table *t, ebb_table_cursor *c,
                        uint64_t (*order)(const void *item));

/* Shrinks to room for max(n, len) items, the slots being renumbered:
   `moved` is called with each item and its new slot. 0 or -ENOMEM. */
int ebb_table_shrink(ebb_table *t, size_t n,
                     void (*moved)(void *item, uint32_t slot));

/* Asserts that chains and counts are right; for tests. */
void ebb_table_check(const ebb_table *t);

#endif
