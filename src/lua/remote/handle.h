/* SPDX-License-Identifier: MIT
   ebb.Handle: what one Lua state has of another, or of itself. */
#ifndef EBB_LUA_REMOTE_HANDLE_H
#define EBB_LUA_REMOTE_HANDLE_H

#include "core/loop/handle.h"
#include "lua/state/binding.h"

/* Counted. `el` is touched on the thread of its runtime only. */
typedef struct ebb_lua_port {
  atomic_uint refs;
  ebb_handle *handle; /* of the runtime; a reference */
  ebb_lua *el;        /* NULL once the state is closed */
} ebb_lua_port;

/* The port of a state, made if there is none; the reference remains the
   state's. NULL, and the errno in *err. */
ebb_lua_port *ebb_lua_port_get(ebb_lua *el, int *err);

ebb_lua_port *ebb_lua_port_retain(ebb_lua_port *port);
void ebb_lua_port_release(ebb_lua_port *port);

/* A reference that another state may have, too. One from outside of the port's
   own state is foreign: while there is one, no wait of its runtime is a
   deadlock. */
typedef struct ebb_lua_port_ref {
  ebb_lua_port *port; /* NULL: none */
  bool foreign;
} ebb_lua_port_ref;

/* A reference of the state `el`, and of what it sends: while that is under way
   the sender's runtime knows of it without being told. */
ebb_lua_port_ref ebb_lua_port_refer(const ebb_lua *el, ebb_lua_port *port);

/* Lets go of it, if there is one. On any thread. */
void ebb_lua_port_forget(ebb_lua_port_ref *ref);

/* The state is being closed. */
void ebb_lua_port_close(ebb_lua *el);

/* The port of the Handle at `arg`, or NULL. */
ebb_lua_port *ebb_lua_to_port(lua_State *L, int arg);

/* The port of the Handle at `arg`, which must be one. */
ebb_lua_port *ebb_lua_check_handle(lua_State *L, ebb_lua *el, int arg);

/* Pushes a Handle. Raises errors. */
void ebb_lua_push_handle(lua_State *L, ebb_lua_port *port);

#endif
