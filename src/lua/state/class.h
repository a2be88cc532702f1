/* SPDX-License-Identifier: MIT
   The classes of the binding, in one list: all that has an entry for each is
   made of it. A new class is a line here, and the function that it names. */
#ifndef EBB_LUA_STATE_CLASS_H
#define EBB_LUA_STATE_CLASS_H

#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>

typedef struct ebb_lua ebb_lua;

/* The classes of ebb.sync. OPENED(X, ID, name, define, open) stands for
   X(ID, name, define), see below, where scripts can make objects: `open` is the
   end of the name of the function that adds the constructor to the table. */
#define EBB_LUA_SYNC_CLASSES(X, OPENED)                                     \
  OPENED(X, SEMAPHORE, "Semaphore", semaphore_define, semaphore_open)       \
  OPENED(X, MUTEX, "Mutex", mutex_define, mutex_open)                       \
  OPENED(X, RW_LOCK, "RwLock", rw_lock_define, rw_lock_open)                \
  X(PERMIT, "Permit", permit_define)                                        \
  OPENED(X, NOTIFY, "Notify", notify_define, notify_open)                   \
  OPENED(X, BARRIER, "Barrier", barrier_define, barrier_open)               \
  OPENED(X, SENDER, "Sender", channel_define_sender, channel_open)          \
  X(RECEIVER, "Receiver", channel_define_receiver)                          \
  OPENED(X, ONESHOT_SENDER, "OneshotSender", channel_define_oneshot_sender, \
         channel_open_oneshot)                                              \
  X(ONESHOT_RECEIVER, "OneshotReceiver", channel_define_oneshot_receiver)   \
  OPENED(X, WATCH_SENDER, "WatchSender", watch_define_sender, watch_open)   \
  X(WATCH_RECEIVER, "WatchReceiver", watch_define_receiver)                 \
  OPENED(X, BROADCAST_SENDER, "BroadcastSender", broadcast_define_sender,   \
         broadcast_open)                                                    \
  X(BROADCAST_RECEIVER, "BroadcastReceiver", broadcast_define_receiver)

#define EBB_LUA_CLASS_PLAIN(X, ID, name, define, open) X(ID, name, define)

/* X(ID, name, define): CLASS_ID; the name in errors and in tostring, which
   begins with "ebb." where scripts do not meet the class; and the end of the
   name of the function that fills its metatable. */
#define EBB_LUA_CLASSES(X)                                    \
  X(STATE, "ebb.state", close_define_state)                   \
  X(SENTINEL, "ebb.sentinel", close_define_sentinel)          \
  X(JOIN_HANDLE, "JoinHandle", join_handle_define)            \
  X(ABORT_HANDLE, "AbortHandle", join_handle_define_abort)    \
  X(JOIN_ERROR, "JoinError", join_error_define)               \
  X(JOIN_MAP, "JoinMap", join_map_define)                     \
  X(JOIN_SET, "JoinSet", join_set_define)                     \
  X(BUILDER, "Builder", builder_define)                       \
  X(HANDLE, "Handle", handle_define)                          \
  X(TARGET, "ebb.target", job_define_target)                  \
  X(RUNTIME, "Runtime", runtime_define)                       \
  X(LOCAL_SET, "LocalSet", local_set_define)                  \
  X(LOCAL_GUARD, "LocalEnterGuard", local_set_define_guard)   \
  X(LOCAL_KEY, "LocalKey", task_local_define_key)             \
  X(LOCAL_SCOPE, "ebb.local_scope", task_local_define_scope)  \
  X(ACCESS_ERROR, "AccessError", task_local_define_error)     \
  X(UNCONSTRAINED, "ebb.unconstrained", unconstrained_define) \
  EBB_LUA_SYNC_CLASSES(X, EBB_LUA_CLASS_PLAIN)                \
  X(SCOPE, "ebb.scope", scope_define)                         \
  X(INTERVAL, "Interval", interval_define)                    \
  X(NET_CONN, "Connection", net_conn_define)                  \
  X(NET_GUARD, "ebb.net.guard", net_write_define_guard)       \
  X(NET_LISTENER, "Listener", net_listener_define)            \
  X(NET_UDP, "Udp", net_udp_define)                           \
  X(LOAD, "ebb.load", require_define_load)

#define EBB_LUA_CLASS_ID(ID, name, define) CLASS_##ID,
typedef enum ebb_lua_class {
  EBB_LUA_CLASSES(EBB_LUA_CLASS_ID) CLASS_COUNT
} ebb_lua_class;
#undef EBB_LUA_CLASS_ID

/* Each pushes nothing, and raises errors of memory. */
#define EBB_LUA_CLASS_DEFINE(ID, name, define) \
  void ebb_lua_##define(lua_State *L, ebb_lua *el);
EBB_LUA_CLASSES(EBB_LUA_CLASS_DEFINE)
#undef EBB_LUA_CLASS_DEFINE

/* A userdata of a class, without user values beyond `uservalues`, pushed. */
void *ebb_lua_class_new(lua_State *L, ebb_lua *el, ebb_lua_class class,
                        size_t size, int uservalues);

/* What it is called in errors. */
const char *ebb_lua_class_name(ebb_lua_class class);

/* The userdata at `arg` if it is of the class, else NULL. */
void *ebb_lua_class_is(lua_State *L, ebb_lua *el, int arg, ebb_lua_class class);

/* The userdata at `arg`, which must be of the class. */
void *ebb_lua_class_check(lua_State *L, ebb_lua *el, int arg,
                          ebb_lua_class class);

/* The same of index 1, in a method of at most so many arguments, counting
   that: see ebb_lua_state_enter. */
void *ebb_lua_class_check_self(lua_State *L, ebb_lua *el, ebb_lua_class class,
                               int most);

/* Fills a class's metatable. Its functions get the ebb_lua as upvalue.
   Scripts cannot reach it without the debug library, so they cannot wrap a
   method for others nor take a finalizer away. With that library they can:
   nothing is called that was looked up there, and an object whose finalizer
   never comes leaks, but nothing points into it. */
void ebb_lua_class_define(lua_State *L, ebb_lua *el, ebb_lua_class class,
                          const luaL_Reg *methods, const luaL_Reg *metamethods);

/* Adds what a class shares with others: these functions get the class as their
   second upvalue. */
void ebb_lua_class_add_shared(lua_State *L, ebb_lua *el, ebb_lua_class class,
                              const luaL_Reg *methods,
                              const luaL_Reg *metamethods);

/* A class that has only such functions. */
void ebb_lua_class_define_shared(lua_State *L, ebb_lua *el, ebb_lua_class class,
                                 const luaL_Reg *methods,
                                 const luaL_Reg *metamethods);

/* The class that the running function of those is of. */
static inline ebb_lua_class ebb_lua_class_of(lua_State *L) {
  return (ebb_lua_class)lua_tointeger(L, lua_upvalueindex(2));
}

#endif
