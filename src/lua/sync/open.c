/* SPDX-License-Identifier: MIT
   ebb.sync (Tokio: sync). */
#include "lua/sync/sync.h"

void ebb_lua_add_function(lua_State *L, ebb_lua *el, const char *name,
                          lua_CFunction f) {
  ebb_lua_push_slot(L, el, STORE_STATE);
  lua_pushcclosure(L, f, 1);
  lua_setfield(L, -2, name);
}

void ebb_lua_add_class(lua_State *L, ebb_lua *el, const char *name,
                       lua_CFunction new) {
  lua_newtable(L);
  ebb_lua_add_function(L, el, "new", new);
  lua_setfield(L, -2, name);
}

void *ebb_lua_check_shared_class(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_check_self(L, el, ebb_lua_class_of(L), most);
}

int ebb_lua_push_fail(lua_State *L, const char *message) {
  lua_pushnil(L);
  lua_pushstring(L, message);
  return 2;
}

void ebb_lua_check_value(lua_State *L) {
  luaL_argexpected(L, !lua_isnoneornil(L, 2), 2, "value other than nil");
  lua_settop(L, 2);
}

void ebb_lua_open_sync(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
  ebb_lua_open_semaphore(L, el);
  ebb_lua_open_mutex(L, el);
  ebb_lua_open_rw_lock(L, el);
  ebb_lua_open_notify(L, el);
  ebb_lua_open_barrier(L, el);
  ebb_lua_open_channel(L, el);
  ebb_lua_open_watch(L, el);
  ebb_lua_open_broadcast(L, el);
  lua_setfield(L, -2, "sync");
}
