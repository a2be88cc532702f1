/* SPDX-License-Identifier: MIT
   The LocalSet that is current, found by the guards that are in force, and the
   driving of sets by calls of run_until. */
#include "lua/task/current_set.h"

#include <assert.h>

#include "lua/state/class.h"
#include "lua/state/slot.h"

/* A guard that makes a set current has it as its value, under this key.
   Without any, the set that the task itself is in counts. */
static const char guards_key;

ebb_lua_local_set *ebb_lua_current_set_at(lua_State *L, int arg) {
  return *(ebb_lua_local_set **)lua_touserdata(L, arg);
}

ebb_lua_local_set *ebb_lua_current_set_check(lua_State *L, ebb_lua *el,
                                             int arg) {
  (void)ebb_lua_class_check(L, el, arg, CLASS_LOCAL_SET);
  luaL_argcheck(L, ebb_lua_current_set_at(L, arg) != NULL, arg,
                "the LocalSet has been closed");
  return ebb_lua_current_set_at(L, arg);
}

/* A target of spawn_local_on was checked to be open; what has run since may
   have closed it. */
ebb_local_set *ebb_lua_current_set_carried(lua_State *L, ebb_lua *el, int arg) {
  if (!ebb_lua_class_is(L, el, arg, CLASS_LOCAL_SET)) return NULL;
  if (ebb_lua_current_set_at(L, arg) == NULL)
    luaL_error(L, "the LocalSet has been closed");
  return &ebb_lua_current_set_at(L, arg)->engine;
}

/* The object of the task's own set may have been collected, while the set lives
   on in the engine's memory: then there is none to give. */
bool ebb_lua_current_set_push(lua_State *L, ebb_lua *el) {
  const ebb_local_set *own = ebb_local_set_current(el->rt);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&guards_key);
  if (ebb_lua_task_vars_push(L, el)) return true;
  lua_pop(L, 1);
  if (own == NULL) return false;
  ebb_lua_slot_push(L, el, STORE_OBJECTS);
  int type = lua_rawgetp(L, -1, own);
  lua_remove(L, -2);
  if (type == LUA_TNIL) lua_pop(L, 1);
  return type != LUA_TNIL;
}

ebb_lua_set_guard *ebb_lua_current_set_new_guard(lua_State *L, ebb_lua *el) {
  assert(ebb_lua_class_is(L, el, 1, CLASS_LOCAL_SET) != NULL);
  ebb_lua_set_guard *g =
      ebb_lua_class_new(L, el, CLASS_LOCAL_GUARD, sizeof *g, UV_LOCAL_COUNT);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&guards_key);
  lua_setiuservalue(L, -2, UV_LOCAL_KEY);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, UV_LOCAL_VALUE);
  return g;
}

/* stack: ..., ebb_lua_set_guard */
static ebb_lua_local_set *set_of_guard(lua_State *L) {
  assert(lua_isuserdata(L, -1));
  lua_getiuservalue(L, -1, UV_LOCAL_VALUE);
  ebb_lua_local_set *s = ebb_lua_current_set_at(L, -1);
  lua_pop(L, 1);
  return s;
}

void ebb_lua_current_set_start(lua_State *L) {
  ebb_lua_set_guard *g = lua_touserdata(L, -1);
  ebb_lua_local_set *s = set_of_guard(L);
  if (g->driving || s == NULL) return;
  g->driving = true;
  ebb_local_set_begin(&s->engine);
}

void ebb_lua_current_set_stop(lua_State *L) {
  ebb_lua_set_guard *g = lua_touserdata(L, -1);
  ebb_lua_local_set *s = set_of_guard(L);
  if (g->driving && s != NULL) ebb_local_set_end(&s->engine);
  g->driving = false;
}

/* ---- in generators ----

   run_until drives its set while the call lasts. In a generator the call may be
   suspended for as long as the consumer likes, which did not ask for the set to
   be driven. So there it *rests*: it is driven only from where the code inside
   begins to wait until the wait is over. el->resting counts such calls, and is
   0 in almost every program: a wait looks at nothing but that number then. */

static bool drive_one(lua_State *L, ebb_lua *el) {
  (void)el;
  const ebb_lua_set_guard *g = lua_touserdata(L, -1);
  if (g->resting) ebb_lua_current_set_start(L);
  return false;
}

static bool rest_one(lua_State *L, ebb_lua *el) {
  (void)el;
  const ebb_lua_set_guard *g = lua_touserdata(L, -1);
  if (g->resting) ebb_lua_current_set_stop(L);
  return false;
}

static bool drive_one_for_good(lua_State *L, ebb_lua *el) {
  ebb_lua_set_guard *g = lua_touserdata(L, -1);
  drive_one(L, el);
  assert(!g->resting || el->resting > 0);
  if (g->resting) el->resting--;
  g->resting = false;
  return false;
}

void ebb_lua_current_set_drive(lua_State *L, ebb_lua *el) {
  luaL_checkstack(L, 8, NULL);
  ebb_lua_task_vars_each_guard(L, el, &guards_key, drive_one);
}

void ebb_lua_current_set_rest(lua_State *L, ebb_lua *el) {
  ebb_lua_task_vars_each_guard(L, el, &guards_key, rest_one);
}

void ebb_lua_current_set_drive_given(lua_State *L, ebb_lua *el,
                                     const lua_State *coroutine) {
  ebb_lua_task_vars_each_guard_of(L, el, coroutine, &guards_key,
                                  drive_one_for_good);
}

/* ---- collected sets ---- */

/* The table of objects is weak: a set whose object has been collected is in it
   no more. Its tasks would never be driven again. */
static bool is_lost(ebb_lua *el, const ebb_lua_local_set *s) {
  if (ebb_list_is_empty(&s->engine.members)) return false;
  bool lost = lua_rawgetp(el->store, STORE_OBJECTS, &s->engine) == LUA_TNIL;
  lua_pop(el->store, 1);
  return lost;
}

/* Its finalizer may still come, and frees it. */
void ebb_lua_current_set_end_lost(ebb_lua *el) {
  const ebb_list *sets = &el->local_sets;
  for (ebb_list *at = sets->next; at != sets; at = at->next) {
    ebb_lua_local_set *s = ebb_container_of(at, ebb_lua_local_set, link);
    if (is_lost(el, s)) ebb_local_set_destroy(&s->engine, ebb_task_abort);
  }
}
