/* SPDX-License-Identifier: MIT
   The Lua binding as an embedder meets it: ticks, and lua_close. */
#include "lua_states.h"

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
