/* SPDX-License-Identifier: MIT
   A task that is a Lua coroutine: polled with lua_resume on the loop's
   stack, shut down by closing its thread. */
#include "lua/task/task.h"

#include <errno.h>

#include "core/spawn/c_task.h"
#include "lua/remote/job.h"
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

/* ---- making one, the body ---- */

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

void ebb_lua_task_prepare(lua_State *L, ebb_lua *el, int body) {
  luaL_checkstack(L, 8, NULL);
  if (lua_isthread(L, body)) {
    lua_pushvalue(L, body);
    ebb_lua_thread_expose(L, el);
    lua_pop(L, 1);
  }
  ebb_lua_thread_reserve(L, el);
}

/* ---- what is kept apart, by id, since few tasks have it ---- */

/* Pops the value from L's stack. Raises errors. */
static void keep(lua_State *L, ebb_lua *el, int table, ebb_lua_task *lt) {
  ebb_lua_slot_push(L, el, table);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lt->task.id);
  lua_pop(L, 1);
}

static void push_kept(lua_State *L, ebb_lua *el, int table, ebb_lua_task *lt) {
  lua_rawgeti(el->store, table, (lua_Integer)lt->task.id);
  lua_xmove(el->store, L, 1);
}

static void forget(ebb_lua *el, int table, ebb_lua_task *lt) {
  lua_pushnil(el->store);
  lua_rawseti(el->store, table, (lua_Integer)lt->task.id);
}

void ebb_lua_detail_set_name(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  keep(L, el, STORE_NAMES, lt);
  lt->named = true;
}

void ebb_lua_detail_push_name(lua_State *L, ebb_lua *el, ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  if (ebb_lua_is_task(t) && lt->el == el && lt->named)
    push_kept(L, el, STORE_NAMES, lt);
  else
    lua_pushstring(L, ebb_task_name(t));
}

/* A detail is an abort's reason, or the trace of a panic. */
static void set_detail(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  keep(L, el, STORE_DETAILS, lt);
  lt->detailed = true;
  lt->foretold = false;
}

void ebb_lua_detail_keep_foretold(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  set_detail(L, el, lt);
  lt->foretold = true;
}

void ebb_lua_detail_push(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  if (lt->detailed)
    push_kept(L, el, STORE_DETAILS, lt);
  else
    lua_pushnil(L);
}

static void forget_detail(ebb_lua *el, ebb_lua_task *lt) {
  if (lt->detailed) forget(el, STORE_DETAILS, lt);
  lt->detailed = lt->foretold = false;
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
  lt->seen = lt->has_error = lt->handed = false;
  lt->job = NULL;
  lt->count = 0;
  lt->handles = 0;
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
  lt->exposed = true;
  lt->L = lua_tothread(L, body);
  lua_pushvalue(L, body);
  ebb_lua_thread_anchor_instead(L, lt->el, lt->place);
  if (lt->el->resting > 0) ebb_lua_current_set_drive_given(L, lt->el, lt->L);
}

