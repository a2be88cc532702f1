/* SPDX-License-Identifier: MIT
   The tasks that are ready, in the order in which they will run. A task behind
   a gate that is closed is ready in the gate instead. */
#ifndef EBB_CORE_TASK_RUN_QUEUE_H
#define EBB_CORE_TASK_RUN_QUEUE_H

#include <assert.h>

#include "core/task/task.h"

/* May the task run? It may if it is behind no gate, and when the runtime goes,
   since nobody may come to open the gate any more. */
static inline bool ebb_run_queue_admits(const ebb_task *t) {
  return t->local == NULL || t->local->gate->drivers > 0 ||
         ebb_tasks_of(t->rt)->closing;
}

/* Puts a task that is in no list into the queue that is for it. */
static inline void ebb_run_queue_push(ebb_task *t) {
  ebb_run_queue *q = &ebb_tasks_of(t->rt)->queue;
  assert(t->state != EBB_FINISHED && ebb_list_is_empty(&t->link));
  t->state = EBB_READY;
  if (!ebb_run_queue_admits(t)) {
    t->gated = true;
    ebb_list_push(&t->local->gate->ready, &t->link);
    return;
  }
  ebb_list_push(&q->ready, &t->link);
  q->count++;
}

/* Takes a ready task out of the list that it is in, if it is in one. */
void ebb_run_queue_remove(ebb_task *t);

/* Puts a task that is ready in its gate into the queue that is for it now. */
void ebb_run_queue_ungate(ebb_task *t);

/* A ready task is the next to run; does nothing to any other. */
void ebb_run_queue_schedule_next(ebb_task *t);

#endif
