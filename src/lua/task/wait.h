/* SPDX-License-Identifier: MIT
   The one way to wait, from Lua. A primitive is a poll, see
   core/loop/await.h. */
#ifndef EBB_LUA_TASK_WAIT_H
#define EBB_LUA_TASK_WAIT_H

#include "core/loop/await.h"
#include "lua/state/state.h"

/* A primitive: see core/loop/await.h. The poll finds its arguments on the
   stack, and on top of that nothing. It pushes results and returns how many;
   or it answers that it has to wait, and leaves the stack at least as high as
   it was. It may raise errors, and run Lua code; a call that may yield is the
   last thing that it does. */
typedef int ebb_lua_poll(lua_State *L, ebb_lua *el, ebb_await *w);

/* Static, since a wait refers to it. */
typedef struct ebb_lua_op {
  const char *what;   /* it waits for, in what people are shown */
  ebb_lua_poll *poll; /* NULL: that the wait is over is all */
  bool tidies; /* it is polled once more when a wait has failed: `status` is
                  one for which ebb_lua_wait_failed is true, and the poll must
                  end with ebb_lua_wait_raise */
} ebb_lua_op;

/* Polls and waits until there is a result, and returns how many values it has.
   To be called as `return ebb_lua_await(...)` in a function of the module:
   where Lua may yield, the function ends here, and a continuation goes on
   with the poll. An abort does not return. */
int ebb_lua_await(lua_State *L, ebb_lua *el, const ebb_lua_op *op);

/* The same for a method of the object at 1, which is `self`. The poll gets it
   by ebb_lua_await_self. */
int ebb_lua_await_method(lua_State *L, ebb_lua *el, const ebb_lua_op *op,
                         void *self);

static inline void *ebb_lua_await_self(lua_State *L, const ebb_await *w) {
  return w->self != NULL ? w->self : lua_touserdata(L, 1);
}

/* The same, without a poll, for the next turn. No values. */
int ebb_lua_await_turn(lua_State *L, ebb_lua *el);

/* Has a wait ended in a way that is an error? 0, -ETIMEDOUT and -EINTR, for a
   signal or so, are none, nor is what the waiter was woken with, above 0. */
static inline bool ebb_lua_wait_failed(int status) {
  return status < 0 && status != -ETIMEDOUT && status != -EINTR;
}

/* Raises that error. */
_Noreturn void ebb_lua_wait_raise(lua_State *L, ebb_lua *el, int status);

/* Calls fn(arg) on a thread of the pool while the task waits here on its
   stack, so that `arg` may be there. `fn` must not touch Lua. 0; -EINTR: a
   signal came and it was not called; -EAGAIN, -EMFILE or -ENFILE: there was
   no thread for it, or no way to hear from it. */
int ebb_lua_wait_in_place(lua_State *L, ebb_lua *el, void (*fn)(void *arg),
                          void *arg);

/* Raises an error where waiting is refused. The waits do it themselves. */
void ebb_lua_wait_check(lua_State *L, ebb_lua *el);

/* Renews the object whose finalizer aborts the tasks. Raises errors. */
void ebb_lua_wait_renew_sentinel(lua_State *L, ebb_lua *el);

#endif
