/* SPDX-License-Identifier: MIT */
#include "core/loop/wait_queue.h"

/* A task that is woken leaves the list, so the next is read before. */
void ebb_wait_queue_wake_some(ebb_wait_queue *queue, uint32_t amount) {
  ebb_list *next, *node = queue->waiting.next;
  for (; node != &queue->waiting; node = next) {
    ebb_task *t = ebb_container_of(node, ebb_task, link);
    next = node->next;
    if (t->amount == amount) ebb_task_wake(t, 0);
  }
}

/* A wait that fails has left the queue when this returns, so that what had
   been granted at the same moment is the next one's, and not lost (R11). */
int ebb_wait_queue_wait(ebb_wait_queue *queue, ebb_runtime *rt, uint32_t amount,
                        int64_t deadline, const char *what) {
  ebb_task *t = rt->tasks.current;
  ebb_wait_queue_enter(queue, t, amount);
  int status = ebb_wait(rt, &queue->waiting, deadline, what);
  if (status < 0) ebb_task_leave_queue(t);
  return status;
}
