/* SPDX-License-Identifier: MIT
   Functions of Lua's library that the binding replaces. */
#ifndef EBB_LUA_STATE_LIBRARY_H
#define EBB_LUA_STATE_LIBRARY_H

#include "lua/state/state.h"

/* Puts `f` in the place of a function of Lua's library, unless it is there;
   the one that was there before is its second upvalue. Raises errors. */
void ebb_lua_library_replace(lua_State *L, ebb_lua *el, const char *library,
                             const char *name, lua_CFunction f);

#endif
