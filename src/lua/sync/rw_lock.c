/* SPDX-License-Identifier: MIT
   ebb.sync.RwLock (Tokio: sync::RwLock): a semaphore of which a reader takes
   one permit and a writer all. So a writer that waits holds up the readers
   that come after it, and cannot be starved. */
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/sync/sync.h"

/* All permits that a semaphore can have: a writer leaves none for a reader, and
   waits until each reader has given back its own. */
#define ALL EBB_PERMITS_MAX

static ebb_semaphore *check(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_RW_LOCK, most);
}

static int rw_lock_new(lua_State *L) {
  ebb_lua_permit_new_semaphore(L, ebb_lua_state_enter(L, 0), CLASS_RW_LOCK,
                               ALL);
  return 1;
}

/* A reader that is behind a waiting writer waits, though other readers hold
   the lock: a task that has read access and asks for it again may wait for
   ever. */
static int rw_lock_read(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_permit_acquire(L, el, check(L, el, 1), 1, "read");
}

static int rw_lock_write(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_permit_acquire(L, el, check(L, el, 1), ALL, "write");
}

/* These do not overtake a task that waits, either. */
static int try_read(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_permit_try_acquire(L, el, check(L, el, 1), 1, "locked");
}

static int try_write(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_permit_try_acquire(L, el, check(L, el, 1), ALL, "locked");
}

void ebb_lua_rw_lock_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"read", rw_lock_read},
                                     {"try_read", try_read},
                                     {"try_write", try_write},
                                     {"write", rw_lock_write},
                                     {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_RW_LOCK, methods, none);
}

void ebb_lua_rw_lock_open(lua_State *L, ebb_lua *el) {
  ebb_lua_sync_add_class(L, el, "RwLock", rw_lock_new);
}
