/* SPDX-License-Identifier: MIT
   There: the task of the engine that has a Lua function done for another
   state, as a task of this one under the same id, and sends back what came
   of it. It counts as a task of this state, which waits for it when it is
   closed. */
#include <errno.h>

#include "lua/remote/job.h"
#include "lua/remote/pack.h"
#include "lua/remote/paths.h"
#include "lua/task/detail.h"
#include "lua/task/join_error.h"
#include "lua/task/panic.h"
#include "lua/task/task.h"

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

static int pack_values(lua_State *L) {
  ebb_lua_job *j = lua_touserdata(L, 1);
  ebb_lua_pack_values(L, &j->result, 2, "result", 1);
  return 0;
}

/* stack: job, error, trace */
static int pack_error(lua_State *L) {
  ebb_lua_panic_trace_to_text(L);
  return pack_values(L);
}

/* Calls f(job, ...) with the values above `base` on aux, which it pops. True
   when it went well; else the error is left. Others use aux as well, so that
   nothing that is called here may wait. */
static bool call(executor *c, lua_CFunction f, int base) {
  ebb_lua *el = c->el;
  lua_State *aux = el->aux;
  const char *outer = el->no_wait;
  el->no_wait = "the __tostring of an error for another thread";
  lua_pushcfunction(aux, f);
  lua_pushlightuserdata(aux, c->job);
  lua_rotate(aux, base + 1, 2);
  bool ok = lua_pcall(aux, lua_gettop(aux) - base - 1, 0, 0) == LUA_OK;
  el->no_wait = outer;
  return ok;
}

/* The error and the traceback are above `base`. Without memory even for the
   text the pack stays empty, which says so. */
static void send_panic(executor *c, int base) {
  lua_State *aux = c->el->aux;
  lua_pushvalue(aux, base + 1);
  lua_pushvalue(aux, base + 2);
  if (!call(c, pack_error, base + 2)) {
    lua_settop(aux, base + 2);
    (void)call(c, pack_text, base);
  }
  lua_settop(aux, base);
  ebb_job_set_outcome(&c->job->job, EBB_PANICKED);
}

/* The one value above `base` is an error of ours. */
static void send_own_error(executor *c, int base) {
  lua_pushnil(c->el->aux);
  send_panic(c, base);
}

static void send_results(executor *c, int base) {
  lua_State *L = c->lt->L, *aux = c->el->aux;
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

/* stack: executor -> */
static int begin(lua_State *L) {
  executor *c = lua_touserdata(L, 1);
  ebb_lua *el = c->el;
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

/* What is asked of the task's result is done. */
static void reply(executor *c) {
  ebb_job *job = &c->job->job;
  c->job = NULL;
  ebb_lua_pack_clear(&((ebb_lua_job *)job)->call);
  if (!job->blocking) ebb_job_done(job);
}

static void let_go(executor *c) {
  if (c->lt != NULL) ebb_task_release(&c->lt->task);
  c->lt = NULL;
}

static ebb_poll executor_poll(ebb_task *t) {
  executor *c = (executor *)t;
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

static void abort_task(ebb_task *t) {
  executor *c = (executor *)t;
  if (c->lt != NULL) ebb_task_abort(&c->lt->task);
}

static void finished(ebb_task *t) {
  executor *c = (executor *)t;
  let_go(c);
  reply(c);
  ebb_lua_task_note_end(c->el);
}

static void *owner(const ebb_task *t) { return ((const executor *)t)->el; }

static void drop(ebb_task *t) { (void)t; }

static const ebb_task_ops executor_ops = {
    .size = sizeof(executor),
    .traits = EBB_LUA_IS_INNER,
    .poll = executor_poll,
    .abort = abort_task,
    .owner = owner,
    .finished = finished,
    .drop = drop,
};
