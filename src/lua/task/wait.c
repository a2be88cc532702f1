/* SPDX-License-Identifier: MIT
   The one way to wait. At a point where Lua may yield, and if the running
   thread is the task's own, the C stack is unwound by lua_yieldk and the
   task costs no stack. Anywhere else (inside a generator, a sort comparator,
   a metamethod called from C, in the main chunk) the stack itself is
   suspended. */
#include "lua/task/wait.h"

#include <assert.h>
#include <errno.h>

#include "lua/state/error.h"
#include "lua/state/slot.h"
#include "lua/task/budget.h"
#include "lua/task/current_set.h"
#include "lua/task/inspect.h"
#include "lua/task/shutdown.h"
#include "lua/task/task.h"
#include "lua/task/unwind.h"

static bool may_yield(lua_State *L, const ebb_lua *el, const ebb_lua_task *lt) {
  return lt != NULL && lt->L == L && lua_isyieldable(L) && el->no_wait == NULL;
}

/* Is a finalizer running? The collector is off then, and would stay off for all
   tasks during the wait; lua_gc refuses to answer then. */
static bool in_finalizer(lua_State *L) {
  return lua_gc(L, LUA_GCISRUNNING) < 0;
}

/* While the state is closed finalizers may wait: they are all that runs. */
void ebb_lua_wait_check(lua_State *L, ebb_lua *el) {
  if (el->no_wait != NULL) luaL_error(L, "cannot wait inside %s", el->no_wait);
  if (!el->closing && in_finalizer(L))
    luaL_error(L, "cannot wait inside a finalizer");
}

/* A signal handler has run; it may have set a hook to raise an error from
   (lua5.4 does on Ctrl-C). A call gives the hook its chance. */
static void run_pending_hook(lua_State *L, ebb_lua *el) {
  ebb_lua_slot_push(L, el, STORE_NOOP);
  lua_call(L, 0, 0);
}

void ebb_lua_wait_renew_sentinel(lua_State *L, ebb_lua *el) {
  el->sentinel = ebb_lua_class_new(L, el, CLASS_SENTINEL, 0, 0);
  ebb_lua_slot_set(L, el, STORE_SENTINEL);
}

static int renew_sentinel(lua_State *L) {
  ebb_lua_wait_renew_sentinel(L, lua_touserdata(L, 1));
  return 0;
}

/* The main chunk has waited. If there is no memory, what it was granted goes
   back before the error is raised. */
static void root_has_waited(lua_State *L, ebb_lua *el) {
  ebb_task *root = el->rt->tasks.current;
  assert(ebb_task_is_root(root));
  if (root->queue == NULL) {
    ebb_lua_wait_renew_sentinel(L, el);
    return;
  }
  lua_pushcfunction(L, renew_sentinel);
  lua_pushlightuserdata(L, el);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return;
  ebb_task_leave_queue(root);
  lua_error(L);
}

/* Every task waits; but the last sender of a channel, or a permit, may be
   garbage that has not been collected yet. So the main chunk looks again once
   that is done, and only if it comes back here at once it is a deadlock. */
static bool is_deadlock(lua_State *L, ebb_lua *el) {
  uint32_t turn = el->rt->root.polls;
  if (turn == el->deadlock_turn) return true;
  el->deadlock_turn = turn + 1;
  lua_gc(L, LUA_GCCOLLECT);
  ebb_lua_current_set_end_lost(el);
  return false;
}

/* Deals with the ends of a wait that no caller wants to see, except those
   that ebb_lua_wait_raise raises. */
