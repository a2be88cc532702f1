/* SPDX-License-Identifier: MIT
   ebb.sync.Barrier (Tokio: sync::Barrier). Other than there, a task that is
   aborted while it waits does not count any more. */
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/sync/sync.h"
#include "lua/task/wait.h"

typedef struct barrier {
  ebb_wait_queue queue;
  lua_Integer size;
  lua_Integer arrived; /* wait in line */
} barrier;

static barrier *check(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_BARRIER, most);
}

static void on_leave(ebb_wait_queue *queue, uint32_t amount, bool granted) {
  (void)amount;
  if (!granted) ebb_container_of(queue, barrier, queue)->arrived--;
}

static int barrier_new(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  lua_Integer n = ebb_lua_args_count(L, 1);
  barrier *b = ebb_lua_class_new(L, el, CLASS_BARRIER, sizeof *b, 0);
  b->size = n;
  ebb_wait_queue_init(&b->queue, on_leave);
  return 1;
}

static void let_all_go(barrier *b) {
  ebb_task *t;
  b->arrived = 0;
  while ((t = ebb_wait_queue_first(&b->queue)) != NULL) ebb_wait_queue_grant(t);
}

/* stack: barrier -> was this the last one? */
static int wait_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  barrier *b = lua_touserdata(L, 1);
  bool last = !w->granted;
  if (last && b->arrived + 1 < b->size) {
    ebb_lua_wait_check(L, el);
    b->arrived++;
    return ebb_await_in_queue(w, &b->queue, 0);
  }
  if (last && !ebb_await_proceed(w)) return EBB_AWAIT_YIELD;
  if (last) let_all_go(b);
  lua_pushboolean(L, last);
  return 1;
}

static int barrier_wait(lua_State *L) {
  static const ebb_lua_op op = {"barrier", wait_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  check(L, el, 1);
  return ebb_lua_await(L, el, &op);
}

void ebb_lua_barrier_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"wait", barrier_wait}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_BARRIER, methods, none);
}

void ebb_lua_barrier_open(lua_State *L, ebb_lua *el) {
  ebb_lua_sync_add_class(L, el, "Barrier", barrier_new);
}
