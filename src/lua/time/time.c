/* SPDX-License-Identifier: MIT
   ebb.time (Tokio: time). Seconds in Lua, deadlines in ns below. */
#include <errno.h>

#include "lua/spawn/scope.h"
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/task.h"
#include "lua/task/wait.h"
#include "lua/time/interval.h"

/* The deadline, an integer of ns, is at index 1. */
static int sleep_k(lua_State *L, int status, lua_KContext ctx);

static int sleep_on(lua_State *L, ebb_lua *el, int status) {
  while (status != -ETIMEDOUT)
    status = ebb_lua_wait(L, el, NULL, lua_tointeger(L, 1), "sleep", sleep_k);
  return 0;
}

static int sleep_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  ebb_lua *el = (ebb_lua *)ctx;
  return sleep_on(L, el, ebb_lua_wait_over(L, el, sleep_k));
}

static int sleep_to(lua_State *L, ebb_lua *el, int64_t deadline) {
  lua_settop(L, 0);
  lua_pushinteger(L, deadline);
  return sleep_on(L, el, 0);
}

static int time_sleep(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  int64_t ns = ebb_lua_args_duration(L, 1);
  return sleep_to(L, el, ebb_time_add(ebb_now(el->rt), ns));
}

static int time_sleep_until(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  return sleep_to(L, el, ebb_lua_args_time(L, 1));
}

/* ---- timeout ---- */

/* How far a timeout is. When its time is over, it waits on until a deadline
   that has passed already, which is not looked at before those that are ready
   have had their turn. So a value that is returned at that moment wins. */
enum { IN_TIME, AT_THE_END, ELAPSED };

/* stack: scope, deadline, stage */
static void go_to_next_stage(lua_State *L, ebb_lua_scope *s) {
  lua_Integer stage = lua_tointeger(L, 3) + 1;
  if (stage == ELAPSED) {
    ebb_join_set_cancel_rest(&s->set);
    lua_pushinteger(L, EBB_NEVER);
    lua_replace(L, 2);
  }
  lua_pushinteger(L, stage);
  lua_replace(L, 3);
}

static int timeout_result(lua_State *L, ebb_lua_scope *s, ebb_task *t) {
  if (t->outcome == EBB_CANCELLED && lua_tointeger(L, 3) == ELAPSED) {
    luaL_pushfail(L);
    lua_pushliteral(L, "elapsed");
    return 2;
  }
  lua_pushboolean(L, true);
  return 1 + ebb_lua_scope_results(L, s, t);
}

static int timeout_k(lua_State *L, int status, lua_KContext ctx);

static int timeout_on(lua_State *L, ebb_lua *el, int status) {
  for (;;) {
    ebb_lua_scope *s = ebb_lua_scope_here(L);
    ebb_task *t = ebb_join_set_peek(&s->set);
    if (t != NULL) return timeout_result(L, s, t);
    if (status == -ETIMEDOUT) go_to_next_stage(L, s);
    status = ebb_lua_wait(L, el, &s->set.waiters, lua_tointeger(L, 2),
                          "timeout", timeout_k);
  }
}

static int timeout_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  ebb_lua *el = (ebb_lua *)ctx;
  return timeout_on(L, el, ebb_lua_wait_over(L, el, timeout_k));
}

static int time_timeout(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  int64_t ns = ebb_lua_args_duration(L, 1);
  ebb_lua_task_check_body(L, el, 2);
  int64_t deadline = ebb_time_add(ebb_now(el->rt), ns);
  ebb_lua_scope_new(L, el, 1);
  ebb_lua_scope_spawn(L, el, 2, 1);
  lua_pushinteger(L, deadline);
  lua_pushinteger(L, IN_TIME);
  return timeout_on(L, el, 0);
}

/* ---- the interval's maker ---- */

static int time_interval(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  int64_t period = ebb_lua_args_duration(L, 1);
  luaL_argcheck(L, period > 0, 1, "period must be above 0");
  ebb_lua_interval_new(L, el, period);
  return 1;
}

/* ---- the clock ---- */

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

/* Sleeping until just now lets everyone whose timer was due go first. */
static int time_advance(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  int64_t ns = ebb_lua_args_duration(L, 1);
  int err = ebb_clock_advance(el->rt, ns);
  luaL_argcheck(L, err != -EOVERFLOW, 1, "the clock cannot count so far");
  if (err < 0) return luaL_error(L, "time is not paused");
  return sleep_to(L, el, ebb_now(el->rt));
}

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
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
  lua_getfield(L, -1, "sleep");
  lua_setfield(L, -3, "sleep");
  lua_setfield(L, -2, "time");
}
