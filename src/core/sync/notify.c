/* SPDX-License-Identifier: MIT

   What `amount` means here: 1 for a task that has been told by notify_one, and
   then has something that it could lose; 0 for all others. */
#include "core/sync/notify.h"

#include <assert.h>
#include <errno.h>

/* A task that was told by notify_one and was aborted before it ran hands the
   notification on (R11): the next in line has it, or it is kept as the
   permit. One of notify_waiters was for all that waited then, so nothing is
   lost with it. */
static void on_leave(ebb_wait_queue *queue, uint32_t amount, bool granted) {
  if (granted && amount > 0)
    ebb_notify_one(ebb_container_of(queue, ebb_notify, queue));
}

void ebb_notify_init(ebb_notify *n, ebb_runtime *rt) {
  n->rt = rt;
  n->permit = false;
  ebb_wait_queue_init(&n->queue, on_leave);
}

int ebb_notify_poll(ebb_notify *n, ebb_await *w) {
  if (w->granted) return 0;
  if (!n->permit) return ebb_await_in_queue(w, &n->queue, 0);
  if (!ebb_await_proceed(w)) return EBB_AWAIT_YIELD;
  n->permit = false;
  return 0;
}

typedef struct notified {
  ebb_notify *n;
  int64_t deadline;
} notified;

static int notified_poll(void *op, ebb_await *w) {
  const notified *o = op;
  w->deadline = o->deadline;
  return ebb_notify_poll(o->n, w);
}

int ebb_notify_wait(ebb_notify *n, int64_t deadline) {
  notified o = {n, deadline};
  return ebb_await_run(n->rt, "notified", notified_poll, &o);
}

/* At most one is kept, however often this is called: it says that something
   has happened, not how often. */
void ebb_notify_one(ebb_notify *n) {
  ebb_task *t = ebb_wait_queue_first(&n->queue);
  assert(!n->permit || t == NULL); /* with a permit nobody waits */
  n->permit = t == NULL;
  if (t == NULL) return;
  t->amount = 1;
  ebb_wait_queue_grant(t);
}

/* Only those that wait now. One that is granted leaves the list at once, so
   this ends. */
void ebb_notify_waiters(ebb_notify *n) {
  ebb_task *t;
  while ((t = ebb_wait_queue_first(&n->queue)) != NULL) ebb_wait_queue_grant(t);
}

int ebb_notify_new(ebb_runtime *rt, ebb_notify **out) {
  ebb_notify *n = ebb_alloc_new(&rt->alloc, sizeof *n);
  if (n == NULL) return -ENOMEM;
  ebb_notify_init(n, rt);
  *out = n;
  return 0;
}

/* A task that has been granted but has not run still points here: nobody may
   be in a call. */
void ebb_notify_free(ebb_notify *n) {
  assert(ebb_list_is_empty(&n->queue.waiting));
  ebb_alloc_free(&n->rt->alloc, n, sizeof *n);
}
