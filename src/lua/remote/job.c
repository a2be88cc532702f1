/* SPDX-License-Identifier: MIT */
#include "lua/remote/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/remote/grant.h"
#include "lua/remote/pack.h"
#include "lua/remote/paths.h"
#include "lua/remote/state_ref.h"
#include "lua/state/error.h"
#include "lua/task/detail.h"
#include "lua/task/task.h"

/* ---- the job ---- */

void ebb_lua_job_init(ebb_lua_job *j, const ebb_job_ops *ops, ebb_lua *el,
                      ebb_lua_state_ref *ref, bool blocking) {
  ebb_job_init(&j->job, ops, el->rt->remote.mailbox, ref->handle, blocking);
  j->call = j->result = (ebb_lua_pack){0};
  j->to = ebb_lua_state_ref_refer(el, ref);
  j->kind = blocking ? "blocking task" : "task";
  j->name = NULL;
}

/* What keeps other states in touch with this one goes; nobody there has to do
   with the job any more. */
static void strip(ebb_lua_job *j) {
  ebb_lua_pack_clear(&j->call);
  ebb_lua_pack_clear(&j->result);
  ebb_lua_state_ref_forget(&j->to);
}

void ebb_lua_job_free(ebb_job *job) {
  ebb_lua_job *j = (ebb_lua_job *)job;
  strip(j);
  free(j->name);
  free(j);
}

void ebb_lua_job_describe(ebb_work *w, char *text, size_t size) {
  const ebb_job *job = ebb_container_of(w, ebb_job, request.work);
  const ebb_lua_job *j = (const ebb_lua_job *)job;
  bool is_lua = job->ops->free == ebb_lua_job_free;
  const char *kind = is_lua ? j->kind : "blocking task";
  const char *name = is_lua ? j->name : NULL;
  unsigned long long id = job->id;
  if (name != NULL)
    snprintf(text, size, "%s %llu \"%s\" still runs", kind, id, name);
  else
    snprintf(text, size, "%s %llu still runs", kind, id);
}

/* The state may have been closed while its runtime, an engine's, goes on. */
static ebb_task *arrive(ebb_job *job, ebb_runtime *rt) {
  ebb_lua_job *j = (ebb_lua_job *)job;
  ebb_lua *el = j->to.ref->el;
  (void)rt;
  if (el == NULL || el->closing) return NULL;
  return ebb_lua_executor_new(el, j);
}

/* A Runtime's job is not stripped: it leads to the runtime even then. */
static void strip_job(ebb_job *job) { strip((ebb_lua_job *)job); }

static const ebb_job_ops job_ops = {
    .run = ebb_lua_worker_run,
    .arrive = arrive,
    .over = strip_job,
    .free = ebb_lua_job_free,
};

/* ---- the target ---- */

typedef struct target {
  ebb_lua_job *job; /* NULL once it has been taken */
} target;

static int target_gc(lua_State *L) {
  target *c = ebb_lua_class_check(L, ebb_lua_state_raw(L), 1, CLASS_TARGET);
  if (c->job != NULL) ebb_job_release(&c->job->job);
  c->job = NULL;
  return 0;
}

void ebb_lua_job_define_target(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", target_gc}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_TARGET, none, meta);
}

ebb_lua_job *ebb_lua_job_carried(lua_State *L, ebb_lua *el, int arg) {
  target *c = ebb_lua_class_is(L, el, arg, CLASS_TARGET);
  if (c == NULL) return NULL;
  ebb_lua_job *j = c->job;
  c->job = NULL;
  return j;
}

void ebb_lua_job_set_name(lua_State *L, ebb_lua_job *j, const char *name) {
  if (name == NULL) return;
  size_t size = strlen(name) + 1;
  j->name = malloc(size);
  if (j->name == NULL) ebb_lua_error_raise(L, -ENOMEM);
  memcpy(j->name, name, size);
}

static ebb_lua_job *new_job(lua_State *L, ebb_lua *el, ebb_lua_state_ref *ref,
                            bool blocking) {
  int err = 0;
  ebb_lua_grant grant = ebb_lua_grant_get(L, el);
  if (ebb_lua_state_ref_get(el, &err) == NULL) ebb_lua_error_raise(L, err);
  ebb_lua_job *j = malloc(sizeof *j);
  if (j == NULL) ebb_lua_error_raise(L, -ENOMEM);
  ebb_handle_spare_ids(ref->handle, el->rt);
  ebb_lua_job_init(j, &job_ops, el, ref, blocking);
  j->grant = grant;
  return j;
}

