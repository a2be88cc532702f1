/* SPDX-License-Identifier: MIT
   A task that is a Lua coroutine. */
#ifndef EBB_LUA_TASK_TASK_H
#define EBB_LUA_TASK_TASK_H

#include "core/task/task.h"
#include "lua/state/state.h"

/* A task that is a Lua coroutine. A thread that scripts know is *exposed*: when
   the task has finished it must look dead, and it is not used again. It has a
   shadow, a thread with the task's id on its stack, that becomes L then.
   What lies where:
   - before the first poll, the body and `count` arguments on L; of a coroutine
     that a script gave as body, the arguments on its shadow, above the id;
   - when the task has completed, `count` results on L, from 1 on;
   - when it has panicked, the value at 1;
   - on top of that the JoinError, if `has_error`.
   `waits` and `cut` exclude each other; `foretold` implies `detailed`; and
   `cancelling` ends with the task. */
typedef struct ebb_lua_task {
  ebb_task task;
  lua_State *L;
  ebb_lua *el;
  const struct ebb_lua_op *op; /* that it waits for where Lua may yield */
  struct ebb_lua_job *job; /* that another thread does; NULL: it runs here */
  int place;               /* among the anchors */
  int count; /* arguments before the first poll, results when finished; in
                between, of an exposed thread, how high it was when it last
                began to wait by a poll */
  uint32_t handles; /* JoinHandles there are */
  bool exposed : 1; /* L is known to scripts, and has a shadow */
  bool unclean : 1; /* the body has not returned: L is not used again */
  bool started : 1;
  bool waits : 1;      /* on its stack, in wait.c, which deals with an abort */
  bool cut : 1;        /* a wait of a C function was cut off; see cut.c */
  bool cancelling : 1; /* its clean-up runs, after an abort */
  bool foretold : 1;   /* its detail is its JoinError already */
  bool detailed : 1;   /* STORE_DETAILS has an entry */
  bool keyed : 1;      /* it was put in a JoinMap, under a key */
  bool named : 1;      /* STORE_NAMES has one */
  bool localized : 1;  /* STORE_TASK_VARS had one for L */
  bool handed : 1;     /* STORE_LINKS has one */
  bool hidden : 1;     /* people are not shown it */
  bool seen : 1;       /* it has been joined, or its panic reported */
  bool has_error : 1;  /* the JoinError is on top of L */
} ebb_lua_task;

extern const ebb_task_ops ebb_lua_task_ops;
extern const ebb_task_ops ebb_lua_job_proxy_ops;

/* The traits of the binding's kinds of task. */
enum {
  EBB_LUA_IS_TASK = 1,      /* an ebb_lua_task, known to scripts */
  EBB_LUA_IS_COROUTINE = 2, /* its thread runs here */
  EBB_LUA_IS_INNER = 4      /* only the binding knows of it */
};

/* Is it a Lua task, of any state, that runs here or on another thread? */
static inline bool ebb_lua_is_task(const ebb_task *t) {
  return (t->ops->traits & EBB_LUA_IS_TASK) != 0;
}

/* Is it one that runs here? */
static inline bool ebb_lua_is_coroutine(const ebb_task *t) {
  return (t->ops->traits & EBB_LUA_IS_COROUTINE) != 0;
}

/* The running task, if it is a Lua task of any state and runs here; else
   NULL. */
static inline ebb_lua_task *ebb_lua_current(const ebb_lua *el) {
  ebb_task *t = el->rt->tasks.current;
  return ebb_lua_is_coroutine(t) ? (ebb_lua_task *)t : NULL;
}

/* Gets what a task with the body at `body` will need. This is the part of
   making a task in which the collector may run finalizers. Raises errors. */
void ebb_lua_task_prepare(lua_State *L, ebb_lua *el, int body);

/* Makes a task, not started, of the body at `body` and the arguments above it
   up to the top, which are popped. It has been prepared, and no Lua code has
   run since. Raises errors, having changed nothing, and runs no Lua code. */
ebb_lua_task *ebb_lua_task_new(lua_State *L, ebb_lua *el, int body);

/* A new task, not started, that has a thread, but nothing to run. */
ebb_lua_task *ebb_lua_task_create(lua_State *L, ebb_lua *el,
                                  const ebb_task_ops *ops);

/* Starts it. */
static inline void ebb_lua_task_start(ebb_lua_task *lt) {
  ebb_task_start(&lt->task);
  if (lt->el->refusing) ebb_task_abort(&lt->task);
}

/* Raises an argument error unless the value can be a task's body. */
void ebb_lua_task_check_body(lua_State *L, ebb_lua *el, int arg);

/* Aborts with the reason at index `reason` (may be none). Raises errors. */
void ebb_lua_task_abort(lua_State *L, ebb_lua_task *lt, int reason);

/* The ebb_task_ops.owner of these tasks: their state. */
void *ebb_lua_task_owner(const ebb_task *t);

/* Tells the end of the state that a task or an executor has finished. */
static inline void ebb_lua_task_note_end(ebb_lua *el) {
  if (!el->closing) return;
  el->ended++;
  ebb_wake_all(&el->when_empty);
}

#endif
