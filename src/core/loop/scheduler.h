/* SPDX-License-Identifier: MIT
   Which task runs when, and on which stack. The loop runs on a stack of the
   pool and polls tasks there. A task that waits in the middle of a call
   keeps the stack, and the loop goes on on another; when the task is ready
   the loop's stack goes back to the pool and the task's own continues. */
#ifndef EBB_CORE_LOOP_SCHEDULER_H
#define EBB_CORE_LOOP_SCHEDULER_H

#include "core/loop/runtime.h"

/* The loop of a runtime (`arg`): what every stack of its pool begins with.
   Does not return. */
void ebb_scheduler_loop(void *arg);

/* Suspends the running stack, of the task that waits from now on, and goes on
   with the loop on `s`. Returns when the task runs again. */
void ebb_scheduler_suspend(ebb_runtime *rt, ebb_stack *s);

/* The running task, suspended in the middle of its call more than once
   perhaps, ends here: drops every frame of its stack and goes on with the
   loop. Its `outcome` is set. */
_Noreturn void ebb_scheduler_end_task(ebb_runtime *rt);

/* Ends a task that does not run, as cancelled, without a clean-up: for want of
   a stack that it could run on, or of time. No thread of the pool may be using
   its stack. */
void ebb_scheduler_kill_task(ebb_task *t);

/* Wakes every waiting task, but not the root, with -EDEADLK. */
void ebb_scheduler_break_waits(ebb_runtime *rt);

/* Until the system's clock shows `until`, or for good, the running task is the
   sentry: the one to learn that nothing can end its wait. */
void ebb_scheduler_set_sentry(ebb_runtime *rt, int64_t until);

/* The root is the sentry again, without a limit. */
void ebb_scheduler_reset_sentry(ebb_runtime *rt);

/* For a process that is about to exit from inside a task: the running task,
   its `outcome` set, ends here (or has just finished), the code that waits on
   the native stack will never run again, and this call goes on as the root. */
void ebb_scheduler_move_root(ebb_runtime *rt);

#endif
