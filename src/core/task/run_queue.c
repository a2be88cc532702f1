/* SPDX-License-Identifier: MIT */
#include "core/task/run_queue.h"

#include <assert.h>

/* For a task that is ended, or moved, while it is ready: in the queue, or
   behind its gate. */
void ebb_run_queue_remove(ebb_task *t) {
  assert(t->state == EBB_READY);
  assert(t->gated || ebb_tasks_of(t->rt)->queue.count > 0);
  if (!t->gated) ebb_tasks_of(t->rt)->queue.count--;
  t->gated = false;
  ebb_list_remove(&t->link);
}

/* The gate may be open, or the task behind it no more, or the runtime about
   to go. To push it again is right in all of these cases: it goes where it
   belongs now, at the end. */
void ebb_run_queue_ungate(ebb_task *t) {
  assert(t->state == EBB_READY && t->gated);
  ebb_list_remove(&t->link);
  t->gated = false;
  ebb_run_queue_push(t);
}

/* To the front of the queue. A task behind a closed gate stays there: to be
   in a hurry does not open it. Of several that are put here one after
   another the last runs first. */
void ebb_run_queue_schedule_next(ebb_task *t) {
  if (t->state != EBB_READY || t->gated) return;
  ebb_list_remove(&t->link);
  ebb_list_push(ebb_tasks_of(t->rt)->queue.ready.next, &t->link);
}
