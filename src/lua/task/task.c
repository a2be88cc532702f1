/* SPDX-License-Identifier: MIT
   A task that is a Lua coroutine: polled with lua_resume on the loop's
   stack, shut down by closing its thread. */
#include "lua/task/task.h"

#include <assert.h>
#include <errno.h>

#include "core/spawn/c_task.h"
#include "lua/state/compat.h"
#include "lua/state/error.h"
#include "lua/state/slot.h"
#include "lua/task/current_set.h"
#include "lua/task/cut.h"
#include "lua/task/detail.h"
#include "lua/task/join_error.h"
#include "lua/task/panic.h"
#include "lua/task/task_vars.h"
#include "lua/task/thread.h"
#include "lua/task/unwind.h"

/* ---- making one, the body ---- */

/* As coroutine.status has it: it has yielded, or has a function and has not
   begun. A thread that has ended has no function on its stack. */
static bool is_suspended(lua_State *thread) {
  lua_Debug ar;
  if (lua_status(thread) == LUA_YIELD) return true;
  return lua_status(thread) == LUA_OK && !lua_getstack(thread, 0, &ar) &&
         lua_gettop(thread) > 0;
}

/* As far as scripts can know its thread. */
static bool is_task(lua_State *L, ebb_lua *el, int arg) {
  lua_State *shadow = ebb_lua_thread_shadow(L, el, arg);
  if (shadow == NULL) return false;
  ebb_task *t = ebb_task_find(el->rt, (ebb_id)lua_tointeger(shadow, 1));
  return t != NULL && ebb_lua_thread(t) == lua_tothread(L, arg);
}

static void check_thread(lua_State *L, ebb_lua *el, int arg) {
  lua_State *thread = lua_tothread(L, arg);
  luaL_argcheck(L, thread != L && is_suspended(thread), arg,
                "coroutine is not suspended");
  luaL_argcheck(L, !is_task(L, el, arg), arg, "coroutine is a task already");
}

/* What __call is, is found out when it is called: it may change until then. */
void ebb_lua_task_check_body(lua_State *L, ebb_lua *el, int arg) {
  int type = lua_type(L, arg);
  if (type == LUA_TFUNCTION) return;
  if (type == LUA_TTHREAD) {
    check_thread(L, el, arg);
  } else if (luaL_getmetafield(L, arg, "__call") != LUA_TNIL) {
    lua_pop(L, 1);
  } else {
    luaL_typeerror(L, arg, "function, callable value or coroutine");
  }
}

/* Shadow first, thread last: making the shadow may run finalizers, which may
   spawn and take the thread. */
void ebb_lua_task_prepare(lua_State *L, ebb_lua *el, int body) {
  assert(body > 0); /* it is packed, and beyond the top, for other threads */
  luaL_checkstack(L, 8, NULL);
  if (lua_isthread(L, body)) {
    lua_pushvalue(L, body);
    ebb_lua_thread_expose(L, el);
    lua_pop(L, 1);
  }
  ebb_lua_thread_reserve(L, el);
}

/* ---- making one, the task ---- */

ebb_lua_task *ebb_lua_task_create(lua_State *L, ebb_lua *el,
                                  const ebb_task_ops *ops) {
  ebb_lua_task *lt = (ebb_lua_task *)ebb_task_create(el->rt, ops);
  if (lt == NULL) ebb_lua_error_raise(L, -ENOMEM);
  ebb_lua_idle thread = ebb_lua_thread_take(L, el);
  lt->L = thread.L;
  lt->place = thread.place;
  lt->el = el;
  lt->exposed = lt->unclean = lt->started = false;
  lt->detailed = lt->named = lt->localized = false;
  lt->waits = lt->cut = lt->cancelling = lt->foretold = false;
  lt->keyed = lt->hidden = lt->seen = lt->has_error = lt->handed = false;
  lt->job = NULL;
  lt->count = 0;
  lt->handles = 0;
  assert(lt->task.state == EBB_NEW && lua_gettop(lt->L) == 0);
  return lt;
}

/* Where the body and its arguments wait for the first turn: on the thread.
   The thread of a given coroutine others can run or close until then, so for
   that it is the shadow. */
static lua_State *waiting_room(lua_State *L, ebb_lua *el, int body) {
  if (!lua_isthread(L, body)) return ebb_lua_thread_next(el)->L;
  if (!is_suspended(lua_tothread(L, body)) || is_task(L, el, body))
    luaL_error(L, "coroutine is not suspended, or a task already");
  return ebb_lua_thread_shadow(L, el, body);
}

/* The thread that the task has is of no use to it then. */
static void run_given(lua_State *L, ebb_lua_task *lt, int body) {
  assert(lua_isthread(L, body) && lua_tothread(L, body) != L);
  lt->exposed = true;
  lt->L = lua_tothread(L, body);
  lua_pushvalue(L, body);
  ebb_lua_thread_anchor_instead(L, lt->el, lt->place);
  if (lt->el->resting > 0) ebb_lua_current_set_drive_given(L, lt->el, lt->L);
}

/* All that can fail comes before the task is made, but for making it (R9).
   Arguments are moved, not copied: they are gone from the caller's stack. */
