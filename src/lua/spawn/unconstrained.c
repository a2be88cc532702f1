/* SPDX-License-Identifier: MIT
   ebb.unconstrained (Tokio: task::unconstrained). */
#include "lua/spawn/guarded_call.h"

#include <assert.h>

#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/budget.h"
#include "lua/task/task_vars.h"

/* A call of it is one of two things, and its guard tells which:

   suspended   It was called in the task's own coroutine. The task has no budget
               until the call ends, which is the end of what runs in it: `task`
               and `budget` say what to give back, and to which task.
   base.open   It was called in a generator, which may be suspended inside; its
               consumer has a budget then. So nothing is changed in the task,
               but each time that some of the budget is to be taken, it is asked
               whether such a call is in force. el->unconstrained counts these
               calls: while there is none, it is not asked.

   Neither: it is closed. */
typedef struct unconstrained {
  ebb_lua_scope_guard base; /* open: it is called in a generator */
  bool suspended;           /* the budget of the task */
  ebb_id task;
  int budget; /* to give back */
} unconstrained;

/* stack: ..., guard. Counted last: opening raises errors, and then there is
   nothing to undo (R9). */
static void open_in_generator(lua_State *L, ebb_lua *el) {
  ebb_lua_budget_push_key(L);
  lua_setiuservalue(L, -2, UV_LOCAL_KEY);
  lua_pushboolean(L, true);
  lua_setiuservalue(L, -2, UV_LOCAL_VALUE);
  ebb_lua_task_vars_open_guard(L, el);
  el->unconstrained++;
}

/* The guard is at 1. */
static void close_in_generator(lua_State *L, ebb_lua *el) {
  assert(el->unconstrained > 0);
  el->unconstrained--;
  lua_settop(L, 1);
  ebb_lua_task_vars_close_guard(L);
}

/* Calls may be nested: the inner one notes that there was no budget. */
static void suspend_budget(unconstrained *u, ebb_task *t) {
  assert(!u->suspended && !u->base.open);
  u->task = t->id;
  u->budget = ebb_budget_suspend(t);
  u->suspended = true;
}

/* Not always the running task: another may have closed the coroutine that the
   task is, and the task be gone. The root has no id by which it is found. */
static void resume_budget(unconstrained *u, ebb_runtime *rt) {
  assert(u->suspended && !u->base.open);
  ebb_task *t = u->task == 0 ? &rt->root : ebb_task_find(rt, u->task);
  u->suspended = false;
  if (t != NULL) ebb_budget_resume(t, u->budget);
}

/* Also when a generator is collected: it was dropped in the middle of the call,
   and its guard with it. Closing twice does nothing more. */
static int unconstrained_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  unconstrained *u = ebb_lua_class_check(L, el, 1, CLASS_UNCONSTRAINED);
  if (el->rt == NULL) return 0;
  if (u->suspended) resume_budget(u, el->rt);
  if (u->base.open) close_in_generator(L, el);
  assert(!u->suspended && !u->base.open);
  return 0;
}

/* stack: function, arguments... -> the function's results */
static int run_unconstrained(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_guarded_call_check(L, 1);
  unconstrained *u =
      ebb_lua_class_new(L, el, CLASS_UNCONSTRAINED, sizeof *u, UV_LOCAL_COUNT);
  if (ebb_lua_task_vars_is_own(L, el))
    suspend_budget(u, el->rt->tasks.current);
  else
    open_in_generator(L, el);
  lua_insert(L, 1);
  lua_toclose(L, 1);
  return ebb_lua_guarded_call(L);
}

void ebb_lua_unconstrained_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", unconstrained_close},
                                  {"__gc", unconstrained_close},
                                  {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_UNCONSTRAINED, none, meta);
}

void ebb_lua_unconstrained_open(lua_State *L, ebb_lua *el) {
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, run_unconstrained, 1);
  lua_setfield(L, -2, "unconstrained");
}
