/* SPDX-License-Identifier: MIT
   `load`, whose reader may wait. */
#ifndef EBB_LUA_LIBRARY_LOAD_H
#define EBB_LUA_LIBRARY_LOAD_H

#include "lua/state/state.h"

/* Puts it in the place of Lua's. Raises errors. */
void ebb_lua_load_replace(lua_State *L, ebb_lua *el);

#endif
