/* SPDX-License-Identifier: MIT */
#include "core/task/budget.h"

/* Without a budget is with one that a turn cannot use up: so the check that
   every wait makes has no second case. What was left is the caller's to
   keep, and INT_MAX tells that the task had none to begin with. */
int ebb_budget_suspend(ebb_task *t) {
  ebb_tasks *all = ebb_tasks_of(t->rt);
  int budget = t->unconstrained ? INT_MAX : all->budget;
  t->unconstrained = true;
  all->budget = INT_MAX;
  return budget;
}

/* More than a full budget tells that an outer call goes on without. The turn
   may be another than that which began it, but it has not had less. */
void ebb_budget_resume(ebb_task *t, int budget) {
  ebb_tasks *all = ebb_tasks_of(t->rt);
  t->unconstrained = budget > EBB_BUDGET;
  /* Another task than the running one begins its next turn with what the
     flag says. */
  if (t == all->current) all->budget = budget;
}