static int settle(lua_State *L, ebb_lua *el, int status) {
  if (status < 0) ebb_task_leave_queue(el->rt->tasks.current);
  if (ebb_task_is_root(el->rt->tasks.current) && !el->closing)
    root_has_waited(L, el);
  if (status > 0) return status;
  switch (status) {
    case 0:
    case -ETIMEDOUT:
      return status;
    case -EINTR:
      run_pending_hook(L, el);
      return status;
    case -ECANCELED: {
      ebb_lua_task *lt = ebb_lua_current(el);
      if (lt == NULL || lt->el != el)
        ebb_lua_error(L, "the C task that called this has been aborted");
      ebb_lua_unwind_here(lt, L);
    }
    case -EDEADLK:
      return el->closing || is_deadlock(L, el) ? status : -EINTR;
    default:
      return status;
  }
}

/* Around the suspension of the stack. `waits` tells cut.c that this wait deals
   with an abort itself; resting sets are driven only in between. */
static ebb_lua_task *before(lua_State *L, ebb_lua *el) {
  ebb_lua_wait_check(L, el);
  if (el->resting > 0) ebb_lua_current_set_drive(L, el);
  ebb_lua_task *lt = ebb_lua_current(el);
  assert(lt == NULL || !lt->cut);
  if (lt != NULL) lt->waits = true;
  return lt;
}

static void come_back(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  if (lt != NULL) lt->waits = false;
  if (el->resting > 0) ebb_lua_current_set_rest(L, el);
}

static int after(lua_State *L, ebb_lua *el, ebb_lua_task *lt, int status) {
  come_back(L, el, lt);
  return settle(L, el, status);
}

/* -EDEADLK has three meanings for people: a deadlock, a wait that the end of
   the state cuts short since nothing can end it, and one that has taken too
   long. */
void ebb_lua_wait_raise(lua_State *L, ebb_lua *el, int status) {
  assert(ebb_lua_wait_failed(status));
  if (status != -EDEADLK) ebb_lua_error_raise(L, status);
  if (el->closing)
    ebb_lua_error(L, "the state is being closed, and %s",
                  ebb_lua_shutdown_is_time_up(el)
                      ? "its time is up"
                      : "nothing can end this wait");
  ebb_lua_inspect_raise_deadlock(L, el);
}

/* Not to have a thread to do it is the caller's affair, like what `fn` does;
   the rest are ends of a wait. */
int ebb_lua_wait_in_place(lua_State *L, ebb_lua *el, void (*fn)(void *arg),
                          void *arg) {
  ebb_lua_task *lt = before(L, el);
  int status = ebb_block_in_place(el->rt, fn, arg);
  if (status == 0 || status == -EAGAIN || status == -EMFILE ||
      status == -ENFILE) {
    come_back(L, el, lt);
    return status;
  }
  status = after(L, el, lt, status);
  if (ebb_lua_wait_failed(status)) ebb_lua_wait_raise(L, el, status);
  return status;
}

/* ---- primitives ---- */

/* Where Lua may yield: the wait begins. 0 or -ENOMEM. */
static int begin(ebb_await *w, int answer) {
  if (answer == EBB_AWAIT_YIELD) { /* it has not said where to wait */
    ebb_wait_yield(w->rt, EBB_NEXT_TURN);
    return 0;
  }
  if (w->queue != NULL)
    return ebb_wait_queue_wait_begin(w->queue, w->rt, w->amount, w->what);
  return ebb_wait_begin(w->rt, w->list, w->deadline, w->what);
}

/* Anywhere else: suspends the stack. */
static int suspend(lua_State *L, ebb_lua *el, const ebb_await *w, int answer) {
  ebb_lua_task *lt = before(L, el);
  return after(L, el, lt, ebb_await_wait(w, answer));
}

/* `unconstrained` is asked for each poll: a generator may have been left, or
   entered, since the last. */
static inline int poll_once(lua_State *L, ebb_lua *el, const ebb_lua_op *op,
                            ebb_await *w) {
  assert(el->rt != NULL && w->rt == el->rt);
  if (el->unconstrained > 0)
    w->unconstrained = ebb_lua_budget_is_suspended(L, el);
#ifndef NDEBUG
  int top = lua_gettop(L);
#endif
  int answer = op->poll(L, el, w);
  assert(answer >= 0 || answer <= EBB_AWAIT_YIELD);
  assert(answer >= 0 || lua_gettop(L) >= top);
  assert(answer >= 0 || !ebb_lua_wait_failed(w->status));
  return answer;
}

