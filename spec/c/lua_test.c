/* SPDX-License-Identifier: MIT
   The Lua binding as an embedder meets it: many states in one process,
   states that share the engine's runtime, ticks, lua_close, and memory that
   runs out. What scripts see is the affair of the specs in Lua. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>

#include "lua/state/compat.h"
#include "test.h"

/* ---- states and scripts ---- */

static int l_note(lua_State *L) {
  note(luaL_checkstring(L, 1));
  return 0;
}

static const char prelude[] =
    "ebb = require 'ebb'\n"
    "function closer(f) return setmetatable({}, {__close = f}) end\n"
    "function forever() ebb.sleep(1e6) end\n"
    "function often(name, n)\n"
    "  for _ = 1, n or 3 do note(name) ebb.yield_now() end\n"
    "end\n";

static lua_State *bare_state(test_memory *m) {
  lua_State *L = m != NULL ? ebb_lua_newstate(test_alloc, m) : luaL_newstate();
  CHECK(L != NULL);
  luaL_openlibs(L);
  lua_register(L, "note", l_note);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_ebb);
  lua_setfield(L, -2, "ebb");
  lua_pop(L, 1);
  return L;
}

static void run(lua_State *L, const char *code) {
  if (luaL_dostring(L, code) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
  lua_settop(L, 0);
}

/* Does the code fail with an error that has these words? */
static bool fails(lua_State *L, const char *code, const char *words) {
  CHECK(luaL_dostring(L, code) != LUA_OK);
  const char *text = lua_tostring(L, -1);
  bool found = text != NULL && strstr(text, words) != NULL;
  if (!found) fprintf(stderr, "error: %s\n", text);
  lua_settop(L, 0);
  return found;
}

/* A state with a runtime of its own. */
static lua_State *new_state(void) {
  lua_State *L = bare_state(NULL);
  run(L, prelude);
  return L;
}

/* A state that uses the engine's. */
static lua_State *attached_state(ebb_runtime *rt) {
  lua_State *L = bare_state(NULL);
  CHECK(ebb_lua_attach(L, rt) == 0);
  run(L, prelude);
  return L;
}

static ebb_runtime *new_ticked_runtime(void) {
  ebb_runtime *rt;
  ebb_options options = {.never_block = true};
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  CHECK(ebb_clock_pause(rt) == 0);
  return rt;
}

static ebb_tick_report tick(ebb_runtime *rt) {
  ebb_tick_report report;
  CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  return report;
}

/* ---- states with runtimes of their own ---- */

TEST(states_with_their_own_runtimes_do_not_meet) {
  lua_State *L[3];
  for (int i = 0; i < 3; i++) L[i] = new_state();
  for (int i = 0; i < 3; i++)
    run(L[i], "h = ebb.spawn(often, 'x') assert(h:id() == 1)");
  CHECK(noted(""));
  run(L[1], "ebb.yield_now()");
  CHECK(noted("x"));
  run(L[0], "ebb.yield_now() ebb.yield_now()");
  CHECK(noted("x x"));
  lua_close(L[1]);
  run(L[2], "h:join()");
  run(L[0], "h:join()");
  CHECK(noted("x x x x"));
  lua_close(L[2]);
  lua_close(L[0]);
}

TEST(a_state_can_be_made_anew_many_times) {
  for (int i = 0; i < 20; i++) {
    lua_State *L = new_state();
    run(L, "ebb.spawn(forever) ebb.spawn(table.sort, {2, 1}, forever)");
    run(L, "ebb.yield_now() ebb.spawn(often, 'never')");
    lua_close(L);
  }
  CHECK(noted(""));
}

static int l_run_in_other(lua_State *L) {
  run(lua_touserdata(L, lua_upvalueindex(1)), luaL_checkstring(L, 1));
  return 0;
}

TEST(a_task_may_run_another_state) {
  lua_State *outer = new_state(), *inner = new_state();
  lua_pushlightuserdata(outer, inner);
  lua_pushcclosure(outer, l_run_in_other, 1);
  lua_setglobal(outer, "run");
  run(outer, "ebb.spawn(often, 'outer')");
  run(outer,
      "ebb.spawn(function()\n"
      "  run [[ebb.spawn(often, 'inner'):join()]]\n"
      "end):join()");
  CHECK(noted("outer inner inner inner outer"));
  lua_close(inner);
  lua_close(outer);
  CHECK(noted(""));
}

static void *run_on_thread(void *arg) {
  lua_State *L = bare_state(NULL);
  (void)arg;
  run(L,
      "local ebb = require 'ebb'\n"
      "local map, sum = ebb.JoinMap.new(), 0\n"
      "for i = 1, 500 do\n"
      "  map:spawn(i, function() ebb.yield_now() return i end)\n"
      "end\n"
      "for _, ok, v in map.join_next, map do sum = sum + v end\n"
      "assert(sum == 500 * 501 / 2)");
  lua_close(L);
  return NULL;
}

TEST(states_may_run_on_threads_of_their_own) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    CHECK(pthread_create(&threads[i], NULL, run_on_thread, NULL) == 0);
  for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

/* ---- states that share a runtime ---- */

TEST(a_state_is_attached_once) {
  ebb_runtime *rt = new_ticked_runtime(), *other = new_ticked_runtime();
  lua_State *L = bare_state(NULL);
  int top = lua_gettop(L);
  CHECK(ebb_lua_attach(L, rt) == 0);
  CHECK(ebb_lua_attach(L, rt) == -EALREADY);
  CHECK(ebb_lua_attach(L, other) == -EALREADY);
  CHECK(lua_gettop(L) == top);
  run(L, prelude);
  run(L, "ebb.spawn(note, 'a')");
  CHECK(tick(other).polls == 0 && tick(rt).polls == 1);
  CHECK(noted("a"));
  lua_close(L);
  free_runtime(rt);
  free_runtime(other);
}

TEST(any_thread_of_a_state_stands_for_the_state) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = bare_state(NULL), *thread = lua_newthread(L);
  CHECK(ebb_lua_attach(thread, rt) == 0);
  CHECK(ebb_lua_attach(L, rt) == -EALREADY);
  run(L, prelude);
  run(thread, "ebb.spawn(often, 'a')");
  lua_settop(L, 0);
  lua_gc(L, LUA_GCCOLLECT);
  tick(rt);
  CHECK(noted("a a a"));
  lua_close(L);
  free_runtime(rt);
}

