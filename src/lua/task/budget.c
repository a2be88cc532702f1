/* SPDX-License-Identifier: MIT */
#include "lua/task/budget.h"

#include "lua/task/task_vars.h"

static const char key;

void ebb_lua_budget_push_key(lua_State *L) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)&key);
}

bool ebb_lua_budget_is_suspended(lua_State *L, ebb_lua *el) {
  ebb_lua_budget_push_key(L);
  bool is = ebb_lua_task_vars_push(L, el);
  lua_pop(L, 1);
  return is;
}
