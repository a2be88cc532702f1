/* SPDX-License-Identifier: MIT
   Guards of coroutines, and the search for the one that is in force.

   In STORE_TASK_VARS, whose values are weak, there is by the address of a
   coroutine its scope stack: a table with weak values, in which its guards are,
   oldest first, from 1 to the number that is at 0. The guards keep the scope
   stack, and the coroutine, so that no other comes to be at its address while
   they last. */
#include "lua/task/task_vars.h"

#include <assert.h>

#include "core/spawn/join_set.h"
#include "lua/state/slot.h"
#include "lua/task/task.h"
#include "lua/task/thread.h"

/* Lua has no more coroutines that have resumed each other (LUAI_MAXCCALLS). */
enum { DEPTH_MAX = 200 };

/* ---- opening ---- */

/* Pushes the scope stack of a coroutine; false, with nothing pushed: it has
   none. */
static bool push_stack(lua_State *L, ebb_lua *el, const lua_State *coroutine) {
  int type = lua_rawgetp(el->store, STORE_TASK_VARS, coroutine);
  lua_xmove(el->store, L, 1);
  if (type == LUA_TNIL) lua_pop(L, 1);
  return type != LUA_TNIL;
}

/* It is weak, as the table of scope stacks is, by the same metatable. */
static void push_new_stack(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
  lua_getmetatable(el->store, STORE_TASK_VARS);
  lua_xmove(el->store, L, 1);
  lua_setmetatable(L, -2);
  lua_pushinteger(L, 0);
  lua_rawseti(L, -2, 0);
}

/* Pushes the scope stack of the running coroutine. While a new one is made,
   finalizers may run, and have made one. */
static void push_own_stack(lua_State *L, ebb_lua *el) {
  if (push_stack(L, el, L)) return;
  push_new_stack(L, el);
  if (push_stack(L, el, L)) {
    lua_remove(L, -2);
    return;
  }
  ebb_lua_slot_push(L, el, STORE_TASK_VARS);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, L);
  lua_pop(L, 1);
}

