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
#ifndef EBB_CORE_SYNC_RING_H
#define EBB_CORE_SYNC_RING_H

#include <assert.h>

#include "core/loop/await.h"

/* Invariants: promised <= len; len + reserved <= size; while receivers wait,
   every value is promised; while senders wait, size >= limit, and there is
   no place for them within both. */
typedef struct ebb_ring {
  ebb_wait_queue senders;
  ebb_wait_queue receivers;
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

/* Polls, see await.h, for a place, and for a value. The results: what was
   waited for is there, or `over`, and nothing will come; or it was granted. */
enum { EBB_RING_NOW, EBB_RING_GRANTED };

static inline int ebb_ring_poll_place(ebb_ring *r, bool over, uint32_t amount,
                                      ebb_await *w) {
  if (w->granted) return EBB_RING_GRANTED;
  if (!over && !ebb_ring_has_place(r))
    return ebb_await_in_queue(w, &r->senders, amount);
  return ebb_await_proceed(w) ? EBB_RING_NOW : EBB_AWAIT_YIELD;
}

static inline int ebb_ring_poll_value(ebb_ring *r, bool over, uint32_t amount,
                                      ebb_await *w) {
  if (w->granted) return EBB_RING_GRANTED;
  if (!over && !ebb_ring_has_value(r))
    return ebb_await_in_queue(w, &r->receivers, amount);
  return ebb_await_proceed(w) ? EBB_RING_NOW : EBB_AWAIT_YIELD;
}

/* The size that there should be before a put: more when there is no room,
   less when a crowd has gone. Between two changes there are many puts. */
size_t ebb_ring_fitting(const ebb_ring *r);

/* The place of the i-th value, from 0. */
static inline size_t ebb_ring_place(const ebb_ring *r, size_t i) {
  size_t place = r->head + i;
  return place < r->size ? place : place - r->size;
}

/* The owner has moved the values, in their order, to the beginning of places
   of another size, of which there are enough. */
static inline void ebb_ring_moved(ebb_ring *r, size_t size) {
  assert(size >= r->len + r->reserved);
  r->head = 0;
  r->size = size;
}

/* A value is put, in the place that is returned. `granted`: the place was
   reserved; else there must be one, and the size be fitting. */
size_t ebb_ring_put(ebb_ring *r, bool granted);

/* The first value is taken, from the place that is returned. `granted`: it
   was promised; else there must be one. */
size_t ebb_ring_take(ebb_ring *r, bool granted);

/* The running task does not want the place that was reserved for it. */
void ebb_ring_forgo(ebb_ring *r);

/* Nothing more will be put. */
void ebb_ring_close(ebb_ring *r);

#endif
