/* SPDX-License-Identifier: MIT
   Tasks that are C functions. They always wait in the middle of the call,
   on the stack that polled them. */
#ifndef EBB_CORE_C_TASK_H
#define EBB_CORE_C_TASK_H

#include "task.h"

/* A new C task, not started. NULL: no memory. */
ebb_task *ebb_c_task_new(ebb_runtime *rt, ebb_body body);

#endif
