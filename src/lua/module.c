/* SPDX-License-Identifier: MIT
   The module table of `require "ebb"`, and the making of the state behind it.
   An engine that has a runtime of its own attaches a Lua state to it; in any
   other state the first `require` makes the runtime. */
#include "lua/state/parts.h"

#include <assert.h>
#include <errno.h>
#include <lualib.h>

#include "core/loop/scheduler.h"
#include "lua/close.h"
#include "lua/library/load.h"
#include "lua/library/require.h"
#include "lua/remote/grant.h"
#include "lua/remote/pack.h"
#include "lua/state/class.h"
#include "lua/state/error.h"
#include "lua/state/library.h"
#include "lua/state/slot.h"
#include "lua/task/thread.h"
#include "lua/task/wait.h"

/* Each finds the module table at the top, and leaves it there. */
static void open_tasks(lua_State *L, ebb_lua *el) {
  ebb_lua_coop_open(L, el);
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
  assert(lua_istable(L, -1));
  static const char *const names[] = {"spawn_on", "spawn_blocking",
                                      "spawn_blocking_on", "block_in_place"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    lua_pushnil(L);
    lua_setfield(L, -2, names[i]);
  }
}

/* Fills the module table at the top. */
static void open_parts(lua_State *L, ebb_lua *el) {
  assert(lua_istable(L, -1));
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
  assert(lua_istable(L, -1));
  if ((el->parts & EBB_LUA_THREADS) == 0) close_threads(L);
}

/* ---- making the state ---- */

/* EBB_LUA_THREADS is the highest bit. */
enum { ALL_PARTS = 2 * EBB_LUA_THREADS - 1 };

/* All of them, whatever the parts are: the store has a place for each. */
static void define_classes(lua_State *L, ebb_lua *el) {
#define DEFINE(ID, name, define) ebb_lua_##define(L, el);
  EBB_LUA_CLASSES(DEFINE)
#undef DEFINE
}

static void open_in(lua_State *L, unsigned parts);

/* Order matters: the runtime comes after the classes, which raise errors, and
   before the finalizer that frees it.
   Makes the ebb_lua and leaves it on the stack. Without an engine's runtime
   it makes its own, in the allocator of the Lua state. An error on the way
   leaves garbage to the collector, and no state: the next call begins anew. */
static ebb_lua *new_state(lua_State *L, ebb_runtime *rt, unsigned parts) {
  ebb_lua *el = ebb_lua_state_new(L, rt, parts);
  el->open = open_in;
  define_classes(L, el);
  if (rt == NULL) {
    ebb_options options = {0};
    options.alloc = lua_getallocf(L, &options.alloc_ctx);
    int err = ebb_runtime_new(&options, &el->rt);
    if (err < 0) ebb_lua_error_raise(L, err);
  }
  /* From here on its __gc frees the runtime. */
  ebb_lua_slot_push(L, el, STORE_META_FIRST + CLASS_STATE);
  lua_setmetatable(L, -2);
  ebb_lua_wait_renew_sentinel(L, el);
  /* The last step: a state that is only half made is not found again. */
  ebb_lua_state_register(L);
  return el;
}

static ebb_lua *ensure(lua_State *L, unsigned parts) {
  assert(parts != 0 && parts <= ALL_PARTS);
  ebb_lua *el = ebb_lua_state_find(L);
  if (el != NULL) return el;
  el = new_state(L, NULL, parts);
  lua_pop(L, 1);
  return el;
}

/* For rooms of lower rank, by a pointer in the ebb_lua: luaopen_ebb is built on
   all of them, and they cannot include it. */
static void open_in(lua_State *L, unsigned parts) {
  (void)ensure(L, parts);
  luaL_requiref(L, "ebb", luaopen_ebb, 0);
}

int luaopen_ebb(lua_State *L) {
  ebb_lua *el = ensure(L, ALL_PARTS);
  ebb_lua_grant_note_libraries(L, el);
  ebb_lua_library_replace(L, el, LUA_COLIBNAME, "running",
                          ebb_lua_thread_running);
  ebb_lua_close_replace_exit(L, el);
  ebb_lua_require_replace(L, el);
  ebb_lua_load_replace(L, el);
  /* Replacements come first: what they leave is below the table. */
  lua_newtable(L);
  lua_pushliteral(L, "ebb " EBB_VERSION);
  lua_setfield(L, -2, "_VERSION");
  open_parts(L, el);
  ebb_lua_pack_note_modules(L, el);
  return 1;
}

/* ---- for engines ---- */

/* stack: runtime, parts. In a protected call, since the engine may have no
   other around it. */
static int attach(lua_State *L) {
  assert(lua_gettop(L) == 2 && lua_islightuserdata(L, 1));
  new_state(L, lua_touserdata(L, 1), (unsigned)lua_tointeger(L, 2));
  return 0;
}

int ebb_lua_attach(lua_State *L, ebb_runtime *rt) {
  return ebb_lua_attach_with(L, rt, NULL);
}

int ebb_lua_attach_with(lua_State *L, ebb_runtime *rt,
                        const ebb_lua_options *options) {
  unsigned parts = options != NULL ? options->parts : 0;
  if (parts > ALL_PARTS) return -EINVAL;
  if (ebb_lua_state_find(L) != NULL) return -EALREADY;
  lua_pushcfunction(L, attach);
  lua_pushlightuserdata(L, rt);
  lua_pushinteger(L, parts != 0 ? parts : ALL_PARTS);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) return 0;
  lua_pop(L, 1);
  return -ENOMEM;
}

ebb_runtime *ebb_lua_runtime(lua_State *L) { return ensure(L, ALL_PARTS)->rt; }
