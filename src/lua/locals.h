/* SPDX-License-Identifier: MIT
   What a task has under a key for as long as a guard is open: a task-local
   value, the current LocalSet.

   A task may run several coroutines, generators above all, which suspend each
   other in any order. So a guard belongs to the coroutine that has opened it,
   and is in force while that runs, or one that it has resumed: the newest open
   guard of a coroutine that is not suspended counts. Guards are kept by the
   stacks of their coroutines: one that is dropped takes its own with it. */
#ifndef EBB_LUA_LOCALS_H
#define EBB_LUA_LOCALS_H

#include "binding.h"

/* The userdata of a guard begins with it. */
typedef struct ebb_lua_guard {
  bool open;
  const lua_State *thread; /* the coroutine; NULL: it is in force wherever the
                              task runs */
} ebb_lua_guard;

/* User values of a guard. */
enum {
  UV_LOCAL_KEY = 1,
  UV_LOCAL_VALUE,
  UV_LOCAL_TABLE, /* of the task's guards */
  UV_LOCAL_COUNT = UV_LOCAL_TABLE
};

/* Opens the new guard at the top, which has a key and a value, for the running
   task. Raises errors, and then it is not open. */
void ebb_lua_guard_open(lua_State *L, ebb_lua *el, const lua_State *thread);

/* Closes the guard at 1, which is alone on the stack, and which is open. Cannot
   fail. */
void ebb_lua_guard_close(lua_State *L, ebb_lua *el);

/* Replaces the key at the top by the value that is in force for the running
   task; or else for whoever waits for it in a scope. False, with nil pushed:
   there is none. */
bool ebb_lua_push_local(lua_State *L, ebb_lua *el);

#endif
