/* SPDX-License-Identifier: MIT */
#include "lua/remote/state_ref.h"

#include <errno.h>
#include <stdlib.h>

#include "lua/state/class.h"

ebb_lua_state_ref *ebb_lua_state_ref_get(ebb_lua *el, int *err) {
  ebb_mailbox *m;
  if (el->ref != NULL) return el->ref;
  *err = ebb_mailbox_get(el->rt, &m);
  if (*err < 0) return NULL;
  ebb_lua_state_ref *ref = malloc(sizeof *ref);
  if (ref == NULL) {
    *err = -ENOMEM;
    return NULL;
  }
  *ref = (ebb_lua_state_ref){.handle = &m->handle, .el = el};
  atomic_init(&ref->refs, 1);
  ebb_handle_retain(&m->handle);
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

/* ---- Handles ---- */

ebb_lua_state_ref *ebb_lua_state_ref_of_handle(lua_State *L, int arg) {
  ebb_lua_handle *h =
      ebb_lua_class_is(L, ebb_lua_state_find(L), arg, CLASS_HANDLE);
  return h != NULL ? h->to.ref : NULL;
}

void ebb_lua_state_ref_push_handle(lua_State *L, ebb_lua_state_ref *ref) {
  ebb_lua *el = ebb_lua_state_find(L);
  ebb_lua_handle *h = ebb_lua_class_new(L, el, CLASS_HANDLE, sizeof *h, 0);
  h->to = ebb_lua_state_ref_refer(el, ref);
  if (h->to.external) el->has_external = true;
}

ebb_lua_state_ref *ebb_lua_state_ref_check_handle(lua_State *L, ebb_lua *el,
                                                  int arg) {
  ebb_lua_handle *h = ebb_lua_class_check(L, el, arg, CLASS_HANDLE);
  if (h->to.ref == NULL) luaL_error(L, "the Handle has been finalized");
  return h->to.ref;
}
