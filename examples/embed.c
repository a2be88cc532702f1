/* SPDX-License-Identifier: MIT
   ebb in a game engine, which owns the loop, the clock and the memory, and
   gives its scripts 2 ms of each frame. Time is simulated, so that this ends
   at once and prints the same each time.

   Run: cmake -B build && cmake --build build && build/examples/embed

   Prints:
        0 ms  guard: to the gate
        2 ms  the 2 ms are over
        2 ms  miser: task 6 panicked with message "not enough memory"
       17 ms  quest: a path
       33 ms  spider: task 5 panicked with message "script:20: no web"
       66 ms  judge: first comes apple
       83 ms  guard: to the tower
      133 ms  guard: the torch is out
      133 ms  guard: task 1 was cancelled
     0 bytes are left
*/
#include <ebb.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)

static struct engine {
  int64_t now;        /* ns */
  size_t used, limit; /* bytes, Lua's and ebb's together */
} game = {.limit = 1024 * 1024};

static int64_t engine_clock(void *ctx) { return ((struct engine *)ctx)->now; }

/* Lua and ebb ask for memory in the same way. */
static void *engine_alloc(void *ctx, void *block, size_t old_size,
                          size_t size) {
  struct engine *e = ctx;
  if (block == NULL) old_size = 0; /* Lua has another use for it then */
  if (e->used - old_size + size > e->limit) return NULL;
  void *p = size > 0 ? realloc(block, size) : NULL;
  if (size == 0) free(block);
  if (p != NULL || size == 0) e->used += size - old_size;
  return p;
}

static int l_say(lua_State *L) {
  printf("%4d ms  %s\n", (int)(game.now / MS), luaL_checkstring(L, 1));
  return 0;
}

static int l_work(lua_State *L) { /* pretends to take so many ms */
  game.now += luaL_checkinteger(L, 1) * MS;
  return 0;
}

/* Behaviours are tasks. They wait wherever they like, in ordinary code. */
static const char behaviours[] =
    "ebb = require 'ebb'\n"
    "scripts = ebb.JoinMap.new() -- name -> behaviour\n"
    "scripts:spawn('guard', function()\n"
    "  local torch <close> = setmetatable({}, {\n"
    "    __close = function() say 'guard: the torch is out' end})\n"
    "  while true do\n"
    "    say 'guard: to the gate' ebb.sleep(0.08)\n"
    "    say 'guard: to the tower' ebb.sleep(0.08)\n"
    "  end\n"
    "end)\n"
    "local path = ebb.spawn(function() -- takes more than one frame has\n"
    "  for _ = 1, 3 do work(1) ebb.yield_now() end return 'a path'\n"
    "end)\n"
    "scripts:spawn('quest', function() say('quest: ' .. path:await()) end)\n"
    "scripts:spawn('judge', function() -- waits inside of table.sort\n"
    "  local pies = {'plum', 'apple'}\n"
    "  table.sort(pies, function(a, b) ebb.sleep(0.05) return a < b end)\n"
    "  say('judge: first comes ' .. pies[1])\n"
    "end)\n"
    "scripts:spawn('spider', function() ebb.sleep(0.03) error 'no web' end)\n"
    "scripts:spawn('miser', function() return ('gold'):rep(1e6) end)\n"
    "function look() -- at what has ended, without waiting\n"
    "  for name, ok, err in scripts.try_join_next, scripts do\n"
    "    if not ok then say(name .. ': ' .. tostring(err)) end\n"
    "  end end\n";

static void run(lua_State *L, const char *code) {
  if (luaL_loadbufferx(L, code, strlen(code), "=script", "t") != LUA_OK ||
      lua_pcall(L, 0, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    exit(1);
  }
}

static void play(ebb_runtime *rt, lua_State *L) {
  run(L, behaviours); /* spawns them, none runs yet */
  for (int frame = 0; frame < 10; frame++) {
    ebb_tick_report report = {0};
    game.now = frame * 1000 * MS / 60; /* a real engine draws and waits */
    if (ebb_tick(rt, 2 * MS, &report) < 0) run(L, "say 'no stack is left'");
    if (report.ready > 0) run(L, "say 'the 2 ms are over'");
    if (frame == 7) run(L, "scripts:abort('guard')"); /* by its key */
    run(L, "look()"); /* anything but waiting may be done between ticks */
  }
}

int main(void) {
  ebb_options options = {.alloc = engine_alloc,
                         .alloc_ctx = &game,
                         .clock = engine_clock,
                         .clock_ctx = &game,
                         .real_clock = engine_clock, /* the work is not real */
                         .real_clock_ctx = &game,
                         .never_block = true}; /* only ebb_tick runs tasks */
  ebb_runtime *rt;
  if (ebb_runtime_new(&options, &rt) < 0) return 1;
#if LUA_VERSION_NUM >= 505
  lua_State *L = lua_newstate(engine_alloc, &game, luaL_makeseed(NULL));
#else
  lua_State *L = lua_newstate(engine_alloc, &game);
#endif
  if (L == NULL || ebb_lua_attach(L, rt) < 0) return 1;
  luaL_openlibs(L);
  luaL_requiref(L, "ebb", luaopen_ebb, 0);
  lua_register(L, "say", l_say);
  lua_register(L, "work", l_work);
  play(rt, L);
  lua_close(L); /* aborts the state's tasks, and runs their clean-up */
  ebb_runtime_free(rt);
  printf("%zu bytes are left\n", game.used);
  return 0;
}
