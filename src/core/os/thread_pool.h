/* SPDX-License-Identifier: MIT
   The pool of threads on which blocking work is done (Tokio: the blocking
   pool). It grows when work waits and no thread is idle, up to a limit; an
   idle thread leaves after a while. The pool is part of a handle, and each
   thread has a reference to that: so a thread whose work does not end may
   outlive the runtime. */
#ifndef EBB_CORE_OS_THREAD_POOL_H
#define EBB_CORE_OS_THREAD_POOL_H

#include "core/base/clock.h"
#include "core/base/list.h"
#include "core/os/cond.h"

enum { EBB_BLOCKING_LIMIT = 512 };
#define EBB_THREAD_POOL_KEEP_ALIVE INT64_C(10000000000)

/* A thread of the pool, as its work sees it. */
typedef struct ebb_worker {
  void *local; /* what some work has left for later work of this thread */
  void (*drop_local)(void *local); /* called when the thread leaves, if that is
                                      not NULL */
} ebb_worker;

static inline void ebb_worker_set_local(ebb_worker *worker, void *local,
                                        void (*drop)(void *local)) {
  worker->local = local;
  worker->drop_local = drop;
}

/* Embedded in what is to be done. `run` does it, and `done` is called when
   the pool does not know of it any more; `cancel` is called instead of both
   when the pool is closed before. */
typedef struct ebb_work {
  ebb_list link;  /* in `queue` or `running`; under the lock */
  bool queued;    /* under the lock */
  bool dedicated; /* on a thread of its own, which the limit does not count */
  struct ebb_thread_pool *pool; /* of work that was submitted */
  void (*run)(struct ebb_work *w, ebb_worker *worker);
  void (*done)(struct ebb_work *w);
  void (*cancel)(struct ebb_work *w);
} ebb_work;

/* All of it is under the lock, but for limit and keep_alive before the first
   submit, and what contains the pool. Invariants: queued is the length of
   `queue`; idle threads wait in `wanted`, or are about to look; threads -
   dedicated of them take work from the queue, at most `limit`, unless that was
   lowered. Work is in `queue` until a thread takes it, then in `running` until
   it has been done, then in neither; `done` is called after that, without the
   lock. Once the pool is closed nothing enters `queue` any more. */
typedef struct ebb_thread_pool {
  ebb_mutex lock;
  ebb_cond wanted; /* work has come, or the pool is closed */
  ebb_cond gone;   /* a thread of a closed pool has left */
  ebb_list queue;
  ebb_list running;
  unsigned limit;     /* of threads */
  int64_t keep_alive; /* ns after which an idle thread leaves */
  unsigned threads;   /* that have not left */
  unsigned dedicated; /* of them, those that take no work from the queue: they
                       are on their own, or about to leave */
  unsigned idle;
  unsigned queued;
  bool closed;
  void (*retain)(void *owner); /* what contains the pool */
  void (*release)(void *owner);
  void *owner;
} ebb_thread_pool;

/* 0 or a negative errno. Nothing is started. */
int ebb_thread_pool_init(ebb_thread_pool *b);
void ebb_thread_pool_destroy(ebb_thread_pool *b);

/* A higher one starts threads for work that has been waiting for them. */
void ebb_thread_pool_set_limit(ebb_thread_pool *b, unsigned limit);

/* Queues work. 0; -ESHUTDOWN (the pool is closed), or what came of starting
   the first thread: then it is not queued. *any thread* */
int ebb_thread_pool_submit(ebb_thread_pool *b, ebb_work *w);

/* Takes work that has not started out of the queue; false when it is too
   late for that. *any thread* */
bool ebb_thread_pool_withdraw(ebb_thread_pool *b, ebb_work *w);

/* Cancels what has not started, and waits until the threads have left, until
   `deadline` of ebb_clock_system at most. Then `stuck`, if not NULL, is called,
   with the lock held, for the work that still runs. Returns how much there
   is. */
unsigned ebb_thread_pool_close(ebb_thread_pool *b, int64_t deadline,
                               void (*stuck)(void *ctx, ebb_work *w),
                               void *ctx);

#endif
