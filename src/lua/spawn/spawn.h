/* SPDX-License-Identifier: MIT
   Where a task is to run: here, in a LocalSet, on a thread of a pool, or in
   another runtime. The spawn functions of the module, of JoinMap, JoinSet
   and Handle are written once for all places. */
#ifndef EBB_LUA_SPAWN_SPAWN_H
#define EBB_LUA_SPAWN_SPAWN_H

#include "lua/task/task.h"

/* With _ON, an argument after the body says which runtime, or which set.
   BLOCKING is a thread of the pool, of this runtime or the given one. */
typedef enum ebb_lua_where {
  EBB_LUA_HERE,
  EBB_LUA_ON,
  EBB_LUA_LOCAL,
  EBB_LUA_LOCAL_ON,
  EBB_LUA_BLOCKING,
  EBB_LUA_BLOCKING_ON
} ebb_lua_where;

/* The place that the function was made for: its second upvalue. */
static inline ebb_lua_where ebb_lua_where_of(lua_State *L) {
  return (ebb_lua_where)lua_tointeger(L, lua_upvalueindex(2));
}

/* The name that a Builder has given the task, or NULL: the third upvalue. */
static inline const char *ebb_lua_name_of(lua_State *L) {
  return lua_tostring(L, lua_upvalueindex(3));
}

/* Sets a field of the table at the top for each place, to the function with
   the place as its second upvalue. */
void ebb_lua_spawn_set_functions(lua_State *L, ebb_lua *el, lua_CFunction f);

/* Checks the body at `body`, takes out the argument after it that says
   where, and pushes the *target*: it must be on the stack until the task is
   made. If another thread will run it, the body and its arguments are packed
   into the target and popped. Raises errors. */
void ebb_lua_spawn_choose_target(lua_State *L, ebb_lua *el, ebb_lua_where where,
                                 int body);

/* Makes the task, not started, which has been prepared, by its target at
   `target`. Unless they are in that, the body is at `body`, and the arguments
   above it up to the top; they are popped. Raises errors, having changed
   nothing, and runs no Lua code. */
ebb_lua_task *ebb_lua_spawn_task(lua_State *L, ebb_lua *el, int target,
                                 int body);

/* The module's spawn, for a place. */
int ebb_lua_spawn_at(lua_State *L, ebb_lua_where where);

/* For methods of the runtime's Handle or the LocalSet at 1, after which the
   body comes. */
int ebb_lua_spawn_by(lua_State *L, ebb_lua_where where);

/* The module's spawn functions; the place is the second upvalue. */
int ebb_lua_spawn(lua_State *L);

#endif
