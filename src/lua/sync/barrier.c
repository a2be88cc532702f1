/* SPDX-License-Identifier: MIT
   ebb.sync.Barrier (Tokio: sync::Barrier). Other than there, a task that is
   aborted while it waits does not count any more. */
#include <assert.h>

#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/sync/sync.h"
#include "lua/task/wait.h"

/* `arrived` is the length of the queue, kept as a number so that a wait need
   not count. A task is counted just before it begins to wait. It is taken off
   again when it leaves without a grant: by an abort, or by a signal, after
   which it polls and is counted anew. The last task never waits: it grants
   all others their leave and goes on. So `arrived` is below `size`; a size of
   0 works as 1 does. */
typedef struct barrier {
  ebb_wait_queue queue;
  lua_Integer size;
  lua_Integer arrived; /* tasks in the queue */
} barrier;

static barrier *check(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_BARRIER, most);
}

/* A task that was granted its leave is not counted any more: nothing goes
   back when it is aborted before it runs, since the leave was for it alone. */
static void on_leave(ebb_wait_queue *queue, uint32_t amount, bool granted) {
  barrier *b = ebb_container_of(queue, barrier, queue);
  (void)amount;
  assert(granted || b->arrived > 0);
  if (!granted) b->arrived--;
}

static int barrier_new(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  lua_Integer n = ebb_lua_args_count(L, 1);
  barrier *b = ebb_lua_class_new(L, el, CLASS_BARRIER, sizeof *b, 0);
  b->size = n;
  ebb_wait_queue_init(&b->queue, on_leave);
  return 1;
}

/* The count is 0 before the first task can run: a task that comes to the
   barrier a second time belongs to the next round. */
static void let_all_go(barrier *b) {
  ebb_task *t;
  b->arrived = 0;
  while ((t = ebb_wait_queue_first(&b->queue)) != NULL) ebb_wait_queue_grant(t);
}

/* stack: barrier -> was this the last one? What would refuse the wait raises
   its error before the task is counted. Without a budget the last task is not
   counted either: in its next turn it looks again, and may have to wait. */
static int wait_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  barrier *b = lua_touserdata(L, 1);
  bool last = !w->granted;
  assert(lua_isuserdata(L, 1));
  assert(b->arrived == 0 || b->arrived < b->size);
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
