/* SPDX-License-Identifier: MIT */
#include "core/loop/scheduler.h"

#include <assert.h>
#include <errno.h>

#include "core/loop/handle.h"
#include "core/spawn/join_set.h"
#include "core/spawn/local_set.h"

enum {
  /* Turns between two looks at timers and reactor while tasks are ready. */
  EVENT_INTERVAL = 61
};

/* ---- events ---- */

/* Has what the next sleepers will touch come: the first of them, itself being
   here by now, and those that may come after it. */
static void prefetch_sleepers(const ebb_timer_heap *h) {
  for (uint32_t i = 1; i < 5 && i < h->len; i++)
    ebb_prefetch(ebb_container_of(h->slots[i].timer, ebb_task, timer),
                 EBB_TASK_SIZE);
  const ebb_task *t = ebb_container_of(h->slots[0].timer, ebb_task, timer);
  if (ebb_task_is_root(t)) return;
  if (t->ops->prefetch != NULL) t->ops->prefetch(t);
  ebb_table_prefetch(&t->rt->tasks, t->id_slot);
  if (t->set != NULL) ebb_table_prefetch(&t->set->members, t->set_slot);
}

/* How long the sentry may wait, in ns. */
static int64_t time_for_sentry(const ebb_runtime *rt) {
  if (rt->sentry_until == EBB_NEVER) return EBB_NEVER;
  int64_t left = rt->sentry_until - ebb_clock_system();
  return left > 0 ? left : 0;
}

/* Everything but file descriptors. */
static void poll_events(ebb_runtime *rt) {
  ebb_timer *timer;
  rt->now = ebb_clock_now(&rt->clock);
  if (time_for_sentry(rt) == 0) ebb_task_wake(rt->sentry, -EDEADLK);
  if (atomic_load_explicit(&rt->interrupted, memory_order_relaxed) &&
      atomic_exchange(&rt->interrupted, false))
    ebb_task_wake(&rt->root, -EINTR);
  if (ebb_has_mail(rt)) ebb_handle_deliver(rt);
  while ((timer = ebb_timer_heap_pop_due(&rt->timers, rt->now)) != NULL)
    ebb_task_wake(ebb_container_of(timer, ebb_task, timer), -ETIMEDOUT);
  if (rt->timers.len > EBB_CROWD) prefetch_sleepers(&rt->timers);
}

static void look_at_fds(ebb_runtime *rt) {
  if (rt->fds.capacity > 0 || ebb_poller_is_awaited(&rt->poller))
    (void)ebb_fd_look(rt, 0);
}

/* Can a wait be ended by something that is no timer? */
static bool is_known_elsewhere(ebb_runtime *rt) {
  if (rt->wakers > 0 || rt->jobs > 0) return true;
  if (ebb_fd_is_awaited(&rt->fds)) return true;
  if (ebb_poller_is_awaited(&rt->poller)) return true;
  if (rt->deaf || rt->handle == NULL) return false;
  return rt->remote_tasks > 0 || atomic_load(&rt->handle->external) > 0;
}

static void sleep_for(ebb_runtime *rt, int64_t ns) {
  int64_t most = time_for_sentry(rt);
  if (ns > most) ns = most;
  if (ebb_fd_look(rt, ns > 0 ? ns : 0) == -EINTR)
    ebb_task_wake(&rt->root, -EINTR);
}

/* Virtual time jumps over waits for fds, but not over fds that are ready. */
static void jump(ebb_runtime *rt, int64_t next) {
  look_at_fds(rt);
  if (ebb_list_is_empty(&rt->ready)) ebb_clock_jump(&rt->clock, next);
}

/* Nothing is ready: sleeps until something may be. The sentry waits, since no
   tick runs. Virtual time stands still while a job is being done. The mail
   is looked at last: whoever has given up the last handle since then may
   have sent some before. */
static void idle(ebb_runtime *rt) {
  int64_t next = ebb_timer_heap_next(&rt->timers);
  bool is_known = is_known_elsewhere(rt);
  if (ebb_has_mail(rt)) return;
  if (rt->clock.paused && rt->jobs > 0)
    sleep_for(rt, EBB_NEVER);
  else if (next == EBB_NEVER && !is_known)
    ebb_task_wake(rt->sentry, -EDEADLK);
  else if (next == EBB_NEVER)
    sleep_for(rt, EBB_NEVER);
  else if (rt->clock.paused)
    jump(rt, next);
  else
    sleep_for(rt, next - ebb_clock_now(&rt->clock));
}

/* ---- the loop ---- */

/* A task may be here whose LocalSet is not driven any more: it goes to wait
   until it is again. */
