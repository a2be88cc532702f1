/* SPDX-License-Identifier: MIT */
#include "lua/remote/grant.h"

#include <lualib.h>

#include "lua/state/compat.h"
#include "lua/state/error.h"
#include "lua/state/slot.h"

static const luaL_Reg libraries[] = {
    {LUA_GNAME, luaopen_base},          {LUA_LOADLIBNAME, luaopen_package},
    {LUA_COLIBNAME, luaopen_coroutine}, {LUA_TABLIBNAME, luaopen_table},
    {LUA_IOLIBNAME, luaopen_io},        {LUA_OSLIBNAME, luaopen_os},
    {LUA_STRLIBNAME, luaopen_string},   {LUA_MATHLIBNAME, luaopen_math},
    {LUA_UTF8LIBNAME, luaopen_utf8},    {LUA_DBLIBNAME, luaopen_debug},
};

enum { LIBRARIES = sizeof libraries / sizeof *libraries };

/* ---- here ---- */

static bool push_library(lua_State *L, int i) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushstring(L, libraries[i].name);
  lua_rawget(L, -2);
  lua_remove(L, -2);
  return lua_istable(L, -1);
}

void ebb_lua_grant_note_libraries(lua_State *L, ebb_lua *el) {
  if (el->libraries != 0) return;
  ebb_lua_slot_push(L, el, STORE_MODULES);
  for (int i = 0; i < LIBRARIES; i++) {
    if (push_library(L, i)) {
      el->libraries |= 1U << i;
      lua_pushvalue(L, -1);
      lua_pushstring(L, libraries[i].name);
      lua_rawset(L, -4);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Is the library in package.loaded still, and no other table in its place? */
static bool has_library(lua_State *L, ebb_lua *el, int i) {
  int top = lua_gettop(L);
  ebb_lua_slot_push(L, el, STORE_MODULES);
  bool has = false;
  if ((el->libraries & 1U << i) != 0 && push_library(L, i)) {
    lua_rawget(L, -2);
    lua_pushstring(L, libraries[i].name);
    has = lua_rawequal(L, -2, -1);
  }
  lua_settop(L, top);
  return has;
}

static unsigned libraries_now(lua_State *L, ebb_lua *el) {
  unsigned now = 0;
  luaL_checkstack(L, 5, NULL);
  for (int i = 0; i < LIBRARIES; i++)
    if (has_library(L, el, i)) now |= 1U << i;
  return now;
}

ebb_lua_grant ebb_lua_grant_get(lua_State *L, ebb_lua *el) {
  if ((el->parts & EBB_LUA_THREADS) == 0)
    ebb_lua_error(L, "this state may not use other threads");
  return (ebb_lua_grant){.parts = el->parts,
                         .open = el->open,
                         .libraries = libraries_now(L, el),
                         .alloc = el->rt->thread_alloc};
}

/* ---- there ---- */

bool ebb_lua_grant_has(ebb_lua *el, const ebb_lua_grant *g) {
  const ebb_alloc *alloc = &el->rt->thread_alloc;
  return el->parts == g->parts && el->libraries == g->libraries &&
         alloc->fn == g->alloc.fn && alloc->ctx == g->alloc.ctx;
}

static int open_state(lua_State *L) {
  const ebb_lua_grant *g = lua_touserdata(L, 1);
  for (int i = 0; i < LIBRARIES; i++) {
    if ((g->libraries & 1U << i) == 0) continue;
    luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
    lua_pop(L, 1);
  }
  ebb_lua_shell_replace(L);
  g->open(L, g->parts);
  ebb_runtime_set_thread_alloc(ebb_lua_state_find(L)->rt, g->alloc);
  return 0;
}

lua_State *ebb_lua_grant_state(const ebb_lua_grant *g) {
  lua_State *L = g->alloc.fn == NULL
                     ? luaL_newstate()
                     : ebb_lua_newstate(g->alloc.fn, g->alloc.ctx);
  if (L == NULL) return NULL;
  lua_warning(L, "@off", 0);
  lua_pushcfunction(L, open_state);
  ebb_lua_grant copy = *g;
  lua_pushlightuserdata(L, &copy);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return L;
  lua_close(L);
  return NULL;
}
