/* SPDX-License-Identifier: MIT
   The channel of the C API: pointers in a ring. Public contracts are in
   ebb.h. */
#include <assert.h>
#include <errno.h>

#include "core/sync/ring.h"

struct ebb_channel {
  ebb_runtime *rt;
  size_t senders; /* that have not been dropped */
  ebb_ring ring;
  void **places;
};

/* Which value is whose is in the ring (ring.h); here are the places, an
   array of pointers, and the count of senders. A send and a receive are
   polls of await.h: each looks at the ring, and either takes its place or
   value at once or waits in the ring's queue of its side. */
int ebb_channel_new(ebb_runtime *rt, size_t limit, ebb_channel **out) {
  ebb_channel *c = ebb_alloc_new(&rt->alloc, sizeof *c);
  if (c == NULL) return -ENOMEM;
  *c = (ebb_channel){.rt = rt, .senders = 1};
  ebb_ring_init(&c->ring, limit > 0 ? limit : EBB_RING_UNLIMITED);
  *out = c;
  return 0;
}

/* Values that are still in it are forgotten: the channel does not know what
   they are. */
void ebb_channel_free(ebb_channel *c) {
  ebb_alloc *alloc = &c->rt->alloc;
  assert(ebb_list_is_empty(&c->ring.senders.waiting));
  assert(ebb_list_is_empty(&c->ring.receivers.waiting));
  ebb_alloc_free(alloc, c->places, c->ring.size * sizeof *c->places);
  ebb_alloc_free(alloc, c, sizeof *c);
}

/* Sees to it that there is a place in memory.
   Growing may fail, and then the send does; shrinking may fail unnoticed.
   The values move to the front in their order, which the ring is told. */
static int make_room(ebb_channel *c) {
  ebb_alloc *alloc = &c->rt->alloc;
  ebb_ring *r = &c->ring;
  size_t size = ebb_ring_fitting(r), each = sizeof *c->places;
  if (size == r->size) return 0;
  if (size > SIZE_MAX / each) return -ENOMEM;
  void **places = ebb_alloc_new(alloc, size * each);
  if (places == NULL) return size > r->size ? -ENOMEM : 0;
  for (size_t i = 0; i < r->len; i++)
    places[i] = c->places[ebb_ring_place(r, i)];
  ebb_alloc_free(alloc, c->places, r->size * each);
  c->places = places;
  ebb_ring_moved(r, size);
  return 0;
}

/* The ring says where, before the pointer is written: both happen in one
   turn, so nobody sees the place in between. */
static int put_value(ebb_channel *c, void *value) {
  if (c->ring.closed) return -EPIPE;
  int err = make_room(c);
  if (err < 0) return err;
  size_t place = ebb_ring_put(&c->ring, false);
  assert(place < c->ring.size);
  c->places[place] = value;
  return 0;
}

/* The place was reserved while the task waited. */
static int put_granted(ebb_channel *c, void *value) {
  if (c->ring.closed) {
    ebb_ring_forgo(&c->ring);
    return -EPIPE;
  }
  size_t place = ebb_ring_put(&c->ring, true);
  c->places[place] = value;
  return 0;
}

int ebb_channel_try_send(ebb_channel *c, void *value) {
  if (!c->ring.closed && !ebb_ring_has_place(&c->ring)) return -EAGAIN;
  return put_value(c, value);
}

/* A call of send or recv. */
typedef struct call {
  ebb_channel *c;
  void *value;
  int64_t deadline;
} call;

/* A closed channel is an answer, too, as it will never have a place again. */
static int send_poll(void *op, ebb_await *w) {
  const call *o = op;
  w->deadline = o->deadline;
  int answer = ebb_ring_poll_place(&o->c->ring, o->c->ring.closed, 1, w);
  if (answer == EBB_RING_NOW) return put_value(o->c, o->value);
  return answer == EBB_RING_GRANTED ? put_granted(o->c, o->value) : answer;
}

int ebb_channel_send(ebb_channel *c, void *value, int64_t deadline) {
  call o = {c, value, deadline};
  if (c->ring.limit == EBB_RING_UNLIMITED) return put_value(c, value);
  return ebb_await_run(c->rt, "send", send_poll, &o);
}

/* The pointer stays in the array until the place is written again; it means
   nothing any more. */
static int take_value(ebb_channel *c, void **value, bool granted) {
  *value = c->places[ebb_ring_take(&c->ring, granted)];
  return 1;
}

int ebb_channel_try_recv(ebb_channel *c, void **value) {
  if (ebb_ring_has_value(&c->ring)) return take_value(c, value, false);
  return c->ring.closed ? 0 : -EAGAIN;
}

static int recv_poll(void *op, ebb_await *w) {
  call *o = op;
  w->deadline = o->deadline;
  int answer = ebb_ring_poll_value(&o->c->ring, o->c->ring.closed, 1, w);
  if (answer == EBB_RING_NOW) return ebb_channel_try_recv(o->c, &o->value);
  return answer == EBB_RING_GRANTED ? take_value(o->c, &o->value, true)
                                    : answer;
}

int ebb_channel_recv(ebb_channel *c, int64_t deadline, void **value) {
  call o = {c, NULL, deadline};
  int got = ebb_await_run(c->rt, "recv", recv_poll, &o);
  if (got > 0) *value = o.value;
  return got;
}

void ebb_channel_add_sender(ebb_channel *c) { c->senders++; }

/* A receiver learns of the end as soon as nothing can come any more, though
   nobody has called close. */
void ebb_channel_drop_sender(ebb_channel *c) {
  assert(c->senders > 0);
  if (--c->senders == 0) ebb_channel_close(c);
}

void ebb_channel_close(ebb_channel *c) { ebb_ring_close(&c->ring); }

bool ebb_channel_is_closed(const ebb_channel *c) { return c->ring.closed; }

size_t ebb_channel_len(const ebb_channel *c) { return c->ring.len; }
