/* SPDX-License-Identifier: MIT
   ebb.Handle (Tokio: runtime::Handle). */
#include "lua/remote/handle.h"

#include <errno.h>
#include <stdlib.h>

#include "lua/spawn/spawn.h"

/* ---- ports ---- */

ebb_lua_port *ebb_lua_port_get(ebb_lua *el, int *err) {
  ebb_handle *h;
  if (el->port != NULL) return el->port;
  *err = ebb_handle_get(el->rt, &h);
  if (*err < 0) return NULL;
  ebb_lua_port *port = malloc(sizeof *port);
  if (port == NULL) {
    *err = -ENOMEM;
    return NULL;
  }
  *port = (ebb_lua_port){.handle = h, .el = el};
  atomic_init(&port->refs, 1);
  ebb_handle_retain(h);
  return el->port = port;
}

ebb_lua_port *ebb_lua_port_retain(ebb_lua_port *port) {
  atomic_fetch_add(&port->refs, 1);
  return port;
}

void ebb_lua_port_release(ebb_lua_port *port) {
  if (atomic_fetch_sub(&port->refs, 1) > 1) return;
  ebb_handle_release(port->handle);
  free(port);
}

ebb_lua_port_ref ebb_lua_port_refer(const ebb_lua *el, ebb_lua_port *port) {
  bool foreign = port != el->port;
  if (foreign) ebb_handle_retain_foreign(port->handle);
  return (ebb_lua_port_ref){ebb_lua_port_retain(port), foreign};
}

void ebb_lua_port_forget(ebb_lua_port_ref *ref) {
  ebb_lua_port *port = ref->port;
  if (port == NULL) return;
  ref->port = NULL;
  if (ref->foreign) ebb_handle_release_foreign(port->handle);
  ebb_lua_port_release(port);
}

void ebb_lua_port_close(ebb_lua *el) {
  if (el->port == NULL) return;
  el->port->el = NULL;
  ebb_lua_port_release(el->port);
  el->port = NULL;
}

/* ---- the class ---- */

typedef struct handle {
  ebb_lua_port_ref to; /* none once it is collected */
} handle;

ebb_lua_port *ebb_lua_to_port(lua_State *L, int arg) {
  handle *h = ebb_lua_is(L, ebb_lua_of(L), arg, CLASS_HANDLE);
  return h != NULL ? h->to.port : NULL;
}

void ebb_lua_push_handle(lua_State *L, ebb_lua_port *port) {
  ebb_lua *el = ebb_lua_of(L);
  handle *h = ebb_lua_new_object(L, el, CLASS_HANDLE, sizeof *h, 0);
  h->to = ebb_lua_port_refer(el, port);
  if (h->to.foreign) el->has_foreign = true;
}

ebb_lua_port *ebb_lua_check_handle(lua_State *L, ebb_lua *el, int arg) {
  handle *h = ebb_lua_check(L, el, arg, CLASS_HANDLE);
  if (h->to.port == NULL) luaL_error(L, "the Handle has been finalized");
  return h->to.port;
}

/* Blocking work is asked for by a runtime; what it calls its current one is
   that, not the one which its thread has for its own use. */
static int handle_current(lua_State *L) {
  ebb_lua *el = ebb_lua_enter(L, 0);
  int err = 0;
  ebb_lua_port *port = el->employer;
  if (port == NULL) port = ebb_lua_port_get(el, &err);
  if (port == NULL) ebb_lua_raise(L, err);
  ebb_lua_push_handle(L, port);
  return 1;
}

static int handle_id(lua_State *L) {
  ebb_lua_port *port = ebb_lua_check_handle(L, ebb_lua_open(L), 1);
  ebb_lua_check_surplus(L, 1);
  lua_pushinteger(L, (lua_Integer)ebb_handle_id(port->handle));
  return 1;
}

static int handle_eq(lua_State *L) {
  ebb_lua_port *a = ebb_lua_to_port(L, 1), *b = ebb_lua_to_port(L, 2);
  lua_pushboolean(L, a != NULL && a == b);
  return 1;
}

static int handle_tostring(lua_State *L) {
  ebb_lua_port *port = ebb_lua_check_handle(L, ebb_lua_open(L), 1);
  lua_pushfstring(L, "Handle(%I)",
                  (lua_Integer)ebb_handle_id(port->handle));
  return 1;
}

static int handle_gc(lua_State *L) {
  handle *h = ebb_lua_check(L, ebb_lua_self(L), 1, CLASS_HANDLE);
  ebb_lua_port_forget(&h->to);
  return 0;
}

static int handle_spawn(lua_State *L) {
  (void)ebb_lua_check_handle(L, ebb_lua_open(L), 1);
  return ebb_lua_spawn_by(L, EBB_LUA_ON);
}

static int handle_spawn_blocking(lua_State *L) {
  (void)ebb_lua_check_handle(L, ebb_lua_open(L), 1);
  return ebb_lua_spawn_by(L, EBB_LUA_BLOCKING_ON);
}

void ebb_lua_define_handle(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {
      {"id", handle_id},
      {"spawn", handle_spawn},
      {"spawn_blocking", handle_spawn_blocking},
      {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__eq", handle_eq},
                                  {"__gc", handle_gc},
                                  {"__tostring", handle_tostring},
                                  {NULL, NULL}};
  ebb_lua_define_class(L, el, CLASS_HANDLE, methods, meta);
}

void ebb_lua_open_handle(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
  ebb_lua_stored(L, el, STORE_STATE);
  lua_pushcclosure(L, handle_current, 1);
  lua_setfield(L, -2, "current");
  lua_setfield(L, -2, "Handle");
}
