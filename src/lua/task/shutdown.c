/* SPDX-License-Identifier: MIT
   The end of the state's tasks: rounds of aborts, and waits for the clean-ups,
   until none is left or the time is up. */
#include "lua/task/shutdown.h"

#include <assert.h>
#include <errno.h>
#include <lualib.h>

#include "core/loop/scheduler.h"
#include "core/spawn/join_set.h"
#include "core/spawn/local_set.h"
#include "lua/task/inspect.h"
#include "lua/task/join_error.h"
#include "lua/task/task.h"
#include "lua/task/unwind.h"

/* The next task of the state, from *slot on, which moves there; or NULL. */
static ebb_task *next_task(ebb_lua *el, uint32_t *slot) {
  assert(el->rt != NULL);
  ebb_table *tasks = &el->rt->tasks.by_id;
  for (;; (*slot)++) {
    *slot = ebb_table_scan(tasks, *slot);
    if (*slot == EBB_TABLE_NONE) return NULL;
    ebb_task *t = ebb_table_item(tasks, *slot);
    if (ebb_task_owner(t) == el) return t;
  }
}

/* Calls f for each of them. It may take tasks away: slots keep their numbers
   until the table shrinks, which it does not here. */
static void for_each_task(ebb_lua *el, void (*f)(ebb_task *t)) {
  uint32_t slot = 0;
  for (ebb_task *t; (t = next_task(el, &slot)) != NULL; slot++) f(t);
}

static bool is_any_left(ebb_lua *el) {
  uint32_t slot = 0;
  for (ebb_task *t; (t = next_task(el, &slot)) != NULL; slot++)
    if (t->state != EBB_FINISHED) return true;
  return false;
}

static bool is_any_ready(ebb_lua *el) {
  uint32_t slot = 0;
  for (ebb_task *t; (t = next_task(el, &slot)) != NULL; slot++)
    if (t->state == EBB_READY) return true;
  return false;
}

/* Nothing that may go on can end this wait, so it fails. That of a task which
   a clean-up has spawned is left alone: its turn comes. Other states' tasks are
   none of our business. */
static void break_wait(ebb_task *t) {
  if (t->aborted) ebb_task_wake(t, -EDEADLK);
}

/* Without blocking: some turns, in which the runtime's other tasks have their
   share. When none of ours can go on, what they wait for would block. */
static int drain_by_ticks(ebb_lua *el) {
  int err = 0;
  uint32_t ended = el->ended;
  for (int turns = 0; err == 0 && ended == el->ended && turns < 1000; turns++)
    err = ebb_tick(el->rt, 0, NULL);
  if (err < 0 || ended != el->ended) return err;
  return is_any_ready(el) ? 0 : -EDEADLK;
}

/* The engine's main loop must not be blocked by a state that it closes from
   outside of tasks: there the wait is made of ticks. */
static int drain_once(ebb_lua *el) {
  ebb_runtime *rt = el->rt;
  if (rt->tasks.never_block && ebb_task_is_root(rt->tasks.current))
    return drain_by_ticks(el);
  return ebb_wait(rt, &el->when_empty, EBB_NEVER, "the end of all tasks");
}

/* The time counts from the first beginning: os.exit in a clean-up, the sentinel
   and the state's own finalizer share it. */
static void begin(ebb_lua *el) {
  el->closing = true;
  el->no_wait = NULL;
  ebb_runtime_set_deaf(el->rt, el->owns_runtime);
  if (el->end_by == 0)
    el->end_by = ebb_time_add(ebb_clock_system(), el->shutdown_timeout);
  ebb_scheduler_set_sentry(el->rt, el->end_by);
}

/* Once it is over what only has to have its turn has some more, so that a time
   of 0 ends what waits, and no more. */
static bool is_late(ebb_lua *el, int *grace) {
  if (!ebb_lua_shutdown_is_time_up(el)) return false;
  return --*grace < 0 || !is_any_ready(el);
}

void ebb_lua_shutdown_tell_stuck(ebb_lua *el, const char *text) {
  if (el->stuck != NULL) {
    el->stuck(el->stuck_ctx, text);
    return;
  }
  lua_writestringerror("ebb: %s", text);
  lua_writestringerror(" after %g s, and is left behind\n",
                       (double)el->shutdown_timeout / 1e9);
}

static void report_task(ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  char text[256];
  if (!ebb_lua_is_task(t) || t->state == EBB_FINISHED) return;
  assert(lt->el->closing);
  ebb_lua_inspect_describe_stuck(lt, text, sizeof text);
  ebb_lua_shutdown_tell_stuck(lt->el, text);
}

/* It never runs again. While a thread uses its stack it cannot be left. The
   abort is for work on other threads: a Runtime runs until it is told. */