/* The next poll, after a wait that has ended with `status`. */
static inline int poll_again(lua_State *L, ebb_lua *el, const ebb_lua_op *op,
                             ebb_await *w, int status) {
  if (ebb_lua_wait_failed(status) && !op->tidies)
    ebb_lua_wait_raise(L, el, status);
  if (op->poll == NULL) return 0;
  bool granted = ebb_wait_queue_take(el->rt);
  ebb_await_begin(w, el->rt, op->what, status, true, granted);
  return poll_once(L, el, op, w);
}

/* A poll has answered that it has to wait, and Lua may not yield. */
static int wait_here(lua_State *L, ebb_lua *el, const ebb_lua_op *op,
                     ebb_await *w, int answer) {
  while (answer < 0)
    answer = poll_again(L, el, op, w, suspend(L, el, w, answer));
  return answer;
}

static int await_k(lua_State *L, int status, lua_KContext ctx);

/* Returns as lua_yieldk does where Lua may yield; the caller must do so, too.
   In any other place the result comes back here. */
static int wait_for(lua_State *L, ebb_lua *el, const ebb_lua_op *op,
                    ebb_await *w, int answer) {
  ebb_lua_task *lt = ebb_lua_current(el);
  if (!may_yield(L, el, lt)) return wait_here(L, el, op, w, answer);
  lt->op = op;
  if (lt->exposed) lt->count = lua_gettop(L);
  int err = begin(w, answer);
  if (err < 0) return poll_again(L, el, op, w, err); /* it raises an error */
  return lua_yieldk(L, 0, (lua_KContext)el, await_k);
}

static int await_k(lua_State *L, int status, lua_KContext ctx) {
  ebb_lua *el = (ebb_lua *)ctx;
  ebb_lua_task *lt = ebb_lua_current(el);
  ebb_await w;
  /* The script has resumed this thread, not the scheduler: it waits on. */
  if (lt == NULL || lt->L != L) return lua_yieldk(L, 0, ctx, await_k);
  status = lt->task.status;
  /* Time is over for lists alone, so nothing is left to settle then. */
  if (status < 0 && status != -ETIMEDOUT) status = settle(L, el, status);
  assert(lt->task.state == EBB_RUNNING && lt->op != NULL);
  /* Values that a script has resumed it with are not for the poll. */
  if (lt->exposed && lt->op->poll != NULL) lua_settop(L, lt->count);
  int answer = poll_again(L, el, lt->op, &w, status);
  return answer >= 0 ? answer : wait_for(L, el, lt->op, &w, answer);
}

int ebb_lua_await_method(lua_State *L, ebb_lua *el, const ebb_lua_op *op,
                         void *self) {
  ebb_await w;
  ebb_await_begin(&w, el->rt, op->what, 0, false, false);
  w.self = self;
  int answer = poll_once(L, el, op, &w);
  return answer >= 0 ? answer : wait_for(L, el, op, &w, answer);
}

int ebb_lua_await(lua_State *L, ebb_lua *el, const ebb_lua_op *op) {
  return ebb_lua_await_method(L, el, op, NULL);
}

int ebb_lua_await_turn(lua_State *L, ebb_lua *el) {
  static const ebb_lua_op turn = {EBB_NEXT_TURN, NULL, false};
  ebb_lua_task *lt = ebb_lua_current(el);
  ebb_await w;
  if (may_yield(L, el, lt)) { /* the hottest wait of all */
    lt->op = &turn;
    ebb_wait_yield(el->rt, EBB_NEXT_TURN);
    return lua_yieldk(L, 0, (lua_KContext)el, await_k);
  }
  ebb_await_begin(&w, el->rt, turn.what, 0, false, false);
  return wait_here(L, el, &turn, &w, EBB_AWAIT_YIELD);
}
