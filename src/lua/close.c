/* SPDX-License-Identifier: MIT
   The end of the state, by its finalizers or by os.exit.

   Stock lua5.4 ends the main chunk with lua_close, which tells us through a
   finalizer. Finalizers run in the reverse order of their objects' making,
   so that of an old object would come after those of the files and sockets
   that the tasks' clean-up still needs. Hence the sentinel, an object that
   is made anew each time the main chunk has waited: its finalizer comes
   before those of everything that was made until then. */
#include "lua/close.h"

#include <assert.h>
#include <errno.h>
#include <lualib.h>
#include <stdlib.h>

#include "core/spawn/local_set.h"
#include "lua/join/join_map.h"
#include "lua/library/require.h"
#include "lua/remote/job.h"
#include "lua/remote/state_ref.h"
#include "lua/spawn/local_set.h"
#include "lua/spawn/scope.h"
#include "lua/state/slot.h"
#include "lua/task/inspect.h"
#include "lua/task/join_error.h"
#include "lua/task/shutdown.h"
#include "lua/task/task.h"
#include "lua/task/thread.h"
#include "lua/task/wait.h"

/* ebb.uv calls this when the main chunk has started something. In finalizers it
   may be too late for another one, which would have none of its own. */
static int renew_sentinel(lua_State *L) {
  if (lua_gc(L, LUA_GCISRUNNING) >= 0)
    ebb_lua_wait_renew_sentinel(L, ebb_lua_state_raw(L));
  return 0;
}

/* ebb.uv has libuv's loop come to its end after the last clean-up, and before
   the finalizers of luv's handles. */
static void run_at_close(lua_State *L) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, "ebb.at_close") == LUA_TFUNCTION)
    lua_call(L, 0, 0);
  else
    lua_pop(L, 1);
}

/* An older sentinel is garbage that the collector has found: only the last one
   tells of the end. */
static int sentinel_gc(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  assert(lua_isuserdata(L, 1) && el->sentinel != NULL);
  if (lua_touserdata(L, 1) != el->sentinel) return 0;
  ebb_lua_shutdown(el);
  run_at_close(L);
  return 0;
}

static void report_work(void *ctx, ebb_work *w) {
  char text[256];
  ebb_lua_job_describe(w, text, sizeof text);
  ebb_lua_shutdown_tell_stuck(ctx, text);
}

/* Blocking work has what is left of the time. */
static void free_runtime(ebb_lua *el, ebb_runtime *rt) {
  assert(el->rt == NULL && el->owns_runtime);
  ebb_shutdown s = {el->end_by, report_work, el};
  (void)ebb_runtime_shutdown(rt, &s);
}

/* The oldest object of the binding, so the last to be finalized. Tasks end
   first, since their clean-up may use all the rest; then what is in the
   engine's memory and was left by finalizers that did not come. `rt` is NULL
   from then on: the finalizers that still come find no runtime. */
static int state_gc(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  (void)ebb_lua_class_check(L, el, 1, CLASS_STATE);
  assert(el->rt != NULL);
  ebb_lua_shutdown(el);
  ebb_lua_shutdown_kill_tasks(el); /* for want of memory some may be left */
  ebb_lua_shutdown_drop_strays(el);
  ebb_lua_collection_free_all(el);
  ebb_lua_scope_free_all(el);
  ebb_lua_local_set_free_all(el);
  ebb_lua_require_free_loads(el);
  ebb_lua_thread_free_idle(el);
  ebb_runtime *rt = el->rt;
  ebb_runtime_set_deaf(rt, false);
  ebb_scheduler_reset_sentry(rt);
  el->rt = NULL;
  ebb_lua_state_ref_close(el);
  if (el->owns_runtime) free_runtime(el, rt);
  return 0;
}

/* The old os.exit does the exiting, since closing the state may unload the
   very library that this code is in. A thread that has been closed with its
   task can call nothing more, so then it is called on the main thread. The
   state of a pool's thread is still in use by the thread, so it stays open. */
static int exit_in_order(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  lua_settop(L, 2);
  bool is_boolean = lua_isboolean(L, 1), success = lua_toboolean(L, 1);
  lua_Integer code = is_boolean ? 0 : luaL_optinteger(L, 1, EXIT_SUCCESS);
  bool close = lua_toboolean(L, 2);
  if (close && ebb_lua_shutdown(el)) L = el->main;
  close = close && el->requester == NULL;
  luaL_checkstack(L, 4, NULL);
  if (close) run_at_close(L);
  ebb_lua_slot_push(L, el, STORE_EXIT);
  assert(lua_isfunction(L, -1));
  if (is_boolean)
    lua_pushboolean(L, success);
  else
    lua_pushinteger(L, code);
  lua_pushboolean(L, close);
  lua_call(L, 2, 0);
  return 0;
}

/* What it leaves on the stack lies below the module table, which is made next.
   Once only: the module may be opened again, when os.exit is ours. */
void ebb_lua_close_replace_exit(lua_State *L, ebb_lua *el) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_isnil(el->store, STORE_EXIT) &&
      lua_getfield(L, -1, LUA_OSLIBNAME) == LUA_TTABLE &&
      lua_getfield(L, -1, "exit") == LUA_TFUNCTION) {
    ebb_lua_slot_set(L, el, STORE_EXIT);
    ebb_lua_slot_push(L, el, STORE_STATE);
    lua_pushcclosure(L, exit_in_order, 1);
    lua_setfield(L, -2, "exit");
  }
}

/* Neither class has methods: scripts do not meet their objects. */
void ebb_lua_close_define_state(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", state_gc}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_STATE, none, meta);
}

void ebb_lua_close_define_sentinel(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", sentinel_gc}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_SENTINEL, none, meta);
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, renew_sentinel, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "ebb.renew_sentinel");
}
