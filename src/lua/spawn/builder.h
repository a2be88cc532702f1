/* SPDX-License-Identifier: MIT
   Builder, for the collections. */
#ifndef EBB_LUA_SPAWN_BUILDER_H
#define EBB_LUA_SPAWN_BUILDER_H

#include "lua/state/state.h"

/* Pushes a Builder of a task in the map or set at index 1, by its function
   `spawn`; `keyed`: that takes a key before the body. Raises errors. */
void ebb_lua_builder_for_collection(lua_State *L, ebb_lua *el,
                                    lua_CFunction spawn, bool keyed);

#endif
