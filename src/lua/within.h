/* SPDX-License-Identifier: MIT
   What is in force while a function runs, in the task that runs it: a
   task-local value, a LocalSet, the absence of a budget. */
#ifndef EBB_LUA_WITHIN_H
#define EBB_LUA_WITHIN_H

#include "binding.h"

/* Raises an argument error unless the value can be called. */
void ebb_lua_check_callable(lua_State *L, int arg);

/* stack: guard, function, arguments... -> the function's results. The guard
   is to be closed (lua_toclose), and is, whichever way the function ends. */
int ebb_lua_call_within(lua_State *L);

/* Pushes the table of the running task's own values, made if there is none.
   Raises errors. */
void ebb_lua_push_locals(lua_State *L, ebb_lua *el);

/* Pushes what the running task, or else whoever waits for it in a scope, has
   under the key at the top, which it pops; or nil. */
void ebb_lua_push_local(lua_State *L, ebb_lua *el);

/* Forgets the table, which is at `arg`, if it is empty. Cannot fail. */
void ebb_lua_trim_locals(lua_State *L, ebb_lua *el, int arg);

#endif