static ebb_task *pop_ready(ebb_runtime *rt) {
  while (!ebb_list_is_empty(&rt->ready)) {
    ebb_task *t = ebb_container_of(rt->ready.next, ebb_task, link);
    if (rt->ready_count > EBB_CROWD) ebb_task_prefetch(t, &rt->ready);
    ebb_list_remove(&t->link);
    rt->ready_count--;
    if (ebb_is_driven(t)) return t;
    ebb_task_make_ready(t);
  }
  return NULL;
}

static bool tick_is_over(const ebb_runtime *rt) {
  if (rt->tick_end == EBB_NEVER || rt->tick_polls == 0) return false;
  return ebb_clock_real(&rt->clock) >= rt->tick_end;
}

/* The task to run next; NULL: the tick is over. Only a look at everything
   starts the count anew: a timer that is always due makes a task ready each
   time there is none, and the loop never idle. */
static ebb_task *next_task(ebb_runtime *rt) {
  if (rt->ticking && tick_is_over(rt)) return NULL;
  if (--rt->countdown <= 0) {
    rt->countdown = EVENT_INTERVAL;
    poll_events(rt);
    look_at_fds(rt);
  }
  for (;;) {
    ebb_task *t = pop_ready(rt);
    if (t != NULL) return t;
    poll_events(rt);
    if (!ebb_list_is_empty(&rt->ready)) continue;
    if (!rt->ticking) {
      idle(rt);
      continue;
    }
    look_at_fds(rt);
    if (ebb_list_is_empty(&rt->ready)) return NULL;
  }
}

/* With rt->measured set, turns are timed, on the real clock; ebb.tasks() shows
   it. */
static void begin_measure(ebb_runtime *rt, const ebb_task *t) {
  rt->turn_begun = ebb_clock_real(&rt->clock);
  rt->turn_id = t->id;
}

static void end_measure(ebb_runtime *rt) {
  ebb_task *t = ebb_task_find(rt, rt->turn_id);
  if (t != NULL) t->busy += ebb_clock_real(&rt->clock) - rt->turn_begun;
  rt->turn_id = 0;
}

static void begin_turn(ebb_runtime *rt, ebb_task *t) {
  assert(t->state == EBB_READY);
  t->state = EBB_RUNNING;
  if (ebb_task_is_cut(t)) t->status = -ECANCELED;
  t->polls++;
  rt->current = t;
  rt->budget = ebb_full_budget(t);
  rt->tick_polls++;
  if (rt->measured) begin_measure(rt, t);
}

/* They look again after the turn of the task that goes on, each with the end of
   its own wait as it was. */
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
  ebb_stack *from = rt->stack;
  recall_bystanders(rt);
  ebb_stack_put(&rt->stacks, from);
  rt->stack = t->stack;
  t->stack = NULL;
  ebb_context_switch(&from->context,
                     rt->stack != NULL ? &rt->stack->context : &rt->native);
}

static void run(ebb_runtime *rt, ebb_task *t) {
  begin_turn(rt, t);
  if (t->stack != NULL || ebb_task_is_root(t))
    resume(rt, t);
  else if (t->ops->poll(t) == EBB_POLL_DONE)
    ebb_task_finish(t);
}

/* Every stack of the pool begins here. Between any two lines that switch,
   the loop may have gone on on other stacks, so it keeps no state. */
void ebb_scheduler_loop(void *arg) {
  ebb_runtime *rt = arg;
  for (;;) {
    rt->current = NULL;
    if (rt->measured) end_measure(rt);
    ebb_task *t = next_task(rt);
    if (t != NULL) {
      run(rt, t);
    } else {
      rt->current = &rt->root;
      resume(rt, rt->current);
    }
  }
}

/* ---- waiting in the middle of a call ---- */

/* Suspends the running stack and goes on with the loop on `s`. */
static void suspend_to(ebb_runtime *rt, ebb_stack *s) {
  ebb_task *t = rt->current;
  ebb_context *from = &rt->native;
  if (rt->stack != NULL) {
    t->stack = rt->stack;
    from = &t->stack->context;
  }
  rt->stack = s;
  ebb_context_switch(from, &s->context);
  assert(rt->current == t && t->state == EBB_RUNNING);
}

static int check_may_wait(const ebb_runtime *rt) {
  return rt->never_block && ebb_task_is_root(rt->current) ? -EPERM : 0;
}

/* How the wait of the running task has ended. */
static int end_of_wait(ebb_task *t) {
  if (t->status == -ECANCELED) ebb_task_tell_cut(t);
  return t->status;
}

int ebb_wait(ebb_runtime *rt, ebb_list *list, int64_t deadline,
             const char *what) {
  int err = check_may_wait(rt);
  if (err < 0) return err;
  ebb_stack *s = ebb_stack_take(&rt->stacks);
  if (s == NULL) return -ENOMEM;
  ebb_task *t = rt->current;
  err = ebb_wait_begin(rt, list, deadline, what);
  if (err < 0) {
    ebb_stack_put(&rt->stacks, s);
    return err;
  }
  suspend_to(rt, s);
  return end_of_wait(t);
}

