/* SPDX-License-Identifier: MIT

   In STORE_LOCALS there is by the task's id (0 for what runs outside of tasks)
   a table: key -> line. A line is a table with weak values, in which the
   guards are, oldest first, from 1 to the number that is at 0. */
#include "locals.h"

#include "../core/join_set.h"

/* ---- opening ---- */

/* Pushes the table of the running task, made if there is none; finalizers may
   have made one meanwhile. */
static void push_table(lua_State *L, ebb_lua *el) {
  lua_Integer id = (lua_Integer)el->rt->current->id;
  ebb_lua_stored(L, el, STORE_LOCALS);
  if (lua_rawgeti(L, -1, id) == LUA_TNIL) {
    lua_newtable(L);
    if (lua_rawgeti(L, -3, id) == LUA_TNIL) {
      lua_copy(L, -2, -1);
      lua_pushvalue(L, -1);
      lua_rawseti(L, -5, id);
    }
    lua_replace(L, -2);
    lua_replace(L, -2);
    ebb_lua_task *lt = ebb_lua_current(el);
    if (lt != NULL) lt->localized = true;
  }
  lua_remove(L, -2);
}

/* Is there a line for the key at the top? */
static bool has_line(lua_State *L, ebb_lua *el) {
  lua_Integer id = (lua_Integer)el->rt->current->id;
  int key = lua_gettop(L);
  ebb_lua_stored(L, el, STORE_LOCALS);
  bool found = false;
  if (lua_rawgeti(L, -1, id) == LUA_TTABLE) {
    lua_pushvalue(L, key);
    found = lua_rawget(L, -2) != LUA_TNIL;
  }
  lua_settop(L, key);
  return found;
}

static void push_weak_metatable(lua_State *L, ebb_lua *el) {
  lua_getmetatable(el->store, STORE_LOCAL_SETS);
  lua_xmove(el->store, L, 1);
}

static void push_new_line(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
  push_weak_metatable(L, el);
  lua_setmetatable(L, -2);
  lua_pushinteger(L, 0);
  lua_rawseti(L, -2, 0);
}

/* stack: key -> table, line. A line that is needed is made first: from when
   the table is found until the line is in it, no finalizer may run, which
   could use scopes of its own, and leave the table empty and forgotten. */
static void push_line(lua_State *L, ebb_lua *el) {
  int key = lua_gettop(L);
  if (has_line(L, el))
    lua_pushnil(L);
  else
    push_new_line(L, el);
  push_table(L, el);
  lua_pushvalue(L, key);
  if (lua_rawget(L, -2) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushvalue(L, key);
    lua_pushvalue(L, key + 1);
    lua_rawset(L, -3);
    lua_pushvalue(L, key + 1);
  }
  lua_remove(L, key);
  lua_remove(L, key);
}

