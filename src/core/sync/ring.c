/* SPDX-License-Identifier: MIT */
#include "core/sync/ring.h"

#include <assert.h>

enum { SIZE_MIN = 8, SIZE_LARGE = 512 };

/* Three numbers tell all: `len` values are in the ring, of which the first
   `promised` belong to receivers that have been woken; and `reserved` places
   behind them belong to senders that have been woken. All are counts and no
   marks on single places, since tasks that have been woken run in the order
   of their waking, and so find theirs at the front. */
static bool is_full(const ebb_ring *r) {
  return r->len + r->reserved == r->size;
}

/* Promises values to the receivers that have waited longest. */
static void promise(ebb_ring *r) {
  ebb_task *t;
  while (ebb_ring_has_value(r) &&
         (t = ebb_wait_queue_first(&r->receivers)) != NULL) {
    r->promised++;
    ebb_wait_queue_grant(t);
  }
}

/* Reserves places for the senders that have waited longest. Promised values
   do not count against the limit, but lie in the ring until their receivers
   run; then whoever has no place for that reason gets one. */
static void reserve(ebb_ring *r) {
  ebb_task *t;
  while (r->len - r->promised + r->reserved < r->limit && !is_full(r) &&
         (t = ebb_wait_queue_first(&r->senders)) != NULL) {
    r->reserved++;
    ebb_wait_queue_grant(t);
  }
}

/* A sender that leaves had no place yet, or gives back the one it had: then
   the next sender in line can have it. */
static void sender_left(ebb_wait_queue *queue, uint32_t amount, bool granted) {
  (void)amount;
  if (granted) ebb_ring_forgo(ebb_container_of(queue, ebb_ring, senders));
}

/* The promise goes to the next receiver; if there is none the value is free
   again, in its old place in the order. Also one that had been promised
   nothing may have been in front of others that can be served now. */
static void receiver_left(ebb_wait_queue *queue, uint32_t amount,
                          bool granted) {
  ebb_ring *r = ebb_container_of(queue, ebb_ring, receivers);
  (void)amount;
  assert(!granted || r->promised > 0);
  if (granted) r->promised--;
  promise(r);
}

void ebb_ring_init(ebb_ring *r, size_t limit) {
  *r = (ebb_ring){.limit = limit};
  ebb_wait_queue_init(&r->senders, sender_left);
  ebb_wait_queue_init(&r->receivers, receiver_left);
}

/* Doubling, so that each put costs the same over time; and a large ring that
   has been emptied is given back as a whole. One that is small stays. */
size_t ebb_ring_fitting(const ebb_ring *r) {
  if (is_full(r)) return r->size > 0 ? 2 * r->size : SIZE_MIN;
  bool empty = r->len + r->reserved == 0;
  return empty && r->size > SIZE_LARGE ? SIZE_MIN : r->size;
}

/* A new value may be promised at once, and with that leave the limit: then a
   further sender has a place. */
size_t ebb_ring_put(ebb_ring *r, bool granted) {
  assert(!r->closed && (granted ? r->reserved > 0 : ebb_ring_has_place(r)));
  if (granted) r->reserved--;
  assert(!is_full(r));
  size_t place = ebb_ring_place(r, r->len++);
  promise(r);
  reserve(r);
  return place;
}

/* The order of values is that of their puts, whichever receiver runs first:
   a promise is of one value, and not of a certain one. */
size_t ebb_ring_take(ebb_ring *r, bool granted) {
  assert(granted ? r->promised > 0 : ebb_ring_has_value(r));
  if (granted) r->promised--;
  assert(r->len > 0 && r->promised <= r->len);
  size_t place = r->head;
  r->head = ebb_ring_place(r, 1);
  r->len--;
  reserve(r);
  return place;
}

void ebb_ring_forgo(ebb_ring *r) {
  assert(r->reserved > 0);
  r->reserved--;
  reserve(r);
}

/* All that wait look again, and find it closed. Earlier grants stay. */
void ebb_ring_close(ebb_ring *r) {
  r->closed = true;
  ebb_wait_queue_wake_all(&r->senders);
  ebb_wait_queue_wake_all(&r->receivers);
}
