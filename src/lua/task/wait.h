/* SPDX-License-Identifier: MIT
   The one way to wait, from Lua. A primitive is a poll, see
   core/loop/await.h. */
#ifndef EBB_LUA_TASK_WAIT_H
#define EBB_LUA_TASK_WAIT_H

#include "core/loop/await.h"
#include "lua/state/state.h"

/* A primitive: see core/loop/await.h. The poll finds its arguments on the
   stack, and on top of that nothing. It pushes results and returns how many;
   or it answers that it has to wait, and leaves the stack at least as high as it
   was. It may raise errors, and run Lua code; a call that may yield is the last
   thing that it does. */
typedef int ebb_lua_poll(lua_State *L, ebb_lua *el, ebb_await *w);

/* Static, since a wait refers to it. */
typedef struct ebb_lua_op {
  const char *what; /* it waits for, in what people are shown */
  ebb_lua_poll *poll;
  bool tidies; /* it is polled once more when a wait has failed: `status` is
                  one for which ebb_lua_wait_failed is true, and the poll must
                  end with ebb_lua_wait_raise */
} ebb_lua_op;

/* Polls and waits until there is a result, and returns how many values it has.
   To be called as `return ebb_lua_await(...)` in a function of the module:
   where Lua may yield, the function ends here, and a continuation goes on
   with the poll. An abort does not return. */
int ebb_lua_await(lua_State *L, ebb_lua *el, const ebb_lua_op *op);

/* Waits in `list` until `deadline`. Where Lua may yield this does not
   return: `k` is called instead when the wait is over, and must begin with
   ebb_lua_wait_over. Elsewhere it returns. Both give how the wait ended: 0,
   -ETIMEDOUT, or -EINTR, for a signal or so, which callers treat like 0: they
   look at what they wait for, and wait again; in the lists of fd.h also what
   the waiter was woken with, above 0. The idiom:

     static int f_k(lua_State *L, int status, lua_KContext ctx) {
       ebb_lua *el = (ebb_lua *)ctx;
       return f_on(L, el, ebb_lua_wait_over(L, el, f_k));
     }

   Any other end is raised as an error, and an abort does not return. */
int ebb_lua_wait(lua_State *L, ebb_lua *el, ebb_list *list, int64_t deadline,
                 const char *what, lua_KFunction k);
int ebb_lua_wait_over(lua_State *L, ebb_lua *el, lua_KFunction k);

/* The same two for a caller that has to tidy up before an error is raised:
   where the others raise one, these return a status for which
   ebb_lua_wait_failed is true, and which ebb_lua_wait_raise then raises. */
int ebb_lua_wait_try(lua_State *L, ebb_lua *el, ebb_list *list,
                     int64_t deadline, const char *what, lua_KFunction k);
int ebb_lua_wait_try_over(lua_State *L, ebb_lua *el, lua_KFunction k);

static inline bool ebb_lua_wait_failed(int status) {
  return status < 0 && status != -ETIMEDOUT && status != -EINTR;
}

_Noreturn void ebb_lua_wait_raise(lua_State *L, ebb_lua *el, int status);

/* The same in a line. ebb_wait_queue_take, called before anything else when the
   wait is over, tells whether something was granted. If not, callers look
   again: all who waited have been dismissed, or a signal has come. */
int ebb_lua_wait_in(lua_State *L, ebb_lua *el, ebb_wait_queue *queue,
                    uint32_t amount, const char *what, lua_KFunction k);

/* Calls fn(arg) on a thread of the pool while the task waits here on its
   stack, so that `arg` may be there. `fn` must not touch Lua. 0; -EINTR: a
   signal came and it was not called; -EAGAIN, -EMFILE or -ENFILE: there was
   no thread for it, or no way to hear from it. */
int ebb_lua_wait_in_place(lua_State *L, ebb_lua *el, void (*fn)(void *arg),
                          void *arg);

/* The same to the back of the run queue. */
int ebb_lua_wait_yield(lua_State *L, ebb_lua *el, lua_KFunction k);

/* Raises an error where waiting is refused. The waits do it themselves. */
void ebb_lua_wait_check(lua_State *L, ebb_lua *el);

/* Renews the object whose finalizer aborts the tasks. Raises errors. */
void ebb_lua_wait_renew_sentinel(lua_State *L, ebb_lua *el);

#endif
