/* SPDX-License-Identifier: MIT
   Timers: a 4-ary heap ordered by deadline, ties in the order they were set.
   The deadline lives in the heap, so that a task that has none pays four
   bytes for its place in it. */
#ifndef EBB_CORE_BASE_TIMER_HEAP_H
#define EBB_CORE_BASE_TIMER_HEAP_H

#include "core/base/alloc.h"

#define EBB_HEAP_NONE UINT32_MAX

/* Embedded in what waits for a deadline. */
typedef struct ebb_timer {
  uint32_t place; /* index in the heap, or EBB_HEAP_NONE */
} ebb_timer;

typedef struct ebb_timer_heap_slot {
  int64_t deadline;
  uint64_t order; /* counts settings: the lower goes first among equals */
  ebb_timer *timer;
} ebb_timer_heap_slot;

typedef struct ebb_timer_heap {
  ebb_timer_heap_slot *slots;
  uint32_t len, capacity;
  uint64_t next_order;
  const ebb_alloc *alloc;
} ebb_timer_heap;

void ebb_timer_heap_init(ebb_timer_heap *h, const ebb_alloc *alloc);
void ebb_timer_heap_destroy(ebb_timer_heap *h);

/* 0 or -ENOMEM. The timer must not be in a heap. */
int ebb_timer_heap_push(ebb_timer_heap *h, ebb_timer *timer, int64_t deadline);

/* Removes a timer that is in the heap; or one that may be. */
void ebb_timer_heap_take_out(ebb_timer_heap *h, ebb_timer *timer);
static inline void ebb_timer_heap_remove(ebb_timer_heap *h, ebb_timer *timer) {
  if (timer->place != EBB_HEAP_NONE) ebb_timer_heap_take_out(h, timer);
}

/* The deadline of the first timer, or EBB_NEVER. */
static inline int64_t ebb_timer_heap_next(const ebb_timer_heap *h) {
  return h->len == 0 ? EBB_NEVER : h->slots[0].deadline;
}

/* Takes out the first timer that is due at `now`, or returns NULL. */
static inline ebb_timer *ebb_timer_heap_pop_due(ebb_timer_heap *h,
                                                int64_t now) {
  if (h->len == 0 || h->slots[0].deadline > now) return NULL;
  ebb_timer *timer = h->slots[0].timer;
  ebb_timer_heap_take_out(h, timer);
  return timer;
}

/* Asserts that order and places are right; for tests. */
void ebb_timer_heap_check(const ebb_timer_heap *h);

#endif
