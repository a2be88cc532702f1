/* SPDX-License-Identifier: MIT
   ebb.LocalSet, as far as spawning needs it. */
#ifndef EBB_LUA_SPAWN_LOCAL_SET_H
#define EBB_LUA_SPAWN_LOCAL_SET_H

#include "core/spawn/local_set.h"
#include "lua/state/state.h"

/* Raises an argument error unless there is an open LocalSet at `arg`. */
void ebb_lua_local_set_check(lua_State *L, ebb_lua *el, int arg);

/* The engine's set of the LocalSet at `arg`; NULL when it is no such one.
   Raises an error when it has been closed. */
ebb_local_set *ebb_lua_local_set_carried(lua_State *L, ebb_lua *el, int arg);

/* Frees the sets that no finalizer will come for. */
void ebb_lua_local_set_free_all(ebb_lua *el);

#endif
