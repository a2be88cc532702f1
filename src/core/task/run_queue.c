/* SPDX-License-Identifier: MIT */
#include "core/task/run_queue.h"

#include <assert.h>

void ebb_run_queue_remove(ebb_task *t) {
  assert(t->state == EBB_READY);
  assert(t->gated || ebb_tasks_of(t->rt)->queue.count > 0);
  if (!t->gated) ebb_tasks_of(t->rt)->queue.count--;
  t->gated = false;
  ebb_list_remove(&t->link);
}

void ebb_run_queue_ungate(ebb_task *t) {
  assert(t->state == EBB_READY && t->gated);
  ebb_list_remove(&t->link);
  t->gated = false;
  ebb_run_queue_push(t);
}

void ebb_run_queue_schedule_next(ebb_task *t) {
  if (t->state != EBB_READY || t->gated) return;
  ebb_list_remove(&t->link);
  ebb_list_push(ebb_tasks_of(t->rt)->queue.ready.next, &t->link);
}
