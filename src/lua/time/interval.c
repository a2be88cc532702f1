/* SPDX-License-Identifier: MIT
   Interval (Tokio: time::Interval), which ebb.time.interval makes.

   The engine's interval lies in the userdata. It is numbers alone, and nothing
   of the engine refers to it: a task that waits for a tick waits for a
   deadline. So an Interval needs no finalizer, and can be dropped at any time.
   */
#include "lua/time/interval.h"

#include <assert.h>

#include "core/loop/interval.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

/* The first tick is due at once. */
void ebb_lua_interval_new(lua_State *L, ebb_lua *el, int64_t period) {
  assert(period > 0);
  ebb_interval *iv = ebb_lua_class_new(L, el, CLASS_INTERVAL, sizeof *iv, 0);
  ebb_interval_init(iv, el->rt, period);
}

/* The Interval at 1, in a method of at most so many arguments. */
static ebb_interval *check_interval(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_INTERVAL, most);
}

/* stack: interval -> when the tick was due
   The interval goes on only when the tick is returned: a tick that an abort has
   cut off comes to the next to ask. */
static int tick_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  assert(lua_gettop(L) >= 1);
  ebb_interval *iv = lua_touserdata(L, 1);
  int answer = ebb_interval_poll(iv, w);
  if (answer < 0) return answer;
  int64_t due = ebb_interval_take(iv, ebb_now(el->rt));
  assert(due != EBB_NEVER); /* R10 */
  lua_pushnumber(L, (lua_Number)due / 1e9);
  return 1;
}

/* The second argument is for a generic `for`, whose iterator it may be: Lua
   calls that with the control variable. */
static int interval_tick(lua_State *L) {
  static const ebb_lua_op op = {"an interval's tick", tick_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  check_interval(L, el, 2);
  lua_settop(L, 1);
  return ebb_lua_await(L, el, &op);
}

/* The next tick is due a period from now. */
static int interval_reset(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_interval_reset(check_interval(L, el, 1), el->rt);
  return 0;
}

static int interval_period(lua_State *L) {
  ebb_interval *iv = check_interval(L, ebb_lua_state_checked(L), 1);
  lua_pushnumber(L, (lua_Number)iv->period / 1e9);
  return 1;
}

/* In the order of ebb_missed_tick. */
static const char *const behaviors[] = {"burst", "delay", "skip", NULL};

static int interval_set_missed(lua_State *L) {
  ebb_interval *iv = check_interval(L, ebb_lua_state_checked(L), 2);
  iv->missed = (ebb_missed_tick)luaL_checkoption(L, 2, NULL, behaviors);
  return 0;
}

static int interval_missed(lua_State *L) {
  ebb_interval *iv = check_interval(L, ebb_lua_state_checked(L), 1);
  assert(iv->missed <= EBB_MISSED_SKIP);
  lua_pushstring(L, behaviors[iv->missed]);
  return 1;
}

void ebb_lua_interval_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {
      {"missed_tick_behavior", interval_missed},
      {"period", interval_period},
      {"reset", interval_reset},
      {"set_missed_tick_behavior", interval_set_missed},
      {"tick", interval_tick},
      {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_INTERVAL, methods, none);
}
