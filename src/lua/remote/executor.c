/* SPDX-License-Identifier: MIT
   The executor: the task of the engine, there, that has a Lua function done
   for another state, as a task of this one under the same id, and sends back
   what came of it. It counts as a task of this state, which waits for it when
   it is closed. */
#include <assert.h>
#include <errno.h>

#include "lua/remote/job.h"
#include "lua/remote/pack.h"
#include "lua/remote/paths.h"
#include "lua/task/detail.h"
#include "lua/task/join_error.h"
#include "lua/task/panic.h"
#include "lua/task/task.h"

/* The executor's turns: in the first it unpacks the call and starts the Lua
   task, and then waits among that task's joiners; in the last it packs what
   the Lua task came to. No abort cuts its wait: an abort goes to the Lua task,
   whose clean-up is waited for. An abort before the first turn leaves `lt`
   NULL, and the job cancelled.

   `job` is the executor's from its making until `finished`, which is called
   also where the end of the state kills the executor. Its outcome is what the
   job had before (cancelled, see worker.c and ebb_job_init) until send_outcome
   or send_own_error says otherwise. `lt` is a reference (R7). */
typedef struct executor {
  ebb_task task;
  ebb_lua_job *job; /* NULL once it is done */
  ebb_lua *el;
  ebb_lua_task *lt; /* that does it; NULL until the first turn */
} executor;

static const ebb_task_ops executor_ops;

ebb_task *ebb_lua_executor_new(ebb_lua *el, ebb_lua_job *j) {
  executor *c = (executor *)ebb_task_create(el->rt, &executor_ops);
  if (c == NULL) return NULL;
  c->job = j;
  c->el = el;
  c->lt = NULL;
  ebb_task_set_uncancellable(&c->task, true);
  return &c->task;
}

/* ---- packing ---- */

static int to_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* stack: job, error, trace. What cannot be sent is sent as text; its
   __tostring may fail. */
static int pack_text(lua_State *L) {
  ebb_lua_job *j = lua_touserdata(L, 1);
  assert(lua_gettop(L) == 3);
  ebb_lua_panic_trace_to_text(L);
  const char *type = luaL_typename(L, 2);
  lua_pushcfunction(L, to_text);
  lua_pushvalue(L, 2);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK)
    lua_pushfstring(L, "(error object is a %s value)", type);
  lua_replace(L, 2);
  lua_settop(L, 3);
  ebb_lua_pack_values(L, &j->result, 2, "error", 1);
  return 0;
}

/* stack: job, values... The pack is empty here, or an earlier try has failed
   and left it empty. */
static int pack_values(lua_State *L) {
  ebb_lua_job *j = lua_touserdata(L, 1);
  assert(j->result.data == NULL);
  ebb_lua_pack_values(L, &j->result, 2, "result", 1);
  return 0;
}

/* stack: job, error, trace. The trace may be a table, of a panic that came from
   another task: as text it means something in any state. */
static int pack_error(lua_State *L) {
  ebb_lua_panic_trace_to_text(L);
  return pack_values(L);
}

/* Calls f(job, ...) with the values above `base` on aux, which it pops. True
   when it went well; else the error is left. Other tasks use aux as well, so
   that nothing that is called here may wait. */
static bool call(executor *c, lua_CFunction f, int base) {
  ebb_lua *el = c->el;
  lua_State *aux = el->aux;
  assert(lua_gettop(aux) >= base);
  const char *outer = el->no_wait;
  el->no_wait = "the __tostring of an error for another thread";
  lua_pushcfunction(aux, f);
  lua_pushlightuserdata(aux, c->job);
  lua_rotate(aux, base + 1, 2);
  bool ok = lua_pcall(aux, lua_gettop(aux) - base - 1, 0, 0) == LUA_OK;
  el->no_wait = outer;
  assert(lua_gettop(aux) == (ok ? base : base + 1));
  return ok;
}

/* The error and the traceback are above `base`. The first try is with copies:
   if the error cannot be sent, its text is, with the same traceback. Without
   memory even for the text the pack stays empty, which says so. */
static void send_panic(executor *c, int base) {
  lua_State *aux = c->el->aux;
  assert(lua_gettop(aux) == base + 2);
  lua_pushvalue(aux, base + 1);
  lua_pushvalue(aux, base + 2);
  if (!call(c, pack_error, base + 2)) {
    lua_settop(aux, base + 2);
    (void)call(c, pack_text, base);
  }
  lua_settop(aux, base);
  ebb_job_set_outcome(&c->job->job, EBB_PANICKED);
}

/* The one value above `base` is an error of ours: it has no traceback, as the
   function has not raised it. */
static void send_own_error(executor *c, int base) {
  lua_pushnil(c->el->aux);
  send_panic(c, base);
}

/* The results leave the task's stack for good. Results that cannot be sent
   are a panic of the task there, though its body has returned. */
