/* SPDX-License-Identifier: MIT
   ebb.Runtime (Tokio: runtime::Runtime): a scheduler with a Lua state of its
   own, on a thread of its own. To the state that has made it, it is a job
   that goes on until it is asked to stop. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lua/remote/grant.h"
#include "lua/remote/job.h"
#include "lua/remote/paths.h"
#include "lua/remote/state_ref.h"
#include "lua/spawn/spawn.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/shutdown.h"
#include "lua/task/task.h"
#include "lua/task/thread.h"
#include "lua/task/wait.h"

/* The life of a Runtime. Here, the other state is made, whole, and a job that
   has it. The job is sent to a thread of its own, and from then until it is
   over the state, and all that is in it, belong to that thread (R1). There its
   root waits, and tasks come by Handles. A stop is asked for once, either by
   shutdown or __close, which wait for the end; or by an abort of the job's
   task, when the object is collected or the state here ends, and no call waits.
   It is sent as a mail. Then the thread ends the tasks, closes the state, and
   the job comes home.

   So each field has one side at a time. `asked` and `timeout` are written here
   before the mail is sent, and read there after it has come. `stuck` is written
   there, and read here once the job is over. */
typedef struct runtime_job {
  ebb_lua_job base;
  lua_State *L;    /* its state; there. `base.to` leads to it */
  ebb_lua *el;     /* the same */
  bool stopped;    /* there */
  bool asked;      /* a call waits for its end, and will be told what is
                      stuck; here, before the stop is sent */
  int64_t timeout; /* of its end, ns; written here, before the stop is sent */
  char stuck[256]; /* what outlasted that; there, then here */
} runtime_job;

/* ---- there ---- */

/* Mail of a runtime that is gone is dropped, with `rt` NULL: then there is
   nothing to stop. */
static void deliver_stop(ebb_mail *mail, ebb_runtime *rt) {
  runtime_job *r = ebb_container_of(mail, runtime_job, base.job.request.stop);
  if (rt != NULL) {
    r->stopped = true;
    ebb_task_wake(&rt->root, 0);
  }
  ebb_job_release(&r->base.job);
}

/* The first is told: it is what the others mostly wait for. */
static void note_stuck(void *ctx, const char *text) {
  runtime_job *r = ctx;
  if (r->stuck[0] == '\0') snprintf(r->stuck, sizeof r->stuck, "%s", text);
}

/* The thread of the runtime, whose root does nothing but wait. Mail of another
   thread can always come, so that is no deadlock; a wait that a signal or the
   want of a stack has ended begins anew. */
static void run(ebb_job *job, ebb_worker *worker) {
  runtime_job *r = (runtime_job *)job;
  ebb_runtime *rt = r->el->rt;
  (void)worker;
  assert(ebb_task_is_root(rt->tasks.current) && !r->el->closing); /* R1 */
  ebb_runtime_keep_alive(rt);
  while (!r->stopped) {
    int err = ebb_wait(rt, NULL, EBB_NEVER, "its shutdown");
    if (err == -ENOMEM) ebb_wait_briefly(rt);
  }
  ebb_runtime_let_die(rt);
  r->el->shutdown_timeout = r->timeout;
  if (r->asked) {
    r->el->stuck = note_stuck;
    r->el->stuck_ctx = r;
  }
  /* First, while all that their clean-ups need still works. */
  ebb_lua_shutdown_end_tasks(r->el);
  lua_close(r->L);
  ebb_job_set_outcome(job, EBB_COMPLETED);
}

/* ---- here ---- */

/* The job keeps itself until the mail has come: the other thread may be done,
   and let go of it, before. */
static void stop(ebb_job *job) {
  runtime_job *r = (runtime_job *)job;
  const ebb_lua_task *lt = (ebb_lua_task *)job->task;
  assert(lt != NULL && !job->is_over);
  if (!r->asked) r->timeout = lt->el->shutdown_timeout;
  ebb_job_retain(job);
  if (ebb_handle_abort(r->base.to.ref->handle, &job->request) < 0)
    ebb_job_release(job);
}

/* No thread could be had: the state is closed without having run. */
static void cancel(ebb_job *job) { lua_close(((runtime_job *)job)->L); }

static const ebb_job_ops runtime_ops = {
    .run = run,
    .cancel = cancel,
    .stop = stop,
    .free = ebb_lua_job_free,
};

/* The userdata. While the Runtime is made it has the state, `L`, and closes it
   if an error comes; from then on the job has it, and `lt` is the way to the
   job. Once collected it has neither. */
typedef struct runtime {
  lua_State *L;     /* until the job has it */
  ebb_lua_task *lt; /* the job's task; a reference; NULL once collected */
} runtime;

/* What the new state takes over: strings on the stack of this one, where they
   stay until it has its own. */
typedef struct settings {
  const char *path, *cpath;
} settings;

/* In the new state, called in protected mode: an error outside of any call
   would end the process. */
