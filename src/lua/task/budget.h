/* SPDX-License-Identifier: MIT
   The budget of a turn, where `unconstrained` is in force in a generator. */
#ifndef EBB_LUA_TASK_BUDGET_H
#define EBB_LUA_TASK_BUDGET_H

#include "core/task/budget.h"
#include "lua/state/state.h"

/* Is a call of unconstrained in a generator in force? */
bool ebb_lua_budget_is_suspended(lua_State *L, ebb_lua *el);

/* Takes 1 of the running task's budget, if it has one just now; false when
   there is none left: yield first. */
static inline bool ebb_lua_budget_take(lua_State *L, ebb_lua *el) {
  if (el->unconstrained > 0 && ebb_lua_budget_is_suspended(L, el)) return true;
  return ebb_budget_take(el->rt);
}

/* Pushes the key of the guards of such calls. */
void ebb_lua_budget_push_key(lua_State *L);

#endif
