/* SPDX-License-Identifier: MIT */
#include "core/loop/scheduler.h"

#include <assert.h>
#include <errno.h>

#include "core/loop/mailbox.h"
#include "core/task/budget.h"
#include "core/task/prefetch.h"
#include "core/task/run_queue.h"

/* How the loop and its stacks go together. The loop is a function that never
   returns and keeps no state of its own, running on a stack of the pool; it
   polls a task by calling it there. A task that returns from its poll has left
   the stack, and the loop polls the next: that is how Lua tasks that yield
   wait, and what makes a waiting task cost no stack (R8).

   A task that waits in the middle of a call cannot return. It keeps the stack
   that it is on, frames of the loop below it included, and takes another from
   the pool, on which the loop goes on. When that task is ready again, whatever
   stack the loop is on by then goes back to the pool in the middle of the
   loop's code, and the task's own continues. The next wait in the middle of a
   call takes such a stack and continues the loop where it was left, which is
   why between two lines that switch nothing may be kept in variables.

   The native stack, the process's own, is that of the root, which is
   suspended in ebb_wait or ebb_tick whenever the loop runs. */
enum {
  /* Turns between two looks at timers and reactor while tasks are ready. */
  EVENT_INTERVAL = 61
};

/* ---- events ---- */

/* How long the sentry may wait, in ns.
   Real time, not the runtime's: the sentry is set by the end of a state,
   which must come even when the clock is paused. */
static int64_t time_for_sentry(const ebb_runtime *rt) {
  if (rt->sentry.until == EBB_NEVER) return EBB_NEVER;
  int64_t left = rt->sentry.until - ebb_clock_system();
  return left > 0 ? left : 0;
}

/* Everything but file descriptors. The order is that of certainty: the end of
   the process, an interrupt, the mail of other threads, the timers that are
   due. A timer that is due wakes with -ETIMEDOUT even when the event it
   guards against comes in the same look; fds are looked at after it. */
static void poll_events(ebb_runtime *rt) {
  ebb_timer *timer;
  rt->tasks.now = ebb_clock_now(&rt->clock);
  if (time_for_sentry(rt) == 0) ebb_task_wake(rt->sentry.task, -EDEADLK);
  if (atomic_load_explicit(&rt->events.interrupted, memory_order_relaxed) &&
      atomic_exchange(&rt->events.interrupted, false))
    ebb_task_wake(&rt->root, -EINTR);
  if (ebb_mailbox_has_mail(rt)) ebb_mailbox_deliver(rt);
  while ((timer = ebb_timer_heap_pop_due(&rt->tasks.timers, rt->tasks.now)) !=
         NULL)
    ebb_task_wake(ebb_container_of(timer, ebb_task, timer), -ETIMEDOUT);
  if (rt->tasks.timers.len > EBB_CROWD)
    ebb_prefetch_sleepers(&rt->tasks.timers);
}

/* No system call is made while nobody has ever waited for an fd. */
static void look_at_fds(ebb_runtime *rt) {
  if (rt->events.fds.capacity > 0 || ebb_poller_is_awaited(&rt->events.poller))
    (void)ebb_poller_look(rt, 0);
}

/* Can a wait be ended by something that is no timer?
   The question is whether a deadlock may be reported, and an error there
   would end a program that only waits. So everything that another thread may
   still do counts: wakers, jobs that are being done, fds, tasks here that
   another runtime may abort, handles that somebody may spawn by. */
static bool is_awaited_from_outside(ebb_runtime *rt) {
  if (rt->remote.wakers > 0 || rt->remote.jobs > 0) return true;
  if (ebb_fd_is_awaited(&rt->events.fds)) return true;
  if (ebb_poller_is_awaited(&rt->events.poller)) return true;
  if (rt->remote.deaf || rt->remote.mailbox == NULL) return false;
  return rt->remote.tasks > 0 ||
         atomic_load(&rt->remote.mailbox->handle.external) > 0;
}

/* A sleep that a signal has cut short is a reason for the root to look:
   Ctrl-C must reach a program all of whose tasks sleep. */
static void sleep_for(ebb_runtime *rt, int64_t ns) {
  int64_t most = time_for_sentry(rt);
  if (ns > most) ns = most;
  if (ebb_poller_look(rt, ns > 0 ? ns : 0) == -EINTR)
    ebb_task_wake(&rt->root, -EINTR);
}

/* Virtual time jumps over waits for fds, but not over fds that are ready. */
static void jump(ebb_runtime *rt, int64_t next) {
  look_at_fds(rt);
  if (ebb_list_is_empty(&rt->tasks.queue.ready))
    ebb_clock_jump(&rt->clock, next);
}

/* Nothing is ready, as of just now: sleeps until something may be. The sentry
   waits, since no tick runs. Virtual time stands still while a job is being
   done. The mail is looked at last: whoever has given up the last handle since
   then may
   have sent some before. */
