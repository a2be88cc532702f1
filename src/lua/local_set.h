/* SPDX-License-Identifier: MIT
   ebb.LocalSet, as far as spawning needs it. */
#ifndef EBB_LUA_LOCAL_SET_H
#define EBB_LUA_LOCAL_SET_H

#include "../core/local_set.h"
#include "binding.h"

/* Raises an argument error unless there is an open LocalSet at `arg`. */
void ebb_lua_check_local_set(lua_State *L, ebb_lua *el, int arg);

/* Pushes the running task's current LocalSet; false, with nothing pushed,
   when there is none. */
bool ebb_lua_push_local_set(lua_State *L, ebb_lua *el);

/* The engine's set of the LocalSet at `arg`; NULL when it is no such one.
   Raises an error when it has been closed. */
ebb_local_set *ebb_lua_carried_set(lua_State *L, ebb_lua *el, int arg);

/* Frees the sets that no finalizer will come for. */
void ebb_lua_free_local_sets(ebb_lua *el);

#endif