static void send_results(executor *c, int base) {
  lua_State *L = c->lt->L, *aux = c->el->aux;
  assert(lua_gettop(L) >= c->lt->count);
  if (!lua_checkstack(aux, c->lt->count + 4)) {
    lua_pushliteral(aux, "too many results");
    send_own_error(c, base);
    return;
  }
  lua_xmove(L, aux, c->lt->count);
  if (call(c, pack_values, base))
    ebb_job_set_outcome(&c->job->job, EBB_COMPLETED);
  else
    send_own_error(c, base);
}

/* What is packed may run code that ends the process, and the task with it: so
   the job counts as cancelled until that is done. */
static void send_outcome(executor *c) {
  lua_State *aux = c->el->aux;
  ebb_lua_task *lt = c->lt;
  int base = lua_gettop(aux);
  assert(ebb_task_is_finished(&lt->task)); /* R6 */
  ebb_job_set_outcome(&c->job->job, EBB_CANCELLED);
  if (lt->task.outcome == EBB_PANICKED) {
    ebb_lua_detail_push_panic(aux, lt);
    ebb_lua_detail_push(aux, c->el, lt);
    send_panic(c, base);
  } else if (lt->task.outcome == EBB_COMPLETED) {
    send_results(c, base);
  }
}

/* ---- the task ---- */

/* stack: executor -> ; then: executor, [path, cpath,] function, arguments...
   Only work for a pool's thread brings the paths: its state serves the jobs of
   one state after another, and a Runtime's has paths of its own. An error after
   the start, of memory for the name, is not the job's: the task runs without
   one. It counts as seen, because its panic is told at home. */
static int begin(lua_State *L) {
  executor *c = lua_touserdata(L, 1);
  ebb_lua *el = c->el;
  assert(lua_gettop(L) == 1 && c->lt == NULL);
  ebb_lua_unpack_values(L, &c->job->call);
  if (c->job->job.blocking) {
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    ebb_lua_paths_set(L);
    lua_remove(L, 2);
    lua_remove(L, 2);
  }
  if (!lua_isfunction(L, 2)) return luaL_error(L, "a function was expected");
  ebb_lua_task_prepare(L, el, 2);
  ebb_lua_task *lt = ebb_lua_task_new(L, el, 2);
  ebb_task_set_id(&lt->task, c->job->job.id);
  ebb_task_retain(&lt->task);
  lt->seen = true;
  c->lt = lt;
  ebb_lua_task_start(lt);
  if (c->job->name != NULL) {
    lua_pushstring(L, c->job->name);
    ebb_lua_detail_set_name(L, el, lt);
  }
  return 0;
}

/* From here on the job is not touched: in ebb_job_done it becomes the other
   side's, which may free it. That of a pool's thread is told by the pool, once
   the state is tidy. */
static void reply(executor *c) {
  assert(c->job != NULL);
  ebb_job *job = &c->job->job;
  c->job = NULL;
  ebb_lua_pack_clear(&((ebb_lua_job *)job)->call);
  if (!job->blocking) ebb_job_done(job);
}

static void let_go(executor *c) {
  if (c->lt != NULL) ebb_task_release(&c->lt->task);
  c->lt = NULL;
}

/* The executor's own outcome is not looked at: it always completes. The wait
   cannot fail, having no deadline. */
static ebb_poll executor_poll(ebb_task *t) {
  executor *c = (executor *)t;
  assert(c->job != NULL && t->uncancellable);
  ebb_task_set_outcome(t, EBB_COMPLETED);
  if (c->lt == NULL && !t->aborted) {
    lua_State *aux = c->el->aux;
    int base = lua_gettop(aux);
    lua_pushcfunction(aux, begin);
    lua_pushlightuserdata(aux, c);
    if (lua_pcall(aux, 1, 0, 0) != LUA_OK && c->lt == NULL)
      send_own_error(c, base);
    lua_settop(aux, base);
  }
  if (c->lt == NULL) return EBB_POLL_DONE;
  if (!ebb_task_is_finished(&c->lt->task)) {
    (void)ebb_wait_begin(t->rt, &c->lt->task.joiners, EBB_NEVER, "its task");
    return EBB_POLL_PENDING;
  }
  send_outcome(c);
  return EBB_POLL_DONE;
}

/* In place of ending the wait: R5 holds for the Lua task. */
static void abort_task(ebb_task *t) {
  executor *c = (executor *)t;
  if (c->lt != NULL) ebb_task_abort(&c->lt->task);
}

/* Also called by a kill, which may come before that of the Lua task. */
static void finished(ebb_task *t) {
  executor *c = (executor *)t;
  let_go(c);
  reply(c);
  ebb_lua_task_note_end(c->el);
}

static void *owner(const ebb_task *t) { return ((const executor *)t)->el; }

/* `finished` has let go of all. */
static void drop(ebb_task *t) {
  assert(((executor *)t)->job == NULL && ((executor *)t)->lt == NULL);
  (void)t;
}

static const ebb_task_ops executor_ops = {
    .size = sizeof(executor),
    .traits = EBB_LUA_IS_INNER,
    .poll = executor_poll,
    .abort = abort_task,
    .owner = owner,
    .finished = finished,
    .drop = drop,
};
