/* SPDX-License-Identifier: MIT
   Tasks as people are shown them. */
#ifndef EBB_LUA_TASK_INSPECT_H
#define EBB_LUA_TASK_INSPECT_H

#include "lua/task/task.h"

/* Raises "deadlock: ..." with a list of the waiting tasks. */
_Noreturn void ebb_lua_inspect_raise_deadlock(lua_State *L, ebb_lua *el);

/* Tells people of a task whose clean-up is not over. */
void ebb_lua_inspect_describe_stuck(ebb_lua_task *lt, char *text, size_t size);

#endif
