/* SPDX-License-Identifier: MIT
   The budget of a turn (Tokio: task::coop): how many waits that are satisfied
   at once a task may have before it yields. */
#ifndef EBB_CORE_TASK_BUDGET_H
#define EBB_CORE_TASK_BUDGET_H

#include <limits.h>

#include "core/task/task.h"

enum { EBB_BUDGET = 128 };

/* What a turn of the task begins with. */
static inline int ebb_budget_full(const ebb_task *t) {
  return t->unconstrained ? INT_MAX : EBB_BUDGET;
}

/* A new task has a budget if that one has. */
static inline void ebb_budget_inherit(ebb_task *t, const ebb_task *from) {
  t->unconstrained = from->unconstrained;
}

/* Takes 1 of the budget; false when there is none left: yield first. */
static inline bool ebb_budget_take(ebb_runtime *rt) {
  ebb_tasks *all = ebb_tasks_of(rt);
  if (all->budget > 0) {
    all->budget--;
    return true;
  }
  /* A root that must not wait has no next turn to wait for. */
  return all->never_block && ebb_task_is_root(all->current);
}

/* The running task has no budget from here on; returns what to give to
   ebb_budget_resume, which any task may call. They may be nested. */
int ebb_budget_suspend(ebb_task *t);
void ebb_budget_resume(ebb_task *t, int budget);

#endif
