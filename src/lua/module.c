/* SPDX-License-Identifier: MIT
   The module table of `require "ebb"`. */
#include "lua/module.h"

#include <lualib.h>

#include "lua/close.h"
#include "lua/library/load.h"
#include "lua/library/require.h"
#include "lua/remote/grant.h"
#include "lua/remote/pack.h"
#include "lua/state/library.h"
#include "lua/task/thread.h"

static void open_tasks(lua_State *L, ebb_lua *el) {
  ebb_lua_join_handle_open(L, el);
  ebb_lua_join_error_open(L, el);
  ebb_lua_inspect_open(L, el);
  ebb_lua_select_open(L, el);
  ebb_lua_join_map_open(L, el);
  ebb_lua_join_set_open(L, el);
  ebb_lua_builder_open(L, el);
  ebb_lua_unconstrained_open(L, el);
  ebb_lua_task_local_open(L, el);
  ebb_lua_local_set_open(L, el);
}

static void open_threads(lua_State *L, ebb_lua *el) {
  ebb_lua_handle_open(L, el);
  ebb_lua_runtime_open(L, el);
}

/* Takes out what belongs to the tasks and to a part that is not there. */
static void close_threads(lua_State *L) {
  static const char *const names[] = {"spawn_on", "spawn_blocking",
                                      "spawn_blocking_on", "block_in_place"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    lua_pushnil(L);
    lua_setfield(L, -2, names[i]);
  }
}

/* Fills the module table at the top. */
static void open_parts(lua_State *L, ebb_lua *el) {
  static const struct {
    unsigned part;
    void (*open)(lua_State *L, ebb_lua *el);
  } parts[] = {
      {EBB_LUA_TASKS, open_tasks},       {EBB_LUA_TIME, ebb_lua_time_open},
      {EBB_LUA_IO, ebb_lua_net_io_open}, {EBB_LUA_NET, ebb_lua_net_open},
      {EBB_LUA_SYNC, ebb_lua_sync_open}, {EBB_LUA_THREADS, open_threads},
  };
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if ((el->parts & parts[i].part) != 0) parts[i].open(L, el);
  if ((el->parts & EBB_LUA_THREADS) == 0) close_threads(L);
}

int luaopen_ebb(lua_State *L) {
  ebb_lua *el = ebb_lua_state_ensure(L);
  ebb_lua_grant_note_libraries(L, el);
  ebb_lua_library_replace(L, el, LUA_COLIBNAME, "running",
                          ebb_lua_thread_running);
  ebb_lua_close_replace_exit(L, el);
  ebb_lua_require_replace(L, el);
  ebb_lua_load_replace(L, el);
  lua_newtable(L);
  lua_pushliteral(L, "ebb " EBB_VERSION);
  lua_setfield(L, -2, "_VERSION");
  open_parts(L, el);
  ebb_lua_pack_note_modules(L, el);
  return 1;
}
