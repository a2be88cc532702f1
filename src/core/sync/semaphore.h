/* SPDX-License-Identifier: MIT
   Permits, given in the order of asking. Public contracts are in ebb.h;
   these are for the binding, whose Mutex and RwLock are semaphores too. */
#ifndef EBB_CORE_SYNC_SEMAPHORE_H
#define EBB_CORE_SYNC_SEMAPHORE_H

#include "core/loop/await.h"

/* Invariant: the first in line wants more than there are. Permits that have
   been granted are the task's, and are not counted here, from the grant on,
   before the task has run (R11); one that leaves without having run gives
   them back. A closed semaphore still takes permits back: tasks that hold
   some may end. */
struct ebb_semaphore {
  ebb_runtime *rt;
  ebb_wait_queue queue;
  uint32_t permits; /* that nobody has */
  bool closed;
};

void ebb_semaphore_init(ebb_semaphore *s, ebb_runtime *rt, uint32_t permits);

/* Acquires n: a poll, see await.h. 0 or -EPIPE. */
int ebb_semaphore_poll(ebb_semaphore *s, uint32_t n, ebb_await *w);

/* Could n be had at once? While others wait, the rest is for them. */
static inline bool ebb_semaphore_has(const ebb_semaphore *s, uint32_t n) {
  return n == 0 || (n <= s->permits && ebb_list_is_empty(&s->queue.waiting));
}

#endif
