/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <assert.h>

/* Promises values to the receivers that have waited longest. */
static void promise(ebb_ring *r) {
  ebb_task *t;
  while (ebb_ring_has_value(r) &&
         (t = ebb_line_first(&r->receivers)) != NULL) {
    r->promised++;
    ebb_line_grant(t);
  }
}

/* Reserves places for the senders that have waited longest. Promised values
   do not count against the limit, but lie in the ring until their receivers
   run; then whoever has no place for that reason gets one. */
static void reserve(ebb_ring *r) {
  ebb_task *t;
  while (r->len - r->promised + r->reserved < r->limit &&
         !ebb_ring_is_crowded(r) &&
         (t = ebb_line_first(&r->senders)) != NULL) {
    r->reserved++;
    ebb_line_grant(t);
  }
}

static void sender_left(ebb_line *line, uint32_t want, bool granted) {
  (void)want;
  if (granted) ebb_ring_forgo(ebb_container_of(line, ebb_ring, senders));
}

static void receiver_left(ebb_line *line, uint32_t want, bool granted) {
  ebb_ring *r = ebb_container_of(line, ebb_ring, receivers);
  (void)want;
  if (granted) r->promised--;
  promise(r);
}

void ebb_ring_init(ebb_ring *r, size_t limit) {
  *r = (ebb_ring){.limit = limit};
  ebb_line_init(&r->senders, sender_left);
  ebb_line_init(&r->receivers, receiver_left);
}

size_t ebb_ring_put(ebb_ring *r, bool granted) {
  assert(!r->closed && (granted ? r->reserved > 0 : ebb_ring_has_place(r)));
  if (granted) r->reserved--;
  assert(!ebb_ring_is_crowded(r));
  size_t place = r->head + r->len++;
  promise(r);
  reserve(r);
  return place < r->size ? place : place - r->size;
}

size_t ebb_ring_take(ebb_ring *r, bool granted) {
  assert(granted ? r->promised > 0 : ebb_ring_has_value(r));
  if (granted) r->promised--;
  size_t place = r->head;
  r->head = place + 1 < r->size ? place + 1 : 0;
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
  ebb_line_dismiss(&r->senders);
  ebb_line_dismiss(&r->receivers);
}
