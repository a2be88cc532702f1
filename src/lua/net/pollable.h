/* SPDX-License-Identifier: MIT
   Objects with a file descriptor: Lua's files, sockets of LuaSocket, objects
   of cqueues, and all that have the same methods. */
#ifndef EBB_LUA_NET_POLLABLE_H
#define EBB_LUA_NET_POLLABLE_H

#include "lua/state/state.h"

/* Instead of an fd: it is closed; there is none, only time to wait for; its
   owner knows that there is something to read; the object can have none. */
enum { FD_CLOSED = -1, FD_NONE = -2, FD_DIRTY = -3, FD_UNKNOWN = -4 };

/* Pushes the first result of a method of the object at `arg`; false, with
   nothing pushed, when it has no such method. */
bool ebb_lua_net_pollable_call(lua_State *L, int arg, const char *name);

/* The fd of the object at `arg`. *pollable: it follows the protocol of cqueues,
   and can say itself what it waits for. */
int ebb_lua_net_pollable_fd(lua_State *L, int arg, bool *pollable);

/* Has the object at `arg` read ahead, so that its fd does not tell? (As
   sockets of LuaSocket say.) */
bool ebb_lua_net_pollable_is_dirty(lua_State *L, int arg);

#endif
