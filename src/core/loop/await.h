/* SPDX-License-Identifier: MIT
   The one way to wait for a primitive, in C and in Lua.

   A primitive is a *poll*: a function that looks whether it can have what its
   task waits for. It takes it and answers with a result; or it answers
   EBB_AWAIT_PENDING and has said where to wait, or EBB_AWAIT_YIELD. Then the
   task waits, and the poll is called again. A poll must look anew each time:
   between two calls anything may have happened, except to what was granted.

   The C function of a primitive is a poll and ebb_await_run. Its Lua method is
   the same poll and ebb_lua_await, and what makes values of the result. */
#ifndef EBB_CORE_LOOP_AWAIT_H
#define EBB_CORE_LOOP_AWAIT_H

#include <errno.h>
#include <limits.h>

#include "core/loop/wait.h"
#include "core/loop/wait_queue.h"
#include "core/task/budget.h"

/* One call of a primitive, from its first poll to its result. */
typedef struct ebb_await {
  ebb_runtime *rt;

  /* For the poll to read. */
  int status;   /* how the last wait ended: 0, -ETIMEDOUT, or what it was woken
                   with; 0 before the first */
  bool again;   /* it has been polled before */
  bool granted; /* the task has been given what it waited for in a queue */
  bool unconstrained; /* the budget is not asked */
  void *self;         /* what the call knows of its object, or NULL */

  /* Where to wait, when the answer is EBB_AWAIT_PENDING: in the queue, or in
     the list, or only until the deadline. */
  ebb_wait_queue *queue;
  uint32_t amount; /* of the queue */
  ebb_list *list;
  int64_t deadline;
  const char *what; /* static text; there is one already */
} ebb_await;

/* The first poll follows, or one after a wait that has ended. */
static inline void ebb_await_begin(ebb_await *w, ebb_runtime *rt,
                                   const char *what, int status, bool again,
                                   bool granted) {
  w->rt = rt;
  w->status = status;
  w->again = again;
  w->granted = granted;
  w->unconstrained = false;
  w->self = NULL;
  w->deadline = EBB_NEVER;
  w->what = what;
}

/* Answers of a poll that are no results. */
enum { EBB_AWAIT_PENDING = INT_MIN, EBB_AWAIT_YIELD };

/* `op` is the primitive's own. The result: 0 or above, or a negative errno. */
typedef int ebb_await_poll(void *op, ebb_await *w);

/* Waits once where a poll that has answered PENDING or YIELD has said. Returns
   as ebb_wait does. */
int ebb_await_wait(const ebb_await *w, int answer);

/* Polls and waits, as ebb_wait does, until there is a result or a wait
   fails. */
int ebb_await_run(ebb_runtime *rt, const char *what, ebb_await_poll *poll,
                  void *op);

/* Answers of polls that wait in a queue or a list until `w->deadline`: once
   that is over, -ETIMEDOUT. */
static inline int ebb_await_in_queue(ebb_await *w, ebb_wait_queue *queue,
                                     uint32_t amount) {
  if (w->status == -ETIMEDOUT) return -ETIMEDOUT;
  w->queue = queue;
  w->amount = amount;
  return EBB_AWAIT_PENDING;
}

static inline int ebb_await_in_list(ebb_await *w, ebb_list *list) {
  if (w->status == -ETIMEDOUT) return -ETIMEDOUT;
  w->queue = NULL;
  w->list = list;
  return EBB_AWAIT_PENDING;
}

/* The answer of a poll that sees itself to the end of the time. `list` may be
   NULL. */
static inline int ebb_await_until(ebb_await *w, ebb_list *list,
                                  int64_t deadline) {
  w->queue = NULL;
  w->list = list;
  w->deadline = deadline;
  return EBB_AWAIT_PENDING;
}

/* Called before a poll takes what is there. False: the turn's budget is used
   up, and the answer must be EBB_AWAIT_YIELD. */
static inline bool ebb_await_proceed(const ebb_await *w) {
  return w->unconstrained || ebb_budget_take(w->rt);
}

#endif
