/* SPDX-License-Identifier: MIT
   ebb.LocalSet, as far as spawning needs it. */
#ifndef EBB_LUA_SPAWN_LOCAL_SET_H
#define EBB_LUA_SPAWN_LOCAL_SET_H

#include "core/spawn/local_set.h"
#include "lua/state/state.h"

/* Frees the sets whose finalizers will not come. */
void ebb_lua_local_set_free_all(ebb_lua *el);

#endif
