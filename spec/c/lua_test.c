/* SPDX-License-Identifier: MIT
   The Lua binding as an embedder meets it: many states in one process, and
   states that share the engine's runtime. What scripts see is the affair of
   the specs in Lua. */
#include <pthread.h>

#include "lua_states.h"

/* ---- states and scripts ---- */

/* A state with a runtime of its own. */
static lua_State *new_state(void) {
  lua_State *L = bare_state(NULL);
  run(L, prelude);
  return L;
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
