/* SPDX-License-Identifier: MIT
   Builder, for the collections. */
#ifndef EBB_LUA_SPAWN_BUILDER_H
#define EBB_LUA_SPAWN_BUILDER_H

#include "lua/state/state.h"

/* The method build_task of JoinMap and JoinSet; the class is its second
   upvalue. */
int ebb_lua_builder_build_task(lua_State *L);

#endif