static int configure(lua_State *L) {
  assert(lua_islightuserdata(L, 1));
  const settings *s = lua_touserdata(L, 1);
  lua_pushstring(L, s->path);
  lua_pushstring(L, s->cpath);
  ebb_lua_paths_set(L);
  lua_pushlightuserdata(L, ebb_lua_state_find(L));
  return 1;
}

/* Makes the other state; returns its ebb_lua. It has the parts and libraries
   that this one has, and no more (grant.h), and its paths of `require`. From
   the moment that r->L is set the Runtime's finalizer closes it. */
static ebb_lua *new_state(lua_State *L, ebb_lua *el, runtime *r) {
  ebb_lua_grant grant = ebb_lua_grant_get(L, el);
  ebb_lua_paths_push(L);
  settings s = {lua_tostring(L, -2), lua_tostring(L, -1)};
  r->L = ebb_lua_grant_state(&grant);
  if (r->L == NULL) ebb_lua_error_raise(L, -ENOMEM);
  lua_pushcfunction(r->L, configure);
  lua_pushlightuserdata(r->L, &s);
  if (lua_pcall(r->L, 1, 1, 0) != LUA_OK) ebb_lua_error_raise(L, -ENOMEM);
  ebb_lua *there = lua_touserdata(r->L, -1);
  assert(there != NULL && there->rt != NULL && there->rt != el->rt);
  lua_settop(r->L, 0);
  lua_pop(L, 2);
  return there;
}

/* The job is in the target at the top, which frees it if an error comes. It is
   blocking work of this state's own runtime, for which it is made with the ref
   of that; its `to` then leads to the other one. It is in the background: that
   the Runtime is there is no reason for this state to wait. */
static runtime_job *new_job(lua_State *L, ebb_lua *el, ebb_lua *there) {
  assert(lua_isuserdata(L, -1));
  int err = 0;
  ebb_lua_state_ref *home = ebb_lua_state_ref_get(el, &err);
  if (home == NULL) ebb_lua_error_raise(L, err);
  ebb_lua_state_ref *ref = ebb_lua_state_ref_get(there, &err);
  if (ref == NULL) ebb_lua_error_raise(L, err);
  runtime_job *job = calloc(1, sizeof *job);
  if (job == NULL) ebb_lua_error_raise(L, -ENOMEM);
  ebb_lua_job_init(&job->base, &runtime_ops, el, home, true);
  ebb_lua_job_carry(L, -1, &job->base);
  ebb_mail_init(&job->base.job.request.stop, deliver_stop);
  job->base.kind = "runtime";
  ebb_job_put_in_background(&job->base.job);
  job->el = there;
  ebb_lua_state_ref_forget(&job->base.to);
  job->base.to = ebb_lua_state_ref_refer(el, ref);
  return job;
}

/* stack: options, the name, Runtime
   The job has the state only when nothing can fail any more. Its task is the
   binding's own: it is not shown before its end is asked for, and has no panic
   to report. */
static void start(lua_State *L, ebb_lua *el, runtime *r, const char *name,
                  unsigned threads) {
  assert(lua_gettop(L) == 3);
  ebb_lua *there = new_state(L, el, r);
  if (threads > 0) ebb_mailbox_set_max_threads(there->rt, threads);
  ebb_lua_job_push_target(L, el);
  runtime_job *job = new_job(L, el, there);
  ebb_lua_job_set_name(L, &job->base, name);
  ebb_lua_thread_reserve(L, el);
  ebb_lua_task *lt = ebb_lua_spawn_task(L, el, 4, 0);
  ebb_task_retain(&lt->task);
  assert(r->lt == NULL && r->L != NULL);
  r->lt = lt;
  job->L = r->L;
  r->L = NULL;
  lt->seen = lt->hidden = true;
  ebb_lua_task_start(lt);
  if (job->base.job.is_over)
    luaL_error(L, "cannot start a thread for a runtime");
}

/* stack: [options] -> Runtime */
static int runtime_new(lua_State *L) {
  static const char *const names[] = {"name", "max_blocking_threads", NULL};
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  ebb_lua_args_check_options(L, 1, names);
  lua_settop(L, 1);
  unsigned threads = (unsigned)ebb_lua_args_count_option(
      L, 1, "max_blocking_threads", 1, INT_MAX);
  (void)ebb_lua_args_push_option(L, 1, "name", LUA_TSTRING);
  const char *name = lua_tostring(L, 2);
  runtime *r = ebb_lua_class_new(L, el, CLASS_RUNTIME, sizeof *r, 0);
  start(L, el, r, name, threads);
  lua_settop(L, 3);
  return 1;
}

/* The Runtime at 1, with its task. The end of the state may finalize it. */
static runtime *check_runtime(lua_State *L, ebb_lua *el) {
  runtime *r = ebb_lua_class_check(L, el, 1, CLASS_RUNTIME);
  if (r->lt == NULL) luaL_error(L, "the Runtime has been finalized");
  return r;
}

static runtime_job *job_of(runtime *r) {
  assert(r->L == NULL && r->lt->job != NULL);
  return (runtime_job *)r->lt->job;
}

