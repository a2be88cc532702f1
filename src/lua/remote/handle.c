/* SPDX-License-Identifier: MIT
   ebb.Handle (Tokio: runtime::Handle). */
#include "lua/remote/handle.h"

#include <errno.h>
#include <stdlib.h>

#include "lua/module.h"
#include "lua/spawn/spawn.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/slot.h"

/* ---- references to states ---- */

ebb_lua_state_ref *ebb_lua_state_ref_get(ebb_lua *el, int *err) {
  ebb_handle *h;
  if (el->ref != NULL) return el->ref;
  *err = ebb_handle_get(el->rt, &h);
  if (*err < 0) return NULL;
  ebb_lua_state_ref *ref = malloc(sizeof *ref);
  if (ref == NULL) {
    *err = -ENOMEM;
    return NULL;
  }
  *ref = (ebb_lua_state_ref){.handle = h, .el = el};
  atomic_init(&ref->refs, 1);
  ebb_handle_retain(h);
  return el->ref = ref;
}

ebb_lua_state_ref *ebb_lua_state_ref_retain(ebb_lua_state_ref *ref) {
  atomic_fetch_add(&ref->refs, 1);
  return ref;
}

void ebb_lua_state_ref_release(ebb_lua_state_ref *ref) {
  if (atomic_fetch_sub(&ref->refs, 1) > 1) return;
  ebb_handle_release(ref->handle);
  free(ref);
}

ebb_lua_state_link ebb_lua_state_ref_refer(const ebb_lua *el,
                                           ebb_lua_state_ref *ref) {
  bool external = ref != el->ref;
  if (external) ebb_handle_retain_external(ref->handle);
  return (ebb_lua_state_link){ebb_lua_state_ref_retain(ref), external};
}

void ebb_lua_state_ref_forget(ebb_lua_state_link *link) {
  ebb_lua_state_ref *ref = link->ref;
  if (ref == NULL) return;
  link->ref = NULL;
  if (link->external) ebb_handle_release_external(ref->handle);
  ebb_lua_state_ref_release(ref);
}

void ebb_lua_state_ref_close(ebb_lua *el) {
  if (el->ref == NULL) return;
  el->ref->el = NULL;
  ebb_lua_state_ref_release(el->ref);
  el->ref = NULL;
}

/* ---- the class ---- */

typedef struct handle {
  ebb_lua_state_link to; /* none once it is collected */
} handle;

ebb_lua_state_ref *ebb_lua_handle_to_state_ref(lua_State *L, int arg) {
  handle *h = ebb_lua_class_is(L, ebb_lua_state_find(L), arg, CLASS_HANDLE);
  return h != NULL ? h->to.ref : NULL;
}

void ebb_lua_handle_push(lua_State *L, ebb_lua_state_ref *ref) {
  ebb_lua *el = ebb_lua_state_find(L);
  handle *h = ebb_lua_class_new(L, el, CLASS_HANDLE, sizeof *h, 0);
  h->to = ebb_lua_state_ref_refer(el, ref);
  if (h->to.external) el->has_external = true;
}

ebb_lua_state_ref *ebb_lua_handle_check(lua_State *L, ebb_lua *el, int arg) {
  handle *h = ebb_lua_class_check(L, el, arg, CLASS_HANDLE);
  if (h->to.ref == NULL) luaL_error(L, "the Handle has been finalized");
  return h->to.ref;
}

/* Blocking work is asked for by a runtime; what it calls its current one is
   that, not the one which its thread has for its own use. */
static int handle_current(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  int err = 0;
  ebb_lua_state_ref *ref = el->requester;
  if (ref == NULL) ref = ebb_lua_state_ref_get(el, &err);
  if (ref == NULL) ebb_lua_error_raise(L, err);
  ebb_lua_handle_push(L, ref);
  return 1;
}

static int handle_id(lua_State *L) {
  ebb_lua_state_ref *ref = ebb_lua_handle_check(L, ebb_lua_state_checked(L), 1);
  ebb_lua_args_check_surplus(L, 1);
  lua_pushinteger(L, (lua_Integer)ebb_handle_id(ref->handle));
  return 1;
}

static int handle_eq(lua_State *L) {
  ebb_lua_state_ref *a = ebb_lua_handle_to_state_ref(L, 1),
                    *b = ebb_lua_handle_to_state_ref(L, 2);
  lua_pushboolean(L, a != NULL && a == b);
  return 1;
}

static int handle_tostring(lua_State *L) {
  ebb_lua_state_ref *ref = ebb_lua_handle_check(L, ebb_lua_state_checked(L), 1);
  lua_pushfstring(L, "Handle(%I)", (lua_Integer)ebb_handle_id(ref->handle));
  return 1;
}

static int handle_gc(lua_State *L) {
  handle *h = ebb_lua_class_check(L, ebb_lua_state_raw(L), 1, CLASS_HANDLE);
  ebb_lua_state_ref_forget(&h->to);
  return 0;
}

static int handle_spawn(lua_State *L) {
  (void)ebb_lua_handle_check(L, ebb_lua_state_checked(L), 1);
  return ebb_lua_spawn_by(L, EBB_LUA_ON);
}

static int handle_spawn_blocking(lua_State *L) {
  (void)ebb_lua_handle_check(L, ebb_lua_state_checked(L), 1);
  return ebb_lua_spawn_by(L, EBB_LUA_BLOCKING_ON);
}

void ebb_lua_handle_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"id", handle_id},
                                     {"spawn", handle_spawn},
                                     {"spawn_blocking", handle_spawn_blocking},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__eq", handle_eq},
                                  {"__gc", handle_gc},
                                  {"__tostring", handle_tostring},
                                  {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_HANDLE, methods, meta);
}

void ebb_lua_handle_open(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, handle_current, 1);
  lua_setfield(L, -2, "current");
  lua_setfield(L, -2, "Handle");
}
