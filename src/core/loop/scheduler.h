/* SPDX-License-Identifier: MIT
   Which task runs when, and on which stack. The loop runs on a stack of the
   pool and polls tasks there. A task that waits in the middle of a call
   keeps the stack, and the loop goes on on another; when the task is ready
   the loop's stack goes back to the pool and the task's own continues. */
#ifndef EBB_CORE_LOOP_SCHEDULER_H
#define EBB_CORE_LOOP_SCHEDULER_H

#include "core/task/task.h"

/* The loop of a runtime (`arg`): what every stack of its pool begins with.
   Does not return. */
void ebb_scheduler_loop(void *arg);

/* Suspends the running task in the middle of its call until the wait is
   over, as ebb.h says of waits. */
int ebb_wait(ebb_runtime *rt, ebb_list *list, int64_t deadline,
             const char *what);

/* The same to the back of the run queue. */
int ebb_yield(ebb_runtime *rt);

/* For who must not return although there is no stack for the loop to go on
   on: waits a moment for events, and takes the mail. */
void ebb_poll_briefly(ebb_runtime *rt);

/* Takes 1 of the budget, yielding first when none is left. */
int ebb_coop(ebb_runtime *rt);

/* The running task, suspended in the middle of its call more than once
   perhaps, ends here: drops every frame of its stack and goes on with the
   loop. Its `outcome` is set. */
_Noreturn void ebb_task_exit(ebb_runtime *rt);

/* Until the system's clock shows `until`, or for good, the running task is the
   sentry: the one to learn that nothing can end its wait. */
void ebb_sentry_set(ebb_runtime *rt, int64_t until);

/* The root is the sentry again, without a limit. */
void ebb_sentry_reset(ebb_runtime *rt);

/* For a process that is about to exit from inside a task: the running task,
   its `outcome` set, ends here (or has just finished), the code that waits on
   the native stack will never run again, and this call goes on as the root. */
void ebb_root_move_here(ebb_runtime *rt);

struct ebb_work;

/* Until when on the system's clock the end of a runtime waits for blocking
   work, and whom it tells what still runs then. */
typedef struct ebb_shutdown {
  int64_t until;
  void (*stuck)(void *ctx, struct ebb_work *w); /* may be NULL */
  void *ctx;
} ebb_shutdown;

/* As ebb_runtime_shutdown_timeout, from outside of tasks. */
int ebb_runtime_shutdown(ebb_runtime *rt, const ebb_shutdown *s);

/* Ends a task that does not run, as cancelled, without a clean-up: for want of
   a stack that it could run on, or of time. No thread of the pool may be using
   its stack. */
void ebb_task_kill(ebb_task *t);

/* Wakes every waiting task, but not the root, with -EDEADLK. */
void ebb_break_waits(ebb_runtime *rt);

#endif
