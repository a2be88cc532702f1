/* SPDX-License-Identifier: MIT
   The public calls that run the loop from outside of tasks. */
#include <assert.h>
#include <errno.h>

#include "core/loop/scheduler.h"
#include "core/loop/wait.h"

/* Inside a task the root is suspended, and somebody further down the native
   stack is driving the loop already. */
static bool is_outside(const ebb_runtime *rt) {
  return rt->tasks.current == &rt->root;
}

static void report_tick(const ebb_runtime *rt, ebb_tick_report *report) {
  if (report == NULL) return;
  *report = (ebb_tick_report){
      .polls = rt->tick.polls,
      .ready = rt->tasks.queue.count,
      .unfinished = rt->tasks.unfinished,
      .next_timer = ebb_timer_heap_next(&rt->tasks.timers),
  };
}

/* The caller's stack is suspended like that of a wait, but the root is in no
   list: the loop itself comes back to it when the tick is over. The
   countdown of 0 makes every tick look at timers and fds at least once. */
int ebb_tick(ebb_runtime *rt, int64_t budget_ns, ebb_tick_report *report) {
  if (!is_outside(rt)) return -EBUSY;
  ebb_stack *s = ebb_stack_take(&rt->stacks.pool);
  if (s == NULL) return -ENOMEM;
  assert(!rt->tick.active);
  rt->tick.active = true;
  rt->tick.polls = 0;
  rt->tick.end = EBB_NEVER;
  rt->events.countdown = 0;
  if (budget_ns != EBB_NEVER)
    rt->tick.end = ebb_time_add(ebb_clock_real(&rt->clock), budget_ns);
  ebb_scheduler_suspend(rt, s);
  rt->tick.active = false;
  report_tick(rt, report);
  return 0;
}

/* More than one wait, as a task may be spawned by what runs between the last
   end and the root's turn. */
int ebb_run(ebb_runtime *rt) {
  if (!is_outside(rt)) return -EBUSY;
  if (rt->tasks.never_block) return -EPERM;
  while (rt->tasks.unfinished > 0) {
    int err = ebb_wait(rt, &rt->tasks.when_empty, EBB_NEVER, "all tasks");
    if (err < 0) return err;
  }
  return 0;
}

/* The store comes first: the thread that the kick wakes must find it. Both
   are safe in a signal handler. */
void ebb_interrupt(ebb_runtime *rt) {
  atomic_store(&rt->events.interrupted, true);
  ebb_reactor_kick(&rt->events.reactor);
}
