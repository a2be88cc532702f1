/* SPDX-License-Identifier: MIT
   Keys of tasks in JoinMaps, as values and as text. */
#ifndef EBB_LUA_JOIN_MAP_KEY_H
#define EBB_LUA_JOIN_MAP_KEY_H

#include "core/task/task.h"
#include "lua/task/task.h"

/* Pushes the key of a task, nil if it has none; and as text for people, the
   string in quotes. */
void ebb_lua_map_key_push(lua_State *L, ebb_lua *el, ebb_task *t);
void ebb_lua_map_key_push_text(lua_State *L, ebb_lua *el, ebb_task *t);

#endif
