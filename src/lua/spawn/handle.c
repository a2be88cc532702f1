/* SPDX-License-Identifier: MIT
   ebb.Handle (Tokio: runtime::Handle). */
#include <errno.h>
#include <stdlib.h>

#include "lua/remote/state_ref.h"
#include "lua/spawn/spawn.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"

/* Blocking work is asked for by a runtime; what it calls its current one is
   that, not the one which its thread has for its own use. */
static int handle_current(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  int err = 0;
  ebb_lua_state_ref *ref = el->requester;
  if (ref == NULL) ref = ebb_lua_state_ref_get(el, &err);
  if (ref == NULL) ebb_lua_error_raise(L, err);
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

static int handle_gc(lua_State *L) {
  ebb_lua_handle *h =
      ebb_lua_class_check(L, ebb_lua_state_raw(L), 1, CLASS_HANDLE);
  ebb_lua_state_ref_forget(&h->to);
  return 0;
}

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