void ebb_lua_job_push_target(lua_State *L, ebb_lua *el) {
  ebb_lua_class_new(L, el, CLASS_TARGET, sizeof(target), 0);
}

void ebb_lua_job_carry(lua_State *L, int arg, ebb_lua_job *j) {
  ((target *)lua_touserdata(L, arg))->job = j;
}

void ebb_lua_job_push(lua_State *L, ebb_lua *el, ebb_lua_state_ref *ref,
                      bool blocking, const char *name, int body) {
  ebb_lua_job_push_target(L, el);
  target *c = lua_touserdata(L, -1);
  lua_insert(L, body);
  if (blocking) {
    luaL_checkstack(L, 4, NULL);
    ebb_lua_paths_push(L);
    lua_rotate(L, body + 1, 2);
  }
  c->job = new_job(L, el, ref, blocking);
  ebb_lua_job_set_name(L, c->job, name);
  ebb_lua_pack_values(L, &c->job->call, body + 1, "argument",
                      blocking ? -2 : 0);
  lua_settop(L, body);
}

/* ---- the task here ---- */

static ebb_lua_job *job_of(ebb_task *t) { return ((ebb_lua_task *)t)->job; }

/* stack: task -> its results, or error and traceback. There may have been no
   memory to send an error. */
static int open_result(lua_State *L) {
  ebb_task *t = lua_touserdata(L, 1);
  const ebb_lua_pack *p = &job_of(t)->result;
  if (p->data != NULL) return ebb_lua_unpack_values(L, p);
  if (t->outcome == EBB_COMPLETED) return 0;
  return luaL_error(L, "not enough memory on the other thread");
}

/* The error at the top of aux is of this side: without a traceback, which
   takes the place of an abort's reason. */
static void keep_error(ebb_lua_task *lt, lua_State *aux) {
  ebb_task_set_outcome(&lt->task, EBB_PANICKED);
  lua_xmove(aux, lt->L, 1);
  lua_pushnil(lt->L);
  ebb_lua_detail_keep(lt, lt->L);
}

/* Moves what has been unpacked on aux, above `base`, to the task. */
static void keep(ebb_lua_task *lt, lua_State *aux, int base) {
  int count = lua_gettop(aux) - base;
  if (!lua_checkstack(lt->L, count + 2)) {
    lua_settop(aux, base);
    lua_pushliteral(aux, "too many results");
    keep_error(lt, aux);
    return;
  }
  lua_xmove(aux, lt->L, count);
  if (lt->task.outcome == EBB_PANICKED)
    ebb_lua_detail_keep(lt, lt->L);
  else
    lt->count = count;
}

static ebb_poll proxy_poll(ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  lua_State *aux = lt->el->aux;
  int base = lua_gettop(aux);
  ebb_poll done = ebb_job_poll(&lt->job->job, t);
  lt->count = 0;
  if (t->outcome == EBB_CANCELLED || !lt->job->job.is_over) return done;
  lua_pushcfunction(aux, open_result);
  lua_pushlightuserdata(aux, lt);
  if (lua_pcall(aux, 1, LUA_MULTRET, 0) == LUA_OK)
    keep(lt, aux, base);
  else
    keep_error(lt, aux);
  ebb_lua_pack_clear(&lt->job->result);
  return done;
}

/* When the state is being closed, nobody waits for what comes of it. */
static void abort_task(ebb_task *t) {
  ebb_job_abort(&job_of(t)->job);
  if (((ebb_lua_task *)t)->el->closing) ebb_task_wake(t, 0);
}

static void start(ebb_task *t) { ebb_job_start(&job_of(t)->job, t); }

static void finished(ebb_task *t) {
  ebb_job_let_go(&job_of(t)->job);
  ebb_lua_task_ops.finished(t);
}

static void drop(ebb_task *t) {
  ebb_job_release(&job_of(t)->job);
  ebb_lua_task_ops.drop(t);
}

const ebb_task_ops ebb_lua_job_proxy_ops = {
    .size = sizeof(ebb_lua_task),
    .traits = EBB_LUA_IS_TASK,
    .start = start,
    .poll = proxy_poll,
    .abort = abort_task,
    .owner = ebb_lua_task_owner,
    .finished = finished,
    .drop = drop,
};
