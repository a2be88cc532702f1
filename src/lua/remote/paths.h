/* SPDX-License-Identifier: MIT
   The paths of `require`, which work on other threads takes with it. */
#ifndef EBB_LUA_REMOTE_PATHS_H
#define EBB_LUA_REMOTE_PATHS_H

#include "lua/state/state.h"

/* Pushes package.path and package.cpath; nils where there is no `package`.
   Raises errors. */
void ebb_lua_paths_push(lua_State *L);

/* Pops both, and sets them. */
void ebb_lua_paths_set(lua_State *L);

#endif
