/* SPDX-License-Identifier: MIT
   The measure of a state for work on other threads: taken here, and there held
   against the state that a thread has, or made into a new one. */
#include "lua/remote/grant.h"

#include <assert.h>
#include <lualib.h>

#include "lua/state/compat.h"
#include "lua/state/error.h"
#include "lua/state/slot.h"

/* Lua's own, each of which is a bit of `libraries` by its place here. Libraries
   of other makers are not granted: code that needs one requires it. */
static const luaL_Reg libraries[] = {
    {LUA_GNAME, luaopen_base},          {LUA_LOADLIBNAME, luaopen_package},
    {LUA_COLIBNAME, luaopen_coroutine}, {LUA_TABLIBNAME, luaopen_table},
    {LUA_IOLIBNAME, luaopen_io},        {LUA_OSLIBNAME, luaopen_os},
    {LUA_STRLIBNAME, luaopen_string},   {LUA_MATHLIBNAME, luaopen_math},
    {LUA_UTF8LIBNAME, luaopen_utf8},    {LUA_DBLIBNAME, luaopen_debug},
};

enum { LIBRARIES = sizeof libraries / sizeof *libraries };

/* ---- here ---- */

/* Raw: package.loaded may have a metatable of the script's. True if what it
   pushes is a table. */
static bool push_library(lua_State *L, int i) {
  assert(i >= 0 && i < LIBRARIES);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushstring(L, libraries[i].name);
  lua_rawget(L, -2);
  lua_remove(L, -2);
  return lua_istable(L, -1);
}

/* Once noted they stay: a table that is put into package.loaded later, before
   the module is opened again, is not one of Lua's own. */
void ebb_lua_grant_note_libraries(lua_State *L, ebb_lua *el) {
  if (el->libraries != 0) return;
  ebb_lua_slot_push(L, el, STORE_MODULES);
  assert(lua_istable(L, -1));
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

/* Is the library in package.loaded still, and no other table in its place? A
   table that was put there has no name in STORE_MODULES, or another. */
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

/* Asked for each job: a script may take a library away at any time. */
static unsigned libraries_now(lua_State *L, ebb_lua *el) {
  unsigned now = 0;
  luaL_checkstack(L, 5, NULL);
  for (int i = 0; i < LIBRARIES; i++)
    if (has_library(L, el, i)) now |= 1U << i;
  return now;
}

/* A state without that part of the module does not get past here, even with a
   Handle that it was handed: each job and each Runtime asks first. */
ebb_lua_grant ebb_lua_grant_get(lua_State *L, ebb_lua *el) {
  if ((el->parts & EBB_LUA_THREADS) == 0)
    ebb_lua_error(L, "this state may not use other threads");
  return (ebb_lua_grant){.parts = el->parts,
                         .open = el->open,
                         .libraries = libraries_now(L, el),
                         .alloc = el->rt->thread_alloc};
}

/* ---- there ---- */

/* Neither more nor less: with less, code would fail that runs at home. The
   allocator is part of it, since a state keeps the one that it was made with.
   What was noted when the state was made is compared, not what is left. */
bool ebb_lua_grant_has(ebb_lua *el, const ebb_lua_grant *g) {
  const ebb_alloc *alloc = &el->rt->thread_alloc;
  return el->parts == g->parts && el->libraries == g->libraries &&
         alloc->fn == g->alloc.fn && alloc->ctx == g->alloc.ctx;
}

/* stack: grant. The shell's functions are replaced before the module is
   opened, and so before any code of a script runs. */
static int open_state(lua_State *L) {
  const ebb_lua_grant *g = lua_touserdata(L, 1);
  assert(lua_gettop(L) == 1 && g->open != NULL);
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

/* An error in here is one of memory, and its message has no reader. */
lua_State *ebb_lua_grant_state(const ebb_lua_grant *g) {
  assert((g->parts & EBB_LUA_THREADS) != 0);
  lua_State *L = g->alloc.fn == NULL
                     ? luaL_newstate()
                     : ebb_lua_newstate(g->alloc.fn, g->alloc.ctx);
  if (L == NULL) return NULL;
  lua_warning(L, "@off", 0);
  lua_pushcfunction(L, open_state);
  ebb_lua_grant copy = *g; /* light userdata are not const */
  lua_pushlightuserdata(L, &copy);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) return L;
  lua_close(L);
  return NULL;
}
