/* SPDX-License-Identifier: MIT
   What the files of ebb.sync share. Each has one class, or the two ends of
   one kind of channel. */
#ifndef EBB_LUA_SYNC_SYNC_H
#define EBB_LUA_SYNC_SYNC_H

#include "core/sync/semaphore.h"
#include "lua/state/binding.h"

/* Each puts its constructor into the table at the top of the stack. */
void ebb_lua_open_semaphore(lua_State *L, ebb_lua *el);
void ebb_lua_open_mutex(lua_State *L, ebb_lua *el);
void ebb_lua_open_rw_lock(lua_State *L, ebb_lua *el);
void ebb_lua_open_notify(lua_State *L, ebb_lua *el);
void ebb_lua_open_barrier(lua_State *L, ebb_lua *el);
void ebb_lua_open_channel(lua_State *L, ebb_lua *el);
void ebb_lua_open_watch(lua_State *L, ebb_lua *el);
void ebb_lua_open_broadcast(lua_State *L, ebb_lua *el);

/* Adds a table `name` with the constructor `new` to the one at the top. */
void ebb_lua_add_class(lua_State *L, ebb_lua *el, const char *name,
                       lua_CFunction new);

/* Adds a function to the table at the top. */
void ebb_lua_add_function(lua_State *L, ebb_lua *el, const char *name,
                          lua_CFunction f);

/* ebb_lua_check_self, for functions that have their class as second upvalue. */
void *ebb_lua_check_shared_class(lua_State *L, ebb_lua *el, int most);

/* Pushes nil and a message. */
int ebb_lua_push_fail(lua_State *L, const char *message);

/* The value at index 2, which is sent: there must be one. */
void ebb_lua_check_value(lua_State *L);

/* ---- permit.c ---- */

/* Acquires n permits of the semaphore that is in the userdata at index 1;
   returns them as a Permit, or nil, "closed". `what` is static text. */
int ebb_lua_acquire(lua_State *L, ebb_lua *el, ebb_semaphore *s, uint32_t n,
                    const char *what);

/* Never waits: nil and `message` when there are too few. */
int ebb_lua_try_acquire(lua_State *L, ebb_lua *el, ebb_semaphore *s, uint32_t n,
                        const char *message);

/* The number of permits at `arg`. */
uint32_t ebb_lua_check_permits(lua_State *L, int arg);

/* A semaphore in a new userdata of the class, pushed. */
ebb_semaphore *ebb_lua_new_semaphore(lua_State *L, ebb_lua *el,
                                     ebb_lua_class class, uint32_t permits);

#endif
