/* SPDX-License-Identifier: MIT
   The runtime: what each room of the engine keeps in it. */
#ifndef EBB_CORE_LOOP_RUNTIME_H
#define EBB_CORE_LOOP_RUNTIME_H

#include <assert.h>
#include <stdatomic.h>

#include "core/base/clock.h"
#include "core/loop/fd.h"
#include "core/loop/poller.h"
#include "core/os/reactor.h"
#include "core/os/stack.h"
#include "core/task/task.h"

struct ebb_work;
typedef struct ebb_mailbox ebb_mailbox;

/* One part for each concern, which the file of that name changes; others read
   it, or call a verb. It belongs to one thread (R1): all that others may
   touch is `interrupted`, its reactor's kick and its mailbox. Nothing here is
   a count of references: the owner frees it, when every task has ended and
   every handle of a task has been given back.

   Exactly one of these holds at any time: a task is current and runs on
   stacks.running, or on the native stack if it is the root; or the loop runs on
   stacks.running, and nothing is current. */
struct ebb_runtime {
  ebb_tasks tasks; /* comes first: see ebb_tasks_of */
  ebb_alloc alloc;
  ebb_alloc thread_alloc; /* see ebb_options; its function may be NULL */
  ebb_clock clock;

  /* The root stands for the native stack: whatever calls in from outside of
     tasks. It is current whenever no task is and the loop does not run. */
  ebb_task root;
  struct ebb_scope *root_scopes; /* see task_local.c */

  struct {
    ebb_stack_pool pool;
    ebb_stack *running; /* the pool stack that runs; NULL: the native one */
    ebb_context native; /* meaningful while a pool stack runs */
  } stacks;

  /* What the loop looks at besides tasks. */
  struct {
    ebb_reactor reactor;
    ebb_fd_table fds;
    ebb_poller poller;
    int countdown;           /* turns until it looks */
    atomic_bool interrupted; /* by ebb_interrupt, not yet seen by the loop */
  } events;

  /* Other threads. */
  struct {
    ebb_mailbox *mailbox; /* NULL until it is asked for */
    uint32_t wakers;      /* that exist */
    uint32_t jobs;        /* that tasks here wait for; see job.h */
    uint32_t tasks;       /* here that do a job for another runtime, which may
                           abort them */
    unsigned max_blocking_threads; /* 0: the default */
    bool deaf;                     /* nothing new comes from other runtimes */
  } remote;

  /* ebb_tick. */
  struct {
    bool active; /* the loop leaves instead of sleeping */
    int64_t end; /* on the real clock */
    uint32_t polls;
  } tick;

  /* The task whose wait ends with -EDEADLK when no other can, and at `until` on
     the system's clock: the root, or a task that ends the process. */
  struct {
    ebb_task *task;
    int64_t until;
  } sentry;

  /* The time of turns, for `busy` of tasks. */
  struct {
    bool on;
    ebb_id id;     /* of the task whose turn began */
    int64_t begun; /* and when, on the real clock */
  } measure;

  ebb_list bystanders; /* look again whenever a suspended stack has gone on */
};

/* Something may come that the runtime knows nothing of: no wait is a deadlock,
   until as many calls of the other have taken that back. */
static inline void ebb_runtime_keep_alive(ebb_runtime *rt) {
  rt->remote.wakers++;
}

static inline void ebb_runtime_let_die(ebb_runtime *rt) {
  assert(rt->remote.wakers > 0);
  rt->remote.wakers--;
}

/* Nothing that other runtimes still send is waited for, or it is again. */
static inline void ebb_runtime_set_deaf(ebb_runtime *rt, bool on) {
  rt->remote.deaf = on;
}

/* The memory of states on other threads: see ebb_options. */
static inline void ebb_runtime_set_thread_alloc(ebb_runtime *rt, ebb_alloc a) {
  rt->thread_alloc = a;
}

/* From now on turns are timed. */
static inline void ebb_runtime_measure(ebb_runtime *rt) {
  rt->measure.on = true;
}

/* Until when on the system's clock the end of a runtime waits for blocking
   work, and what it tells of the work that still runs then. */
typedef struct ebb_shutdown {
  int64_t until;
  void (*stuck)(void *ctx, struct ebb_work *w); /* may be NULL */
  void *ctx;
} ebb_shutdown;

/* As ebb_runtime_shutdown_timeout, from outside of tasks. */
int ebb_runtime_shutdown(ebb_runtime *rt, const ebb_shutdown *s);

#endif
