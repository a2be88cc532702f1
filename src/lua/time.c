/* SPDX-License-Identifier: MIT
   ebb.time (Tokio: time). Seconds in Lua, deadlines in ns below. */
#include <errno.h>
#include <math.h>

#include "binding.h"

/* The largest span that is an int64_t of ns; more is for ever. */
#define SECONDS_MAX 9.2e9

/* Rounds up: no timer is early. */
static int64_t to_ns(lua_Number seconds) {
  if (seconds >= SECONDS_MAX) return EBB_NEVER;
  if (seconds <= -SECONDS_MAX) return INT64_MIN;
  return (int64_t)ceil(seconds * 1e9);
}

static lua_Number check_seconds(lua_State *L, int arg) {
  lua_Number seconds = luaL_checknumber(L, arg);
  luaL_argcheck(L, seconds == seconds, arg, "time is NaN");
  return seconds;
}

int64_t ebb_lua_check_duration(lua_State *L, int arg) {
  lua_Number seconds = check_seconds(L, arg);
  luaL_argcheck(L, seconds >= 0, arg, "duration is negative");
  return to_ns(seconds);
}

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
  ebb_lua *el = ebb_lua_open(L);
  int64_t ns = ebb_lua_check_duration(L, 1);
  return sleep_to(L, el, ebb_time_add(ebb_now(el->rt), ns));
}

static int time_sleep_until(lua_State *L) {
  return sleep_to(L, ebb_lua_open(L), to_ns(check_seconds(L, 1)));
}

static int time_now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)ebb_now(ebb_lua_open(L)->rt) / 1e9);
  return 1;
}

static int time_pause(lua_State *L) {
  if (ebb_clock_pause(ebb_lua_open(L)->rt) < 0)
    return luaL_error(L, "time is already paused");
  return 0;
}

static int time_resume(lua_State *L) {
  if (ebb_clock_resume(ebb_lua_open(L)->rt) < 0)
    return luaL_error(L, "time is not paused");
  return 0;
}

/* Sleeping until just now lets everyone whose timer was due go first. */
static int time_advance(lua_State *L) {
  ebb_lua *el = ebb_lua_open(L);
  int64_t ns = ebb_lua_check_duration(L, 1);
  if (ebb_clock_advance(el->rt, ns) < 0)
    return luaL_error(L, "time is not paused");
  return sleep_to(L, el, ebb_now(el->rt));
}

void ebb_lua_open_time(lua_State *L, ebb_lua *el) {
  static const luaL_Reg functions[] = {
      {"advance", time_advance}, {"now", time_now},
      {"pause", time_pause},     {"resume", time_resume},
      {"sleep", time_sleep},     {"sleep_until", time_sleep_until},
      {NULL, NULL}};
  lua_newtable(L);
  ebb_lua_stored(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
  lua_getfield(L, -1, "sleep");
  lua_setfield(L, -3, "sleep");
  lua_setfield(L, -2, "time");
}
