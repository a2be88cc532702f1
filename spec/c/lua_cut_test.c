/* SPDX-License-Identifier: MIT
   C functions of an engine that wait by ebb.h in Lua tasks. When the task is
   aborted such a wait fails, the function returns to Lua, and no other line of
   the body may run. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "test.h"

static int l_note(lua_State *L) {
  note(luaL_checkstring(L, 1));
  return 0;
}

/* Each gives its result, or raises an error when the second argument is so. */
static int answer(lua_State *L, int err) {
  note(err == -ECANCELED ? "cut" : "not-cut");
  if (lua_toboolean(L, 1)) return luaL_error(L, "errno %d", -err);
  lua_pushinteger(L, err);
  return 1;
}

static int l_sleep(lua_State *L) {
  return answer(L, ebb_sleep(ebb_lua_runtime(L), SECOND));
}

static int l_yield(lua_State *L) {
  return answer(L, ebb_yield_now(ebb_lua_runtime(L)));
}

static int l_consume(lua_State *L) {
  return answer(L, ebb_consume_budget(ebb_lua_runtime(L)));
}

static int l_park(lua_State *L) {
  return answer(L, ebb_park(ebb_lua_runtime(L), EBB_NEVER));
}

static int l_recv(lua_State *L) {
  ebb_channel *c;
  void *value;
  CHECK(ebb_channel_new(ebb_lua_runtime(L), 1, &c) == 0);
  int err = ebb_channel_recv(c, EBB_NEVER, &value);
  ebb_channel_free(c);
  return answer(L, err);
}

/* Cleans up by waiting, in C. */
static int l_clean_up(lua_State *L) {
  ebb_runtime *rt = ebb_lua_runtime(L);
  int err = ebb_sleep(rt, SECOND);
  if (err < 0) {
    ebb_begin_cleanup(rt);
    CHECK(ebb_sleep(rt, SECOND) == 0);
  }
  return answer(L, err);
}

/* Calls its argument after its wait. */
static int l_sleep_then_call(lua_State *L) {
  (void)ebb_sleep(ebb_lua_runtime(L), SECOND);
  note("call");
  lua_call(L, 0, 0);
  note("never");
  return 0;
}

static int l_resume(lua_State *L) {
  lua_State *thread = lua_newthread(L);
  int count;
  lua_pushvalue(L, 1);
  lua_xmove(L, thread, 1);
  lua_pushinteger(L, lua_resume(thread, L, 0, &count));
  return 1;
}

static const char prelude[] =
    "ebb = require 'ebb'\n"
    "ebb.time.pause()\n"
    "function closer(f) return setmetatable({}, {__close = f}) end\n"
    "ebb.set_unhandled(function(err) note('unhandled') end)\n"
    /* Runs f in a task, aborts it at its wait, and looks how it ends. */
    "function aborted(f, ...)\n"
    "  local h = ebb.spawn(f, ...)\n"
    "  ebb.yield_now() h:abort('why')\n"
    "  local ok, err = h:join()\n"
    "  assert(not ok and err:is_cancelled(), tostring(err))\n"
    "  assert(err:reason() == 'why')\n"
    "end\n";

static lua_State *new_state(void) {
  static const luaL_Reg functions[] = {
      {"note", l_note},         {"sleep", l_sleep},
      {"yield", l_yield},       {"consume", l_consume},
      {"park", l_park},         {"recv", l_recv},
      {"clean_up", l_clean_up}, {"sleep_then_call", l_sleep_then_call},
      {"resume", l_resume},     {NULL, NULL}};
  lua_State *L = luaL_newstate();
  CHECK(L != NULL);
  luaL_openlibs(L);
  lua_pushglobaltable(L);
  luaL_setfuncs(L, functions, 0);
  luaL_requiref(L, "ebb", luaopen_ebb, 0);
  lua_settop(L, 0);
  CHECK(luaL_dostring(L, prelude) == LUA_OK);
  return L;
}

