/* SPDX-License-Identifier: MIT
   Lua errors of the binding. */
#ifndef EBB_LUA_STATE_ERROR_H
#define EBB_LUA_STATE_ERROR_H

#include "lua/state/state.h"

/* Raises the Lua error for a negative errno of the engine. */
_Noreturn void ebb_lua_error_raise(lua_State *L, int err);

/* luaL_error, for where the compiler has to know that it does not return. */
_Noreturn void ebb_lua_error(lua_State *L, const char *format, ...);

#endif