int ebb_yield(ebb_runtime *rt) {
  int err = check_may_wait(rt);
  if (err < 0) return err;
  ebb_stack *s = ebb_stack_take(&rt->stacks);
  if (s == NULL) return -ENOMEM;
  ebb_task *t = rt->current;
  ebb_wait_yield(rt, EBB_NEXT_TURN);
  suspend_to(rt, s);
  return end_of_wait(t);
}

void ebb_poll_briefly(ebb_runtime *rt) {
  enum { A_MOMENT = 1000000 };
  (void)ebb_fd_look(rt, A_MOMENT);
  if (ebb_has_mail(rt)) ebb_handle_deliver(rt);
}

int ebb_coop(ebb_runtime *rt) {
  if (ebb_wait_is_cut(rt)) return -ECANCELED;
  int err = 0;
  while (err == 0 && !ebb_budget_take(rt)) err = ebb_yield(rt);
  return err;
}

void ebb_task_exit(ebb_runtime *rt) {
  assert(rt->stack != NULL && !ebb_task_is_root(rt->current));
  ebb_task_finish(rt->current);
  ebb_context_restart(&rt->stack->context);
}

void ebb_sentry_set(ebb_runtime *rt, int64_t until) {
  rt->sentry = rt->current;
  rt->sentry_until = until;
}

void ebb_sentry_reset(ebb_runtime *rt) {
  rt->sentry = &rt->root;
  rt->sentry_until = EBB_NEVER;
}

void ebb_root_move_here(ebb_runtime *rt) {
  ebb_task *root = &rt->root, *t = rt->current;
  assert(t != root && rt->stack != NULL);
  if (root->state == EBB_READY) rt->ready_count--;
  ebb_list_remove(&root->link);
  ebb_timer_heap_remove(&rt->timers, &root->timer);
  ebb_task_leave_queue(root);
  root->state = EBB_RUNNING;
  rt->ticking = false;
  if (t->state == EBB_RUNNING) ebb_task_finish(t);
  rt->current = root;
  if (rt->sentry == t) rt->sentry = root;
}

void ebb_task_kill(ebb_task *t) {
  ebb_runtime *rt = t->rt;
  assert(t->state == EBB_READY || t->state == EBB_WAITING);
  assert(!t->lending);
  if (t->local != NULL) ebb_local_set_remove(t);
  if (t->state == EBB_READY) rt->ready_count--;
  ebb_list_remove(&t->link);
  ebb_timer_heap_remove(&rt->timers, &t->timer);
  if (t->stack != NULL) ebb_stack_discard(&rt->stacks, t->stack);
  t->stack = NULL;
  t->state = EBB_RUNNING;
  t->outcome = EBB_CANCELLED;
  ebb_task_finish(t);
}

void ebb_interrupt(ebb_runtime *rt) {
  atomic_store(&rt->interrupted, true);
  ebb_reactor_kick(&rt->reactor);
}

void ebb_break_waits(ebb_runtime *rt) {
  uint32_t slot = ebb_table_scan(&rt->tasks, 0);
  for (; slot != EBB_TABLE_NONE; slot = ebb_table_scan(&rt->tasks, slot + 1))
    ebb_task_wake(ebb_table_item(&rt->tasks, slot), -EDEADLK);
}

/* ---- driving from outside of tasks ---- */

static bool is_outside(const ebb_runtime *rt) {
  return rt->current == &rt->root;
}

static void report_tick(const ebb_runtime *rt, ebb_tick_report *report) {
  if (report == NULL) return;
  *report = (ebb_tick_report){
      .polls = rt->tick_polls,
      .ready = rt->ready_count,
      .unfinished = rt->unfinished,
      .next_timer = ebb_timer_heap_next(&rt->timers),
  };
}

int ebb_tick(ebb_runtime *rt, int64_t budget_ns, ebb_tick_report *report) {
  if (!is_outside(rt)) return -EBUSY;
  ebb_stack *s = ebb_stack_take(&rt->stacks);
  if (s == NULL) return -ENOMEM;
  rt->ticking = true;
  rt->tick_polls = 0;
  rt->tick_end = EBB_NEVER;
  rt->countdown = 0;
  if (budget_ns != EBB_NEVER)
    rt->tick_end = ebb_time_add(ebb_clock_real(&rt->clock), budget_ns);
  suspend_to(rt, s);
  rt->ticking = false;
  report_tick(rt, report);
  return 0;
}

int ebb_run(ebb_runtime *rt) {
  if (!is_outside(rt)) return -EBUSY;
  if (rt->never_block) return -EPERM;
  while (rt->unfinished > 0) {
    int err = ebb_wait(rt, &rt->when_empty, EBB_NEVER, "all tasks");
    if (err < 0) return err;
  }
  return 0;
}
