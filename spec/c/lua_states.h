/* SPDX-License-Identifier: MIT
   States and scripts. */
#ifndef EBB_SPEC_C_LUA_STATES_H
#define EBB_SPEC_C_LUA_STATES_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "lua/state/compat.h"
#include "test.h"

static inline int l_note(lua_State *L) {
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

static inline lua_State *bare_state(test_memory *m) {
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

static inline void run(lua_State *L, const char *code) {
  if (luaL_dostring(L, code) != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
  lua_settop(L, 0);
}

/* Does the code fail with an error that has these words? */
static inline bool fails(lua_State *L, const char *code, const char *words) {
  CHECK(luaL_dostring(L, code) != LUA_OK);
  const char *text = lua_tostring(L, -1);
  bool found = text != NULL && strstr(text, words) != NULL;
  if (!found) fprintf(stderr, "error: %s\n", text);
  lua_settop(L, 0);
  return found;
}

/* A state that uses the engine's. */
static inline lua_State *attached_state(ebb_runtime *rt) {
  lua_State *L = bare_state(NULL);
  CHECK(ebb_lua_attach(L, rt) == 0);
  run(L, prelude);
  return L;
}

static inline ebb_runtime *new_ticked_runtime(void) {
  ebb_runtime *rt;
  ebb_options options = {.never_block = true};
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  CHECK(ebb_clock_pause(rt) == 0);
  return rt;
}

static inline ebb_tick_report tick(ebb_runtime *rt) {
  ebb_tick_report report;
  CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  return report;
}

static inline void *c_often(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 3; i++) {
    note(arg);
    if (ebb_yield_now(rt) < 0) note("cut");
  }
  return NULL;
}

#endif