TEST(a_state_that_has_a_runtime_cannot_be_attached) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = new_state();
  CHECK(ebb_lua_attach(L, rt) == -EALREADY);
  run(L, "ebb.spawn(often, 'a', 1):join()");
  CHECK(noted("a"));
  lua_close(L);
  free_runtime(rt);
}

TEST(a_state_that_never_asks_for_ebb_can_be_closed) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = bare_state(NULL);
  CHECK(ebb_lua_attach(L, rt) == 0);
  lua_close(L);
  free_runtime(rt);
}

TEST(tasks_of_all_attached_states_take_turns) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L[2] = {attached_state(rt), attached_state(rt)};
  run(L[0], "assert(ebb.spawn(often, 'a'):id() == 1)");
  run(L[1], "assert(ebb.spawn(often, 'b'):id() == 2)");
  CHECK(tick(rt).unfinished == 0);
  CHECK(noted("a b a b a b"));
  lua_close(L[0]);
  lua_close(L[1]);
  free_runtime(rt);
}

static void *c_often(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 3; i++) {
    note(arg);
    if (ebb_yield_now(rt) < 0) note("cut");
  }
  return NULL;
}

TEST(tasks_in_c_and_in_lua_take_turns) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  run(L, "ebb.spawn(often, 'lua')");
  start_detached(rt, c_often, "c");
  run(L, "ebb.spawn(table.sort, {1, 2}, function() often('pinned', 2) end)");
  tick(rt);
  CHECK(noted("lua c pinned lua c pinned lua c"));
  lua_close(L);
  free_runtime(rt);
}

static void *run_chunk(ebb_runtime *rt, void *arg) {
  (void)rt;
  run(arg, "ebb.sleep(1) note 'slept' ebb.spawn(often, 'a', 2):join()");
  note("end");
  return NULL;
}

