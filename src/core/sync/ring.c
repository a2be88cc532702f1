/* SPDX-License-Identifier: MIT */
#include "core/sync/ring.h"

#include <assert.h>

enum { SIZE_MIN = 8, SIZE_LARGE = 512 };

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

static void sender_left(ebb_wait_queue *queue, uint32_t amount, bool granted) {
  (void)amount;
  if (granted) ebb_ring_forgo(ebb_container_of(queue, ebb_ring, senders));
}

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

size_t ebb_ring_fitting(const ebb_ring *r) {
  if (is_full(r)) return r->size > 0 ? 2 * r->size : SIZE_MIN;
  bool empty = r->len + r->reserved == 0;
  return empty && r->size > SIZE_LARGE ? SIZE_MIN : r->size;
}

size_t ebb_ring_put(ebb_ring *r, bool granted) {
  assert(!r->closed && (granted ? r->reserved > 0 : ebb_ring_has_place(r)));
  if (granted) r->reserved--;
  assert(!is_full(r));
  size_t place = ebb_ring_place(r, r->len++);
  promise(r);
  reserve(r);
  return place;
}

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

void ebb_ring_close(ebb_ring *r) {
  r->closed = true;
  ebb_wait_queue_wake_all(&r->senders);
  ebb_wait_queue_wake_all(&r->receivers);
}
