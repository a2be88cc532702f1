/* SPDX-License-Identifier: MIT
   Where the releases of Lua differ that ebb runs with: 5.4 from 5.4.4 on, and
   5.5. All other code is written as if there were one. */
#ifndef EBB_LUA_STATE_COMPAT_H
#define EBB_LUA_STATE_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>

/* The releases before lose the frames of a coroutine that fails before its
   traceback can be taken, crash when a thread is closed by two, and do not
   tell a finalizer from a collector that scripts have stopped. */
#define EBB_LUA_OLDEST 50404

#if LUA_VERSION_RELEASE_NUM < EBB_LUA_OLDEST || LUA_VERSION_NUM > 505
#error "ebb needs Lua 5.4, 5.4.4 or later, or Lua 5.5"
#endif

/* The release that a text like lua_ident names, as LUA_VERSION_RELEASE_NUM has
   it; 0 when it names none. */
static inline int ebb_lua_release_of(const char *ident) {
  int major, minor, release;
  if (sscanf(ident, "$LuaVersion: Lua %d.%d.%d", &major, &minor, &release) != 3)
    return 0;
  return (major * 100 + minor) * 100 + release;
}

/* All of 5.4 has the old name: so a module serves any release of it. */
#if LUA_VERSION_NUM >= 505
#define ebb_lua_closethread(L) lua_closethread(L, NULL)
#else
#define ebb_lua_closethread(L) lua_resetthread(L)
#endif

/* Lua 5.5 lets the host choose the seed of a state's hashes. */
#if LUA_VERSION_NUM >= 505
#define ebb_lua_newstate(f, ud) lua_newstate(f, ud, luaL_makeseed(NULL))
#else
#define ebb_lua_newstate(f, ud) lua_newstate(f, ud)
#endif

/* Lua 5.5 keeps this macro to itself, unless its configuration defines it. */
#ifndef lua_writestringerror
#define lua_writestringerror(s, p) (fprintf(stderr, (s), (p)), fflush(stderr))
#endif

#endif