TEST(a_chunk_that_a_c_task_runs_may_wait) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  ebb_task *t = start(rt, run_chunk, L);
  tick(rt);
  CHECK(noted(""));
  CHECK(ebb_clock_advance(rt, SECOND) == 0);
  tick(rt);
  CHECK(noted("slept a a end"));
  CHECK(finish(t).outcome == EBB_COMPLETED);
  lua_close(L);
  free_runtime(rt);
}

TEST(an_attached_state_may_wait_where_blocking_is_allowed) {
  ebb_runtime *rt = new_runtime();
  lua_State *L = attached_state(rt);
  int64_t begin = ebb_now(rt);
  run(L, "ebb.spawn(often, 'a') ebb.sleep(5) note 'slept'");
  CHECK(noted("a a a slept") && ebb_now(rt) == begin + 5 * SECOND);
  lua_close(L);
  free_runtime(rt);
}

static const char busy_with_keys[] =
    "m = ebb.JoinMap.new()\n"
    "m:spawn('a string', forever) m:spawn({}, forever) m:spawn(1, forever)\n"
    "m:spawn('sort', function() table.sort({1, 2}, forever) end)\n";

TEST(the_tasks_of_other_states_can_be_listed) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L[2] = {attached_state(rt), attached_state(rt)};
  for (int i = 0; i < 2; i++) run(L[i], busy_with_keys);
  start_detached(rt, c_often, "");
  tick(rt);
  for (int i = 0; i < 20; i++)
    run(L[i % 2],
        "local mine = 0\n"
        "for _, t in ipairs(ebb.tasks()) do\n"
        "  if t.key ~= nil and m:contains_task(t.id) then\n"
        "    assert(m:id(t.key) == t.id)\n"
        "    mine = mine + 1\n"
        "  end\n"
        "end\n"
        "assert(mine == 4)\n"
        "ebb.JoinMap.new():spawn('a', note, '')");
  lua_close(L[0]);
  lua_close(L[1]);
  free_runtime(rt);
}

TEST(a_traceback_of_another_state_s_task_does_no_harm) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L[2] = {attached_state(rt), attached_state(rt)};
  for (int i = 0; i < 2; i++) run(L[i], busy_with_keys);
  tick(rt);
  for (int i = 0; i < 20; i++)
    run(L[i % 2],
        "collectgarbage('incremental', 1, 1000, 1)\n"
        "for _ = 1, 100 do\n"
        "  for id = 1, 10 do ebb.traceback(id) end\n"
        "end\n"
        "collectgarbage()");
  lua_close(L[0]);
  lua_close(L[1]);
  free_runtime(rt);
}

TEST(a_deadlock_lists_the_tasks_of_other_states) {
  ebb_runtime *rt = new_runtime();
  lua_State *L[2] = {attached_state(rt), attached_state(rt)};
  for (int i = 0; i < 2; i++)
    run(L[i],
        "m, k = ebb.JoinMap.new(), {}\n"
        "m:spawn(k, function() m:join 'a key' end)\n"
        "m:spawn('a key', function() m:join(k) end)\n");
  for (int i = 0; i < 2; i++) CHECK(fails(L[i], "m:join_next()", "deadlock"));
  for (int i = 0; i < 2; i++) run(L[i], "assert(m:len() == 2 and m:id(k))");
  lua_close(L[0]);
  lua_close(L[1]);
  free_runtime(rt);
}

/* ---- from Lua to the engine ---- */

TEST(the_runtime_of_a_state_can_be_had) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *own = bare_state(NULL), *attached = attached_state(rt);
  ebb_runtime *its = ebb_lua_runtime(own);
  CHECK(its != NULL && its != rt && ebb_lua_runtime(own) == its);
  CHECK(ebb_lua_attach(own, rt) == -EALREADY);
  CHECK(ebb_lua_runtime(attached) == rt);
  run(own, prelude);
  CHECK(ebb_clock_pause(its) == 0);
  run(own, "h = ebb.spawn(ebb.sleep, 5)");
  CHECK(ebb_tick(its, EBB_NEVER, NULL) == 0);
  CHECK(ebb_clock_advance(its, 5 * SECOND) == 0);
  CHECK(ebb_tick(its, EBB_NEVER, NULL) == 0);
  run(own, "assert(h:is_finished())");
  lua_close(own);
  lua_close(attached);
  free_runtime(rt);
}

