/* SPDX-License-Identifier: MIT */
#include "within.h"

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

/* ---- the budget ---- */

typedef struct unconstrained {
  bool open;
  int budget; /* to give back */
} unconstrained;

static int unconstrained_close(lua_State *L) {
  ebb_lua *el = ebb_lua_self(L);
  unconstrained *u = ebb_lua_check(L, el, 1, CLASS_UNCONSTRAINED);
  if (!u->open || el->rt == NULL) return 0;
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

void ebb_lua_define_unconstrained(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", unconstrained_close},
                                  {NULL, NULL}};
  ebb_lua_define_class(L, el, CLASS_UNCONSTRAINED, none, meta);
}

void ebb_lua_open_within(lua_State *L, ebb_lua *el) {
  ebb_lua_stored(L, el, STORE_STATE);
  lua_pushcclosure(L, run_unconstrained, 1);
  lua_setfield(L, -2, "unconstrained");
}
