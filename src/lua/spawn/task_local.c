/* SPDX-License-Identifier: MIT
   ebb.task_local (Tokio: task_local!, task::LocalKey): values that are in force
   while a call lasts, for the task that has made it.

   A LocalKey has no value itself: it is compared by identity, and its name is
   for messages. Each scope is a guard, on the stack of the call, with the key
   and the value (task_vars.h); the innermost open one counts. */
#include "lua/spawn/guarded_call.h"
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/task_vars.h"

#include <assert.h>

/* User values of a LocalKey. */
enum { UV_NAME = 1 };

/* stack: name -> LocalKey. Two keys of one name are different keys. */
static int new_key(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  luaL_checktype(L, 1, LUA_TSTRING);
  ebb_lua_class_new(L, el, CLASS_LOCAL_KEY, 0, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, UV_NAME);
  return 1;
}

/* ---- scopes ---- */

/* Closing twice does nothing more. After the runtime's end nothing looks for
   guards. */
static int scope_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  const ebb_lua_scope_guard *g =
      ebb_lua_class_check(L, el, 1, CLASS_LOCAL_SCOPE);
  if (!g->open || el->rt == NULL) return 0;
  lua_settop(L, 1);
  ebb_lua_task_vars_close_guard(L);
  return 0;
}

/* stack: key, value, ... -> guard, value, ... The guard keeps the key and the
   value. It is opened before it is to be closed: if there is no memory for
   that, there is nothing to close. */
static void enter(lua_State *L, ebb_lua *el) {
  assert(lua_gettop(L) >= 3);
  ebb_lua_class_new(L, el, CLASS_LOCAL_SCOPE, sizeof(ebb_lua_scope_guard),
                    UV_LOCAL_COUNT);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, UV_LOCAL_KEY);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, UV_LOCAL_VALUE);
  ebb_lua_task_vars_open_guard(L, el);
  lua_replace(L, 1);
  lua_toclose(L, 1);
}

/* stack: key, value, function, arguments... -> the function's results
   Also sync_scope: Tokio needs two, as what is awaited and what is called
   differ there. nil is a value; none at all is an error. */
static int key_scope(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_class_check(L, el, 1, CLASS_LOCAL_KEY);
  luaL_checkany(L, 2);
  ebb_lua_guarded_call_check(L, 3);
  enter(L, el);
  lua_remove(L, 2);
  return ebb_lua_guarded_call(L);
}

/* ---- looking ---- */

/* Pushes the value of the key at 1; false, with nil pushed, outside of any
   scope. */
static bool push_value(lua_State *L, ebb_lua *el) {
  assert(lua_isuserdata(L, 1));
  lua_pushvalue(L, 1);
  return ebb_lua_task_vars_push(L, el);
}

/* Pushes a text with the name of the object at 1 in the middle. */
static void push_named(lua_State *L, const char *before, const char *after) {
  lua_pushstring(L, before);
  lua_getiuservalue(L, 1, UV_NAME);
  lua_pushstring(L, after);
  lua_concat(L, 3);
}

/* Pushes nil and an AccessError, which has the name of the key at 1. */
static int fail(lua_State *L, ebb_lua *el) {
  luaL_pushfail(L);
  ebb_lua_class_new(L, el, CLASS_ACCESS_ERROR, 0, 1);
  lua_getiuservalue(L, 1, UV_NAME);
  lua_setiuservalue(L, -2, UV_NAME);
  return 2;
}

/* Pushes the value of the key at 1, or raises an error that tells the place of
   the call. */
static void check_value(lua_State *L, ebb_lua *el) {
  if (push_value(L, el)) return;
  luaL_where(L, 1);
  push_named(L, "task-local '", "' is not set: call this inside its scope");
  lua_concat(L, 2);
  lua_error(L);
}

/* The state, in a method of the key at 1. */
static ebb_lua *check_key(lua_State *L, int most) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_class_check_self(L, el, CLASS_LOCAL_KEY, most);
  return el;
}

static int key_get(lua_State *L) {
  check_value(L, check_key(L, 1));
  return 1;
}

static int key_try_get(lua_State *L) {
  ebb_lua *el = check_key(L, 1);
  return push_value(L, el) ? 1 : fail(L, el);
}

/* The key is at 1; everything above it is results. */
static int with_k(lua_State *L, int status, lua_KContext ctx) {
  assert(lua_gettop(L) >= 1 && lua_isuserdata(L, 1));
  (void)status, (void)ctx;
  return lua_gettop(L) - 1;
}

/* stack: key, function, ..., value -> the function's results */
static int call_with(lua_State *L) {
  assert(lua_gettop(L) == 4);
  lua_replace(L, 3);
  lua_settop(L, 3);
  lua_callk(L, 1, LUA_MULTRET, 0, with_k);
  return with_k(L, LUA_OK, 0);
}

/* The value is found before the function runs, and is the one it gets, whatever
   scopes the function opens. */
static int key_with(lua_State *L) {
  ebb_lua *el = check_key(L, 2);
  ebb_lua_guarded_call_check(L, 2);
  lua_settop(L, 3);
  check_value(L, el);
  return call_with(L);
}

/* Without a value the function is not called. */
static int key_try_with(lua_State *L) {
  ebb_lua *el = check_key(L, 2);
  ebb_lua_guarded_call_check(L, 2);
  lua_settop(L, 3);
  return push_value(L, el) ? call_with(L) : fail(L, el);
}

static int key_tostring(lua_State *L) {
  check_key(L, 1);
  push_named(L, "LocalKey(", ")");
  return 1;
}

/* Works as long as the object is there, also after the runtime's end. */
static int error_tostring(lua_State *L) {
  ebb_lua_class_check(L, ebb_lua_state_raw(L), 1, CLASS_ACCESS_ERROR);
  push_named(L, "task-local '", "' is not set");
  return 1;
}

void ebb_lua_task_local_define_key(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"get", key_get},
                                     {"scope", key_scope},
                                     {"sync_scope", key_scope},
                                     {"try_get", key_try_get},
                                     {"try_with", key_try_with},
                                     {"with", key_with},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", key_tostring}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_LOCAL_KEY, methods, meta);
}

void ebb_lua_task_local_define_scope(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", scope_close}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_LOCAL_SCOPE, none, meta);
}

void ebb_lua_task_local_define_error(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", error_tostring}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_ACCESS_ERROR, none, meta);
}

void ebb_lua_task_local_open(lua_State *L, ebb_lua *el) {
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, new_key, 1);
  lua_setfield(L, -2, "task_local");
}
