/* SPDX-License-Identifier: MIT
   ebb.LocalSet (Tokio: task::LocalSet). */
#include "lua/spawn/local_set.h"

#include <assert.h>
#include <errno.h>

#include "lua/spawn/guarded_call.h"
#include "lua/spawn/spawn.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/current_set.h"
#include "lua/task/task_vars.h"
#include "lua/task/wait.h"

/* For the sets of running tasks; the collector takes a set out before its
   finalizer runs. */
static int set_new(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  ebb_lua_local_set **object =
      ebb_lua_class_new(L, el, CLASS_LOCAL_SET, sizeof *object, 0);
  ebb_lua_local_set *s = ebb_alloc_new(&el->rt->alloc, sizeof *s);
  if (s == NULL) ebb_lua_error_raise(L, -ENOMEM);
  ebb_local_set_init(&s->engine, el->rt);
  ebb_list_push(&el->local_sets, &s->link);
  *object = s;
  ebb_lua_slot_push(L, el, STORE_OBJECTS);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, &s->engine);
  lua_pop(L, 1);
  ebb_lua_current_set_end_lost(el);
  return 1;
}

/* Its tasks are aborted, and run their clean-ups as ordinary tasks: no call
   could drive the set any more. */
static void free_set(ebb_lua_local_set *s) {
  ebb_alloc alloc = s->engine.rt->alloc;
  ebb_list_remove(&s->link);
  ebb_local_set_destroy(&s->engine, ebb_task_abort);
  ebb_alloc_free(&alloc, s, sizeof *s);
}

void ebb_lua_local_set_free_all(ebb_lua *el) {
  while (!ebb_list_is_empty(&el->local_sets))
    free_set(ebb_container_of(el->local_sets.next, ebb_lua_local_set, link));
}

/* Pushes a guard for the set at 1. Finalizers may have closed that. */
static ebb_lua_set_guard *push_guard(lua_State *L, ebb_lua *el) {
  ebb_lua_set_guard *g = ebb_lua_current_set_new_guard(L, el);
  (void)ebb_lua_current_set_check(L, el, 1);
  return g;
}

/* In any order, and twice: what has been undone is noted in the guard. */
static int guard_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  ebb_lua_set_guard *g = ebb_lua_class_check(L, el, 1, CLASS_LOCAL_GUARD);
  ebb_lua_args_check_surplus(L, 2);
  if (el->rt == NULL) return 0;
  lua_settop(L, 1);
  ebb_lua_current_set_stop(L);
  if (g->resting) el->resting--;
  g->resting = false;
  if (g->base.open) ebb_lua_task_vars_close_guard(L);
  return 0;
}

/* ---- methods ---- */

static int set_enter(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  (void)ebb_lua_current_set_check(L, el, 1);
  ebb_lua_args_check_surplus(L, 1);
  push_guard(L, el);
  ebb_lua_task_vars_open_guard(L, el);
  return 1;
}

/* stack: set, function, arguments... -> the function's results
   In a generator the set rests, see current_set.c: the consumer did not ask for
   its tasks to run. */
static int set_run_until(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  (void)ebb_lua_current_set_check(L, el, 1);
  ebb_lua_guarded_call_check(L, 2);
  ebb_lua_set_guard *g = push_guard(L, el);
  ebb_lua_task_vars_open_guard(L, el);
  g->resting = !ebb_lua_task_vars_is_own(L, el);
  if (g->resting)
    el->resting++;
  else
    ebb_lua_current_set_start(L);
  lua_replace(L, 1);
  assert(lua_isuserdata(L, 1) && lua_gettop(L) >= 2);
  lua_toclose(L, 1);
  return ebb_lua_guarded_call(L);
}

/* stack: guard, set */
static int await_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_local_set *s = ebb_lua_current_set_at(L, 2);
  (void)el;
  return s != NULL ? ebb_local_set_poll_empty(&s->engine, w) : 0;
}

static int set_await(lua_State *L) {
  static const ebb_lua_op op = {"the tasks of a LocalSet", await_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  (void)ebb_lua_current_set_check(L, el, 1);
  ebb_lua_args_check_surplus(L, 1);
  lua_settop(L, 1);
  push_guard(L, el);
  ebb_lua_current_set_start(L);
  lua_insert(L, 1);
  assert(lua_gettop(L) == 2); /* guard, set */
  lua_toclose(L, 1);
  return ebb_lua_await(L, el, &op);
}

static int set_spawn_local(lua_State *L) {
  (void)ebb_lua_current_set_check(L, ebb_lua_state_checked(L), 1);
  return ebb_lua_spawn_by(L, EBB_LUA_LOCAL_ON);
}

/* Also when the set is collected. */
static int set_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  ebb_lua_local_set **object = ebb_lua_class_check(L, el, 1, CLASS_LOCAL_SET);
  ebb_lua_args_check_surplus(L, 2);
  ebb_lua_local_set *s = *object;
  if (s == NULL || el->rt == NULL) return 0;
  *object = NULL;
  free_set(s);
  ebb_lua_current_set_end_lost(el);
  return 0;
}

void ebb_lua_local_set_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"await", set_await},
                                     {"block_on", set_run_until},
                                     {"close", set_close},
                                     {"enter", set_enter},
                                     {"run_until", set_run_until},
                                     {"spawn_local", set_spawn_local},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__close", set_close}, {"__gc", set_close}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_LOCAL_SET, methods, meta);
}

void ebb_lua_local_set_define_guard(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"close", guard_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__close", guard_close}, {"__gc", guard_close}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_LOCAL_GUARD, methods, meta);
}

void ebb_lua_local_set_open(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, set_new, 1);
  lua_setfield(L, -2, "new");
  lua_setfield(L, -2, "LocalSet");
}
