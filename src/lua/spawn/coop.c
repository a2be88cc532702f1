/* SPDX-License-Identifier: MIT
   Functions of the running task: spawning, its turn, its budget, its id (Tokio:
   the functions of tokio::task). */
#include <assert.h>

#include "core/loop/await.h"
#include "lua/spawn/join_handle.h"
#include "lua/spawn/scope.h"
#include "lua/spawn/spawn.h"
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

/* stack: function, arguments... -> its results
   The function runs on a thread of the pool, as any blocking task; only the
   caller waits. The handle is to be closed, and that aborts: so work that has
   not begun is taken back when the task that waits for it here is aborted.
   Closed after the work has finished, it does nothing (R5). */
static int block_in_place(lua_State *L) {
  ebb_lua_spawn_at(L, EBB_LUA_BLOCKING);
  assert(lua_isuserdata(L, -1));
  lua_replace(L, 1);
  lua_settop(L, 1);
  lua_toclose(L, 1);
  return ebb_lua_join_handle_await(L);
}

/* Takes any arguments and looks at none: Lua may call it as a hook or as a
   metamethod, with arguments of its own. So does consume_budget. */
static int yield_now(lua_State *L) {
  return ebb_lua_await_turn(L, ebb_lua_state_checked(L));
}

/* No values. With nothing left of the budget the task yields, and takes its 1
   from the budget of the next turn. */
static int consume_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  (void)L, (void)el;
  return ebb_await_proceed(w) ? 0 : EBB_AWAIT_YIELD;
}

static int consume_budget(lua_State *L) {
  static const ebb_lua_op op = {EBB_NEXT_TURN, consume_poll, false};
  return ebb_lua_await(L, ebb_lua_state_checked(L), &op);
}

/* The budget of a turn is the task's. A call of `unconstrained` in a generator
   does not change that: it is asked first, and only where there is one. */
static int has_budget_remaining(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  bool free = el->unconstrained > 0 && ebb_lua_budget_is_suspended(L, el);
  lua_pushboolean(L, free || ebb_has_budget_remaining(el->rt));
  return 1;
}

/* The main chunk is no task: the root has id 0, which is shown to no script. */
static int try_id(lua_State *L) {
  ebb_task *t = ebb_current(ebb_lua_state_enter(L, 0)->rt);
  assert(t == NULL || !ebb_task_is_root(t));
  if (t != NULL)
    lua_pushinteger(L, (lua_Integer)t->id);
  else
    lua_pushnil(L);
  return 1;
}

static int id(lua_State *L) {
  try_id(L);
  if (lua_isnil(L, -1))
    return luaL_error(L, "`id` called from outside of a task");
  return 1;
}

/* The module's table is at the top. */
void ebb_lua_coop_open(lua_State *L, ebb_lua *el) {
  assert(lua_istable(L, -1));
  static const luaL_Reg functions[] = {
      {"block_in_place", block_in_place},
      {"block_on", ebb_lua_scope_block_on},
      {"consume_budget", consume_budget},
      {"has_budget_remaining", has_budget_remaining},
      {"id", id},
      {"try_id", try_id},
      {"yield_now", yield_now},
      {NULL, NULL}};
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
  ebb_lua_spawn_set_functions(L, el, ebb_lua_spawn);
}
