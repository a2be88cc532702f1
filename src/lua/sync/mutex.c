/* SPDX-License-Identifier: MIT
   ebb.sync.Mutex (Tokio: sync::Mutex): a semaphore with one permit. */
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/sync/sync.h"

static ebb_semaphore *check(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_MUTEX, most);
}

static int mutex_new(lua_State *L) {
  ebb_lua_permit_new_semaphore(L, ebb_lua_state_enter(L, 0), CLASS_MUTEX, 1);
  return 1;
}

/* What scripts hold of it is a Permit, which unlocks by its release. So a
   to-be-closed variable unlocks, too, also when its task is aborted. A task
   that locks twice waits for itself. */
static int lock(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_permit_acquire(L, el, check(L, el, 1), 1, "lock");
}

static int try_lock(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_permit_try_acquire(L, el, check(L, el, 1), 1, "locked");
}

void ebb_lua_mutex_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {
      {"lock", lock}, {"try_lock", try_lock}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_MUTEX, methods, none);
}

void ebb_lua_mutex_open(lua_State *L, ebb_lua *el) {
  ebb_lua_sync_add_class(L, el, "Mutex", mutex_new);
}