static int l_is_task_s_thread(lua_State *L) {
  ebb_task *t = ebb_current(ebb_lua_runtime(L));
  lua_pushboolean(L, t != NULL && ebb_lua_thread(t) == L);
  return 1;
}

/* Calls the code with the message handler; the message is left. */
static const char *message_of(lua_State *L, const char *code, size_t *size) {
  lua_settop(L, 0);
  lua_pushcfunction(L, ebb_lua_message);
  CHECK(luaL_loadstring(L, code) == LUA_OK);
  CHECK(lua_pcall(L, 0, 0, 1) == LUA_ERRRUN);
  return lua_tolstring(L, -1, size);
}

TEST(a_message_tells_where_a_panic_comes_from) {
  static const char begin[] = "a\0b\nstack traceback:\n";
  lua_State *L = new_state();
  size_t size;
  const char *text = message_of(
      L, "ebb.spawn(function() error('a\\0b', 0) end):await()", &size);
  CHECK(size > sizeof begin && memcmp(text, begin, sizeof begin - 1) == 0);
  CHECK(strstr(text + 2, "\nawaited by the main chunk (") != NULL);
  lua_close(L);
}

TEST(a_message_is_like_that_of_the_interpreter) {
  lua_State *L = new_state();
  const char *text = message_of(L, "error('own', 0)", NULL);
  CHECK(strncmp(text, "own\nstack traceback:\n", 21) == 0);
  text = message_of(L, "error {}", NULL);
  CHECK(strncmp(text, "(error object is a table value)\n", 32) == 0);
  text = message_of(L,
                    "error(setmetatable({}, {__tostring = function()"
                    "  return 'object' end}))",
                    NULL);
  CHECK(strcmp(text, "object") == 0);
  lua_close(L);
}

static void *look_at_thread(ebb_runtime *rt, void *arg) {
  CHECK(ebb_lua_thread(ebb_current(rt)) == NULL);
  note(arg);
  return NULL;
}

TEST(the_thread_of_a_task_can_be_had) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  lua_register(L, "is_task", l_is_task_s_thread);
  run(L,
      "assert(not is_task())\n"
      "h = ebb.spawn(function()\n"
      "  assert(is_task()) ebb.sleep(0) assert(is_task())\n"
      "  assert(not coroutine.wrap(is_task)())\n"
      "end)");
  start_detached(rt, look_at_thread, "c");
  CHECK(tick(rt).unfinished == 0);
  run(L, "assert(h:join())");
  CHECK(noted("c"));
  lua_close(L);
  free_runtime(rt);
}

/* ---- scripts and ticks ---- */

TEST(scripts_run_with_ticks) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  int64_t begin = ebb_now(rt);
  run(L, "ebb.spawn(function() note 'up' ebb.sleep(1) note 'down' end)");
  CHECK(noted(""));
  CHECK(tick(rt).next_timer == begin + SECOND);
  CHECK(noted("up"));
  CHECK(ebb_clock_advance(rt, SECOND - 1) == 0 && tick(rt).polls == 0);
  CHECK(ebb_clock_advance(rt, 1) == 0 && tick(rt).polls == 1);
  CHECK(noted("down"));
  lua_close(L);
  free_runtime(rt);
}

TEST(waits_in_callbacks_last_across_ticks) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  run(L,
      "ebb.spawn(function()\n"
      "  local t = {3, 1, 2}\n"
      "  table.sort(t, function(a, b) ebb.sleep(1) return a < b end)\n"
      "  note(table.concat(t, ' '))\n"
      "end)");
  for (int i = 0; i < 20; i++) {
    tick(rt);
    CHECK(ebb_clock_advance(rt, SECOND) == 0);
  }
  CHECK(noted("1 2 3"));
  lua_close(L);
  free_runtime(rt);
}

