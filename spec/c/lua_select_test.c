/* SPDX-License-Identifier: MIT
   ebb.select, ebb.time.timeout, ebb.block_on and ebb.io.select when memory runs
   out, at each request in turn: no task is left behind, and they work again
   afterwards. Also the end of a state in which tasks wait in them. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "lua/state/compat.h"
#include "test.h"

static lua_State *new_state(test_memory *m) {
  lua_State *L = ebb_lua_newstate(test_alloc, m);
  CHECK(L != NULL);
  luaL_openlibs(L);
  luaL_requiref(L, "ebb", luaopen_ebb, 1);
  lua_settop(L, 0);
  return L;
}

static void compile(lua_State *L, const char *code) {
  if (luaL_loadstring(L, code) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
}

static void run(lua_State *L, const char *code) {
  compile(L, code);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
}

/* A task that died for want of memory may be what another waits for. */
static void call_hungry(lua_State *L) {
  if (lua_pcall(L, 0, 0, 0) == LUA_OK) return;
  const char *text = luaL_tolstring(L, -1, NULL);
  if (strstr(text, "not enough memory") == NULL &&
      strstr(text, "stack overflow") == NULL &&
      strstr(text, "deadlock") == NULL)
    test_fail(__FILE__, __LINE__, text);
  lua_settop(L, 0);
}

static const char prepare[] =
    "ebb.time.pause()\n"
    "ebb.set_unhandled(function() end)\n"
    "function closer()\n"
    "  return setmetatable({}, {__close = function() ebb.sleep(1) end})\n"
    "end\n"
    "function forever() local _ <close> = closer() ebb.sleep(1e6) end\n"
    "function value() ebb.sleep(1) return {} end\n"
    "listeners = {}\n"
    "for i = 1, 2 do listeners[i] = ebb.net.listen('127.0.0.1', 0) end\n"
    "function wait_for_fds(seconds)\n"
    "  local ready, why = ebb.io.select(listeners, nil, seconds)\n"
    "  assert(not ready and why == 'timeout')\n"
    "end\n";

static const char check[] =
    "collectgarbage()\n"
    "ebb.sleep(10)\n"
    "for _, t in ipairs(ebb.tasks()) do\n"
    "  assert(t.state == 'finished', t.waiting_for)\n"
    "end\n"
    "local key, ok, t = ebb.select {a = value, b = forever}\n"
    "assert(key == 'a' and ok and type(t) == 'table')\n"
    "assert(select(2, ebb.time.timeout(1, forever)) == 'elapsed')\n";

/* Fails each request of the code in turn, and so many that follow. Lua collects
   and asks again once. */
static void starve_of(const char *code, size_t count) {
  for (size_t n = 1, done = 0; !done; n++) {
    test_memory m = {0};
    lua_State *L = new_state(&m);
    run(L, prepare);
    compile(L, code);
    m.fail_at = m.requests + n;
    m.fail_count = count;
    call_hungry(L);
    done = !test_memory_failed(&m);
    m.fail_at = 0;
    run(L, check);
    lua_close(L);
    CHECK(m.bytes == 0);
  }
}

static void starve(const char *code) {
  starve_of(code, 2);
  starve_of(code, 5);
  starve_of(code, FAIL_FOR_EVER);
}

TEST(select_without_memory_leaves_no_task_behind) {
  starve("ebb.select {a = value, b = forever, [{}] = forever}");
  starve("ebb.spawn(ebb.select, {a = value, b = forever}):join()");
  starve("table.sort({1, 2}, function() ebb.select {value, forever} end)");
}

TEST(timeout_without_memory_leaves_no_task_behind) {
  starve("ebb.time.timeout(2, value)");
  starve("ebb.time.timeout(1, forever)");
  starve("ebb.spawn(ebb.time.timeout, 1, forever):join()");
}

TEST(block_on_without_memory_leaves_no_task_behind) {
  starve("ebb.block_on(value)");
  starve("ebb.spawn(ebb.block_on, value):join()");
}

TEST(io_select_without_memory_leaves_no_task_behind) {
  starve("wait_for_fds(1)");
  starve("ebb.spawn(wait_for_fds, 1):join()");
  starve("table.sort({1, 2}, function() wait_for_fds(1) end)");
}

TEST(an_interval_without_memory_loses_no_tick) {
  starve(
      "local start <const> = ebb.time.now()\n"
      "local iv = ebb.time.interval(1)\n"
      "for _ = 1, 3 do iv:tick() end\n"
      "assert(ebb.time.now() - start >= 2)");
}

TEST(a_state_can_end_while_tasks_wait_in_them) {
  test_memory m = {0};
  lua_State *L = new_state(&m);
  run(L, prepare);
  run(L,
      "ebb.spawn(ebb.select, {value, forever})\n"
      "ebb.spawn(ebb.time.timeout, 1e5, forever)\n"
      "ebb.spawn(ebb.block_on, forever)\n"
      "ebb.spawn(wait_for_fds)\n"
      "ebb.spawn(table.sort, {1, 2}, function() wait_for_fds() end)\n"
      "ebb.spawn(table.sort, {1, 2}, function()\n"
      "  ebb.select {forever, forever}\n"
      "end)\n"
      "for _ = 1, 3 do ebb.yield_now() end\n");
  lua_close(L);
  CHECK(m.bytes == 0);
}

TEST(what_is_called_while_a_state_ends_can_end_too) {
  test_memory m = {0};
  lua_State *L = new_state(&m);
  run(L, prepare);
  run(L,
      "setmetatable({}, {__gc = function()\n"
      "  pcall(ebb.select, {value, forever})\n"
      "  pcall(ebb.time.timeout, 1, forever)\n"
      "  pcall(ebb.block_on, ebb.sleep, math.huge)\n"
      "  pcall(wait_for_fds, 1)\n"
      "end})\n");
  lua_close(L);
  CHECK(m.bytes == 0);
}
