/* SPDX-License-Identifier: MIT */
#include "core/spawn/spawn.h"

#include <errno.h>

#include "core/loop/mailbox.h"
#include "core/spawn/c_job.h"
#include "core/spawn/c_task.h"
#include "core/spawn/local_set.h"

/* Is the task to run on another thread?
   A handle of this very runtime is as none. */
static bool leaves(const ebb_runtime *rt, const ebb_target *target) {
  return target->blocking ||
         (target->handle != NULL && !ebb_mailbox_is_own(rt, target->handle));
}

/* Three ways, told apart by what the target names. A LocalSet belongs to
   this runtime, so it cannot be combined with a place on another thread.
   Room in the set is made before the task, since putting it in must not
   fail. */
int ebb_spawn_create(ebb_runtime *rt, const ebb_target *target, ebb_body body,
                     ebb_task **out) {
  if (target != NULL && leaves(rt, target))
    return target->local_set != NULL ? -EINVAL
                                     : ebb_c_job_new(rt, target, body, out);
  ebb_local_set *set = target != NULL ? target->local_set : NULL;
  if (set != NULL && ebb_local_set_reserve(set) < 0) return -ENOMEM;
  *out = ebb_c_task_create(rt, body);
  if (*out == NULL) return -ENOMEM;
  if (set != NULL) ebb_local_set_put(set, *out);
  return 0;
}

/* A task that is detached is freed when it finishes, which may be in
   ebb_task_start, if its place refuses the work: the handle is taken before. */
int ebb_spawn_on(ebb_runtime *rt, const ebb_target *target, ebb_body body,
                 ebb_task **out) {
  ebb_task *t;
  int err = ebb_spawn_create(rt, target, body, &t);
  if (err < 0) return err;
  if (out != NULL) {
    ebb_task_retain(t);
    *out = t;
  }
  ebb_task_start(t);
  return 0;
}

int ebb_spawn(ebb_runtime *rt, ebb_body body, ebb_task **out) {
  return ebb_spawn_on(rt, NULL, body, out);
}
