/* SPDX-License-Identifier: MIT
   Clean-ups and finalizers where memory runs out: a task does not end without
   the __close of its variables, and an object whose finalizer Lua has no memory
   to call leaves no task behind. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "lua/state/compat.h"
#include "test.h"

enum { VARIABLES = 16 };

static int opened[VARIABLES], closed[VARIABLES], ended;

static int l_opened(lua_State *L) {
  opened[luaL_checkinteger(L, 1)]++;
  return 0;
}

static int l_closed(lua_State *L) {
  closed[luaL_checkinteger(L, 1)]++;
  return 0;
}

static int l_ended(lua_State *L) {
  (void)L;
  ended++;
  return 0;
}

/* A state in want whenever `m` says so. */
static lua_State *new_state(test_memory *m) {
  lua_State *L = ebb_lua_newstate(test_alloc, m);
  CHECK(L != NULL);
  luaL_openlibs(L);
  lua_register(L, "opened", l_opened);
  lua_register(L, "closed", l_closed);
  lua_register(L, "ended", l_ended);
  return L;
}

static void open_ebb(lua_State *L) {
  luaL_requiref(L, "ebb", luaopen_ebb, 1);
  lua_pop(L, 1);
}

static void run(lua_State *L, const char *code) {
  if (luaL_dostring(L, code))
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
}

/* ---- clean-ups ---- */

/* Tasks that are aborted in a wait, and such as fail; the __close of these has
   a large frame. None returns, since Lua itself closes the variables of a
   function that does. */
static const char bodies[] =
    "ebb.set_unhandled(function() end)\n"
    "local function small(i)\n"
    "  return setmetatable({}, {__close = function() closed(i) end})\n"
    "end\n"
    "local names = {}\n"
    "for i = 1, 120 do names[i] = 'v' .. i end\n"
    "local large = load('local i = ... return setmetatable({}, {__close =' ..\n"
    "  'function() closed(i) local ' .. table.concat(names, ', ') ..\n"
    "  ' return v120 end})')\n"
    "local function forever() ebb.sleep(1e6) end\n"
    "local function fail() ebb.yield_now() error 'expected' end\n"
    "local function consume()\n"
    "  ebb.yield_now()\n"
    "  local t = {}\n"
    "  for i = 1, 100 do t[i] = {i} end\n"
    "  error 'expected'\n"
    "end\n"
    "local function deep(n) return n > 0 and deep(n - 1) + 1 or forever() end\n"
    "local waiting = {\n"
    "  forever, function() deep(5) end,\n"
    "  function() table.sort({1, 2}, forever) end,\n"
    "  function() coroutine.wrap(forever)() end,\n"
    "  function() pcall(fail) forever() end,\n"
    "}\n"
    "local failing = {\n"
    "  fail, consume,\n"
    "  function() pcall(consume) consume() end,\n"
    "  function() coroutine.wrap(consume)() end,\n"
    "}\n"
    "local variables = {}\n"
    "tasks = {}\n"
    "for i = 1, #waiting do variables[i] = small(i) end\n"
    "for i = 1, #failing do\n"
    "  variables[#waiting + i] = large(#waiting + i)\n"
    "end\n"
    "local function body(i, how)\n"
    "  local variable <close> = variables[i]\n"
    "  opened(i)\n"
    "  how()\n"
    "end\n"
    "function go()\n"
    "  for i = 1, #waiting do tasks[i] = ebb.spawn(body, i, waiting[i]) end\n"
    "  for i = 1, #failing do\n"
    "    tasks[#waiting + i] = ebb.spawn(body, #waiting + i, failing[i])\n"
    "  end\n"
    "  for _ = 1, 4 do ebb.yield_now() end\n"
    "  for i = 1, #waiting do tasks[i]:abort() end\n"
    "  for i = 1, #tasks do tasks[i]:join() end\n"
    "end\n";

/* Was there an n-th request for memory? What is left when the script has failed
   ends with the state, when memory is back. */
static bool clean_up_in_want(size_t n, size_t count) {
  test_memory m = {0};
  lua_State *L = new_state(&m);
  open_ebb(L);
  run(L, bodies);
  memset(opened, 0, sizeof opened);
  memset(closed, 0, sizeof closed);
  lua_getglobal(L, "go");
  m.fail_at = m.requests + n;
  m.fail_count = count;
  (void)lua_pcall(L, 0, 0, 0);
  bool hit = test_memory_failed(&m);
  m.fail_at = 0;
  lua_close(L);
  for (int i = 0; i < VARIABLES; i++) CHECK(closed[i] >= opened[i]);
  CHECK(m.bytes == 0);
  return hit;
}

TEST(a_task_does_not_end_without_its_clean_up) {
  for (size_t n = 1; clean_up_in_want(n, 1); n++) continue;
  for (size_t n = 1; clean_up_in_want(n, 2); n++) continue;
  for (size_t n = 1; clean_up_in_want(n, 7); n++) continue;
}