static void idle(ebb_runtime *rt) {
  int64_t next = ebb_timer_heap_next(&rt->tasks.timers);
  bool is_awaited = is_awaited_from_outside(rt);
  if (ebb_mailbox_has_mail(rt)) return;
  if (rt->clock.paused && rt->remote.jobs > 0)
    sleep_for(rt, EBB_NEVER);
  else if (next == EBB_NEVER && !is_awaited)
    ebb_task_wake(rt->sentry.task, -EDEADLK);
  else if (next == EBB_NEVER)
    sleep_for(rt, EBB_NEVER);
  else if (rt->clock.paused)
    jump(rt, next);
  else
    sleep_for(rt, next - rt->tasks.now);
}

/* ---- the loop ---- */

/* A task may be here whose LocalSet is not driven any more: it goes to wait
   until it is again.
   The gate may have closed since the task was pushed: closing one does not
   search the run queue. */
static ebb_task *pop_ready(ebb_runtime *rt) {
  while (!ebb_list_is_empty(&rt->tasks.queue.ready)) {
    ebb_task *t = ebb_container_of(rt->tasks.queue.ready.next, ebb_task, link);
    if (rt->tasks.queue.count > EBB_CROWD)
      ebb_prefetch_tasks(t, &rt->tasks.queue.ready);
    ebb_list_remove(&t->link);
    rt->tasks.queue.count--;
    assert(t->state == EBB_READY && !t->gated);
    if (ebb_run_queue_admits(t)) return t;
    ebb_run_queue_push(t);
  }
  return NULL;
}

/* One turn at least is run by every tick, or a budget of 0 would do nothing
   for ever. The real clock is asked: a game that slows its own would get
   longer ticks. */
static bool tick_is_over(const ebb_runtime *rt) {
  if (rt->tick.end == EBB_NEVER || rt->tick.polls == 0) return false;
  return ebb_clock_real(&rt->clock) >= rt->tick.end;
}

/* The task to run next; NULL: the tick is over. Only a look at everything
   starts the count anew: a timer that is always due makes a task ready each
   time there is none, and the loop never idle.
   Two rhythms. While tasks are ready, events are looked at every
   EVENT_INTERVAL turns, so that a crowd of busy tasks keeps nobody's timer
   or socket waiting for long; when none is, at once. A tick that has nothing
   ready looks once more, without sleeping, and leaves. */
static ebb_task *next_task(ebb_runtime *rt) {
  if (rt->tick.active && tick_is_over(rt)) return NULL;
  if (--rt->events.countdown <= 0) {
    rt->events.countdown = EVENT_INTERVAL;
    poll_events(rt);
    look_at_fds(rt);
  }
  for (;;) {
    ebb_task *t = pop_ready(rt);
    if (t != NULL) return t;
    poll_events(rt);
    if (!ebb_list_is_empty(&rt->tasks.queue.ready)) continue;
    if (!rt->tick.active) {
      idle(rt);
      continue;
    }
    look_at_fds(rt);
    if (ebb_list_is_empty(&rt->tasks.queue.ready)) return NULL;
  }
}

/* With rt->measure.on set, turns are timed on the real clock, for
   ebb.tasks(). */
static void begin_measure(ebb_runtime *rt, const ebb_task *t) {
  rt->measure.begun = ebb_clock_real(&rt->clock);
  rt->measure.id = t->id;
}

/* By its id, as the task may have ended in its turn and its block be
   another's. */
static void end_measure(ebb_runtime *rt) {
  ebb_task *t = ebb_task_find(rt, rt->measure.id);
  if (t != NULL) t->busy += ebb_clock_real(&rt->clock) - rt->measure.begun;
  rt->measure.id = 0;
}

/* An abort that came between the wake and the turn counts: the wait ends as
   cut off, unless the task has its clean-up to do. */
static void begin_turn(ebb_runtime *rt, ebb_task *t) {
  assert(t->state == EBB_READY && rt->tasks.current == NULL); /* R2, R3 */
  t->state = EBB_RUNNING;
  if (ebb_task_is_cut(t)) t->status = -ECANCELED;
  t->polls++;
  rt->tasks.current = t;
  rt->tasks.budget = ebb_budget_full(t);
  rt->tick.polls++;
  if (rt->measure.on) begin_measure(rt, t);
}

/* They look again after the turn of the task that goes on, each with the end of
   its own wait as it was.
   A task cannot be resumed while its coroutine is below another's frames, on
   a stack that is suspended. Only when a stack goes on can that have
   changed. */
static void recall_bystanders(ebb_runtime *rt) {
  while (!ebb_list_is_empty(&rt->bystanders)) {
    ebb_task *t = ebb_container_of(rt->bystanders.next, ebb_task, link);
    ebb_task_wake(t, t->status);
  }
}

/* Goes on where `t` is suspended: on its stack, the root's being the native
   one. The loop's stack goes back to the pool, from where a later wait
   continues it here. */
static void resume(ebb_runtime *rt, ebb_task *t) {
  ebb_stack *from = rt->stacks.running;
  assert(from != NULL && from != t->stack);
  recall_bystanders(rt);
  ebb_stack_put(&rt->stacks.pool, from);
  rt->stacks.running = t->stack;
  t->stack = NULL;
  ebb_context_switch(&from->context, rt->stacks.running != NULL
                                         ? &rt->stacks.running->context
                                         : &rt->stacks.native);
}

