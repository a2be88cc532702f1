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

/* Pops the detail of a task. Raises errors. */
void ebb_lua_detail_set(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

void ebb_lua_detail_forget(ebb_lua *el, ebb_lua_task *lt);

/* What is kept for a task that is no more. */
void ebb_lua_detail_forget_all(ebb_lua_task *lt);

/* Pushes the value that a task has raised. */
void ebb_lua_detail_push_panic(lua_State *L, ebb_lua_task *lt);

/* While the clean-up of a task runs whose body has raised a value: pops that,
   of L, which raises errors, or of a thread; false then: there is no memory
   for it. */
void ebb_lua_detail_set_raised(lua_State *L, ebb_lua_task *lt);
bool ebb_lua_detail_keep_raised(ebb_lua_task *lt, lua_State *from);

/* Is the error at the top of the task's stack still the one that its body has
   raised, after its clean-up? That is forgotten. */
bool ebb_lua_detail_is_still_raised(ebb_lua_task *lt);

/* What has been kept so is pushed on the task's thread; and forgotten. */
void ebb_lua_detail_push_raised(ebb_lua_task *lt);
void ebb_lua_detail_forget_raised(ebb_lua_task *lt);

#endif
