/* SPDX-License-Identifier: MIT
   Waits of C functions that an abort has cut off. */
#ifndef EBB_LUA_TASK_CUT_H
#define EBB_LUA_TASK_CUT_H

#include "lua/task/task.h"

/* The ebb_task_ops.cut of these tasks. cut.c. */
void ebb_lua_cut(ebb_task *t);

#endif
