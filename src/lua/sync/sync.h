/* SPDX-License-Identifier: MIT
   What the files of ebb.sync share. Each has one class, or the two ends of
   one kind of channel. */
#ifndef EBB_LUA_SYNC_SYNC_H
#define EBB_LUA_SYNC_SYNC_H

#include "core/sync/semaphore.h"
#include "lua/state/class.h"
#include "lua/state/state.h"

/* Each adds to the table at the top of the stack. */
#define EBB_LUA_SYNC_OPEN(X, ID, name, define, open) \
  void ebb_lua_##open(lua_State *L, ebb_lua *el);
#define EBB_LUA_SYNC_SKIP(ID, name, define)
EBB_LUA_SYNC_CLASSES(EBB_LUA_SYNC_SKIP, EBB_LUA_SYNC_OPEN)
#undef EBB_LUA_SYNC_OPEN

/* Adds a table `name` with the constructor `new` to the one at the top. */
void ebb_lua_sync_add_class(lua_State *L, ebb_lua *el, const char *name,
                            lua_CFunction new);

/* Adds a function to the table at the top. */
void ebb_lua_sync_add_function(lua_State *L, ebb_lua *el, const char *name,
                               lua_CFunction f);

/* ebb_lua_class_check_self by the class that is the second upvalue. */
static inline void *ebb_lua_sync_check_shared_class(lua_State *L, ebb_lua *el,
                                                    int most) {
  return ebb_lua_class_check_self(L, el, ebb_lua_class_of(L), most);
}

/* Pushes nil and a message. */
int ebb_lua_sync_push_fail(lua_State *L, const char *message);

/* The value at index 2, which is sent: there must be one. */
void ebb_lua_sync_check_value(lua_State *L);

/* ---- permit.c ---- */

/* Acquires n permits of the semaphore that is in the userdata at index 1;
   returns them as a Permit, or nil, "closed". `what` is static text. */
int ebb_lua_permit_acquire(lua_State *L, ebb_lua *el, ebb_semaphore *s,
                           uint32_t n, const char *what);

/* Never waits: nil and `message` when there are too few. */
int ebb_lua_permit_try_acquire(lua_State *L, ebb_lua *el, ebb_semaphore *s,
                               uint32_t n, const char *message);

/* The number of permits at `arg`. */
uint32_t ebb_lua_permit_check_count(lua_State *L, int arg);

/* A semaphore in a new userdata of the class, pushed. */
ebb_semaphore *ebb_lua_permit_new_semaphore(lua_State *L, ebb_lua *el,
                                            ebb_lua_class class,
                                            uint32_t permits);

#endif