/* The scope stack is at `stack`. */
static lua_Integer length(lua_State *L, int stack) {
  assert(lua_istable(L, stack));
  lua_rawgeti(L, stack, 0);
  lua_Integer n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

static void set_length(lua_State *L, int stack, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_rawseti(L, stack, 0);
}

/* The next task on the thread must not find the scope stack. */
static void note_stack(const lua_State *L, const ebb_lua *el) {
  ebb_lua_task *lt = ebb_lua_current(el);
  if (lt != NULL && lt->L == L) lt->localized = true;
}

void ebb_lua_task_vars_open_guard(lua_State *L, ebb_lua *el) {
  luaL_checkstack(L, 8, NULL);
  ebb_lua_scope_guard *g = lua_touserdata(L, -1);
  assert(g != NULL && !g->open);
  int guard = lua_gettop(L), stack = guard + 1;
  lua_pushthread(L);
  lua_setiuservalue(L, guard, UV_LOCAL_COROUTINE);
  push_own_stack(L, el);
  note_stack(L, el);
  lua_Integer n = length(L, stack) + 1;
  lua_pushvalue(L, guard);
  lua_rawseti(L, stack, n);
  set_length(L, stack, n);
  lua_setiuservalue(L, guard, UV_LOCAL_STACK);
  g->open = true;
}

/* ---- closing ---- */

/* Is there an open guard at the top? nil: the collector has taken it from the
   scope stack, whose values are weak. */
static bool is_open(lua_State *L) {
  const ebb_lua_scope_guard *g = lua_touserdata(L, -1);
  return g != NULL && g->open;
}

/* Shortens the scope stack by the guards at its end that are closed or gone. */
static void shorten(lua_State *L, int stack) {
  lua_Integer n = length(L, stack);
  for (; n > 0; n--) {
    lua_rawgeti(L, stack, n);
    bool last = is_open(L);
    lua_pop(L, 1);
    if (last) break;
    lua_pushnil(L);
    lua_rawseti(L, stack, n);
  }
  set_length(L, stack, n);
}

/* Guards close in any order, since generators are dropped in any order: one in
   the middle stays in the scope stack as a closed one until those above it are
   gone. */
void ebb_lua_task_vars_close_guard(lua_State *L) {
  ebb_lua_scope_guard *g = lua_touserdata(L, 1);
  assert(lua_gettop(L) == 1 && g->open);
  g->open = false;
  lua_getiuservalue(L, 1, UV_LOCAL_STACK);
  shorten(L, 2);
}

/* The guards themselves may live on, in the hands of the collector: they keep
   the scope stack, but by the address of the coroutine it is not found any
   more. */
void ebb_lua_task_vars_forget(ebb_lua *el, const lua_State *coroutine) {
  int type = lua_rawgetp(el->store, STORE_TASK_VARS, coroutine);
  lua_pop(el->store, 1);
  if (type == LUA_TNIL) return;
  lua_pushnil(el->store);
  lua_rawsetp(el->store, STORE_TASK_VARS, coroutine);
}

/* ---- looking ---- */

typedef struct search {
  lua_State *L;
  ebb_lua *el;
  int key;                    /* where it is on the stack of L */
  const lua_State *innermost; /* which has been searched already, or NULL */
  ebb_lua_scope_guard_fn *visit;
} search;

static bool has_key(lua_State *L, int key) {
  lua_getiuservalue(L, -1, UV_LOCAL_KEY);
  bool has = lua_rawequal(L, -1, key);
  lua_pop(L, 1);
  return has;
}

/* True, with a value pushed, when a visit was so. */
static bool search_coroutine(const search *s, const lua_State *coroutine) {
  lua_State *L = s->L;
  if (!push_stack(L, s->el, coroutine)) return false;
  int stack = lua_gettop(L);
  for (lua_Integer i = length(L, stack); i > 0; i--) {
    lua_rawgeti(L, stack, i);
    if (is_open(L) && has_key(L, s->key) && s->visit(L, s->el)) {
      lua_replace(L, stack);
      return true;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return false;
}

/* A coroutine, and before it those that it has resumed. */
static bool search_from(const search *s, lua_State *coroutine, int depth) {
  if (coroutine == s->innermost || depth == DEPTH_MAX) return false;
  lua_State *inner = ebb_lua_thread_resumed_by(coroutine);
  if (inner != NULL && search_from(s, inner, depth + 1)) return true;
  return search_coroutine(s, coroutine);
}

/* The coroutine that a task is; NULL: it is none. */
static lua_State *coroutine_of(const ebb_lua *el, const ebb_task *t) {
  if (ebb_task_is_root(t)) return el->main;
  return ebb_lua_thread(t);
}

/* The running coroutine is searched first, and apart: it may not be found from
   the task's own, when a C function has resumed one in between. */
static bool search_task(search *s, const ebb_task *t) {
  lua_State *own = coroutine_of(s->el, t);
  bool runs = t == s->el->rt->tasks.current;
  s->innermost = runs ? s->L : NULL;
  if (runs && search_coroutine(s, s->L)) return true;
  return own != NULL && search_from(s, own, 0);
}

bool ebb_lua_task_vars_is_own(const lua_State *L, const ebb_lua *el) {
  return coroutine_of(el, el->rt->tasks.current) == L;
}

void ebb_lua_task_vars_each_guard(lua_State *L, ebb_lua *el, const void *key,
                                  ebb_lua_scope_guard_fn *visit) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  search s = {.L = L, .el = el, .key = lua_gettop(L), .visit = visit};
  search_task(&s, el->rt->tasks.current);
  lua_pop(L, 1);
}

void ebb_lua_task_vars_each_guard_of(lua_State *L, ebb_lua *el,
                                     const lua_State *coroutine,
                                     const void *key,
                                     ebb_lua_scope_guard_fn *visit) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  search s = {.L = L, .el = el, .key = lua_gettop(L), .visit = visit};
  search_coroutine(&s, coroutine);
  lua_pop(L, 1);
}

/* Replaces the guard by its value. */
static bool push_value(lua_State *L, ebb_lua *el) {
  (void)el;
  lua_getiuservalue(L, -1, UV_LOCAL_VALUE);
  lua_replace(L, -2);
  return true;
}

/* A branch of `select` or `timeout` is a task of its own, and yet a part of its
   owner's call: so it sees what is in force there. */
bool ebb_lua_task_vars_push(lua_State *L, ebb_lua *el) {
  assert(lua_gettop(L) > 0);
  luaL_checkstack(L, 8, NULL);
  search s = {.L = L, .el = el, .key = lua_gettop(L), .visit = push_value};
  const ebb_task *t = el->rt->tasks.current;
  while (t != NULL && !search_task(&s, t)) t = ebb_join_set_race_owner(t);
  if (t == NULL) lua_pushnil(L);
  lua_replace(L, s.key);
  return t != NULL;
}
