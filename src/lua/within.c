/* SPDX-License-Identifier: MIT */
#include "within.h"

#include "../core/join_set.h"

/* ---- calling within ---- */

static int call_within_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L) - 1;
}

int ebb_lua_call_within(lua_State *L) {
  lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, call_within_k);
  return call_within_k(L, LUA_OK, 0);
}

void ebb_lua_check_callable(lua_State *L, int arg) {
  if (lua_isfunction(L, arg)) return;
  if (luaL_getmetafield(L, arg, "__call") == LUA_TNIL)
    luaL_typeerror(L, arg, "function");
  lua_pop(L, 1);
}

/* ---- a task's own values ---- */

/* By the task's id; the main chunk, and what else runs outside of tasks, is
   0. */
void ebb_lua_push_locals(lua_State *L, ebb_lua *el) {
  lua_Integer id = (lua_Integer)el->rt->current->id;
  luaL_checkstack(L, 4, NULL);
  if (lua_rawgeti(el->store, STORE_LOCALS, id) == LUA_TTABLE) {
    lua_xmove(el->store, L, 1);
    return;
  }
  lua_pop(el->store, 1);
  ebb_lua_stored(L, el, STORE_LOCALS);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, id);
  lua_remove(L, -2);
  ebb_lua_task *lt = ebb_lua_current(el);
  if (lt != NULL) lt->localized = true;
}

/* The task that waits for this one in a scope, or NULL. */
static const ebb_task *owner_of(const ebb_task *t) {
  return t->set != NULL ? t->set->owner : NULL;
}

/* Replaces the key at the top by what is under it in a task's table. */
static bool look_up(lua_State *L, ebb_lua *el, const ebb_task *t) {
  lua_rawgeti(el->store, STORE_LOCALS, (lua_Integer)t->id);
  lua_xmove(el->store, L, 1);
  if (lua_istable(L, -1)) {
    lua_pushvalue(L, -2);
    if (lua_rawget(L, -2) != LUA_TNIL) {
      lua_replace(L, -3);
      lua_pop(L, 1);
      return true;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return false;
}

void ebb_lua_push_local(lua_State *L, ebb_lua *el) {
  luaL_checkstack(L, 4, NULL);
  for (const ebb_task *t = el->rt->current; t != NULL; t = owner_of(t))
    if (look_up(L, el, t)) return;
  lua_pop(L, 1);
  lua_pushnil(L);
}

void ebb_lua_trim_locals(lua_State *L, ebb_lua *el, int arg) {
  lua_pushnil(L);
  if (lua_next(L, arg)) {
    lua_pop(L, 2);
    return;
  }
  lua_Integer id = (lua_Integer)el->rt->current->id;
  lua_rawgeti(el->store, STORE_LOCALS, id);
  if (lua_topointer(el->store, -1) == lua_topointer(L, arg)) {
    lua_pushnil(el->store);
    lua_rawseti(el->store, STORE_LOCALS, id);
  }
  lua_pop(el->store, 1);
}

/* ---- the budget ---- */

typedef struct unconstrained {
  bool open;
  int budget; /* to give back */
} unconstrained;

static int unconstrained_close(lua_State *L) {
  ebb_lua *el = ebb_lua_self(L);
  unconstrained *u = ebb_lua_is(L, el, 1, CLASS_UNCONSTRAINED);
  if (u == NULL || !u->open || el->rt == NULL) return 0;
  u->open = false;
  ebb_budget_resume(el->rt->current, u->budget);
  return 0;
}

/* stack: function, arguments... */
static int run_unconstrained(lua_State *L) {
  ebb_lua *el = ebb_lua_open(L);
  ebb_lua_check_callable(L, 1);
  unconstrained *u =
      ebb_lua_new_object(L, el, CLASS_UNCONSTRAINED, sizeof *u, 0);
  lua_insert(L, 1);
  lua_toclose(L, 1);
  u->open = true;
  u->budget = ebb_budget_suspend(el->rt->current);
  return ebb_lua_call_within(L);
}

void ebb_lua_open_within(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", unconstrained_close},
                                  {NULL, NULL}};
  ebb_lua_define_class(L, el, CLASS_UNCONSTRAINED, "ebb.unconstrained", none,
                       meta);
  ebb_lua_stored(L, el, STORE_STATE);
  lua_pushcclosure(L, run_unconstrained, 1);
  lua_setfield(L, -2, "unconstrained");
}
