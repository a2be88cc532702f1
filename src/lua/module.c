/* SPDX-License-Identifier: MIT
   The module table of `require "ebb"`. */
#include <lualib.h>

#include "parcel.h"

static void replace_running(lua_State *L, ebb_lua *el) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, LUA_COLIBNAME) == LUA_TTABLE) {
    ebb_lua_stored(L, el, STORE_STATE);
    lua_pushcclosure(L, ebb_lua_running, 1);
    lua_setfield(L, -2, "running");
  }
}

int luaopen_ebb(lua_State *L) {
  ebb_lua *el = ebb_lua_get(L);
  replace_running(L, el);
  ebb_lua_replace_exit(L, el);
  lua_newtable(L);
  lua_pushliteral(L, "ebb " EBB_VERSION);
  lua_setfield(L, -2, "_VERSION");
  ebb_lua_open_task(L, el);
  ebb_lua_open_inspect(L, el);
  ebb_lua_open_time(L, el);
  ebb_lua_open_select(L, el);
  ebb_lua_open_io(L, el);
  ebb_lua_open_net(L, el);
  ebb_lua_open_join_map(L, el);
  ebb_lua_open_join_set(L, el);
  ebb_lua_open_builder(L, el);
  ebb_lua_open_within(L, el);
  ebb_lua_open_task_local(L, el);
  ebb_lua_open_local_set(L, el);
  ebb_lua_open_handle(L, el);
  ebb_lua_open_runtime(L, el);
  ebb_lua_open_sync(L, el);
  ebb_parcel_note_modules(L, el);
  return 1;
}
