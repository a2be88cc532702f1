/* SPDX-License-Identifier: MIT
   ebb.Handle (Tokio: runtime::Handle): a reference to a runtime, by which any
   state can spawn there.

   A Handle is a ref of the state that the runtime works for, and nothing else
   (state_ref.h). It is packed when it is sent to another thread, and there it
   is a Handle of the same ref. While another state has one, no wait of the
   runtime is a deadlock: tasks may come by it. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "lua/remote/state_ref.h"
#include "lua/spawn/spawn.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"

/* Blocking work is asked for by a runtime, and that is its current one, not
   the runtime of the pool's thread, which serves one requester after the
   other. */
static int handle_current(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  int err = 0;
  ebb_lua_state_ref *ref = el->requester;
  if (ref == NULL) ref = ebb_lua_state_ref_get(el, &err);
  if (ref == NULL) ebb_lua_error_raise(L, err);
  assert(ref->handle != NULL);
  ebb_lua_state_ref_push_handle(L, ref);
  return 1;
}

static int handle_id(lua_State *L) {
  ebb_lua_state_ref *ref =
      ebb_lua_state_ref_check_handle(L, ebb_lua_state_checked(L), 1);
  ebb_lua_args_check_surplus(L, 1);
  lua_pushinteger(L, (lua_Integer)ebb_handle_id(ref->handle));
  return 1;
}

/* Lua calls it with any two objects of which one is a Handle. There is one ref
   for a state, however often it is sent about. A finalized Handle has none, and
   equals no other. */
static int handle_eq(lua_State *L) {
  ebb_lua_state_ref *a = ebb_lua_state_ref_of_handle(L, 1),
                    *b = ebb_lua_state_ref_of_handle(L, 2);
  lua_pushboolean(L, a != NULL && a == b);
  return 1;
}

static int handle_tostring(lua_State *L) {
  ebb_lua_state_ref *ref =
      ebb_lua_state_ref_check_handle(L, ebb_lua_state_checked(L), 1);
  lua_pushfstring(L, "Handle(%I)", (lua_Integer)ebb_handle_id(ref->handle));
  return 1;
}

/* Also after the end of the state's own runtime: what the ref refers to is
   counted apart, and may be another state's. */
static int handle_gc(lua_State *L) {
  ebb_lua_handle *h =
      ebb_lua_class_check(L, ebb_lua_state_raw(L), 1, CLASS_HANDLE);
  ebb_lua_state_ref_forget(&h->to);
  assert(h->to.ref == NULL);
  return 0;
}

/* The Handle is what the module's functions take after the body. */
static int handle_spawn(lua_State *L) {
  (void)ebb_lua_state_ref_check_handle(L, ebb_lua_state_checked(L), 1);
  return ebb_lua_spawn_by(L, EBB_LUA_ON);
}

static int handle_spawn_blocking(lua_State *L) {
  (void)ebb_lua_state_ref_check_handle(L, ebb_lua_state_checked(L), 1);
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
