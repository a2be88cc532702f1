/* SPDX-License-Identifier: MIT
   A queue in which tasks wait for something that is given to one of them: a
   permit, a message, a place. What Semaphore, Notify and channels stand on.

   Who gives takes the first task in line, notes in its own books what that
   task has now, and calls ebb_wait_queue_grant. From then on it is the task's,
   and nobody else can have it, although the task has not run yet. When it runs
   it calls ebb_wait_queue_take.

   A task that is aborted meanwhile, or whose wait fails, leaves the queue,
   and `on_leave` is told. There what had been granted goes to the next in line;
   and also if nothing had been, somebody behind may now have his turn.

   Waiting in line allocates nothing: `queue`, `amount` and `granted` are in the
   task. `queue` is set from the beginning of the wait until ebb_wait_queue_take
   or ebb_task_leave_queue, so whatever a queue is in must exist until then. */
#ifndef EBB_CORE_LOOP_WAIT_QUEUE_H
#define EBB_CORE_LOOP_WAIT_QUEUE_H

#include <assert.h>

#include "core/loop/runtime.h"
#include "core/loop/wait.h"

static inline void ebb_wait_queue_init(ebb_wait_queue *queue,
                                       void (*on_leave)(ebb_wait_queue *queue,
                                                        uint32_t amount,
                                                        bool granted)) {
  ebb_list_init(&queue->waiting);
  queue->on_leave = on_leave;
}

/* The first that waits, or NULL. */
static inline ebb_task *ebb_wait_queue_first(const ebb_wait_queue *queue) {
  if (ebb_list_is_empty(&queue->waiting)) return NULL;
  return ebb_container_of(queue->waiting.next, ebb_task, link);
}

/* Ends the wait of a task in a wait queue: what it waits for is its own. */
static inline void ebb_wait_queue_grant(ebb_task *t) {
  assert(t->queue != NULL && !t->granted); /* R11: given once */
  t->granted = true;
  ebb_task_wake(t, 0);
}

/* Ends every wait in the queue without granting anything: nothing will come
   any more. */
static inline void ebb_wait_queue_wake_all(ebb_wait_queue *queue) {
  ebb_wake_all(&queue->waiting);
}

/* The same for those that want so much. */
void ebb_wait_queue_wake_some(ebb_wait_queue *queue, uint32_t amount);

/* The amount is known before the wait begins: the giver looks at it. */
static inline void ebb_wait_queue_enter(ebb_wait_queue *queue, ebb_task *t,
                                        uint32_t amount) {
  assert(t->queue == NULL && !t->granted);
  t->queue = queue;
  t->amount = amount;
}

/* As ebb_wait_begin. `amount` is for `on_leave` and the giver. The task returns
   from its poll; ebb_wait_queue_take is called in the turn after. */
static inline int ebb_wait_queue_wait_begin(ebb_wait_queue *queue,
                                            ebb_runtime *rt, uint32_t amount,
                                            const char *what) {
  ebb_task *t = rt->tasks.current;
  ebb_wait_queue_enter(queue, t, amount);
  int err = ebb_wait_begin(rt, &queue->waiting, EBB_NEVER, what);
  /* A task that has been aborted does not get to wait. */
  if (t->state != EBB_WAITING) ebb_task_leave_queue(t);
  return err;
}

/* As ebb_wait. */
int ebb_wait_queue_wait(ebb_wait_queue *queue, ebb_runtime *rt, uint32_t amount,
                        int64_t deadline, const char *what);

/* The running task's wait is over. Has it been granted what it waited for?
   If so, the task has it for good. False also if there was no wait. */
static inline bool ebb_wait_queue_take(ebb_runtime *rt) {
  ebb_task *t = rt->tasks.current;
  if (t->queue == NULL) return false;
  bool granted = t->granted;
  t->queue = NULL;
  t->granted = false;
  return granted;
}

#endif
