/* SPDX-License-Identifier: MIT
   Ctrl-C: the first ends the script in order, with its variables and its
   tasks' closed, and exit code 130; the second ends the process at once. */
#ifndef EBB_HOST_INTERRUPT_H
#define EBB_HOST_INTERRUPT_H

#include <lua.h>

/* From now on SIGINT is for the main thread `L` and its runtime. */
void interrupt_arm(lua_State *L);

/* The state is about to be closed: SIGINT has its default effect again. */
void interrupt_disarm(void);

#endif
