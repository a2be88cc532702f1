/* SPDX-License-Identifier: MIT
   Tasks that are C functions. They always wait in the middle of the call,
   on the stack that polled them. Those that a target sends to another thread
   are in c_job.c. */
#ifndef EBB_CORE_SPAWN_C_TASK_H
#define EBB_CORE_SPAWN_C_TASK_H

#include "core/task/task.h"

/* A new one, not started. NULL: no memory. */
ebb_task *ebb_c_task_create(ebb_runtime *rt, ebb_body body);

/* Has a task that is ending noticed an abort? */
bool ebb_c_task_was_cut(const ebb_task *t);

#endif
