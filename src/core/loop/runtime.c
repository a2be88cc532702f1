/* SPDX-License-Identifier: MIT
   Making and freeing a runtime. */
#include "core/loop/runtime.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/loop/mailbox.h"
#include "core/loop/scheduler.h"
#include "core/task/budget.h"
#include "core/task/run_queue.h"

/* The runtime is one block, made of the parts that its rooms keep. Making it
   creates no thread and no fd: the reactor opens an eventfd when something may
   have to wake it, and an epoll when somebody waits for an fd.

   Its end is the harder part. Every task is aborted, and the loop runs until
   all have ended, clean-ups included; tasks that are spawned meanwhile are
   aborted before they begin. Then the threads of the pool are waited for,
   and then nothing is left that could know of the runtime. */
enum {
  STACK_SIZE = 1024 * 1024,
  STACK_SIZE_MIN = 64 * 1024,
  STACK_SIZE_MAX = 1024 * 1024 * 1024
};

_Static_assert(offsetof(ebb_runtime, tasks) == 0, "see ebb_tasks_of");

static void *default_alloc(void *ctx, void *block, size_t old_size,
                           size_t size) {
  (void)ctx, (void)old_size;
  if (size > 0) return realloc(block, size);
  free(block);
  return NULL;
}

/* Task-locals work outside of tasks, too: the root has scopes like any task. */
static struct ebb_scope **root_scopes(ebb_task *t) {
  return &t->rt->root_scopes;
}

/* The root is never polled, aborted nor dropped. */
static const ebb_task_ops root_ops = {
    .size = sizeof(ebb_task),
    .scopes = root_scopes,
};

/* The root has a reference that nobody gives up, and id 0, which no task
   has. */
static void init_root(ebb_runtime *rt) {
  rt->root.ops = &root_ops;
  rt->root.rt = rt;
  rt->root.state = EBB_RUNNING;
  rt->root.refs = 1;
  rt->root.timer.place = EBB_HEAP_NONE;
  ebb_list_init(&rt->root.link);
  ebb_list_init(&rt->root.joiners);
  rt->tasks.current = &rt->root;
  rt->tasks.budget = EBB_BUDGET;
  ebb_scheduler_reset_sentry(rt);
}

int ebb_runtime_new(const ebb_options *options, ebb_runtime **out) {
  ebb_options o = options != NULL ? *options : (ebb_options){0};
  if (o.stack_size == 0) o.stack_size = STACK_SIZE;
  if (o.stack_size < STACK_SIZE_MIN || o.stack_size > STACK_SIZE_MAX)
    return -EINVAL;
  if (o.alloc == NULL) o.alloc = default_alloc;
  ebb_runtime *rt = o.alloc(o.alloc_ctx, NULL, 0, sizeof *rt);
  if (rt == NULL) return -ENOMEM;
  *rt = (ebb_runtime){.alloc = {o.alloc, o.alloc_ctx},
                      .clock = {.source = o.clock,
                                .ctx = o.clock_ctx,
                                .real = o.real_clock,
                                .real_ctx = o.real_clock_ctx},
                      .thread_alloc = {o.thread_alloc, o.thread_alloc_ctx},
                      .remote.max_blocking_threads = o.max_blocking_threads,
                      .tasks.never_block = o.never_block};
  ebb_task_init_all(&rt->tasks, &rt->alloc);
  ebb_list_init(&rt->bystanders);
  ebb_stack_pool_init(&rt->stacks.pool, o.stack_size, ebb_scheduler_loop, rt,
                      &rt->alloc);
  ebb_reactor_init(&rt->events.reactor);
  ebb_fd_table_init(&rt->events.fds, &rt->alloc);
  ebb_poller_init(&rt->events.poller, &rt->alloc);
  init_root(rt);
  rt->tasks.now = ebb_clock_now(&rt->clock);
  *out = rt;
  return 0;
}

