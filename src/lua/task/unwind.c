/* SPDX-License-Identifier: MIT

   How a task that is not completed comes to its end. In a poll its thread is
   not in the middle of a call, and is closed: the variables' __close run on the
   loop's stack, which the task keeps when one of them waits (R8). A task that
   is suspended in the middle of a call is closed on top of its frames, which
   nothing returns to afterwards: so no pcall below sees the abort.

   The outcome is set last. An error of a variable's __close turns any end into
   a panic; what was kept for the other end is forgotten then. */
#include "lua/task/unwind.h"

#include <assert.h>

#include "core/loop/scheduler.h"
#include "lua/task/detail.h"
#include "lua/task/panic.h"
#include "lua/task/thread.h"

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
  assert(el->wants <= WANTS_MAX);
  for (; !has_room && el->wants < WANTS_MAX; el->wants++)
    has_room = lua_checkstack(L, room);
  if (has_room) el->wants = 0;
  return ebb_lua_closethread(L);
}

/* ---- the end ---- */

/* stack: task -> . The value is kept as well as its trace, to see after the
   clean-up whether it is still the one. The origin comes first: a value that
   another task has raised is not this one's. */
static int make_trace(lua_State *L) {
  ebb_lua_task *lt = lua_touserdata(L, 1);
  assert(lua_gettop(L) == 1 && lua_gettop(lt->L) > 0);
  ebb_lua *el = lt->el;
  luaL_checkstack(lt->L, 1, NULL);
  lua_pushvalue(lt->L, -1);
  lua_xmove(lt->L, L, 1);
  lua_pushvalue(L, 2);
  ebb_lua_detail_set_raised(L, lt);
  if (!ebb_lua_panic_push_origin(L, el, lt->L, 0))
    luaL_traceback(L, lt->L, NULL, 0);
  ebb_lua_detail_set(L, el, lt);
  return 0;
}

/* stack: task -> . The error is one that its clean-up has raised. */
static int make_cleanup_trace(lua_State *L) {
  ebb_lua_task *lt = lua_touserdata(L, 1);
  ebb_lua *el = lt->el;
  assert(lua_gettop(L) == 1);
  ebb_lua_detail_push_panic(L, lt);
  if (ebb_lua_panic_push_origin(L, el, NULL, 0)) ebb_lua_detail_set(L, el, lt);
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

/* The task is done, but not completed; the error, if any, is at the top of
   its stack. */
static ebb_poll ended(ebb_lua_task *lt, int status) {
  assert(status == LUA_OK || lua_gettop(lt->L) > 0);
  lt->count = 0;
  lt->unclean = lt->started;
  lt->cancelling = false;
  if (status == LUA_OK) {
    ebb_task_set_outcome(&lt->task, EBB_CANCELLED);
    lua_settop(lt->L, 0);
  } else {
    ebb_task_set_outcome(&lt->task, EBB_PANICKED);
    lua_copy(lt->L, -1, 1);
    lua_settop(lt->L, 1);
    if (lt->handed) keep_trace(lt, make_cleanup_trace);
  }
  return EBB_POLL_DONE;
}

/* The clean-up after an abort: no later abort cuts its waits (R5), and
   ebb.cancelled tells it what it is. */
static void begin_clean_up(ebb_lua_task *lt) {
  ebb_task_set_uncancellable(&lt->task, true);
  lt->cancelling = true;
}

/* As `ended`, when the error, if any, is the clean-up's: what was kept, an
   abort's reason or the trace of another error, is not its trace. */
static ebb_poll cleaned_up(ebb_lua_task *lt, int status) {
  if (status != LUA_OK) ebb_lua_detail_forget(lt->el, lt);
  return ended(lt, status);
}

/* The task is as it was afterwards: an abort that has come meanwhile has not
   cut this wait, and is seen by the next poll. */
ebb_poll ebb_lua_unwind_retry(ebb_lua_task *lt) {
  ebb_task *t = &lt->task;
  assert(t->state == EBB_RUNNING);
  bool closing = t->uncancellable;
  ebb_task_set_uncancellable(t, true);
  (void)ebb_wait_begin(t->rt, &t->rt->bystanders, EBB_NEVER,
                       "another's coroutine.resume");
  ebb_task_set_uncancellable(t, closing);
  return EBB_POLL_PENDING;
}

/* A body that has not begun has no variables: there is nothing to close. The
   thread of a coroutine that a script gave has frames, and perhaps variables.
   */
ebb_poll ebb_lua_unwind_abort(ebb_lua_task *lt) {
  assert(ebb_task_is_cut(&lt->task));
  if (ebb_lua_thread_has_frames(lt->L)) return ebb_lua_unwind_retry(lt);
  begin_clean_up(lt);
  if (!lt->started && !lt->exposed) return ended(lt, LUA_OK);
  return cleaned_up(lt, close_thread(lt->el, lt->L, ROOM_ON_ABORT));
}

ebb_poll ebb_lua_unwind_error(ebb_lua_task *lt) {
  /* With this status it was lua_resume itself that refused: it found the thread
     dead or running, and has pushed a message. */
  bool refused = lua_status(lt->L) == LUA_OK;
  if (refused && ebb_lua_thread_has_frames(lt->L)) {
    lua_pop(lt->L, 1);
    return ebb_lua_unwind_retry(lt);
  }
  keep_trace(lt, make_trace);
  ebb_task_set_uncancellable(&lt->task, true);
  /* The error, or that of a variable, is on top of the thread then. */
  int status = LUA_ERRRUN;
  if (!refused) status = close_thread(lt->el, lt->L, ROOM_ON_ERROR);
  return ebb_lua_detail_is_still_raised(lt) ? ended(lt, status)
                                            : cleaned_up(lt, status);
}

/* The body has ended as soon as a C function had returned from a wait that was
   cut off. If that raised an error, it is no panic; an error of a variable
   is. */
ebb_poll ebb_lua_unwind_cut(ebb_lua_task *lt, int status) {
  begin_clean_up(lt);
  lt->cut = false;
  if (status == LUA_OK) return ended(lt, LUA_OK);
  const void *error = lua_topointer(lt->L, -1);
  status = close_thread(lt->el, lt->L, ROOM_ON_ERROR);
  bool same =
      status != LUA_OK && error != NULL && lua_topointer(lt->L, -1) == error;
  return cleaned_up(lt, same ? LUA_OK : status);
}

/* ---- on top of suspended frames ---- */

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
  (void)ebb_lua_detail_keep_raised(lt, inner);
  return true;
}

void ebb_lua_unwind(ebb_lua_task *lt, lua_State *L) {
  begin_clean_up(lt);
  lt->cut = false;
  assert(lt->task.state == EBB_RUNNING);
  bool failed_inside = close_resumed(lt, lt->L, L);
  int status = close_thread(lt->el, lt->L, ROOM_ON_ABORT);
  if (status == LUA_OK && failed_inside) {
    ebb_lua_detail_push_raised(lt);
    status = LUA_ERRRUN;
  }
  if (failed_inside) ebb_lua_detail_forget_raised(lt);
  cleaned_up(lt, status);
}

/* The frames are dropped as they are: Lua's, which closing has unwound, and
   those of C functions between them, which hold nothing but values of Lua. */
void ebb_lua_unwind_here(ebb_lua_task *lt, lua_State *L) {
  assert(lt->waits || lt->cut || lt->task.aborted);
  ebb_lua_unwind(lt, L);
  ebb_scheduler_end_task(lt->task.rt);
}
