/* SPDX-License-Identifier: MIT
   References to Lua states: their counting, and the Handles that scripts have
   of them. */
#include "lua/remote/state_ref.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "lua/state/class.h"

/* From malloc, as it outlives the state. The mailbox comes with the first ref:
   a state that no other thread has to do with has neither. */
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
  assert(atomic_load(&ref->refs) > 0);
  atomic_fetch_add(&ref->refs, 1);
  return ref;
}

/* Any thread may be the last. By then the state is closed: its own reference
   goes in ebb_lua_state_ref_close. */
void ebb_lua_state_ref_release(ebb_lua_state_ref *ref) {
  unsigned before = atomic_fetch_sub(&ref->refs, 1);
  assert(before > 0);
  if (before > 1) return;
  assert(ref->el == NULL);
  ebb_handle_release(ref->handle);
  free(ref);
}

/* A state's references to itself are not external: they would keep it from
   seeing its own deadlocks. */
ebb_lua_state_link ebb_lua_state_ref_refer(const ebb_lua *el,
                                           ebb_lua_state_ref *ref) {
  bool external = ref != el->ref;
  if (external) ebb_handle_retain_external(ref->handle);
  return (ebb_lua_state_link){ebb_lua_state_ref_retain(ref), external};
}

/* In this order: the runtime is told that it has one external reference less
   while the ref still holds the handle. */
void ebb_lua_state_ref_forget(ebb_lua_state_link *link) {
  ebb_lua_state_ref *ref = link->ref;
  if (ref == NULL) return;
  link->ref = NULL;
  if (link->external) ebb_handle_release_external(ref->handle);
  ebb_lua_state_ref_release(ref);
}

/* On the thread of the runtime, the only one that reads `el`: hence no lock.
   Jobs that arrive from now on find no state, and are cancelled. */
void ebb_lua_state_ref_close(ebb_lua *el) {
  if (el->ref == NULL) return;
  assert(el->ref->el == el && el->rt == NULL);
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

/* Of another state, it keeps that one's runtime from calling a wait a deadlock
   until it is collected; `has_external` makes a pool's thread collect its
   garbage in time, see worker.c. */
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