TEST(the_main_chunk_cannot_wait_between_ticks) {
  static const char *const waits[] = {
      "ebb.sleep(1)",
      "ebb.sleep(0)",
      "ebb.yield_now()",
      "ebb.spawn(often, ''):join()",
      "ebb.spawn(often, ''):await()",
      "ebb.block_on(often, '')",
      "m = ebb.JoinMap.new() m:spawn(1, often, '') m:join_next()",
      "m = ebb.JoinMap.new() m:spawn(1, often, '') m:join(1)",
      "m = ebb.JoinMap.new() m:spawn(1, often, '') m:shutdown()",
      "table.sort({1, 2}, ebb.yield_now)",
      "coroutine.wrap(ebb.yield_now)()",
      "local _ <close> = closer(ebb.yield_now)",
  };
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
    CHECK(fails(L, waits[i], "ebb_tick"));
  lua_close(L);
  free_runtime(rt);
}

TEST(what_does_not_wait_works_between_ticks) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  run(L,
      "m = ebb.JoinMap.new()\n"
      "m:spawn('a', often, 'a') m:spawn('b', function() return 1, 2 end)\n"
      "assert(m:try_join_next() == nil and m:len() == 2)\n"
      "assert(m:contains_key 'a' and not m:is_finished 'a')");
  tick(rt);
  run(L,
      "assert(select('#', m:join_next()) == 4)\n"
      "assert(m:join('a') == true and m:join_next() == nil)\n"
      "m:shutdown() m:abort_all() m:detach_all()");
  CHECK(noted("a a a"));
  lua_close(L);
  free_runtime(rt);
}

TEST(an_error_in_a_script_is_for_who_joins_it) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  run(L, "h = ebb.spawn(error, 'oops') ebb.spawn(often, 'on')");
  tick(rt);
  CHECK(noted("on on on"));
  run(L,
      "local ok, e = h:join()\n"
      "assert(not ok and e:is_panic() and e:into_panic() == 'oops')");
  lua_close(L);
  free_runtime(rt);
}

/* ---- lua_close of an attached state ---- */

TEST(closing_a_state_aborts_its_tasks) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  run(L,
      "local function guarded(name, place)\n"
      "  ebb.spawn(place, function()\n"
      "    local _ <close> = closer(function() note(name) end)\n"
      "    forever()\n"
      "  end)\n"
      "end\n"
      "guarded('plain', function(f) f() end)\n"
      "guarded('sort', function(f) table.sort({1, 2}, f) end)\n"
      "guarded('generator', function(f) coroutine.wrap(f)() end)\n");
  tick(rt);
  run(L, "ebb.spawn(note, 'never')");
  CHECK(noted(""));
  lua_close(L);
  CHECK(strstr(test_log, "plain") && strstr(test_log, "sort"));
  CHECK(strstr(test_log, "generator") && strlen(test_log) == 20);
  test_log[0] = '\0';
  CHECK(tick(rt).unfinished == 0);
  free_runtime(rt);
}

TEST(closing_a_state_leaves_the_others_tasks_alone) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L[2] = {attached_state(rt), attached_state(rt)};
  static const char code[] =
      "ebb.spawn(function() forever() note 'never' end)\n"
      "ebb.spawn(function() ebb.sleep(1) note 'slept' end)";
  run(L[0], code);
  run(L[1], code);
  tick(rt);
  start_detached(rt, c_often, "c");
  lua_close(L[0]);
  CHECK(ebb_clock_advance(rt, SECOND) == 0);
  CHECK(tick(rt).unfinished == 1);
  CHECK(noted("c c slept c"));
  lua_close(L[1]);
  CHECK(tick(rt).unfinished == 0);
  CHECK(noted(""));
  free_runtime(rt);
}

TEST(closing_a_state_lets_go_of_all_it_held) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  run(L,
      "m = ebb.JoinMap.new()\n"
      "for i = 1, 10 do\n"
      "  m:spawn(i, i % 2 == 0 and forever or function() end)\n"
      "end\n"
      "h = ebb.spawn(function() return m, h end)");
  tick(rt);
  run(L, "other = m:spawn(11, often, 'never')");
  lua_close(L);
  CHECK(tick(rt).unfinished == 0 && noted(""));
  free_runtime(rt); /* it asserts that no task is left */
}