/* ---- finalizers ---- */

static int l_collect_in_want(lua_State *L) {
  test_memory *m = lua_touserdata(L, lua_upvalueindex(1));
  m->fail_at = m->requests + 1;
  m->fail_count = FAIL_FOR_EVER;
  lua_gc(L, LUA_GCCOLLECT);
  m->fail_at = 0;
  return 0;
}

/* Calling a finalizer takes memory, in a thread that was never that deep in
   calls. */
static void collect_in_want(lua_State *L, test_memory *m) {
  lua_State *thread = lua_newthread(L);
  lua_pushlightuserdata(thread, m);
  lua_pushcclosure(thread, l_collect_in_want, 1);
  CHECK(lua_pcall(thread, 0, 0, 0) == LUA_OK);
  lua_pop(L, 1);
}

static void tick_until_idle(ebb_runtime *rt) {
  ebb_tick_report report;
  for (;;) {
    CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
    if (report.next_timer == EBB_NEVER) return;
    CHECK(ebb_clock_advance(rt, report.next_timer - ebb_now(rt)) == 0);
  }
}

/* Runs `make`; when the tasks have had their turns, has Lua call few of the
   finalizers of what is in `dropped`, runs `after`, and counts the tasks that
   are left then. */
static uint32_t lose_in_want(const char *make, const char *after) {
  test_memory m = {0};
  ebb_options options = {
      .alloc = test_alloc, .alloc_ctx = &m, .never_block = true};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0 && ebb_clock_pause(rt) == 0);
  lua_State *L = new_state(&m);
  CHECK(ebb_lua_attach(L, rt) == 0);
  open_ebb(L);
  ended = 0;
  lua_gc(L, LUA_GCSTOP);
  run(L, "dropped = {}");
  run(L, make);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  run(L, "dropped = nil");
  collect_in_want(L, &m);
  lua_gc(L, LUA_GCRESTART);
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCCOLLECT);
  run(L, after);
  tick_until_idle(rt);
  ebb_tick_report report;
  CHECK(ebb_tick(rt, 0, &report) == 0);
  lua_close(L);
  CHECK(ebb_runtime_free(rt) == 0);
  CHECK(m.bytes == 0);
  return report.unfinished;
}

TEST(tasks_of_lost_maps_run_on) {
  CHECK(lose_in_want("local function body()\n"
                     "  local _ <close> = setmetatable({}, {__close = ended})\n"
                     "  ebb.sleep(0.01)\n"
                     "end\n"
                     "for i = 1, 30 do\n"
                     "  local map, set = ebb.JoinMap.new(), ebb.JoinSet.new()\n"
                     "  map:spawn(1, body)\n"
                     "  set:spawn(body)\n"
                     "  dropped[i] = {map, set}\n"
                     "end",
                     "") == 0);
  CHECK(ended == 60);
}

TEST(lost_maps_that_were_closed_do_no_harm) {
  CHECK(lose_in_want("for i = 1, 30 do\n"
                     "  local map <close> = ebb.JoinMap.new()\n"
                     "  map:spawn(1, error)\n"
                     "  dropped[i] = map\n"
                     "end",
                     "for i = 1, 30 do ebb.JoinMap.new() end") == 0);
}

#define LOSE_LOCAL_SETS(n)                                       \
  "kept = {}\n"                                                  \
  "for i = 1, " #n                                               \
  " do\n"                                                        \
  "  dropped[i] = ebb.LocalSet.new()\n"                          \
  "  kept[i] = dropped[i]:spawn_local(function() ended() end)\n" \
  "end\n"                                                        \
  "ebb.spawn(function()\n"                                       \
  "  for i = 1, #kept do\n"                                      \
  "    local ok, err = kept[i]:join()\n"                         \
  "    assert(not ok and err:is_cancelled())\n"                  \
  "    closed(1)\n"                                              \
  "  end\n"                                                      \
  "end)\n"

/* The finalizer of another set finds them, or the next set that is made. */
TEST(tasks_of_lost_local_sets_are_aborted) {
  closed[1] = 0;
  CHECK(lose_in_want(LOSE_LOCAL_SETS(30), "") == 0);
  CHECK(closed[1] == 30 && ended == 0);
  closed[1] = 0;
  CHECK(lose_in_want(LOSE_LOCAL_SETS(2), "ebb.LocalSet.new()") == 0);
  CHECK(closed[1] == 2 && ended == 0);
}

/* Those who wait for them look again before they speak of a deadlock. */
TEST(tasks_of_a_lost_local_set_make_no_deadlock) {
  test_memory m = {0};
  lua_State *L = new_state(&m);
  open_ebb(L);
  run(L,
      "kept = ebb.LocalSet.new():spawn_local(ended)\n"
      "ebb.LocalSet.new():spawn_local(ended)");
  collect_in_want(L, &m);
  run(L, "assert(select(2, kept:join()):is_cancelled())");
  lua_close(L);
  CHECK(m.bytes == 0);
}
