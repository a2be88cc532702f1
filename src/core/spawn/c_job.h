/* SPDX-License-Identifier: MIT
   C tasks whose function is called on another thread: by a pool, or as a task
   of another runtime. The task here waits for the job (job.h). */
#ifndef EBB_CORE_SPAWN_C_JOB_H
#define EBB_CORE_SPAWN_C_JOB_H

#include "core/task/task.h"

/* A new one, not started. 0 or a negative errno. */
int ebb_c_job_new(ebb_runtime *rt, const ebb_target *target, ebb_body body,
                  ebb_task **out);

#endif
