/* SPDX-License-Identifier: MIT
   Engines that run scripts they do not trust: what `ebb` has, what states of
   other threads have, and what they may take of memory. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdatomic.h>

#include "test.h"

static lua_State *new_state(void) {
  lua_State *L = luaL_newstate();
  CHECK(L != NULL);
  luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
  luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
  luaL_requiref(L, LUA_COLIBNAME, luaopen_coroutine, 1);
  lua_settop(L, 0);
  return L;
}

static lua_State *state_with(unsigned parts) {
  lua_State *L = new_state();
  ebb_lua_options options = {.parts = parts};
  CHECK(ebb_lua_attach_with(L, NULL, &options) == 0);
  luaL_requiref(L, "ebb", luaopen_ebb, 1);
  return L;
}

static void run(lua_State *L, const char *code) {
  if (luaL_dostring(L, code) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
}

TEST(a_state_without_os_has_none_on_other_threads) {
  lua_State *L = state_with(0);
  run(L,
      "local function seen() return tostring(os), tostring(io),"
      "  tostring(package), tostring(debug), type(string) end\n"
      "local function check(os, io, package, debug, string)\n"
      "  assert(os == 'nil' and io == 'nil' and package == 'nil')\n"
      "  assert(debug == 'nil' and string == 'table')\n"
      "end\n"
      "check(ebb.spawn_blocking(seen):await())\n"
      "check(ebb.block_in_place(seen))\n"
      "local rt <close> = ebb.Runtime.new()\n"
      "check(rt:handle():spawn(seen):await())\n"
      "check(rt:handle():spawn_blocking(seen):await())\n");
  lua_close(L);
}

TEST(the_module_has_the_parts_it_is_given) {
  static const struct {
    unsigned part;
    const char *name;
  } parts[] = {{EBB_LUA_TASKS, "spawn"},      {EBB_LUA_TASKS, "JoinMap"},
               {EBB_LUA_SYNC, "sync"},        {EBB_LUA_TIME, "time"},
               {EBB_LUA_TIME, "sleep"},       {EBB_LUA_IO, "io"},
               {EBB_LUA_NET, "net"},          {EBB_LUA_THREADS, "Runtime"},
               {EBB_LUA_THREADS, "Handle"},   {EBB_LUA_TASKS, "select"},
               {EBB_LUA_TASKS, "task_local"}, {EBB_LUA_TASKS, "LocalSet"}};
  for (unsigned given = 1; given < 2 * EBB_LUA_THREADS; given++) {
    lua_State *L = state_with(given);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
      bool has = lua_getfield(L, 1, parts[i].name) != LUA_TNIL;
      CHECK(has == ((given & parts[i].part) != 0));
      lua_pop(L, 1);
    }
    lua_close(L);
  }
}

TEST(without_threads_no_method_reaches_one) {
  lua_State *L = state_with(EBB_LUA_TASKS | EBB_LUA_TIME | EBB_LUA_SYNC);
  run(L,
      "for _, name in ipairs {'spawn_on', 'spawn_blocking',\n"
      "  'spawn_blocking_on', 'block_in_place'} do\n"
      "  assert(ebb[name] == nil, name)\n"
      "end\n"
      "local function refused(...)\n"
      "  local ok, err = pcall(...)\n"
      "  assert(not ok and err:find('may not use other threads'), err)\n"
      "end\n"
      "local map, set = ebb.JoinMap.new(), ebb.JoinSet.new()\n"
      "local function f() end\n"
      "refused(map.spawn_blocking, map, 1, f)\n"
      "refused(set.spawn_blocking, set, f)\n"
      "refused(ebb.Builder.new().spawn_blocking, ebb.Builder.new(), f)\n"
      "assert(map:is_empty() and set:is_empty())\n"
      "ebb.spawn(ebb.sleep, 0):await()\n");
  lua_close(L);
}

TEST(the_parts_are_the_same_on_other_threads) {
  lua_State *L = state_with(EBB_LUA_TASKS | EBB_LUA_THREADS);
  run(L,
      "local ebb = ebb\n"
      "local spawn, net, sync = ebb.block_in_place(function()\n"
      "  return type(ebb.spawn), type(ebb.net), type(ebb.sync)\n"
      "end)\n"
      "assert(spawn == 'function' and net == 'nil' and sync == 'nil')\n");
  lua_close(L);
}

TEST(unknown_parts_are_refused) {
  lua_State *L = new_state();
  ebb_lua_options options = {.parts = 1U << 31};
  CHECK(ebb_lua_attach_with(L, NULL, &options) == -EINVAL);
  options.parts = 2 * EBB_LUA_THREADS;
  CHECK(ebb_lua_attach_with(L, NULL, &options) == -EINVAL);
  options.parts = EBB_LUA_TIME;
  CHECK(ebb_lua_attach_with(L, NULL, &options) == 0);
  CHECK(ebb_lua_attach_with(L, NULL, NULL) == -EALREADY);
  lua_close(L);
}

/* ---- memory of other threads ---- */

typedef struct limit {
  atomic_size_t used, most;
  size_t limit;
} limit;

static void *limited(void *ctx, void *block, size_t old_size, size_t size) {
  limit *l = ctx;
  if (block == NULL) old_size = 0;
  size_t used = atomic_load(&l->used) - old_size + size;
  if (size > old_size && used > l->limit) return NULL;
  atomic_fetch_add(&l->used, size - old_size);
  if (used > atomic_load(&l->most)) atomic_store(&l->most, used);
  if (size > 0) return realloc(block, size);
  free(block);
  return NULL;
}

TEST(states_of_other_threads_take_the_memory_that_is_for_them) {
  limit l = {.limit = (size_t)4 << 20};
  ebb_options o = {.thread_alloc = limited, .thread_alloc_ctx = &l};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&o, &rt) == 0);
  lua_State *L = new_state();
  CHECK(ebb_lua_attach(L, rt) == 0);
  luaL_requiref(L, "ebb", luaopen_ebb, 1);
  run(L,
      "local ebb = ebb\n"
      "local function greedy() return #('x'):rep(16 << 20) end\n"
      "local function refused(task)\n"
      "  local ok, err = task:join()\n"
      "  assert(not ok, 'it had the memory')\n"
      "  assert(tostring(err):find 'not enough memory', tostring(err))\n"
      "end\n"
      "refused(ebb.spawn_blocking(greedy))\n"
      "refused(ebb.spawn_blocking(function()\n"
      "  return ebb.block_in_place(greedy)\n"
      "end))\n"
      "local other <close> = ebb.Runtime.new()\n"
      "refused(other:handle():spawn(greedy))\n"
      "refused(other:handle():spawn_blocking(greedy))\n"
      "assert(ebb.block_in_place(function() return 7 end) == 7)\n"
      "assert(greedy() == 16 << 20)\n");
  CHECK(atomic_load(&l.most) > 0);
  CHECK(atomic_load(&l.most) <= l.limit);
  lua_close(L);
  CHECK(ebb_runtime_free(rt) == 0);
  CHECK(atomic_load(&l.used) == 0);
}