/* Also of one that has ended: what is spawned by it is cancelled. */
static int runtime_handle(lua_State *L) {
  runtime *r = check_runtime(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 1);
  ebb_lua_state_ref_push_handle(L, job_of(r)->base.to.ref);
  return 1;
}

/* ---- the end ---- */

/* From here on the job counts as any that is waited for, and its task is shown.
   One that has been asked for before keeps the time it was given then: the
   other thread may be reading it. */
static void ask_to_stop(runtime *r, int64_t timeout) {
  runtime_job *job = job_of(r);
  ebb_job *base = &job->base.job;
  if (base->is_over || base->stopping) return;
  assert(!job->asked && r->lt->task.state != EBB_FINISHED);
  job->timeout = timeout;
  job->asked = true;
  r->lt->hidden = false;
  ebb_job_await_end(base);
  ebb_task_abort(&r->lt->task);
}

/* stack: Runtime, deadline -> true, or nil and what is stuck
   It waits as a join does, but the task has no values: what it came to is in
   the job. Several calls may wait. */
static int shutdown_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  assert(lua_gettop(L) >= 2 && lua_isinteger(L, 2));
  ebb_task *t = &check_runtime(L, el)->lt->task;
  if (!ebb_task_is_finished(t) && w->status != -ETIMEDOUT) {
    w->deadline = lua_tointeger(L, 2);
    return ebb_await_in_list(w, &t->joiners);
  }
  /* Our own end ends the task before its job; `stuck` is the other thread's
     then. */
  const runtime_job *job = job_of(check_runtime(L, el));
  const char *stuck = job->base.job.is_over ? job->stuck : NULL;
  if (stuck != NULL && stuck[0] == '\0') {
    lua_pushboolean(L, 1);
    return 1;
  }
  luaL_pushfail(L);
  if (stuck != NULL)
    lua_pushstring(L, stuck);
  else if (ebb_task_is_finished(t))
    lua_pushliteral(L, "the state that has made the runtime is being closed");
  else
    lua_pushliteral(L,
                    "the runtime has not ended: a task of it runs on "
                    "without waiting");
  return 2;
}

/* stack: Runtime [, seconds]. The runtime gives its blocking work that time;
   if it does not come to that, it gets a second more. */
static int runtime_shutdown(lua_State *L) {
  static const ebb_lua_op op = {"the end of a runtime", shutdown_poll, false};
  enum { GRACE = 1000000000 };
  ebb_lua *el = ebb_lua_state_checked(L);
  runtime *r = check_runtime(L, el);
  ebb_lua_args_check_surplus(L, 2);
  int64_t timeout = el->shutdown_timeout;
  if (!lua_isnoneornil(L, 2)) timeout = ebb_lua_args_duration(L, 2);
  int64_t until = ebb_time_add(ebb_now(el->rt), ebb_time_add(timeout, GRACE));
  lua_settop(L, 1);
  lua_pushinteger(L, until);
  ask_to_stop(r, timeout);
  return ebb_lua_await(L, el, &op);
}

/* The second argument is an error, and no time. At the end of the state the
   object may have been finalized, and has asked for the stop then. */
static int runtime_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  runtime *r = ebb_lua_class_check(L, el, 1, CLASS_RUNTIME);
  if (el->rt == NULL || r->lt == NULL) return 0;
  lua_settop(L, 1);
  return runtime_shutdown(L);
}

/* The runtime ends, but no call waits for that: the state does, at its own
   end. */
static int runtime_gc(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  runtime *r = ebb_lua_class_check(L, el, 1, CLASS_RUNTIME);
  assert(r->L == NULL || r->lt == NULL);
  if (r->L != NULL) lua_close(r->L);
  r->L = NULL;
  if (r->lt != NULL && el->rt != NULL) {
    ebb_task_abort(&r->lt->task);
    ebb_task_release(&r->lt->task);
  }
  r->lt = NULL;
  return 0;
}

/* ---- the module's functions about the state's own runtime ---- */

/* Takes effect at once: a pool that is there already has its limit changed. */
static int set_max_blocking_threads(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 1 && n <= INT_MAX, 1,
                "number of threads must be positive");
  ebb_mailbox_set_max_threads(el->rt, (unsigned)n);
  return 0;
}

static int set_shutdown_timeout(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  el->shutdown_timeout = ebb_lua_args_duration(L, 1);
  return 0;
}

void ebb_lua_runtime_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {
      {"handle", runtime_handle}, {"shutdown", runtime_shutdown}, {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__close", runtime_close}, {"__gc", runtime_gc}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_RUNTIME, methods, meta);
}

void ebb_lua_runtime_open(lua_State *L, ebb_lua *el) {
  static const luaL_Reg functions[] = {
      {"set_max_blocking_threads", set_max_blocking_threads},
      {"set_shutdown_timeout", set_shutdown_timeout},
      {NULL, NULL}};
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, runtime_new, 1);
  lua_setfield(L, -2, "new");
  lua_setfield(L, -2, "Runtime");
}
