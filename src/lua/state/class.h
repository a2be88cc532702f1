/* SPDX-License-Identifier: MIT
   The classes of the binding, in one list: all that has an entry for each is
   made of it. A new class is a line here, and the function that it names. */
#ifndef EBB_LUA_STATE_CLASS_H
#define EBB_LUA_STATE_CLASS_H

#include <lua.h>

typedef struct ebb_lua ebb_lua;

/* X(ID, name, define): CLASS_ID; the name in errors and in tostring, which
   begins with "ebb." where scripts do not meet the class; and the end of the
   name of the function that fills its metatable. */
#define EBB_LUA_CLASSES(X)                                       \
  X(STATE, "ebb.state", state)                                   \
  X(SENTINEL, "ebb.sentinel", sentinel)                          \
  X(JOIN_HANDLE, "JoinHandle", join_handle)                      \
  X(ABORT_HANDLE, "AbortHandle", abort_handle)                   \
  X(JOIN_ERROR, "JoinError", join_error)                         \
  X(JOIN_MAP, "JoinMap", join_map)                               \
  X(JOIN_SET, "JoinSet", join_set)                               \
  X(BUILDER, "Builder", builder)                                 \
  X(HANDLE, "Handle", handle)                                    \
  X(TARGET, "ebb.target", target)                                \
  X(RUNTIME, "Runtime", runtime)                                 \
  X(LOCAL_SET, "LocalSet", local_set)                            \
  X(LOCAL_GUARD, "LocalEnterGuard", local_guard)                 \
  X(LOCAL_KEY, "LocalKey", local_key)                            \
  X(LOCAL_SCOPE, "ebb.local_scope", local_scope)                 \
  X(ACCESS_ERROR, "AccessError", access_error)                   \
  X(UNCONSTRAINED, "ebb.unconstrained", unconstrained)           \
  X(SEMAPHORE, "Semaphore", semaphore)                           \
  X(MUTEX, "Mutex", mutex)                                       \
  X(RW_LOCK, "RwLock", rw_lock)                                  \
  X(PERMIT, "Permit", permit)                                    \
  X(NOTIFY, "Notify", notify)                                    \
  X(BARRIER, "Barrier", barrier)                                 \
  X(SENDER, "Sender", sender)                                    \
  X(RECEIVER, "Receiver", receiver)                              \
  X(ONESHOT_SENDER, "OneshotSender", oneshot_sender)             \
  X(ONESHOT_RECEIVER, "OneshotReceiver", oneshot_receiver)       \
  X(WATCH_SENDER, "WatchSender", watch_sender)                   \
  X(WATCH_RECEIVER, "WatchReceiver", watch_receiver)             \
  X(BROADCAST_SENDER, "BroadcastSender", broadcast_sender)       \
  X(BROADCAST_RECEIVER, "BroadcastReceiver", broadcast_receiver) \
  X(SCOPE, "ebb.scope", scope)                                   \
  X(INTERVAL, "Interval", interval)                              \
  X(NET_CONN, "Connection", net_conn)                            \
  X(NET_GUARD, "ebb.net.guard", net_guard)                       \
  X(NET_LISTENER, "Listener", net_listener)                      \
  X(NET_UDP, "Udp", net_udp)                                     \
  X(LOAD, "ebb.load", load)

#define EBB_LUA_CLASS_ID(ID, name, define) CLASS_##ID,
typedef enum ebb_lua_class {
  EBB_LUA_CLASSES(EBB_LUA_CLASS_ID) CLASS_COUNT
} ebb_lua_class;
#undef EBB_LUA_CLASS_ID

/* Each pushes nothing, and raises errors of memory. */
#define EBB_LUA_CLASS_DEFINE(ID, name, define) \
  void ebb_lua_define_##define(lua_State *L, ebb_lua *el);
EBB_LUA_CLASSES(EBB_LUA_CLASS_DEFINE)
#undef EBB_LUA_CLASS_DEFINE

#endif
