/* SPDX-License-Identifier: MIT

   A called waker is pushed on the runtime's stack `woken`, unless it is
   there already; the loop takes the whole stack at once. `queued` is set by
   the caller's thread before the push and cleared by the loop after the
   pop, so a waker is never pushed twice and never lost. */
#include "waker.h"

#include <errno.h>

struct ebb_waker {
  ebb_runtime *rt;
  ebb_task *task;
  ebb_waker *next; /* meaningful while queued */
  atomic_bool queued;
};

int ebb_waker_new(ebb_runtime *rt, ebb_waker **out) {
  if (ebb_current(rt) == NULL) return -EINVAL;
  int err = ebb_reactor_open(&rt->reactor);
  if (err < 0) return err;
  ebb_waker *w = ebb_alloc_new(&rt->alloc, sizeof *w);
  if (w == NULL) return -ENOMEM;
  *w = (ebb_waker){.rt = rt, .task = rt->current};
  ebb_task_retain(w->task);
  rt->wakers++;
  *out = w;
  return 0;
}

void ebb_waker_wake(ebb_waker *w) {
  if (atomic_exchange(&w->queued, true)) return;
  ebb_runtime *rt = w->rt;
  w->next = atomic_load(&rt->woken);
  while (!atomic_compare_exchange_weak(&rt->woken, &w->next, w)) continue;
  ebb_reactor_kick(&rt->reactor);
}

void ebb_waker_drain(ebb_runtime *rt) {
  if (atomic_load_explicit(&rt->woken, memory_order_relaxed) == NULL) return;
  ebb_waker *w = atomic_exchange(&rt->woken, NULL);
  while (w != NULL) {
    ebb_waker *next = w->next;
    atomic_store(&w->queued, false);
    ebb_unpark(w->task);
    w = next;
  }
}

void ebb_waker_free(ebb_waker *w) {
  ebb_waker_drain(w->rt);
  w->rt->wakers--;
  ebb_task_release(w->task);
  ebb_alloc_free(&w->rt->alloc, w, sizeof *w);
}