TEST(closing_a_state_waits_for_clean_up_where_it_may) {
  ebb_runtime *rt = new_runtime();
  lua_State *L = attached_state(rt);
  run(L,
      "ebb.spawn(function()\n"
      "  local _ <close> = closer(function() ebb.sleep(1) note 'end' end)\n"
      "  forever()\n"
      "end)\n"
      "ebb.yield_now()");
  int64_t begin = ebb_now(rt);
  lua_close(L);
  CHECK(noted("end") && ebb_now(rt) == begin + SECOND);
  free_runtime(rt);
}

TEST(closing_a_state_cuts_clean_up_off_that_would_block) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  run(L,
      "ebb.set_unhandled(function() end)\n"
      "ebb.spawn(function()\n"
      "  local _ <close> = closer(function()\n"
      "    ebb.yield_now() note 'begin' ebb.sleep(1) note 'never'\n"
      "  end)\n"
      "  forever()\n"
      "end)");
  tick(rt);
  int64_t begin = ebb_now(rt);
  lua_close(L);
  CHECK(noted("begin") && ebb_now(rt) == begin);
  CHECK(tick(rt).unfinished == 0);
  free_runtime(rt);
}

/* The handle that a finalizer makes is not finalized itself, so the panic is
   reported at the very end. */
TEST(a_report_at_the_end_of_a_state_can_spawn_nothing) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  run(L,
      "ebb.set_unhandled(function() ebb.spawn(note, 'never') end)\n"
      "local h = ebb.spawn(error, 'oops')\n"
      "setmetatable({}, {__gc = function() keep = h:abort_handle() end})");
  tick(rt);
  lua_close(L);
  CHECK(tick(rt).unfinished == 0 && noted(""));
  free_runtime(rt);
}

static void *close_state(ebb_runtime *rt, void *arg) {
  (void)rt;
  lua_close(arg);
  note("closed");
  return NULL;
}

/* Or freeing the runtime would wait for it for good. */
TEST(a_runtime_of_a_clean_up_ends_with_the_state_that_made_it) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  run(L,
      "ebb.set_shutdown_timeout(0)\n"
      "ebb.spawn(function()\n"
      "  local _ <close> = setmetatable({}, {__close = function()\n"
      "    runtime = ebb.Runtime.new()\n"
      "    ebb.sleep(1e6)\n"
      "  end})\n"
      "  ebb.sleep(1e6)\n"
      "end)");
  tick(rt);
  lua_close(L);
  free_runtime(rt);
}

TEST(a_c_task_may_close_a_state) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L = attached_state(rt);
  run(L,
      "ebb.spawn(function()\n"
      "  local _ <close> = closer(function() ebb.sleep(1) note 'end' end)\n"
      "  forever()\n"
      "end)");
  tick(rt);
  start_detached(rt, close_state, L);
  tick(rt);
  CHECK(noted(""));
  CHECK(ebb_clock_advance(rt, SECOND) == 0);
  tick(rt);
  CHECK(noted("end closed"));
  free_runtime(rt);
}

TEST(closing_a_state_does_not_wait_for_busy_tasks_of_others) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *L[2] = {attached_state(rt), attached_state(rt)};
  run(L[0], "ebb.spawn(function() while true do ebb.yield_now() end end)");
  run(L[1], "ebb.spawn(forever)");
  for (int i = 0; i < 4; i++) CHECK(ebb_tick(rt, 0, NULL) == 0);
  lua_close(L[1]);
  CHECK(ebb_tick(rt, 0, NULL) == 0);
  lua_close(L[0]);
  free_runtime(rt);
}

TEST(states_come_and_go_while_the_runtime_lives_on) {
  ebb_runtime *rt = new_ticked_runtime();
  lua_State *host = attached_state(rt);
  run(host, "ebb.spawn(function() ebb.sleep(20) note 'host' end)");
  for (int i = 0; i < 20; i++) {
    lua_State *L = attached_state(rt);
    run(L, "ebb.spawn(forever) ebb.spawn(often, '', 1)");
    CHECK(tick(rt).unfinished == 2);
    lua_close(L);
    CHECK(tick(rt).unfinished == 1 && noted(""));
    CHECK(ebb_clock_advance(rt, SECOND) == 0);
  }
  CHECK(tick(rt).unfinished == 0 && noted("host"));
  lua_close(host);
  free_runtime(rt);
}

/* ---- memory that runs out ---- */

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
