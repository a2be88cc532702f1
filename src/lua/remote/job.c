/* SPDX-License-Identifier: MIT
   Jobs here: how one is made and sent, and the proxy, the Lua task that waits
   for its end and has its results. */
#include "lua/remote/job.h"

#include <assert.h>
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

/* The caller has a ref of `el`, and with that its runtime has a mailbox, to
   which the end of the job comes back. */
void ebb_lua_job_init(ebb_lua_job *j, const ebb_job_ops *ops, ebb_lua *el,
                      ebb_lua_state_ref *ref, bool blocking) {
  assert(el->rt->remote.mailbox != NULL);
  ebb_job_init(&j->job, ops, el->rt->remote.mailbox, ref->handle, blocking);
  j->call = j->result = (ebb_lua_pack){0};
  j->to = ebb_lua_state_ref_refer(el, ref);
  j->kind = blocking ? "blocking task" : "task";
  j->name = NULL;
}

/* What keeps other states in touch with this one goes. The job is over, or its
   last reference is gone: no other thread has to do with it. */
static void strip(ebb_lua_job *j) {
  ebb_lua_pack_clear(&j->call);
  ebb_lua_pack_clear(&j->result);
  ebb_lua_state_ref_forget(&j->to);
}

/* On any thread: all of it is from malloc, and the packs hold no values of
   a Lua state. */
void ebb_lua_job_free(ebb_job *job) {
  assert(job->task == NULL);
  ebb_lua_job *j = (ebb_lua_job *)job;
  strip(j);
  free(j->name);
  free(j);
}

/* The pool has jobs of C, too, which have no name; they are told apart by how
   they are freed. `id`, kind and name do not change, so that this may be asked
   while the work runs. */
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

/* There: in the loop of the other runtime, the only thread that may read
   `ref->el` (R1). The state may have been closed while its runtime, an
   engine's, goes on. */
static ebb_task *arrive(ebb_job *job, ebb_runtime *rt) {
  ebb_lua_job *j = (ebb_lua_job *)job;
  assert(!job->blocking && j->to.ref != NULL);
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

/* The userdata that has a job between its making and its task. Packing may
   raise an error, as may all that comes before the task: then the collector
   frees the job. The task takes it out, which cannot fail. */
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

/* A copy: the string is in the memory of a Lua state, which another thread
   must not read. */
void ebb_lua_job_set_name(lua_State *L, ebb_lua_job *j, const char *name) {
  assert(j->name == NULL);
  if (name == NULL) return;
  size_t size = strlen(name) + 1;
  j->name = malloc(size);
  if (j->name == NULL) ebb_lua_error_raise(L, -ENOMEM);
  memcpy(j->name, name, size);
}

/* Errors come first: nothing can fail between malloc and the return, since
   nothing owns the job yet. The id of the task is chosen so that it is none
   that is in use there. */
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
  assert(((target *)lua_touserdata(L, arg))->job == NULL);
  ((target *)lua_touserdata(L, arg))->job = j;
}

/* stack: function, arguments... -> target. Between them: target, [path,
   cpath,] function, arguments... Messages count so that the function is number
   0 and the arguments are 1, 2, 3; the paths before it come to -2 and -1, but
   strings and nils are never refused. */
void ebb_lua_job_push(lua_State *L, ebb_lua *el, ebb_lua_state_ref *ref,
                      bool blocking, const char *name, int body) {
  assert(lua_isfunction(L, body));
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

/* It is an ebb_lua_task like others, so that joins, handles and collections
   need no second case; but nothing runs on its thread, whose stack only holds
   the results. */
static ebb_lua_job *job_of(ebb_task *t) {
  assert(((ebb_lua_task *)t)->job != NULL);
  return ((ebb_lua_task *)t)->job;
}

/* stack: task -> its results, or error and traceback. There may have been no
   memory to send an error. A Runtime's job completes without results. */
static int open_result(lua_State *L) {
  assert(lua_gettop(L) == 1);
  ebb_task *t = lua_touserdata(L, 1);
  const ebb_lua_pack *p = &job_of(t)->result;
  if (p->data != NULL) return ebb_lua_unpack_values(L, p);
  if (t->outcome == EBB_COMPLETED) return 0;
  return luaL_error(L, "not enough memory on the other thread");
}

/* The error at the top of aux is of this side: without a traceback, which
   takes the place of an abort's reason. */
static void keep_error(ebb_lua_task *lt, lua_State *aux) {
  assert(lua_gettop(aux) > 0);
  ebb_task_set_outcome(&lt->task, EBB_PANICKED);
  lua_xmove(aux, lt->L, 1);
  lua_pushnil(lt->L);
  ebb_lua_detail_keep(lt, lt->L);
}

/* Moves what has been unpacked on aux, above `base`, to the task: results; or
   the error, which stays on the stack, and its traceback, which becomes the
   task's detail. */
static void keep(ebb_lua_task *lt, lua_State *aux, int base) {
  int count = lua_gettop(aux) - base;
  assert(lt->task.outcome != EBB_PANICKED || count == 2);
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

/* Called once: the job is over, or the end of the state or the runtime has
   woken the task before that, and it ends as cancelled. Then the results are
   the other thread's still, and are not looked at. Unpacking takes memory, and
   may fail: the task has panicked then, on this side. */
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
  assert(lua_gettop(aux) == base);
  ebb_lua_pack_clear(&lt->job->result);
  return done;
}

/* A state that is being closed does not wait for what comes of it. */
static void abort_task(ebb_task *t) {
  ebb_job_abort(&job_of(t)->job);
  if (((ebb_lua_task *)t)->el->closing) ebb_task_wake(t, 0);
}

/* In place of making the task ready: it has one turn, its last. */
static void start(ebb_task *t) { ebb_job_start(&job_of(t)->job, t); }

static void finished(ebb_task *t) {
  ebb_job_let_go(&job_of(t)->job);
  ebb_lua_task_ops.finished(t);
}

/* The other thread may still have its reference: a task that has ended early
   leaves the job to it. */
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
