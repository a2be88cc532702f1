/* SPDX-License-Identifier: MIT
   Calls of a function inside a guard that is closed when they end. */
#ifndef EBB_LUA_SPAWN_GUARDED_CALL_H
#define EBB_LUA_SPAWN_GUARDED_CALL_H

#include "lua/state/state.h"

/* Raises an argument error unless the value can be called. */
void ebb_lua_guarded_call_check(lua_State *L, int arg);

/* stack: guard, function, arguments... -> the function's results. The guard
   is to be closed (lua_toclose), and is, whichever way the function ends. */
int ebb_lua_guarded_call(lua_State *L);

#endif
