/* SPDX-License-Identifier: MIT
   Tasks that are C functions. They always wait in the middle of the call,
   on the stack that polled them. Those that a target sends elsewhere are in
   c_job.c. */
#ifndef EBB_CORE_SPAWN_C_TASK_H
#define EBB_CORE_SPAWN_C_TASK_H

#include "core/task/task.h"

/* A new C task, not started, of this runtime, or in the place that `target`
   (may be NULL) names. 0 or a negative errno. */
int ebb_c_task_new(ebb_runtime *rt, const ebb_target *target, ebb_body body,
                   ebb_task **out);

/* The first kind of them; NULL: no memory. */
ebb_task *ebb_c_task_create(ebb_runtime *rt, ebb_body body);

/* Has a task that is ending noticed an abort? */
bool ebb_c_task_was_cut(const ebb_task *t);

#endif
