/* SPDX-License-Identifier: MIT
   What is in force for as long as a guard is open: a task-local value, the
   current LocalSet, a call of unconstrained or run_until in a generator.

   A task may run several coroutines, generators above all, which suspend each
   other in any order, and which other tasks may resume. So a guard belongs to
   the coroutine that has opened it, and is in force while that runs, or one
   that it has resumed. Guards are kept by the stacks of their coroutines: one
   that is dropped takes its own with it. */
#ifndef EBB_LUA_TASK_TASK_VARS_H
#define EBB_LUA_TASK_TASK_VARS_H

#include "lua/state/state.h"

/* The userdata of a guard begins with it. */
typedef struct ebb_lua_scope_guard {
  bool open;
} ebb_lua_scope_guard;

/* User values of a guard. */
enum {
  UV_LOCAL_KEY = 1,
  UV_LOCAL_VALUE,
  UV_LOCAL_STACK, /* the guards of its coroutine */
  UV_LOCAL_COROUTINE,
  UV_LOCAL_COUNT = UV_LOCAL_COROUTINE
};

/* Opens the new guard at the top, which has a key and a value, for the running
   coroutine. Raises errors, and then it is not open. */
void ebb_lua_task_vars_open_guard(lua_State *L, ebb_lua *el);

/* Closes the guard at 1, which is alone on the stack, and which is open. Cannot
   fail. */
void ebb_lua_task_vars_close_guard(lua_State *L);

/* The thread of a coroutine will be another's: guards that it has left open
   are in force no more. Cannot fail. */
void ebb_lua_task_vars_forget(ebb_lua *el, const lua_State *coroutine);

/* Replaces the key at the top by the value that is in force for the running
   task; or else for the task that waits for it in a scope. False, with nil
   pushed: there is none. */
bool ebb_lua_task_vars_push(lua_State *L, ebb_lua *el);

/* Is it the coroutine that the running task is, not one that this has
   resumed? */
bool ebb_lua_task_vars_is_own(const lua_State *L, const ebb_lua *el);

/* Calls `visit` with each guard at the top that is in force for the running
   task under a light userdata, the innermost first, until it returns true. It
   must leave the stack as it is. Takes 8 places of the stack, and cannot
   fail. */
typedef bool ebb_lua_scope_guard_fn(lua_State *L, ebb_lua *el);
void ebb_lua_task_vars_each_guard(lua_State *L, ebb_lua *el, const void *key,
                                  ebb_lua_scope_guard_fn *visit);

/* The same with the open guards of one coroutine. */
void ebb_lua_task_vars_each_guard_of(lua_State *L, ebb_lua *el,
                                     const lua_State *coroutine,
                                     const void *key,
                                     ebb_lua_scope_guard_fn *visit);

#endif
