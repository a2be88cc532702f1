/* SPDX-License-Identifier: MIT
   What few tasks have, kept apart by their ids: names and details. */
#ifndef EBB_LUA_TASK_DETAIL_H
#define EBB_LUA_TASK_DETAIL_H

#include "lua/task/task.h"

/* Pops the value from a stack and keeps it as the task's detail; without
   memory it is lost. */
void ebb_lua_detail_keep(ebb_lua_task *lt, lua_State *from);

/* Pops the JoinError that a task will end with; it is its detail from here on.
   Raises errors. */
void ebb_lua_detail_keep_foretold(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Pushes the detail kept for a task, or nil. */
void ebb_lua_detail_push(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Pops the name of a task; pushes it, or nil. */
void ebb_lua_detail_set_name(lua_State *L, ebb_lua *el, ebb_lua_task *lt);
void ebb_lua_detail_push_name(lua_State *L, ebb_lua *el, ebb_task *t);

#endif
