/* SPDX-License-Identifier: MIT */
#include "core/sync/semaphore.h"

#include <assert.h>
#include <errno.h>

/* Gives what there is to those who have waited longest. Strictly in the order
   of asking: a task that wants many is not overtaken by tasks that want few,
   or it would wait for ever. */
static void hand_out(ebb_semaphore *s) {
  ebb_task *t;
  while ((t = ebb_wait_queue_first(&s->queue)) != NULL &&
         t->amount <= s->permits) {
    s->permits -= t->amount;
    ebb_wait_queue_grant(t);
  }
}

/* One that leaves the front may have been all that kept the others waiting. */
static void on_leave(ebb_wait_queue *queue, uint32_t amount, bool granted) {
  ebb_semaphore *s = ebb_container_of(queue, ebb_semaphore, queue);
  assert(!granted || amount <= EBB_PERMITS_MAX - s->permits);
  if (granted) s->permits += amount;
  hand_out(s);
}

void ebb_semaphore_init(ebb_semaphore *s, ebb_runtime *rt, uint32_t permits) {
  s->rt = rt;
  s->permits = permits;
  s->closed = false;
  ebb_wait_queue_init(&s->queue, on_leave);
}

int ebb_semaphore_try_acquire(ebb_semaphore *s, uint32_t n) {
  if (s->closed) return -EPIPE;
  if (!ebb_semaphore_has(s, n)) return -EAGAIN;
  assert(n <= s->permits);
  s->permits -= n;
  return 0;
}

int ebb_semaphore_poll(ebb_semaphore *s, uint32_t n, ebb_await *w) {
  if (w->granted) return 0;
  if (!s->closed && !ebb_semaphore_has(s, n))
    return ebb_await_in_queue(w, &s->queue, n);
  if (!ebb_await_proceed(w)) return EBB_AWAIT_YIELD;
  return ebb_semaphore_try_acquire(s, n);
}

typedef struct acquire {
  ebb_semaphore *s;
  uint32_t n;
  int64_t deadline;
} acquire;

/* Closed is an answer for tasks that wait and for those that come. */
static int acquire_poll(void *op, ebb_await *w) {
  const acquire *a = op;
  w->deadline = a->deadline;
  return ebb_semaphore_poll(a->s, a->n, w);
}

int ebb_semaphore_acquire(ebb_semaphore *s, uint32_t n, int64_t deadline) {
  acquire a = {s, n, deadline};
  return ebb_await_run(s->rt, "acquire", acquire_poll, &a);
}

/* Given to those in line before anybody else can see them. */
int ebb_semaphore_add_permits(ebb_semaphore *s, uint32_t n) {
  if (n > EBB_PERMITS_MAX - s->permits) return -EOVERFLOW;
  s->permits += n;
  hand_out(s);
  return 0;
}

/* What is left while others wait is spoken for. */
uint32_t ebb_semaphore_available_permits(const ebb_semaphore *s) {
  return ebb_list_is_empty(&s->queue.waiting) ? s->permits : 0;
}

void ebb_semaphore_close(ebb_semaphore *s) {
  s->closed = true;
  ebb_wait_queue_wake_all(&s->queue);
}

bool ebb_semaphore_is_closed(const ebb_semaphore *s) { return s->closed; }

int ebb_semaphore_new(ebb_runtime *rt, uint32_t permits, ebb_semaphore **out) {
  ebb_semaphore *s = ebb_alloc_new(&rt->alloc, sizeof *s);
  if (s == NULL) return -ENOMEM;
  ebb_semaphore_init(s, rt, permits);
  *out = s;
  return 0;
}

void ebb_semaphore_free(ebb_semaphore *s) {
  assert(ebb_list_is_empty(&s->queue.waiting));
  ebb_alloc_free(&s->rt->alloc, s, sizeof *s);
}
