/* SPDX-License-Identifier: MIT
   ebb.sync.Notify (Tokio: sync::Notify): wakes tasks without handing them a
   value. The engine's Notify lies in the userdata as it is. */
#include <assert.h>

#include "core/sync/notify.h"
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/sync/sync.h"
#include "lua/task/wait.h"

static ebb_notify *check(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_NOTIFY, most);
}

static int notify_new(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  ebb_notify *n = ebb_lua_class_new(L, el, CLASS_NOTIFY, sizeof *n, 0);
  ebb_notify_init(n, el->rt);
  return 1;
}

/* stack: notify -> nothing. The call has the object on its stack, so the
   queue exists for as long as a task waits in it. */
static int notified_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  (void)el;
  assert(lua_isuserdata(L, 1));
  return ebb_notify_poll(lua_touserdata(L, 1), w);
}

static int notified(lua_State *L) {
  static const ebb_lua_op op = {"notified", notified_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  check(L, el, 2);
  return ebb_lua_await(L, el, &op);
}

/* Neither waits nor allocates: finalizers may call both. */
static int notify_one(lua_State *L) {
  ebb_notify_one(check(L, ebb_lua_state_checked(L), 1));
  return 0;
}

static int notify_waiters(lua_State *L) {
  ebb_notify_waiters(check(L, ebb_lua_state_checked(L), 1));
  return 0;
}

void ebb_lua_notify_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"notified", notified},
                                     {"notify_one", notify_one},
                                     {"notify_waiters", notify_waiters},
                                     {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_NOTIFY, methods, none);
}

void ebb_lua_notify_open(lua_State *L, ebb_lua *el) {
  ebb_lua_sync_add_class(L, el, "Notify", notify_new);
}