static void kill_task(ebb_task *t) {
  if (t->lending || t->state == EBB_FINISHED) return;
  if (ebb_lua_is_task(t)) ((ebb_lua_task *)t)->unclean = true;
  ebb_task_abort(t);
  ebb_scheduler_kill_task(t);
}

/* A task whose stack a thread of the pool uses is tried again until the thread
   has come back: memory that is in use cannot be freed. */
void ebb_lua_shutdown_kill_tasks(ebb_lua *el) {
  ebb_scheduler_reset_sentry(el->rt);
  for_each_task(el, kill_task);
  while (is_any_left(el)) {
    if (drain_once(el) < 0) ebb_wait_briefly(el->rt);
    for_each_task(el, kill_task);
  }
}

/* The process ends from inside a task: its variables are closed first, on
   top of its frames, which nothing will return to. A task that has finished
   can still be the one that runs, in the report of its panic. One that is no
   coroutine runs Lua code all the same, in finalizers and in the __tostring
   of errors; its values will not be seen. True when a thread was closed. */
static bool leave_task(ebb_lua *el) {
  ebb_task *t = el->rt->tasks.current;
  if (ebb_task_owner(t) != el) return false;
  ebb_lua_task *lt = ebb_lua_current(el);
  if (lt == NULL) {
    ebb_task_set_outcome(t, EBB_CANCELLED);
  } else {
    if (t->state == EBB_RUNNING) ebb_lua_unwind(lt, NULL);
  }
  ebb_scheduler_move_root(el->rt);
  return lt != NULL;
}

/* A LocalSet that is not driven must not keep a task from its end. */
static void abort_for_good(ebb_task *t) {
  if (t->local != NULL) ebb_local_set_remove(t);
  ebb_task_abort(t);
}

/* Until every aborted task has ended. 0, -ETIMEDOUT or -ENOMEM. */
static int drain(ebb_lua *el) {
  enum { GRACE = 16 };
  int grace = GRACE;
  uint32_t slot = 0;
  for (ebb_task *t; (t = next_task(el, &slot)) != NULL;) {
    if (!t->aborted || t->state == EBB_FINISHED) {
      slot++;
      continue;
    }
    int err = drain_once(el);
    if (err == -ENOMEM) return err;
    if (is_late(el, &grace)) return -ETIMEDOUT;
    if (err == -EDEADLK && !ebb_lua_shutdown_is_time_up(el))
      for_each_task(el, break_wait);
  }
  return 0;
}

/* What clean-ups have spawned is aborted in rounds. When these do not come to
   an end by themselves, what is spawned is aborted before it begins. */
static int end_tasks(ebb_lua *el) {
  enum { ROUNDS = 16 };
  int err = 0;
  while (err == 0 && is_any_left(el)) {
    assert(el->closing);
    el->refusing = ++el->rounds > ROUNDS;
    for_each_task(el, abort_for_good);
    err = drain(el);
  }
  if (err == -ETIMEDOUT) {
    for_each_task(el, report_task);
    ebb_lua_shutdown_kill_tasks(el);
  }
  return err;
}

/* True when it was called in the task of a coroutine, which is closed now.
   Without a current task it is the loop itself that runs: no state is closed
   from there. */
bool ebb_lua_shutdown(ebb_lua *el) {
  if (el->rt == NULL || el->rt->tasks.current == NULL) return false;
  begin(el);
  bool left = leave_task(el);
  (void)end_tasks(el);
  return left;
}

/* The state goes on being used: by the next job of a pool's thread, or by the
   finalizers of a Runtime's. */
bool ebb_lua_shutdown_end_tasks(ebb_lua *el) {
  begin(el);
  int err = end_tasks(el);
  el->closing = el->refusing = false;
  ebb_runtime_set_deaf(el->rt, false);
  el->rounds = 0;
  ebb_scheduler_reset_sentry(el->rt);
  return err == 0;
}

/* Objects that finalizers make while the state is closed are not finalized
   themselves: what they refer to is let go of here. The report of a panic may
   spawn some more, which never run. */
static void drop_stray(ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  if (!ebb_lua_is_task(t)) return;
  ebb_task_retain(t);
  kill_task(t);
  ebb_task_forget_others(t);
  if (t->group != NULL) ebb_join_set_remove(ebb_join_set_of(t), t);
  lt->handles = 0;
  ebb_lua_join_error_check_unhandled(lt);
  ebb_task_release(t);
}

void ebb_lua_shutdown_drop_strays(ebb_lua *el) {
  for_each_task(el, drop_stray);
  for_each_task(el, drop_stray); /* of reports; these make none */
}
