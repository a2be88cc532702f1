/* SPDX-License-Identifier: MIT
   ebb.sync when memory runs out, at each request in turn: whatever fails,
   every permit and every message can be accounted for afterwards. Also the
   end of a state in which tasks wait. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "lua/state/compat.h"
#include "test.h"

static int l_note(lua_State *L) {
  note(luaL_checkstring(L, 1));
  return 0;
}

static lua_State *new_state(test_memory *m) {
  lua_State *L = ebb_lua_newstate(test_alloc, m);
  CHECK(L != NULL);
  luaL_openlibs(L);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_ebb);
  lua_setfield(L, -2, "ebb");
  lua_pop(L, 1);
  lua_register(L, "note", l_note);
  return L;
}

static void compile(lua_State *L, const char *code) {
  if (luaL_loadstring(L, code) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
}

/* Calls what is on the stack. */
static void call(lua_State *L) {
  if (lua_pcall(L, 0, 0, 0) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
}

static void run(lua_State *L, const char *code) {
  compile(L, code);
  call(L);
}

/* Only memory may be what it fails for, or a wait for a task that died for
   want of it. */
static bool call_hungry(lua_State *L) {
  if (lua_pcall(L, 0, 0, 0) == LUA_OK) return true;
  const char *text = lua_tostring(L, -1);
  if (text == NULL || (strstr(text, "not enough memory") == NULL &&
                       strstr(text, "stack overflow") == NULL &&
                       strstr(text, "deadlock") == NULL))
    test_fail(__FILE__, __LINE__, text != NULL ? text : "an error");
  lua_pop(L, 1);
  return false;
}

/* Counts in locals, so that counting needs no memory. */
static const char well_fed[] =
    "local ebb = require 'ebb'\n"
    "ebb.set_unhandled(function() end)\n"
    "local sync = ebb.sync\n"
    "map = ebb.JoinMap.new()\n"
    "semaphore = sync.Semaphore.new(2)\n"
    "mutex, lock = sync.Mutex.new(), sync.RwLock.new()\n"
    "notify, barrier = sync.Notify.new(), sync.Barrier.new(2)\n"
    "tx, rx = sync.channel(3)\n"
    "free_tx, free_rx = sync.channel()\n"
    "wtx, wrx = sync.watch(0)\n"
    "btx, brx = sync.broadcast(2)\n"
    "sent, received = 0, 0\n"
    "told, notified = 0, 0\n";

static const char hungry[] =
    "local ebb = require 'ebb'\n"
    "local sync = ebb.sync\n"
    "local function sender(tx, n)\n"
    "  for i = 1, n do\n"
    "    assert(tx:send(i)) sent = sent + 1\n"
    "  end\n"
    "end\n"
    "local function receiver(rx)\n"
    "  for _ in rx.recv, rx do received = received + 1 end\n"
    "end\n"
    "local function locker()\n"
    "  for _ = 1, 3 do\n"
    "    local p <close> = semaphore:acquire(2)\n"
    "    local g <close> = mutex:lock()\n"
    "    local r <close> = lock:read()\n"
    "    ebb.yield_now()\n"
    "  end\n"
    "  local w <close> = lock:write()\n"
    "end\n"
    "local function pinned()\n"
    "  table.sort({3, 1, 2}, function(a, b)\n"
    "    local g <close> = mutex:lock()\n"
    "    assert(tx:send(a)) sent = sent + 1\n"
    "    return a < b\n"
    "  end)\n"
    "  coroutine.wrap(function() semaphore:acquire():release() end)()\n"
    "end\n"
    "map:spawn(1, sender, tx, 9) map:spawn(2, sender, tx, 9)\n"
    "map:spawn(3, receiver, rx)\n"
    "map:spawn(4, sender, free_tx, 20)\n"
    "for i = 5, 7 do map:spawn(i, locker) end\n"
    "map:spawn(8, pinned) map:spawn(9, pinned)\n"
    "map:spawn(10, function() notify:notified() notified = notified + 1 end)\n"
    "map:spawn(11, function() return wrx:changed() end)\n"
    "map:spawn(12, function() while brx:recv() do end end)\n"
    "ebb.yield_now()\n"
    "notify:notify_one() told = told + 1\n"
    "do local g <close> = mutex:lock() ebb.yield_now() end\n"
    "do local p <close> = semaphore:acquire() end\n"
    "map:abort(5) map:abort(3) map:abort(1)\n"
    "map:spawn(13, receiver, rx)\n"
    "wtx:send(1) btx:send(1) btx:send(2) btx:send(3) wtx:subscribe()\n"
    "local once, got = sync.oneshot()\n"
    "map:spawn(14, function() assert(got:recv() == 1) end)\n"
    "ebb.yield_now()\n"
    "once:send(1)\n"
    "map:spawn(16, sender, tx, 5)\n"
    "if rx:recv() then received = received + 1 end\n"
    "map:spawn(15, barrier.wait, barrier)\n"
    "ebb.yield_now()\n"
    "barrier:wait()\n"
    "for _ = 1, 50 do ebb.yield_now() end\n";

/* What a task was given that then died for want of memory is with another,
   or back. One message may be lost to a receiver in which memory failed
   between its taking and its counting, but none here: both need none. */
static const char check[] =
    "local ebb = require 'ebb'\n"
    "map:shutdown()\n"
    "collectgarbage() collectgarbage()\n"
    "assert(semaphore:available_permits() == 2)\n"
    "assert(mutex:try_lock() and lock:try_write())\n"
    "for _, r in ipairs {rx, free_rx} do\n"
    "  while r:try_recv() do received = received + 1 end\n"
    "end\n"
    "assert(sent == received)\n"
    "for i = 1, 3 do assert(tx:try_send(i)) end\n"
    "assert(select(2, tx:try_send(4)) == 'full')\n"
    "for i = 1, 3 do assert(rx:recv() == i) end\n"
    "if told > notified then notify:notified() end\n"
    "local other = ebb.spawn(barrier.wait, barrier)\n"
    "ebb.yield_now()\n"
    "assert(barrier:wait() and not other:await())\n";

/* Was there an n-th request for memory? */
static bool starve(size_t n, size_t count) {
  test_memory m = {0};
  lua_State *L = new_state(&m);
  run(L, well_fed);
  compile(L, check);
  compile(L, hungry);
  m.fail_at = m.requests + n;
  m.fail_count = count;
  bool ok = call_hungry(L);
  bool hit = test_memory_failed(&m);
  CHECK(ok || hit);
  m.fail_at = 0;
  call(L);
  lua_close(L);
  CHECK(m.bytes == 0);
  return hit;
}

TEST(a_request_that_fails_once_loses_nothing) {
  for (size_t n = 1; starve(n, 1); n++) continue;
}

TEST(a_request_that_fails_twice_loses_nothing) {
  for (size_t n = 1; starve(n, 2); n++) continue;
}

TEST(memory_that_stays_away_loses_nothing) {
  for (size_t n = 1; starve(n, 7); n += 3) continue;
}

static const char waiting[] =
    "local ebb = require 'ebb'\n"
    "local sync = ebb.sync\n"
    "local function closer(f) return setmetatable({}, {__close = f}) end\n"
    "local mutex, notify = sync.Mutex.new(), sync.Notify.new()\n"
    "local tx, rx = sync.channel(1)\n"
    "local count = 0\n"
    "ebb.spawn(function()\n"
    "  local g <close> = mutex:lock()\n"
    "  local c <close> = closer(function() tx:send 'cleaned' end)\n"
    "  notify:notified()\n"
    "end)\n"
    "for i = 1, 3 do\n"
    "  ebb.spawn(function()\n"
    "    local c <close> = closer(function()\n"
    "      local g <close> = mutex:lock()\n"
    "      note 'unlocked'\n"
    "      count = count + 1\n"
    "      if count == 3 then note(rx:recv()) end\n"
    "    end)\n"
    "    local g <close> = mutex:lock()\n"
    "  end)\n"
    "end\n"
    "ebb.spawn(rx.recv, rx)\n"
    "ebb.spawn(table.sort, {1, 2}, function() notify:notified() end)\n"
    "coroutine.wrap(function() ebb.yield_now() end)()\n";

/* The clean-ups lock and send to each other. */
TEST(a_state_can_end_while_tasks_wait) {
  test_memory m = {0};
  lua_State *L = new_state(&m);
  run(L, waiting);
  lua_close(L);
  CHECK(noted("unlocked unlocked unlocked cleaned"));
  CHECK(m.bytes == 0);
}
