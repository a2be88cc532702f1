/* SPDX-License-Identifier: MIT
   The books of a channel: which values there are, and whose. The values
   themselves lie in a ring of places that the owner keeps, who is told the
   places to write and to read, as numbers from 0.

   A send to a receiver that waits promises it a value there and then, and a
   receive reserves the place that it frees for a sender that waits. Values
   are read and places written in the order in which their owners run, which
   is the order in which they came. So when a receiver is aborted before it
   runs, the value is still there, in its order, and the promise goes to the
   next in line. */
#ifndef EBB_CORE_RING_H
#define EBB_CORE_RING_H

#include "line.h"

/* Invariants: promised <= len; len + reserved <= size; while receivers wait,
   every value is promised; while senders wait, size >= limit, and there is
   no place for them within both. */
typedef struct ebb_ring {
  ebb_line senders;
  ebb_line receivers;
  size_t limit;    /* of values that are not promised, and places reserved */
  size_t size;     /* places that the owner has */
  size_t head;     /* place of the first value */
  size_t len;      /* values */
  size_t promised; /* to receivers that have not run yet */
  size_t reserved; /* places of senders that have not run yet */
  bool closed;
} ebb_ring;

#define EBB_RING_UNLIMITED SIZE_MAX

void ebb_ring_init(ebb_ring *r, size_t limit);

/* Is there a value, or a place, for one who comes now? */
static inline bool ebb_ring_has_value(const ebb_ring *r) {
  return r->len > r->promised;
}

static inline bool ebb_ring_has_place(const ebb_ring *r) {
  return r->len - r->promised + r->reserved < r->limit &&
         ebb_list_is_empty(&r->senders.waiting);
}

/* Must the owner make more places, before anything can be put? */
static inline bool ebb_ring_is_crowded(const ebb_ring *r) {
  return r->len + r->reserved == r->size;
}

/* When the owner makes places, as many as there were or more, the values that
   had gone around the end move on: so many, from place 0 to behind the last
   of the old places. */
static inline size_t ebb_ring_wrapped(const ebb_ring *r) {
  size_t end = r->head + r->len;
  return end > r->size ? end - r->size : 0;
}

/* A value is put, in the place that is returned. `granted`: the place was
   reserved; else there must be one. */
size_t ebb_ring_put(ebb_ring *r, bool granted);

/* The first value is taken, from the place that is returned. `granted`: it
   was promised; else there must be one. */
size_t ebb_ring_take(ebb_ring *r, bool granted);

/* The running task does not want the place that was reserved for it. */
void ebb_ring_forgo(ebb_ring *r);

/* Nothing more will be put. */
void ebb_ring_close(ebb_ring *r);

#endif
