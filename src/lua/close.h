/* SPDX-License-Identifier: MIT
   The end of the state. */
#ifndef EBB_LUA_CLOSE_H
#define EBB_LUA_CLOSE_H

#include "lua/state/state.h"

/* Aborts every task, and runs their clean-up; new ones can be made after. False
   when one was left behind. */
bool ebb_lua_close_end_tasks(ebb_lua *el);

/* Has the end of the state taken all the time it may? */
bool ebb_lua_close_is_time_up(const ebb_lua *el);

/* Renews the object whose finalizer aborts the tasks. Raises errors. */
void ebb_lua_close_renew_sentinel(lua_State *L, ebb_lua *el);

/* Puts an os.exit in place that, asked to close the state, aborts the tasks
   while all still works. */
void ebb_lua_close_replace_exit(lua_State *L, ebb_lua *el);

#endif