ebb_lua_task *ebb_lua_task_new(lua_State *L, ebb_lua *el, int body) {
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

void ebb_lua_task_start(ebb_lua_task *lt) {
  ebb_task_start(&lt->task);
  if (lt->el->refusing) ebb_task_abort(&lt->task);
}

/* ---- aborting, and keeping what an error leaves ---- */

void ebb_lua_task_abort(lua_State *L, ebb_lua_task *lt, int reason) {
  if (lt->task.state == EBB_FINISHED) return;
  /* The task of a job is always closing: its wait cannot be cut off. */
  bool first =
      !lt->task.aborted && (lt->job != NULL || !lt->task.uncancellable);
  if (first && !lua_isnoneornil(L, reason)) {
    lua_pushvalue(L, reason);
    set_detail(L, lt->el, lt);
  }
  ebb_task_abort(&lt->task);
}

/* stack: task -> */
static int make_trace(lua_State *L) {
  ebb_lua_task *lt = lua_touserdata(L, 1);
  ebb_lua *el = lt->el;
  luaL_checkstack(lt->L, 1, NULL);
  lua_pushvalue(lt->L, -1);
  lua_xmove(lt->L, L, 1);
  lua_pushvalue(L, 2);
  keep(L, el, STORE_RAISED, lt);
  if (!ebb_lua_panic_push_origin(L, el, lt->L, 0))
    luaL_traceback(L, lt->L, NULL, 0);
  set_detail(L, el, lt);
  return 0;
}

/* Is the error at the top of the task's stack still the one that its body has
   raised, after its clean-up? */
static bool is_still_raised(ebb_lua_task *lt) {
  lua_State *store = lt->el->store;
  lua_pushvalue(lt->L, -1);
  lua_xmove(lt->L, store, 1);
  lua_rawgeti(store, STORE_RAISED, (lua_Integer)lt->task.id);
  bool still = lua_rawequal(store, -1, -2);
  lua_pop(store, 2);
  forget(lt->el, STORE_RAISED, lt);
  return still;
}

/* stack: task -> . The error is one that its clean-up has raised. */
static int make_cleanup_trace(lua_State *L) {
  ebb_lua_task *lt = lua_touserdata(L, 1);
  ebb_lua *el = lt->el;
  ebb_lua_join_error_push_panic(L, lt);
  if (ebb_lua_panic_push_origin(L, el, NULL, 0)) set_detail(L, el, lt);
  return 0;
}

/* Keeps where the error comes from that the task has just raised. Without
   memory for it that is not known. */
static void keep_trace(ebb_lua_task *lt, lua_CFunction make) {
  ebb_lua *el = lt->el;
  lua_pushcfunction(el->aux, make);
  lua_pushlightuserdata(el->aux, lt);
  if (lua_pcall(el->aux, 1, 0, 0) != LUA_OK) lua_pop(el->aux, 1);
  ebb_lua_panic_forget(el, lt);
}

/* stack: task, place, value -> */
static int keep_value(lua_State *L) {
  ebb_lua_task *lt = lua_touserdata(L, 1);
  keep(L, lt->el, (int)lua_tointeger(L, 2), lt);
  return 0;
}

/* Pops a value of `from` into a table of the store; false: there is no memory
   for it. */
static bool keep_from(lua_State *from, int table, ebb_lua_task *lt) {
  lua_State *aux = lt->el->aux;
  lua_pushcfunction(aux, keep_value);
  lua_pushlightuserdata(aux, lt);
  lua_pushinteger(aux, table);
  lua_xmove(from, aux, 1);
  if (lua_pcall(aux, 3, 0, 0) == LUA_OK) return true;
  lua_pop(aux, 1);
  return false;
}

void ebb_lua_detail_keep(ebb_lua_task *lt, lua_State *from) {
  forget_detail(lt->el, lt);
  lt->detailed = keep_from(from, STORE_DETAILS, lt);
}

/* ---- running ---- */

static bool has_frames(lua_State *L) {
  lua_Debug ar;
  return lua_status(L) == LUA_OK && lua_getstack(L, 0, &ar);
}

/* The task is done, but not completed; the error, if any, is at the top of
   its stack. */
static ebb_poll ended(ebb_lua_task *lt, int status) {
  lt->count = 0;
  lt->unclean = lt->started;
  lt->cancelling = false;
  if (status == LUA_OK) {
    lt->task.outcome = EBB_CANCELLED;
    lua_settop(lt->L, 0);
  } else {
    lt->task.outcome = EBB_PANICKED;
    lua_copy(lt->L, -1, 1);
    lua_settop(lt->L, 1);
    if (lt->handed) keep_trace(lt, make_cleanup_trace);
  }
  return EBB_POLL_DONE;
}

/* As `ended`, when the error, if any, is the clean-up's: what was kept, an
   abort's reason or the trace of another error, is not its trace. */
static ebb_poll cleaned_up(ebb_lua_task *lt, int status) {
  if (status != LUA_OK) forget_detail(lt->el, lt);
  return ended(lt, status);
}

/* Lua forgets a variable before it makes room for the call of its __close:
   without memory for that it leaves the call out. So there is room first. An
   abort finds a thread in a wait, whose stack has that of a small function
   mostly, and must be fast. Where an error has ended the task, it may have been
   for want of memory: there is room for any function, of 255 registers. */
enum { ROOM_ON_ABORT = 30, ROOM_ON_ERROR = 300, WANTS_MAX = 8 };

/* Each time that the room cannot be had, the collector has run. Where memory is
   out for good, that has been enough soon. */
static int close_thread(ebb_lua *el, lua_State *L, int room) {
  bool has_room = lua_checkstack(L, room);
  for (; !has_room && el->wants < WANTS_MAX; el->wants++)
    has_room = lua_checkstack(L, room);
  if (has_room) el->wants = 0;
  return ebb_lua_closethread(L);
}

/* Another task runs this one's thread by coroutine.resume or closes it, and
   waits inside of that call, on a stack of its own. The call can only end when
   such a stack goes on: then the task looks again. An abort does not change
   that. */
static ebb_poll retry_later(ebb_lua_task *lt) {
  ebb_task *t = &lt->task;
  bool closing = t->uncancellable;
  t->uncancellable = true;
  (void)ebb_wait_begin(t->rt, &t->rt->bystanders, EBB_NEVER,
                       "another's coroutine.resume");
  t->uncancellable = closing;
  return EBB_POLL_PENDING;
}

static ebb_poll shut_down(ebb_lua_task *lt) {
  if (has_frames(lt->L)) return retry_later(lt);
  lt->task.uncancellable = lt->cancelling = true;
  if (!lt->started && !lt->exposed) return ended(lt, LUA_OK);
  return cleaned_up(lt, close_thread(lt->el, lt->L, ROOM_ON_ABORT));
}

static ebb_poll yielded(ebb_lua_task *lt, int count) {
  if (lt->task.state == EBB_RUNNING) {
    /* coroutine.yield in the body itself: the values have no taker. */
    lua_pop(lt->L, count);
    ebb_wait_yield(lt->task.rt, EBB_NEXT_TURN);
  }
  return EBB_POLL_PENDING;
}

static ebb_poll failed(ebb_lua_task *lt) {
  /* With this status it was lua_resume itself that refused. */
  bool refused = lua_status(lt->L) == LUA_OK;
  if (refused && has_frames(lt->L)) {
    lua_pop(lt->L, 1);
    return retry_later(lt);
  }
  keep_trace(lt, make_trace);
  lt->task.uncancellable = true;
  /* The error, or that of a variable, is on top of the thread then. */
  int status = LUA_ERRRUN;
  if (!refused) status = close_thread(lt->el, lt->L, ROOM_ON_ERROR);
  return is_still_raised(lt) ? ended(lt, status) : cleaned_up(lt, status);
}

/* The body has ended as soon as a C function had returned from a wait that was
   cut off. If that raised an error, it is no panic; an error of a variable
   is. */
static ebb_poll ended_by_cut(ebb_lua_task *lt, int status) {
  lt->task.uncancellable = lt->cancelling = true;
  lt->cut = false;
  if (status == LUA_OK) return ended(lt, LUA_OK);
  const void *error = lua_topointer(lt->L, -1);
  status = close_thread(lt->el, lt->L, ROOM_ON_ERROR);
  bool same =
      status != LUA_OK && error != NULL && lua_topointer(lt->L, -1) == error;
  return cleaned_up(lt, same ? LUA_OK : status);
}

/* The arguments of a given coroutine come from the shadow. */
static bool take_arguments(ebb_lua_task *lt) {
  if (has_frames(lt->L) || !lua_checkstack(lt->L, lt->count + 2)) return false;
  lua_pushthread(lt->L);
  lua_State *shadow = ebb_lua_thread_shadow(lt->L, lt->el, -1);
  lua_pop(lt->L, 1);
  lua_xmove(shadow, lt->L, lt->count);
  return true;
}

static ebb_poll poll(ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  if (ebb_task_is_cut(&lt->task)) return shut_down(lt);
  if (lt->exposed && !lt->started && !take_arguments(lt))
    return retry_later(lt);
  int count = lt->count, status;
  lt->count = 0;
  lt->started = true;
  status = lua_resume(lt->L, NULL, count, &count);
  if (status == LUA_YIELD) return yielded(lt, count);
  if (lt->cut) return ended_by_cut(lt, status);
  if (status != LUA_OK) return failed(lt);
  lt->task.outcome = EBB_COMPLETED;
  lt->count = count;
  return EBB_POLL_DONE;
}

static void finished(ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  ebb_lua *el = lt->el;
  if (lt->exposed) ebb_lua_thread_let_go(lt, lua_gettop(lt->L));
  ebb_lua_task_note_end(el);
  ebb_lua_join_error_check_unhandled(lt);
}

/* The Lua thread, and its stack, which in a young thread comes next. */
static void prefetch(const ebb_task *t) {
  ebb_prefetch(((const ebb_lua_task *)t)->L, 1024);
}

static void drop(ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  ebb_lua *el = lt->el;
  forget_detail(el, lt);
  if (lt->handed) ebb_lua_panic_forget(el, lt);
  if (lt->named) forget(el, STORE_NAMES, lt);
  if (lt->localized) ebb_lua_task_vars_forget(el, lt->L);
  ebb_lua_thread_give(el, lt);
}

void *ebb_lua_task_owner(const ebb_task *t) {
  return ((const ebb_lua_task *)t)->el;
}

const ebb_task_ops ebb_lua_task_ops = {
    .size = sizeof(ebb_lua_task),
    .traits = EBB_LUA_IS_TASK | EBB_LUA_IS_COROUTINE,
    .poll = poll,
    .cut = ebb_lua_cut,
    .owner = ebb_lua_task_owner,
    .finished = finished,
    .prefetch = prefetch,
    .drop = drop,
};

/* ---- shutting down on top of suspended frames ---- */

static bool runs(lua_State *L, lua_State *candidate) {
  return candidate != NULL && candidate != L && has_frames(candidate);
}

/* Lua does not tell; but L's innermost frame is the C function that resumed
   it, and in coroutine.resume and close the thread is the first argument, in a
   coroutine.wrap function the first upvalue. */
lua_State *ebb_lua_thread_resumed_by(lua_State *L) {
  if (!has_frames(L)) return NULL;
  lua_State *candidate = lua_tothread(L, lua_upvalueindex(1));
  if (runs(L, candidate)) return candidate;
  candidate = lua_tothread(L, 1);
  return runs(L, candidate) ? candidate : NULL;
}

/* Closes the threads that L has resumed, innermost first, but not L. The
   innermost may be unknown: NULL. True when a variable's error came of it,
   which is kept among what was raised; as in Lua, the last counts. C levels
   limit the depth: these are nested C calls. */
static bool close_resumed(ebb_lua_task *lt, lua_State *L,
                          lua_State *innermost) {
  if (L == innermost) return false;
  lua_State *inner = ebb_lua_thread_resumed_by(L);
  if (inner == NULL) inner = innermost; /* another C function resumed it */
  if (inner == NULL) return false;
  bool failed_inside = close_resumed(lt, inner, innermost);
  int status = close_thread(lt->el, inner, ROOM_ON_ABORT);
  if (status == LUA_OK) return failed_inside;
  (void)keep_from(inner, STORE_RAISED, lt);
  return true;
}

void ebb_lua_task_close(ebb_lua_task *lt, lua_State *L) {
  lt->task.uncancellable = lt->cancelling = true;
  lt->cut = false;
  bool failed_inside = close_resumed(lt, lt->L, L);
  int status = close_thread(lt->el, lt->L, ROOM_ON_ABORT);
  if (status == LUA_OK && failed_inside) {
    push_kept(lt->L, lt->el, STORE_RAISED, lt);
    status = LUA_ERRRUN;
  }
  if (failed_inside) forget(lt->el, STORE_RAISED, lt);
  cleaned_up(lt, status);
}

void ebb_lua_task_shut_down_here(ebb_lua_task *lt, lua_State *L) {
  ebb_lua_task_close(lt, L);
  ebb_task_exit(lt->task.rt);
}

lua_State *ebb_lua_thread(const ebb_task *t) {
  return ebb_lua_is_coroutine(t) ? ((const ebb_lua_task *)t)->L : NULL;
}
