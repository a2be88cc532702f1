/* SPDX-License-Identifier: MIT
   The budget where `unconstrained` is in force in a generator. Such a call
   opens a guard under a key of its own, as task-local values do: so it counts
   for the code inside, and not for the consumer while the generator is
   suspended. */
#include "lua/task/budget.h"

#include "lua/task/task_vars.h"

static const char key;

void ebb_lua_budget_push_key(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&key);
}

/* What the guard has as value is of no interest, only that there is one. */
bool ebb_lua_budget_is_suspended(lua_State *L, ebb_lua *el) {
  ebb_lua_budget_push_key(L);
  bool is = ebb_lua_task_vars_push(L, el);
  lua_pop(L, 1);
  return is;
}
