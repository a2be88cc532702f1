/* SPDX-License-Identifier: MIT
   `require`, whose module body may wait. */
#ifndef EBB_LUA_LIBRARY_REQUIRE_H
#define EBB_LUA_LIBRARY_REQUIRE_H

#include "lua/state/state.h"

/* Puts it in the place of Lua's. Raises errors. */
void ebb_lua_require_replace(lua_State *L, ebb_lua *el);

/* Frees the records of loads whose finalizers have not come. */
void ebb_lua_require_free_loads(ebb_lua *el);

#endif
