/* SPDX-License-Identifier: MIT
   The Lua binding as an embedder meets it: memory that runs out. */
#include "lua_states.h"

/* Uses all that scripts can do. A task may come to what it should or to an
   error of memory, and so may the whole. */
static const char well_fed[] =
    "local ebb = require 'ebb'\n"
    "ebb.set_unhandled(function() end)\n"
    "map = ebb.JoinMap.new()\n"
    "own = ebb.JoinMap.with_hasher {\n"
    "  hash = function(k) return #k end,\n"
    "  equal = function(a, b) return a[1] == b[1] end}\n";

static const char hungry[] =
    "local ebb = require 'ebb'\n"
    "pcall(ebb.time.pause)\n"
    "local function closer(f) return setmetatable({}, {__close = f}) end\n"
    "local function check(want, ok, got)\n"
    "  if ok then assert(got == want) return end\n"
    "  if got:is_cancelled() then return end\n"
    "  got = got:into_panic()\n"
    "  if not tostring(got):find 'memory' then error(got) end\n"
    "end\n"
    "local function pinned(x)\n"
    "  local t = {x, 1, 2}\n"
    "  table.sort(t, function(a, b) ebb.sleep(1) return a < b end)\n"
    "  for v in coroutine.wrap(function()\n"
    "    ebb.yield_now() coroutine.yield(1) ebb.yield_now()\n"
    "  end) do assert(v == 1) end\n"
    "  return t[3]\n"
    "end\n"
    "local function cleaned()\n"
    "  local _ <close> = closer(function() ebb.sleep(1) end)\n"
    "  pcall(string.gsub, 'a', 'a', function() ebb.sleep(1e6) end)\n"
    "end\n"
    "for i = 1, 6 do\n"
    "  map:spawn('key' .. i, pinned, i + 2)\n"
    "  map:spawn(i, function(...) ebb.yield_now() return ... end, i)\n"
    "  map:spawn(i + 0.5, cleaned)\n"
    "end\n"
    "map:spawn({}, error, 'not enough memory, in truth')\n"
    "map:spawn('key1', function() ebb.sleep(1) return 3 end)\n"
    "local h = ebb.spawn(pinned, 9)\n"
    "local co = ebb.spawn(coroutine.create(function(x)\n"
    "  coroutine.running() ebb.yield_now() return x\n"
    "end), 4)\n"
    "ebb.yield_now()\n"
    "map:abort(2, 'why') map:abort 'key2'\n"
    "map:abort_matching(function(k) return k == 3.5 end)\n"
    "assert(#tostring(map) > 10 and #ebb.tasks() > 0)\n"
    "ebb.traceback(h:id())\n"
    "map:reserve(30)\n"
    "for _ = 1, 5 do\n"
    "  local key, ok, v = map:join_next()\n"
    "  check(type(key) == 'number' and key or v, ok, v)\n"
    "end\n"
    "map:shrink_to_fit()\n"
    "check(9, h:join()) check(4, co:join())\n"
    "local function fail() error('not enough memory, in truth', 0) end\n"
    "local function await() ebb.spawn(fail):await() end\n"
    "local _, e = ebb.spawn(pcall, ebb.block_on, await):join()\n"
    "_, e = ebb.spawn(await):join()\n"
    "check(nil, false, e) assert(#tostring(e) > 0)\n"
    "assert(#(e:traceback() or '-') > 0)\n"
    "if map:contains_key('key3') then check(5, map:join('key3')) end\n"
    "map:shutdown()\n"
    "assert(map:is_empty())\n"
    "for i = 1, 4 do own:spawn({i % 3}, pinned, i) end\n"
    "own:detach {2}\n"
    "map:spawn(1, own.join_next, own)\n"
    "map:spawn(2, ebb.sleep, 1e6)\n"
    "map:spawn(3, ebb.block_on, pinned, 3)\n"
    "map:join(1) map:detach(2)\n";

static const char check_map[] =
    "local n = 0\n"
    "for key, id in map:keys() do\n"
    "  n = n + 1\n"
    "  assert(map:id(key) == id and map:contains_task(id))\n"
    "end\n"
    "assert(n == map:len())\n"
    "map:shutdown()\n"
    "assert(map:len() == 0 and map:join_next() == nil)\n"
    "map:spawn('again', function() return 1 end)\n"
    "assert(select(3, map:join_next()) == 1)\n";

static void compile(lua_State *L, const char *code) {
  CHECK(luaL_loadstring(L, code) == LUA_OK);
}

static void start_failing(test_memory *m, size_t n, size_t count) {
  m->fail_at = m->requests + n;
  m->fail_count = count;
}

/* Calls what is on the stack. Only memory may be what it fails for; to
   luaL_checkstack all is a stack overflow. */
static void call_hungry(lua_State *L) {
  if (lua_pcall(L, 0, 0, 0) == LUA_OK) return;
  const char *text = lua_tostring(L, -1);
  if (text == NULL || (strstr(text, "not enough memory") == NULL &&
                       strstr(text, "stack overflow") == NULL))
    test_fail(__FILE__, __LINE__, text != NULL ? text : "an error");
  lua_pop(L, 1);
}

