/* SPDX-License-Identifier: MIT
   The end of the state. */
#ifndef EBB_LUA_CLOSE_H
#define EBB_LUA_CLOSE_H

#include "lua/state/state.h"

/* Puts an os.exit in place that, asked to close the state, aborts the tasks
   while all still works. */
void ebb_lua_close_replace_exit(lua_State *L, ebb_lua *el);

#endif