/* A task that has its own stack goes on there; this call returns when some
   later wait continues the loop's stack, and the task that ran last has been
   dealt with by then. */
static void run(ebb_runtime *rt, ebb_task *t) {
  begin_turn(rt, t);
  if (t->stack != NULL || ebb_task_is_root(t))
    resume(rt, t);
  else if (t->ops->poll(t) == EBB_POLL_DONE)
    ebb_task_finish(t);
  else
    assert(t->state == EBB_WAITING || t->state == EBB_READY);
}

/* Every stack of the pool begins here. Between any two lines that switch,
   the loop may have gone on on other stacks, so it keeps no state. */
void ebb_scheduler_loop(void *arg) {
  ebb_runtime *rt = arg;
  for (;;) {
    rt->tasks.current = NULL;
    if (rt->measure.on) end_measure(rt);
    ebb_task *t = next_task(rt);
    if (t != NULL) {
      run(rt, t);
    } else {
      /* The tick is over: its caller is suspended on the native stack. */
      rt->tasks.current = &rt->root;
      resume(rt, rt->tasks.current);
    }
  }
}

/* ---- stacks ---- */

/* R8: from here to the return the task has this stack for itself. The root's
   is the native one, which is no stack of the pool. */
void ebb_scheduler_suspend(ebb_runtime *rt, ebb_stack *s) {
  ebb_task *t = rt->tasks.current;
  assert(s != NULL && t != NULL && t->stack == NULL); /* R8 */
  ebb_context *from = &rt->stacks.native;
  if (rt->stacks.running != NULL) {
    t->stack = rt->stacks.running;
    from = &t->stack->context;
  }
  rt->stacks.running = s;
  ebb_context_switch(from, &s->context);
  assert(rt->tasks.current == t && t->state == EBB_RUNNING);
}

/* The frames below are those of the loop, and perhaps of tasks that were
   polled there before: nothing of them is used any more, since the loop
   keeps no state. */
void ebb_scheduler_end_task(ebb_runtime *rt) {
  assert(rt->stacks.running != NULL && !ebb_task_is_root(rt->tasks.current));
  ebb_task_finish(rt->tasks.current);
  ebb_context_restart(&rt->stacks.running->context);
}

void ebb_scheduler_set_sentry(ebb_runtime *rt, int64_t until) {
  rt->sentry.task = rt->tasks.current;
  rt->sentry.until = until;
}

void ebb_scheduler_reset_sentry(ebb_runtime *rt) {
  rt->sentry.task = &rt->root;
  rt->sentry.until = EBB_NEVER;
}

/* The root becomes ready to run nowhere: it is taken out of all that it may
   be waiting in, and is the running task from here on, on this stack. Where
   it was suspended before, the native stack or, moved once already, one of the
   pool, is left as it is: nothing goes on there. */
void ebb_scheduler_move_root(ebb_runtime *rt) {
  ebb_task *root = &rt->root, *t = rt->tasks.current;
  assert(t != root && rt->stacks.running != NULL);
  if (root->state == EBB_READY) ebb_run_queue_remove(root);
  ebb_list_remove(&root->link);
  ebb_timer_heap_remove(&rt->tasks.timers, &root->timer);
  ebb_task_leave_queue(root);
  root->stack = NULL;
  root->state = EBB_RUNNING;
  rt->tick.active = false;
  if (t->state == EBB_RUNNING) ebb_task_finish(t);
  rt->tasks.current = root;
  if (rt->sentry.task == t) rt->sentry.task = root;
}

/* No code of the task runs, so nothing that it has on its stack is given
   back; what the engine has of it is. It passes through the running state
   for ebb_task_finish, whose contract wants that. */
void ebb_scheduler_kill_task(ebb_task *t) {
  ebb_runtime *rt = t->rt;
  assert(t->state == EBB_READY || t->state == EBB_WAITING);
  assert(!t->lending);
  if (t->state == EBB_READY) ebb_run_queue_remove(t);
  ebb_list_remove(&t->link);
  ebb_timer_heap_remove(&rt->tasks.timers, &t->timer);
  if (t->stack != NULL) ebb_stack_discard(&rt->stacks.pool, t->stack);
  t->stack = NULL;
  t->state = EBB_RUNNING;
  t->outcome = EBB_CANCELLED;
  ebb_task_finish(t);
}

/* For a clean-up that nothing can end. Tasks that are woken run later; none
   comes or goes during this walk. */
void ebb_scheduler_break_waits(ebb_runtime *rt) {
  uint32_t slot = ebb_table_scan(&rt->tasks.by_id, 0);
  for (; slot != EBB_TABLE_NONE;
       slot = ebb_table_scan(&rt->tasks.by_id, slot + 1))
    ebb_task_wake(ebb_table_item(&rt->tasks.by_id, slot), -EDEADLK);
}