/* Runs the hungry script, whose n-th request for memory fails; was there an
   n-th? */
static bool starve(size_t n, size_t count) {
  test_memory m = {0};
  lua_State *L = bare_state(&m);
  run(L, well_fed);
  compile(L, check_map);
  compile(L, hungry);
  start_failing(&m, n, count);
  call_hungry(L);
  bool hit = test_memory_failed(&m);
  m.fail_at = 0;
  if (lua_pcall(L, 0, 0, 0) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
  lua_close(L);
  CHECK(m.bytes == 0);
  return hit;
}

/* Lua collects all garbage and asks again: one failure is seen by the engine
   only, two by Lua too. */
TEST(a_request_that_fails_once_does_no_harm) {
  for (size_t n = 1; starve(n, 1); n++) continue;
}

TEST(a_request_that_fails_twice_does_no_harm) {
  for (size_t n = 1; starve(n, 2); n++) continue;
}

TEST(a_script_may_run_out_of_memory_for_good) {
  for (size_t n = 1; starve(n, FAIL_FOR_EVER); n++) continue;
}

static const char make_map[] =
    "local ebb = require 'ebb'\n"
    "ebb.JoinMap.with_capacity(10)\n"
    "ebb.JoinMap.with_hasher {hash = math.abs, equal = rawequal}\n";

static bool make_map_in_want(size_t n, size_t count) {
  test_memory m = {0};
  lua_State *L = bare_state(&m);
  run(L, well_fed);
  compile(L, make_map);
  start_failing(&m, n, count);
  call_hungry(L);
  bool hit = test_memory_failed(&m);
  m.fail_at = 0;
  run(L, make_map);
  lua_close(L);
  CHECK(m.bytes == 0);
  return hit;
}

TEST(a_map_that_cannot_be_made_leaves_nothing) {
  for (size_t n = 1; make_map_in_want(n, 1); n++) continue;
  for (size_t n = 1; make_map_in_want(n, 2); n++) continue;
}

static int l_collect_in_want(lua_State *L) {
  test_memory *m = lua_touserdata(L, lua_upvalueindex(1));
  start_failing(m, 1, FAIL_FOR_EVER);
  lua_gc(L, LUA_GCCOLLECT);
  m->fail_at = 0;
  return 0;
}

/* Calling a finalizer takes memory, in a thread that was never that deep in
   calls. Without it Lua leaves the call out, for good. */
TEST(a_finalizer_that_cannot_be_called_does_no_harm) {
  test_memory m = {0};
  lua_State *L = bare_state(&m);
  run(L, well_fed);
  run(L,
      "local ebb = require 'ebb'\n"
      "for i = 1, 3 do\n"
      "  local lost = ebb.JoinMap.new()\n"
      "  lost:spawn(1, function() ebb.sleep(1e6) end)\n"
      "  ebb.spawn(function() end)\n"
      "end");
  lua_State *thread = lua_newthread(L);
  lua_pushlightuserdata(thread, &m);
  lua_pushcclosure(thread, l_collect_in_want, 1);
  CHECK(lua_pcall(thread, 0, 0, 0) == LUA_OK);
  run(L, "for i = 1, 100 do require 'ebb'.JoinMap.new() end");
  lua_close(L);
  CHECK(m.bytes == 0);
}

/* `require` fails, and succeeds when memory is back. */
static bool require_in_want(size_t n, size_t count) {
  test_memory m = {0};
  lua_State *L = bare_state(&m);
  compile(L, "require 'ebb'");
  start_failing(&m, n, count);
  call_hungry(L);
  bool hit = test_memory_failed(&m);
  m.fail_at = 0;
  run(L, well_fed);
  run(L, check_map);
  lua_close(L);
  CHECK(m.bytes == 0);
  return hit;
}

TEST(a_module_that_cannot_be_opened_can_be_opened_later) {
  for (size_t n = 1; require_in_want(n, 1); n++) continue;
  for (size_t n = 1; require_in_want(n, 2); n++) continue;
}

/* The engine's memory, or the state's, runs out while it is attached. */
static bool attach_in_want(size_t n, size_t count) {
  test_memory m = {0};
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = bare_state(&m);
  start_failing(&m, n, count);
  int err = ebb_lua_attach(L, rt);
  bool hit = test_memory_failed(&m);
  m.fail_at = 0;
  CHECK(err == 0 || (err == -ENOMEM && hit));
  CHECK(ebb_lua_attach(L, rt) == (err == 0 ? -EALREADY : 0));
  run(L, well_fed);
  run(L, "map:spawn(1, function() return 7 end)");
  tick(rt);
  run(L, "assert(select(3, map:join_next()) == 7)");
  lua_close(L);
  CHECK(m.bytes == 0);
  free_runtime(rt);
  return hit;
}

TEST(a_state_that_cannot_be_attached_can_be_attached_later) {
  for (size_t n = 1; attach_in_want(n, 1); n++) continue;
  for (size_t n = 1; attach_in_want(n, 2); n++) continue;
}

/* The state's memory is plenty, the engine's runs out. */
static bool starve_engine(size_t n, size_t count) {
  test_memory m = {0};
  ebb_options options = {.alloc = test_alloc, .alloc_ctx = &m};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  lua_State *L = bare_state(NULL);
  CHECK(ebb_lua_attach(L, rt) == 0);
  run(L, well_fed);
  compile(L, check_map);
  compile(L, hungry);
  start_failing(&m, n, count);
  call_hungry(L);
  bool hit = test_memory_failed(&m);
  m.fail_at = 0;
  if (lua_pcall(L, 0, 0, 0) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
  lua_close(L);
  free_runtime(rt);
  CHECK(m.bytes == 0);
  return hit;
}

TEST(an_engine_that_runs_out_of_memory_does_a_script_no_harm) {
  for (size_t n = 1; starve_engine(n, 1); n++) continue;
  for (size_t n = 1; starve_engine(n, 2); n++) continue;
  for (size_t n = 1; starve_engine(n, FAIL_FOR_EVER); n++) continue;
}

/* Ticks until nothing more can happen, or memory seems out for good. */
static void tick_to_the_end(ebb_runtime *rt) {
  for (int failures = 0; failures < 100;) {
    ebb_tick_report report;
    int err = ebb_tick(rt, EBB_NEVER, &report);
    CHECK(err == 0 || err == -ENOMEM);
    failures += err < 0;
    if (err < 0) continue;
    if (report.next_timer == EBB_NEVER) break;
    CHECK(ebb_clock_advance(rt, report.next_timer - ebb_now(rt)) == 0);
  }
}

/* The script is a task, and the engine's memory is the state's. */
static bool starve_ticked(size_t n, size_t count) {
  test_memory m = {0};
  ebb_options options = {
      .alloc = test_alloc, .alloc_ctx = &m, .never_block = true};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0 && ebb_clock_pause(rt) == 0);
  lua_State *L = bare_state(&m);
  CHECK(ebb_lua_attach(L, rt) == 0);
  run(L, well_fed);
  compile(L, hungry);
  lua_setglobal(L, "hungry");
  run(L, "job = require 'ebb'.spawn(hungry)");
  start_failing(&m, n, count);
  tick_to_the_end(rt);
  bool hit = test_memory_failed(&m);
  m.fail_at = 0;
  tick_to_the_end(rt);
  compile(L, check_map);
  lua_setglobal(L, "check");
  run(L, "checked = require 'ebb'.spawn(check)");
  tick_to_the_end(rt);
  run(L, "local ok, err = checked:join() assert(ok, tostring(err))");
  run(L,
      "local ok, err = job:join()\n"
      "assert(ok or tostring(err):find 'memory', tostring(err))");
  lua_close(L);
  free_runtime(rt);
  CHECK(m.bytes == 0);
  return hit;
}

TEST(ticked_scripts_may_run_out_of_memory) {
  for (size_t n = 1; starve_ticked(n, 1); n++) continue;
  for (size_t n = 1; starve_ticked(n, 2); n++) continue;
  for (size_t n = 1; starve_ticked(n, 7); n++) continue;
  for (size_t n = 1; starve_ticked(n, FAIL_FOR_EVER); n++) continue;
}

/* Memory runs out while the state is closed. */
static bool close_in_want(size_t n, size_t count) {
  test_memory m = {0};
  lua_State *L = bare_state(&m);
  run(L, well_fed);
  run(L,
      "local ebb = require 'ebb'\n"
      "map:spawn(1, ebb.sleep, 1e6)\n"
      "ebb.spawn(table.sort, {1, 2}, function() ebb.sleep(1e6) end)\n"
      "ebb.yield_now()\n"
      "map:spawn({}, ebb.sleep, 1e6)\n");
  start_failing(&m, n, count);
  lua_close(L);
  bool hit = test_memory_failed(&m);
  CHECK(m.bytes == 0);
  return hit;
}

TEST(a_state_can_be_closed_without_memory) {
  for (size_t n = 1; close_in_want(n, 1); n++) continue;
  for (size_t n = 1; close_in_want(n, FAIL_FOR_EVER); n++) continue;
}

/* The loop has no stack yet, and gets none. */
TEST(a_state_whose_tasks_never_ran_can_be_closed_without_memory) {
  test_memory m = {0};
  lua_State *L = bare_state(&m);
  run(L, well_fed);
  run(L, "map:spawn(1, error) require 'ebb'.spawn(error)");
  start_failing(&m, 1, FAIL_FOR_EVER);
  lua_close(L);
  CHECK(m.bytes == 0);
}

TEST(tasks_of_a_closed_state_never_run) {
  test_memory m = {0};
  ebb_options options = {
      .alloc = test_alloc, .alloc_ctx = &m, .never_block = true};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  lua_State *L = attached_state(rt);
  run(L, "ebb.spawn(often, 'never')");
  start_failing(&m, 1, FAIL_FOR_EVER);
  lua_close(L);
  m.fail_at = 0;
  CHECK(tick(rt).unfinished == 0 && noted(""));
  free_runtime(rt);
  CHECK(m.bytes == 0);
}
