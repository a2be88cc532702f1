/* SPDX-License-Identifier: MIT
   The beginning of waits: those that suspend the running task in the middle of
   a call, and those of a task that returns EBB_POLL_PENDING. */
#ifndef EBB_CORE_LOOP_WAIT_H
#define EBB_CORE_LOOP_WAIT_H

#include <errno.h>

#include "core/loop/runtime.h"

/* The running task now waits in `list` (or NULL) until `deadline`. If it
   has been aborted the wait is over at once. 0 or -ENOMEM. */
int ebb_wait_begin(ebb_runtime *rt, ebb_list *list, int64_t deadline,
                   const char *what);

/* The running task goes to the back of the run queue. */
void ebb_wait_yield(ebb_runtime *rt, const char *what);

/* Is the wait that the running task is about to begin over before? That is
   how the task learns of its abort, as any wait that ends. */
static inline bool ebb_wait_is_cut(ebb_runtime *rt) {
  if (!ebb_task_is_cut(rt->tasks.current)) return false;
  rt->tasks.current->status = -ECANCELED;
  ebb_task_tell_cut(rt->tasks.current);
  return true;
}

/* Suspends the running task in the middle of its call until the wait is
   over, as ebb.h says of waits. */
int ebb_wait(ebb_runtime *rt, ebb_list *list, int64_t deadline,
             const char *what);

/* Fallback when no stack can be had: polls events for 1 ms. */
void ebb_wait_briefly(ebb_runtime *rt);

#endif
