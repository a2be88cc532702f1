/* SPDX-License-Identifier: MIT
   ebb.Handle: what one Lua state has of another, or of itself. */
#ifndef EBB_LUA_HANDLE_H
#define EBB_LUA_HANDLE_H

#include "../core/handle.h"
#include "binding.h"

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

/* A reference from outside of the state: while there is one, no wait of its
   runtime is a deadlock. */
ebb_lua_port *ebb_lua_port_retain_foreign(ebb_lua_port *port);
void ebb_lua_port_release_foreign(ebb_lua_port *port);

/* The state is being closed. */
void ebb_lua_port_close(ebb_lua *el);

/* The port of the Handle at `arg`, or NULL. */
ebb_lua_port *ebb_lua_to_port(lua_State *L, int arg);

/* The port of the Handle at `arg`, which must be one. */
ebb_lua_port *ebb_lua_check_handle(lua_State *L, ebb_lua *el, int arg);

/* Pushes a Handle. Raises errors. */
void ebb_lua_push_handle(lua_State *L, ebb_lua_port *port);

#endif
