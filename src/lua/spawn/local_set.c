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

/* The tasks of a LocalSet run only while a call drives it, and spawn_local
   works where a set is current. A call brings about both by a guard, which is
   to be closed:

                   current   driven
     enter         yes       no
     run_until     yes       yes; in a generator while the code inside waits
     block_on      is run_until
     await         no        yes

   A set is current while the scope guard that a guard begins with is open
   (task_vars.h), and a guard drives it while `driving` is set. However the call
   ends, its guard undoes what it has done, and nothing else.

   The set may be closed at any time, by a task that it drives too. Its object
   is empty from then on, and guards look there before they touch the set. */

/* STORE_OBJECTS leads from the engine's set to the object, for tasks in the set
   that ask for their current one. It is weak, and the collector takes an object
   out of it before the finalizer runs: so no set is found there that is about
   to be freed. Lua may have had no memory to call a finalizer: tasks of such
   sets are ended where sets are made. */
static int set_new(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  ebb_lua_local_set **object =
      ebb_lua_class_new(L, el, CLASS_LOCAL_SET, sizeof *object, 0);
  ebb_lua_local_set *s = ebb_alloc_new(&el->rt->alloc, sizeof *s);
  if (s == NULL) ebb_lua_error_raise(L, -ENOMEM);
  ebb_local_set_init(&s->engine, el->rt);
  ebb_list_push(&el->local_sets, &s->link);
  *object = s; /* from here on an error leaves it to the finalizer */
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
  assert(ebb_list_is_empty(&s->engine.members));
  assert(ebb_list_is_empty(&s->engine.when_empty));
  ebb_alloc_free(&alloc, s, sizeof *s);
}

/* At the end of the state: their tasks have ended. */
void ebb_lua_local_set_free_all(ebb_lua *el) {
  while (!ebb_list_is_empty(&el->local_sets))
    free_set(ebb_container_of(el->local_sets.next, ebb_lua_local_set, link));
}

/* Pushes a guard for the set at 1. Making it may run finalizers, and these may
   close the set: so it is checked after. */
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
  assert(!g->driving && (!g->resting || el->resting > 0));
  if (g->resting) el->resting--;
  g->resting = false;
  if (g->base.open) ebb_lua_task_vars_close_guard(L);
  return 0;
}

/* ---- methods ---- */

/* stack: set -> guard. The guard is the script's: it closes it, or the
   collector does. */
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

/* stack: guard, set -> . A set that is closed meanwhile has no tasks any more.
   */
static int await_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  assert(lua_gettop(L) >= 2 && lua_isuserdata(L, 2));
  ebb_lua_local_set *s = ebb_lua_current_set_at(L, 2);
  (void)el;
  return s != NULL ? ebb_local_set_poll_empty(&s->engine, w) : 0;
}

/* Waits for the tasks of the set, which is driven meanwhile: without that they
   would not come to their end. */
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

/* Also when the set is collected. The object is emptied before its tasks are
   aborted; without a runtime the set has been freed with the others. */
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
