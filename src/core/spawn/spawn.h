/* SPDX-License-Identifier: MIT
   Spawning C functions, in the place that a target names. The public calls are
   in ebb.h. */
#ifndef EBB_CORE_SPAWN_SPAWN_H
#define EBB_CORE_SPAWN_SPAWN_H

#include "core/task/task.h"

/* A new C task, not started, of this runtime, or in the place that `target`
   (may be NULL) names. 0 or a negative errno. */
int ebb_spawn_create(ebb_runtime *rt, const ebb_target *target, ebb_body body,
                     ebb_task **out);

#endif