/* A task behind a gate that nobody will open must have its turn to clean up. */
static void abort_all(ebb_runtime *rt) {
  uint32_t slot = ebb_table_scan(&rt->tasks.by_id, 0);
  for (; slot != EBB_TABLE_NONE;
       slot = ebb_table_scan(&rt->tasks.by_id, slot + 1)) {
    ebb_task *t = ebb_table_item(&rt->tasks.by_id, slot);
    if (t->gated) ebb_run_queue_ungate(t);
    ebb_task_abort(t);
  }
}

/* The only jobs that are still waited for are calls in place, which nobody
   can leave alone.
   Without mail this sleeps, which never_block excludes otherwise; here there
   is no choice, as the other thread uses the stack of a task. */
static void await_word(ebb_runtime *rt) {
  if (!ebb_mailbox_has_mail(rt)) (void)ebb_poller_look(rt, EBB_NEVER);
}

/* Runs the clean-up of aborted tasks to its end. A clean-up that cannot go
   on, or would block where blocking is forbidden, has its wait fail. Stacks
   may be out: then no task can run, and the tasks are lost.
   Each round either ends tasks or breaks waits, and a wait that is broken
   does not begin anew for ever: clean-ups are finite, or the program's own
   fault. */
static int drain(ebb_runtime *rt) {
  while (rt->tasks.unfinished > 0) {
    int err =
        rt->tasks.never_block ? ebb_tick(rt, EBB_NEVER, NULL) : ebb_run(rt);
    if (err == -ENOMEM) return err;
    if (rt->tasks.never_block && rt->remote.jobs > 0)
      await_word(rt);
    else if (err == -EDEADLK || rt->tasks.never_block)
      ebb_scheduler_break_waits(rt);
  }
  return 0;
}

/* The pool's threads have references of their own to the pool. */
static unsigned close_mailbox(ebb_runtime *rt, const ebb_shutdown *s) {
  ebb_mailbox *m = rt->remote.mailbox;
  if (m == NULL) return 0;
  unsigned left =
      ebb_thread_pool_close(&m->pool->threads, s->until, s->stuck, s->ctx);
  ebb_mailbox_close(m);
  ebb_handle_release(&m->handle);
  return left;
}

/* Failing for want of a stack leaves everything as it was, so that it can be
   tried again: hence the flags are reset before the error is returned. */
int ebb_runtime_shutdown(ebb_runtime *rt, const ebb_shutdown *s) {
  if (rt->tasks.current != &rt->root) return -EBUSY;
  rt->tasks.closing = rt->remote.deaf = true;
  abort_all(rt);
  int err = drain(rt);
  rt->tasks.closing = rt->remote.deaf = false;
  if (err < 0) return err;
  assert(rt->tasks.unfinished == 0 && ebb_list_is_empty(&rt->bystanders));
  assert(rt->tasks.by_id.len == 0 &&
         "a handle, set, map or waker is not freed");
  unsigned left = close_mailbox(rt, s);
  ebb_task_destroy_all(&rt->tasks);
  ebb_stack_pool_destroy(&rt->stacks.pool, rt->stacks.running);
  ebb_reactor_destroy(&rt->events.reactor);
  ebb_fd_table_destroy(&rt->events.fds);
  ebb_poller_destroy(&rt->events.poller);
  ebb_alloc alloc = rt->alloc;
  ebb_alloc_free(&alloc, rt, sizeof *rt);
  return (int)left;
}

int ebb_runtime_shutdown_timeout(ebb_runtime *rt, int64_t timeout) {
  ebb_shutdown s = {
      .until = ebb_time_add(ebb_clock_system(), timeout > 0 ? timeout : 0)};
  return ebb_runtime_shutdown(rt, &s);
}

int ebb_runtime_free(ebb_runtime *rt) {
  return ebb_runtime_shutdown_timeout(rt, EBB_NEVER);
}
