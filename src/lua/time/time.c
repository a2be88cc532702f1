/* SPDX-License-Identifier: MIT
   ebb.time (Tokio: time). Seconds in Lua, deadlines in ns below. */
#include <assert.h>
#include <errno.h>

#include "lua/spawn/scope.h"
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/task.h"
#include "lua/task/wait.h"
#include "lua/time/interval.h"

/* stack: deadline, an integer of ns (R10): a float of seconds would be rounded.
   A wait that a signal has ended is no end of the sleep, which goes on. */
static int sleep_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  assert(lua_gettop(L) >= 1 && lua_isinteger(L, 1));
  (void)el;
  if (w->status == -ETIMEDOUT) return 0;
  return ebb_await_until(w, NULL, lua_tointeger(L, 1));
}

/* Drops the arguments. A deadline that has passed is waited for, too: so each
   sleep lets other tasks run. */
static int sleep_to(lua_State *L, ebb_lua *el, int64_t deadline) {
  static const ebb_lua_op op = {"sleep", sleep_poll, false};
  lua_settop(L, 0);
  lua_pushinteger(L, deadline);
  return ebb_lua_await(L, el, &op);
}

static int time_sleep(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  int64_t ns = ebb_lua_args_duration(L, 1);
  return sleep_to(L, el, ebb_time_add(ebb_now(el->rt), ns));
}

/* A time of `now`, which may have passed. */
static int time_sleep_until(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  return sleep_to(L, el, ebb_lua_args_time(L, 1));
}

/* ---- timeout ---- */

/* How far a timeout is. When its time is over, it waits on until a deadline
   that has passed already, which is not looked at before those that are ready
   have had their turn. So a value that is returned at that moment wins. */
enum { IN_TIME, AT_THE_END, ELAPSED };

/* stack: scope, deadline, stage
   In the last stage the task has been aborted, and its clean-up is waited for
   without a limit: a call that times out leaves nothing behind. */
static void go_to_next_stage(lua_State *L, ebb_lua_scope *s) {
  assert(lua_gettop(L) >= 3 && lua_tointeger(L, 3) < ELAPSED);
  lua_Integer stage = lua_tointeger(L, 3) + 1;
  if (stage == ELAPSED) {
    ebb_join_set_cancel_rest(&s->set);
    lua_pushinteger(L, EBB_NEVER);
    lua_replace(L, 2);
  }
  lua_pushinteger(L, stage);
  lua_replace(L, 3);
}

/* A task that completes or panics in its last moment does so, though it was
   aborted: what it came to is not thrown away. */
static int timeout_result(lua_State *L, ebb_lua_scope *s, ebb_task *t) {
  assert(t->state == EBB_FINISHED);
  if (t->outcome == EBB_CANCELLED && lua_tointeger(L, 3) == ELAPSED) {
    luaL_pushfail(L);
    lua_pushliteral(L, "elapsed");
    return 2;
  }
  lua_pushboolean(L, true);
  return 1 + ebb_lua_scope_results(L, s, t);
}

/* stack: scope, deadline, stage -> true, values... or nil, "elapsed"
   The task is looked at before the time: what has finished in time counts,
   however late this task has its turn. */
static int timeout_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_scope *s = ebb_lua_scope_here(L);
  ebb_task *t = ebb_join_set_peek(&s->set);
  (void)el;
  assert(lua_gettop(L) >= 3 && lua_isinteger(L, 2));
  if (t != NULL) return timeout_result(L, s, t);
  if (w->status == -ETIMEDOUT) go_to_next_stage(L, s);
  return ebb_await_until(w, &s->set.waiters, lua_tointeger(L, 2));
}

/* stack: seconds, body, arguments... The scope takes the place of the seconds;
   body and arguments go to the task. */
static int time_timeout(lua_State *L) {
  static const ebb_lua_op op = {"timeout", timeout_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  int64_t ns = ebb_lua_args_duration(L, 1);
  ebb_lua_task_check_body(L, el, 2);
  int64_t deadline = ebb_time_add(ebb_now(el->rt), ns);
  ebb_lua_scope_new(L, el, 1);
  ebb_lua_scope_spawn(L, el, 2, 1);
  lua_pushinteger(L, deadline);
  lua_pushinteger(L, IN_TIME);
  assert(lua_gettop(L) == 3);
  return ebb_lua_await(L, el, &op);
}

/* ---- the interval's maker ---- */

/* stack: seconds -> Interval. A period of 0 would be due at any time. */
static int time_interval(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  int64_t period = ebb_lua_args_duration(L, 1);
  luaL_argcheck(L, period > 0, 1, "period must be above 0");
  ebb_lua_interval_new(L, el, period);
  return 1;
}

/* ---- the clock ---- */

/* Of the runtime's clock, whose beginning means nothing: good for differences,
   and for sleep_until. */
static int time_now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)ebb_now(ebb_lua_state_enter(L, 0)->rt) / 1e9);
  return 1;
}

static int time_pause(lua_State *L) {
  if (ebb_clock_pause(ebb_lua_state_enter(L, 0)->rt) < 0)
    return luaL_error(L, "time is already paused");
  return 0;
}

static int time_resume(lua_State *L) {
  if (ebb_clock_resume(ebb_lua_state_enter(L, 0)->rt) < 0)
    return luaL_error(L, "time is not paused");
  return 0;
}

/* Sleeping until just now lets the tasks whose timers have become due go first.
   */
static int time_advance(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  int64_t ns = ebb_lua_args_duration(L, 1);
  int err = ebb_clock_advance(el->rt, ns);
  luaL_argcheck(L, err != -EOVERFLOW, 1, "the clock cannot count so far");
  if (err < 0) return luaL_error(L, "time is not paused");
  return sleep_to(L, el, ebb_now(el->rt));
}

/* The module's table is at the top. `sleep` is in both tables. */
void ebb_lua_time_open(lua_State *L, ebb_lua *el) {
  static const luaL_Reg functions[] = {{"advance", time_advance},
                                       {"interval", time_interval},
                                       {"now", time_now},
                                       {"pause", time_pause},
                                       {"resume", time_resume},
                                       {"sleep", time_sleep},
                                       {"sleep_until", time_sleep_until},
                                       {"timeout", time_timeout},
                                       {NULL, NULL}};
  assert(lua_istable(L, -1));
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
  lua_getfield(L, -1, "sleep");
  lua_setfield(L, -3, "sleep");
  lua_setfield(L, -2, "time");
}
