/* SPDX-License-Identifier: MIT
   Prefetches for a crowd of tasks that is gone through in an order that is not
   that of memory: half the time. A smaller number the cache holds anyway. */
#ifndef EBB_CORE_TASK_PREFETCH_H
#define EBB_CORE_TASK_PREFETCH_H

#include "core/task/task.h"

enum { EBB_CROWD = 4096 };

/* For the tasks that come after `t` in a list: what the next will touch, itself
   being here by now, and the one after it. */
void ebb_prefetch_tasks(const ebb_task *t, const ebb_list *list);

/* For the next sleepers: what the first of them will touch, itself being here
   by now, and those that may come after it. */
void ebb_prefetch_sleepers(const ebb_timer_heap *h);

#endif