ebb_lua_task *ebb_lua_task_new(lua_State *L, ebb_lua *el, int body) {
  assert(body > 0 && body <= lua_gettop(L) && el->idle_count > 0);
  bool given = lua_isthread(L, body);
  int count = lua_gettop(L) - body;
  lua_State *room = waiting_room(L, el, body);
  if (!lua_checkstack(room, count + 3))
    luaL_error(L, "too many arguments to a task");
  ebb_lua_task *lt = ebb_lua_task_create(L, el, &ebb_lua_task_ops);
  lt->count = count;
  if (given) {
    run_given(L, lt, body);
    lua_settop(room, 0);
    lua_pushinteger(room, (lua_Integer)lt->task.id);
  }
  lua_xmove(L, room, given ? count : count + 1);
  lua_settop(L, body - 1);
  return lt;
}

/* ---- aborting ---- */

/* The reason of the first abort counts. One that comes in the clean-up comes
   too late: the JoinError may have been foretold. */
void ebb_lua_task_abort(lua_State *L, ebb_lua_task *lt, int reason) {
  if (lt->task.state == EBB_FINISHED) return;
  /* The task of a job is always uncancellable: no abort cuts its wait. */
  bool first =
      !lt->task.aborted && (lt->job != NULL || !lt->task.uncancellable);
  if (first && !lua_isnoneornil(L, reason)) {
    lua_pushvalue(L, reason);
    ebb_lua_detail_set(L, lt->el, lt);
  }
  ebb_task_abort(&lt->task);
}

/* ---- running ---- */

/* A wait has made the task a waiting one, or a ready one, before it yielded. */
static ebb_poll yielded(ebb_lua_task *lt, int count) {
  assert(lt->task.state != EBB_FINISHED && lua_gettop(lt->L) >= count);
  if (lt->task.state == EBB_RUNNING) {
    /* coroutine.yield in the body itself: the values have no taker. */
    lua_pop(lt->L, count);
    ebb_wait_yield(lt->task.rt, EBB_NEXT_TURN);
  }
  return EBB_POLL_PENDING;
}

/* The arguments of a given coroutine come from the shadow. False: another task
   runs the thread just now, or there is no memory; the task tries again. */
static bool take_arguments(ebb_lua_task *lt) {
  if (ebb_lua_thread_has_frames(lt->L) || !lua_checkstack(lt->L, lt->count + 2))
    return false;
  lua_pushthread(lt->L);
  lua_State *shadow = ebb_lua_thread_shadow(lt->L, lt->el, -1);
  lua_pop(lt->L, 1);
  assert(shadow != NULL && lua_gettop(shadow) == 1 + lt->count);
  lua_xmove(shadow, lt->L, lt->count);
  return true;
}

/* The abort is looked at first: a body that has not begun never begins. What
   lua_resume is given the first time are the arguments, and nothing later: the
   continuation of a wait finds its status in the task. */
static ebb_poll task_poll(ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  assert(t->state == EBB_RUNNING && t->stack == NULL); /* R8 */
  if (ebb_task_is_cut(&lt->task)) return ebb_lua_unwind_abort(lt);
  if (lt->exposed && !lt->started && !take_arguments(lt))
    return ebb_lua_unwind_retry(lt);
  int count = lt->started ? 0 : lt->count, status;
  lt->started = true;
  status = lua_resume(lt->L, NULL, count, &count);
  if (status == LUA_YIELD) return yielded(lt, count);
  if (lt->cut) return ebb_lua_unwind_cut(lt, status);
  if (status != LUA_OK) return ebb_lua_unwind_error(lt);
  ebb_task_set_outcome(&lt->task, EBB_COMPLETED);
  lt->count = count;
  return EBB_POLL_DONE;
}

static void finished(ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  ebb_lua *el = lt->el;
  assert(t->state == EBB_FINISHED);
  if (lt->exposed) ebb_lua_thread_let_go(lt, lua_gettop(lt->L));
  ebb_lua_task_note_end(el);
  ebb_lua_join_error_check_unhandled(lt);
}

/* The Lua thread, and its stack, which in a young thread comes next. */
static void prefetch(const ebb_task *t) {
  ebb_prefetch(((const ebb_lua_task *)t)->L, 1024);
}

/* The results go with the thread's stack. */
static void drop(ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  ebb_lua *el = lt->el;
  assert(lt->handles == 0);
  if (lt->detailed || lt->named) ebb_lua_detail_forget_all(lt);
  if (lt->handed) ebb_lua_panic_forget(el, lt);
  if (lt->localized) ebb_lua_task_vars_forget(el, lt->L);
  ebb_lua_thread_give(el, lt);
}

void *ebb_lua_task_owner(const ebb_task *t) {
  return ((const ebb_lua_task *)t)->el;
}

const ebb_task_ops ebb_lua_task_ops = {
    .size = sizeof(ebb_lua_task),
    .traits = EBB_LUA_IS_TASK | EBB_LUA_IS_COROUTINE,
    .poll = task_poll,
    .cut = ebb_lua_cut,
    .owner = ebb_lua_task_owner,
    .finished = finished,
    .prefetch = prefetch,
    .drop = drop,
};