/* The line is at `line`. */
static lua_Integer length(lua_State *L, int line) {
  lua_rawgeti(L, line, 0);
  lua_Integer n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

static void set_length(lua_State *L, int line, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_rawseti(L, line, 0);
}

void ebb_lua_guard_open(lua_State *L, ebb_lua *el, const lua_State *thread) {
  luaL_checkstack(L, 8, NULL);
  ebb_lua_guard *g = lua_touserdata(L, -1);
  int guard = lua_gettop(L), line = guard + 2;
  lua_getiuservalue(L, guard, UV_LOCAL_KEY);
  push_line(L, el);
  lua_Integer n = length(L, line) + 1;
  lua_pushvalue(L, guard);
  lua_rawseti(L, line, n);
  set_length(L, line, n);
  lua_pop(L, 1);
  lua_setiuservalue(L, guard, UV_LOCAL_TABLE);
  g->thread = thread;
  g->open = true;
}

/* ---- closing: only fields that are there are assigned ---- */

/* The guard at the top of the line at `line`, or NULL. */
static const ebb_lua_guard *guard_at(lua_State *L, int line, lua_Integer i) {
  lua_rawgeti(L, line, i);
  const ebb_lua_guard *g = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return g;
}

/* Shortens the line by the guards at its end that are closed or gone, and
   returns how many there are then. */
static lua_Integer shorten(lua_State *L, int line) {
  lua_Integer n = length(L, line);
  for (; n > 0; n--) {
    const ebb_lua_guard *g = guard_at(L, line, n);
    if (g != NULL && g->open) break;
    if (g == NULL) continue;
    lua_pushnil(L);
    lua_rawseti(L, line, n);
  }
  set_length(L, line, n);
  return n;
}

/* The running task need not be the one that has opened the guard. */
static void forget_table(ebb_lua *el, const void *table) {
  lua_State *store = el->store;
  lua_Integer id = (lua_Integer)el->rt->current->id;
  lua_rawgeti(store, STORE_LOCALS, id);
  bool is_current = lua_topointer(store, -1) == table;
  lua_pop(store, 1);
  if (!is_current) return;
  lua_pushnil(store);
  lua_rawseti(store, STORE_LOCALS, id);
}

void ebb_lua_guard_close(lua_State *L, ebb_lua *el) {
  ebb_lua_guard *g = lua_touserdata(L, 1);
  g->open = false;
  lua_getiuservalue(L, 1, UV_LOCAL_TABLE);
  lua_getiuservalue(L, 1, UV_LOCAL_KEY);
  lua_pushvalue(L, 3);
  if (lua_rawget(L, 2) == LUA_TNIL || shorten(L, 4) > 0) return;
  lua_pushvalue(L, 3);
  lua_pushnil(L);
  lua_rawset(L, 2);
  lua_pushnil(L);
  if (!lua_next(L, 2)) forget_table(el, lua_topointer(L, 2));
}

/* ---- looking ---- */

static const lua_State *thread_of(const ebb_lua *el, const ebb_task *t) {
  return t->ops == &ebb_lua_task_ops ? ((const ebb_lua_task *)t)->L
                                     : el->main;
}

/* The thread of a task that waits looks suspended, but it is the task. */
static bool is_in_force(const lua_State *L, const ebb_lua_guard *g,
                        const lua_State *own) {
  if (g == NULL || !g->open) return false;
  if (g->thread == NULL || g->thread == own || g->thread == L) return true;
  return lua_status((lua_State *)(uintptr_t)g->thread) != LUA_YIELD;
}

/* Replaces the line at the top by the guard that is in force in it. */
static bool push_guard(lua_State *L, const lua_State *own) {
  int line = lua_gettop(L);
  for (lua_Integer i = length(L, line); i > 0; i--) {
    if (!is_in_force(L, guard_at(L, line, i), own)) continue;
    lua_rawgeti(L, line, i);
    lua_replace(L, line);
    return true;
  }
  return false;
}

/* Replaces the key at the top by what the task has under it. */
static bool look_up(lua_State *L, ebb_lua *el, const ebb_task *t) {
  int key = lua_gettop(L);
  lua_rawgeti(el->store, STORE_LOCALS, (lua_Integer)t->id);
  lua_xmove(el->store, L, 1);
  if (lua_istable(L, -1)) {
    lua_pushvalue(L, key);
    if (lua_rawget(L, -2) != LUA_TNIL && push_guard(L, thread_of(el, t))) {
      lua_getiuservalue(L, -1, UV_LOCAL_VALUE);
      lua_replace(L, key);
      lua_settop(L, key);
      return true;
    }
  }
  lua_settop(L, key);
  return false;
}

/* The task that waits for this one in a scope, or NULL. */
static const ebb_task *owner_of(const ebb_task *t) {
  return t->set != NULL ? t->set->owner : NULL;
}

bool ebb_lua_push_local(lua_State *L, ebb_lua *el) {
  luaL_checkstack(L, 8, NULL);
  for (const ebb_task *t = el->rt->current; t != NULL; t = owner_of(t))
    if (look_up(L, el, t)) return true;
  lua_pop(L, 1);
  lua_pushnil(L);
  return false;
}