static void run(const char *code) {
  lua_State *L = new_state();
  if (luaL_dostring(L, code) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
  lua_close(L);
}

/* ---- how the body ends ---- */

TEST(no_line_runs_after_a_wait_that_was_cut) {
  run("for _, name in ipairs {'sleep', 'park', 'recv'} do\n"
      "  aborted(function() _G[name]() note 'never' end)\n"
      "end");
  CHECK(noted("cut cut cut"));
}

TEST(no_line_runs_although_the_call_is_part_of_one) {
  run("aborted(function() note(tostring(sleep() + #note 'never')) end)\n"
      "aborted(function() local t = {sleep(), note 'never'} end)\n"
      "aborted(function() while sleep() do note 'never' end end)");
  CHECK(noted("cut cut cut"));
}

TEST(a_tail_call_ends_as_cancelled_too) {
  run("aborted(function() return sleep() end)\n"
      "aborted(function() return (function() return sleep() end)() end)\n"
      "aborted(sleep)");
  CHECK(noted("cut cut cut"));
}

TEST(a_task_that_aborts_itself_is_cut_at_the_next_wait_in_c) {
  run("for _, name in ipairs {'sleep', 'yield', 'consume', 'recv'} do\n"
      "  local h h = ebb.spawn(function()\n"
      "    h:abort() note 'on' _G[name]() note 'never'\n"
      "  end)\n"
      "  local ok, err = h:join() assert(err:is_cancelled())\n"
      "end");
  CHECK(noted("on cut on cut on cut on cut"));
}

TEST(an_error_of_the_function_is_no_panic) {
  run("aborted(function() sleep(true) note 'never' end)\n"
      "aborted(function()\n"
      "  local _ <close> = closer(function() note 'closed' end)\n"
      "  sleep(true)\n"
      "end)");
  CHECK(noted("cut cut closed"));
}

TEST(no_pcall_goes_on_after_it) {
  run("aborted(function() pcall(sleep) note 'never' end)\n"
      "aborted(function() pcall(sleep, true) note 'never' end)\n"
      "aborted(function() xpcall(sleep, function() note 'never' end, true)\n"
      "  note 'never' end)\n"
      "aborted(function()\n"
      "  pcall(function() sleep() note 'never' end) note 'never'\n"
      "end)");
  CHECK(noted("cut cut cut cut"));
}

TEST(no_generator_goes_on_after_it) {
  run("aborted(function()\n"
      "  for _ in coroutine.wrap(function()\n"
      "    local _ <close> = closer(function() note 'inner' end)\n"
      "    sleep() note 'never'\n"
      "  end) do note 'never' end note 'never'\n"
      "end)\n"
      "aborted(function()\n"
      "  local co = coroutine.create(sleep)\n"
      "  coroutine.resume(co) note 'never'\n"
      "end)\n"
      "aborted(function()\n"
      "  resume(function() sleep() note 'never' end) note 'never'\n"
      "end)");
  CHECK(noted("cut inner cut cut"));
}

TEST(no_comparator_or_metamethod_goes_on_after_it) {
  run("aborted(function()\n"
      "  table.sort({3, 2, 1}, function(a, b) sleep() note 'never' end)\n"
      "end)\n"
      "local mt = setmetatable({}, {__index = function()\n"
      "  sleep() note 'never' end, __add = function() return sleep() end})\n"
      "aborted(function() note(mt.x or 'never') end)\n"
      "aborted(function() note(mt + 1 and 'never') end)");
  CHECK(noted("cut cut cut"));
}

/* ---- clean-up ---- */

TEST(variables_are_closed_and_may_wait) {
  run("aborted(function()\n"
      "  local a <close> = closer(function() note 'a' end)\n"
      "  local b <close> = closer(function() ebb.sleep(1) sleep() note 'b' "
      "end)\n"
      "  sleep() note 'never'\n"
      "end)");
  CHECK(noted("cut not-cut b a"));
}

TEST(an_error_of_a_variable_is_a_panic) {
  run("for i, fails in ipairs {false, true} do\n"
      "  local h = ebb.spawn(function()\n"
      "    local _ <close> = closer(function() error 'boom' end)\n"
      "    sleep(fails) note 'never'\n"
      "  end)\n"
      "  ebb.yield_now() h:abort()\n"
      "  local ok, err = h:join()\n"
      "  assert(err:is_panic() and tostring(err):find 'boom')\n"
      "end");
  CHECK(noted("cut cut"));
}

TEST(a_function_may_clean_up_by_waiting_itself) {
  run("aborted(function() clean_up() note 'never' end)\n"
      "aborted(function() pcall(clean_up, true) note 'never' end)\n"
      "aborted(function() return clean_up() end)");
  CHECK(noted("cut cut cut"));
}

TEST(lua_code_that_the_function_calls_then_is_not_run) {
  run("aborted(function()\n"
      "  local _ <close> = closer(function() note 'closed' end)\n"
      "  sleep_then_call(function() note 'never' end)\n"
      "end)");
  CHECK(noted("call closed"));
}

/* ---- what goes on as before ---- */

TEST(a_wait_that_nobody_cuts_returns_to_lua) {
  run("local h = ebb.spawn(function()\n"
      "  assert(sleep() == 0) note 'on' return 7\n"
      "end)\n"
      "assert(select(2, h:join()) == 7)");
  CHECK(noted("not-cut on"));
}

TEST(other_tasks_and_hooks_are_not_concerned) {
  run("local lines = 0\n"
      "local gen = coroutine.wrap(function()\n"
      "  while true do coroutine.yield(sleep()) end\n"
      "end)\n"
      "local other = ebb.spawn(function()\n"
      "  debug.sethook(function() lines = lines + 1 end, 'l')\n"
      "  sleep()\n"
      "  local x = 1\n"
      "  return x\n"
      "end)\n"
      "aborted(function() sleep() note 'never' end)\n"
      "assert(other:await() == 1 and lines >= 3)\n"
      "for i = 1, 100 do\n" /* threads are used again */
      "  assert(ebb.spawn(function() return i end):await() == i)\n"
      "end");
  CHECK(noted("cut not-cut"));
}

TEST(the_end_of_the_state_cuts_it_too) {
  run("ebb.spawn(function()\n"
      "  local _ <close> = closer(function() note 'closed' end)\n"
      "  pcall(sleep) note 'never'\n"
      "end)\n"
      "ebb.yield_now()");
  CHECK(noted("cut closed"));
}
