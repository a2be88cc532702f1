/* SPDX-License-Identifier: MIT
   One task, and the runtime as far as a task's life needs it. The states
   and who moves a task between them are here; which task runs when is the
   scheduler's affair.

       ready ---> running ---> finished
         ^         |   |
         |         v   | (yields)
         +--- waiting  |
         +-------------+

   A poll runs the task until it ends or waits. It ends a wait in one of two
   ways: it returns EBB_POLL_PENDING after ebb_wait_begin, and is called
   again when the wait is over; or it calls ebb_wait in the middle, which
   suspends the stack it runs on and returns when the wait is over. */
#ifndef EBB_CORE_TASK_TASK_H
#define EBB_CORE_TASK_TASK_H

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>

#include "core/base/clock.h"
#include "core/base/list.h"
#include "core/base/slab.h"
#include "core/base/table.h"
#include "core/base/timer_heap.h"
#include "core/loop/fd.h"
#include "core/loop/poller.h"
#include "core/os/reactor.h"
#include "core/os/stack.h"

enum { EBB_BUDGET = 128 };

/* What a task waits for that has yielded. */
#define EBB_NEXT_TURN "its next turn"

typedef enum ebb_poll { EBB_POLL_DONE, EBB_POLL_PENDING } ebb_poll;

struct ebb_scope;

/* A kind of task. Nothing compares the address of one: what kinds differ in
   is said here. */
typedef struct ebb_task_ops {
  size_t size;     /* of the struct that begins with an ebb_task; at most
                  EBB_TASK_SIZE */
  unsigned traits; /* bits that mean something to the library that has made
                      the kind, and nothing to the engine, whose own kinds
                      have none */

  /* Starts a new task in the place of making it ready. NULL: it is made
     ready. */
  void (*start)(ebb_task *t);

  /* Runs the task; see above. Must look at `aborted` first. Sets `outcome`
     before it returns EBB_POLL_DONE. */
  ebb_poll (*poll)(ebb_task *t);

  /* Called by an abort in the place of ending the wait, for tasks whose wait
     no abort cuts. NULL: it ends the wait. */
  void (*abort)(ebb_task *t);

  /* A wait in the middle of a call has failed because of an abort, of which
     the function that waited is about to learn. May be NULL. */
  void (*cut)(ebb_task *t);

  /* What the task came to, for C; NULL: nothing. */
  void *(*value)(ebb_task *t);

  /* The name that it was given in C, or NULL. NULL: it has none. */
  const char *(*name)(const ebb_task *t);

  /* Where its scopes begin (task_local.c). NULL: it cannot have any. */
  struct ebb_scope **(*scopes)(ebb_task *t);

  /* The state of the library that the task belongs to; see `traits`. NULL: it
     belongs to the runtime alone. */
  void *(*owner)(const ebb_task *t);

  /* The task has just finished; nobody has seen it yet. It may exit the
     process. May be NULL. */
  void (*finished)(ebb_task *t);

  /* Prefetches what poll will touch beyond the task itself. May be NULL. */
  void (*prefetch)(const ebb_task *t);

  /* The last reference is gone: lets go of all but the memory. */
  void (*drop)(ebb_task *t);
} ebb_task_ops;

typedef enum ebb_state {
  EBB_NEW,     /* not started: in no list */
  EBB_READY,   /* `link` is in the run queue, or that of a LocalSet which
                  nobody drives (the root's is in none while the native
                  stack runs) */
  EBB_RUNNING, /* it is rt->current; `link` is in no list */
  EBB_WAITING, /* `link` may be in the list waited in, `timer` in the heap */
  EBB_FINISHED /* `link` is in its set's list of finished tasks, if it has
                  a set; `outcome` is right */
} ebb_state;

/* What every turn and every wake touches comes last, next to the fields of
   the kind of task. */
struct ebb_task {
  ebb_id id;          /* 0: the root */
  const char *what;   /* what the last wait was for: static text */
  ebb_list joiners;   /* tasks that wait for this one, or in map:join(key) */
  int64_t spawned_at; /* rt->now at that time */
  int64_t busy;       /* real ns run so far; counted once rt->measured is set */
  uint32_t id_slot;   /* place in rt->tasks */
  uint32_t refs;      /* scheduler until finished, set, handles (R7) */
  uint32_t set_slot;  /* place in the set; meaningful while set != NULL */
  uint32_t polls;

  ebb_list link;
  ebb_runtime *rt;
  const ebb_task_ops *ops;
  ebb_stack *stack; /* the stack it is suspended on, or NULL (R8) */
  ebb_join_set *set;
  struct ebb_member *local; /* its place in a LocalSet; not NULL only until
                               finished */
  struct ebb_wait_queue
      *queue;      /* waits there, or has a grant of it; see wait_queue.h */
  int status;      /* how the last wait ended: 0 or negative errno */
  ebb_timer timer; /* in rt->timers while a deadline is waited for */
  uint8_t state;   /* ebb_state */
  uint8_t outcome; /* ebb_outcome; meaningful when finished */
  bool aborted : 1;
  bool uncancellable : 1; /* its clean-up runs: no abort cuts its waits (R5) */
  bool in_park : 1;       /* waits in ebb_park */
  bool racing : 1;  /* owns a race: aborted, it runs before the race goes on */
  bool token : 1;   /* an unpark that came before */
  bool granted : 1; /* meaningful while queue != NULL */
  bool gated : 1;   /* it is ready in its LocalSet, not in the run queue */
  bool unconstrained : 1; /* has no budget: never forced to yield */
  bool lending : 1;       /* a thread of the pool uses its stack */
  uint32_t amount;        /* how much of it; meaningful while queue != NULL */
};

/* No kind of task is larger: they all come from one pool. */
enum { EBB_TASK_SIZE = sizeof(ebb_task) + 40 };

struct ebb_runtime {
  ebb_alloc alloc;
  ebb_alloc thread_alloc; /* see ebb_options; its function may be NULL */
  ebb_slab blocks;        /* for tasks */
  ebb_clock clock;
  ebb_list ready; /* the run queue */
  ebb_timer_heap timers;
  ebb_table tasks; /* every task there is, by id; not the root */
  ebb_stack_pool stacks;
  ebb_reactor reactor;
  ebb_fd_table fds;
  ebb_poller poller;
  ebb_handle *handle; /* NULL until it is asked for */

  /* The root stands for the native stack: whoever calls in from outside of
     tasks. It is current whenever no task is and the loop does not run. */
  ebb_task root;
  ebb_context native; /* meaningful while a pool stack runs */
  ebb_task *current;  /* NULL only inside the loop itself */
  ebb_stack *stack;   /* the pool stack that runs; NULL: the native one */

  ebb_id last_id;
  int64_t now; /* when the loop last looked at the clock */
  uint32_t ready_count;
  uint32_t unfinished;
  uint32_t wakers; /* that exist */
  uint32_t jobs;   /* that tasks here wait for; see job.h */
  uint32_t
      remote_tasks; /* tasks here that do a job for another runtime, which may
                      abort them */
  unsigned max_blocking_threads; /* 0: the default */
  int budget;                    /* left in the current turn */
  int countdown; /* turns until timers and reactor are looked at */
  bool never_block;
  bool closing;       /* ebb_runtime_free: new tasks are aborted at once */
  bool deaf;          /* nothing new comes from other runtimes */
  bool measured;      /* turns are timed, for `busy` */
  ebb_id turn_id;     /* while measured: whose turn began */
  int64_t turn_begun; /* and when */
  bool ticking;       /* ebb_tick runs: the loop leaves instead of sleeping */
  int64_t tick_end;   /* on the real clock, as turn_begun */
  uint32_t tick_polls;
  ebb_list when_empty; /* waits for unfinished to become 0 */
  ebb_task *sentry; /* its wait ends with -EDEADLK when no other can; the root,
                       or a task that ends the process */
  int64_t sentry_until; /* the same at that time of the system's clock */
  ebb_list bystanders;  /* look again whenever a suspended stack has gone on */
  atomic_bool interrupted;  /* by ebb_interrupt, not yet seen by the loop */
  struct ebb_scope *scopes; /* the root's; see task_local.c */
};

/* ---- life ---- */

/* Makes a new task of a kind, with one reference, the scheduler's; it has
   an id but does not run. NULL: no memory. */
ebb_task *ebb_task_create(ebb_runtime *rt, const ebb_task_ops *ops);

/* Gives a new task, not started, the id it has in another runtime. A runtime
   that has no number of its own counts on from there. */
void ebb_task_set_id(ebb_task *t, ebb_id id);

/* Starts a new task as its kind has it: most are made ready. Cannot fail. */
void ebb_task_start(ebb_task *t);

/* Puts a task that is in no list into the queue that is for it. */
void ebb_task_make_ready(ebb_task *t);

/* The running task has come to its end, its `outcome` set. */
void ebb_task_finish(ebb_task *t);

static inline void ebb_task_retain(ebb_task *t) { t->refs++; }

/* The task of an id, or NULL. */
ebb_task *ebb_task_find(const ebb_runtime *rt, ebb_id id);

void ebb_task_result(ebb_task *t, ebb_result *result);

/* The name that the task was given in C, or NULL. */
static inline const char *ebb_task_name(const ebb_task *t) {
  return t->ops->name != NULL ? t->ops->name(t) : NULL;
}

/* What the task belongs to besides the runtime, or NULL. */
static inline void *ebb_task_owner(const ebb_task *t) {
  return t->ops->owner != NULL ? t->ops->owner(t) : NULL;
}

static inline bool ebb_task_is_root(const ebb_task *t) { return t->id == 0; }

/* Prefetches for the tasks that come after `t` in a list: what the next will
   touch, itself being here by now, and the one after it. Where a crowd of
   tasks is gone through in an order that is not that of memory, this is half
   the time; below that number the cache holds them anyway. */
void ebb_task_prefetch(const ebb_task *t, const ebb_list *list);
enum { EBB_CROWD = 4096 };

/* ---- waiting ---- */

/* The running task now waits in `list` (or NULL) until `deadline`. If it
   has been aborted the wait is over at once. 0 or -ENOMEM. */
int ebb_wait_begin(ebb_runtime *rt, ebb_list *list, int64_t deadline,
                   const char *what);

/* The running task goes to the back of the run queue. */
void ebb_wait_yield(ebb_runtime *rt, const char *what);

/* Ends the wait of a waiting task with a status; else does nothing. */
void ebb_task_wake(ebb_task *t, int status);

/* A task in a wait queue, or with a grant that it has not taken, is out of it:
   what it was granted goes back. Does nothing for another. */
void ebb_task_leave_queue(ebb_task *t);

/* A ready task is the next to run; does nothing to any other. */
void ebb_task_schedule_next(ebb_task *t);

/* Ends the wait of every task in the list, with a status; or with 0. */
void ebb_end_waits(ebb_list *list, int status);

static inline void ebb_wake_all(ebb_list *list) { ebb_end_waits(list, 0); }

/* What a turn of the task begins with. */
static inline int ebb_full_budget(const ebb_task *t) {
  return t->unconstrained ? INT_MAX : EBB_BUDGET;
}

/* The running task has no budget from here on; returns what to give to
   ebb_budget_resume, which any task may call. They may be nested. */
int ebb_budget_suspend(ebb_task *t);
void ebb_budget_resume(ebb_task *t, int budget);

/* Takes 1 of the budget; false when there is none left: yield first. */
static inline bool ebb_budget_take(ebb_runtime *rt) {
  if (rt->budget > 0) {
    rt->budget--;
    return true;
  }
  /* Whoever must not wait has no next turn to wait for. */
  return rt->never_block && ebb_task_is_root(rt->current);
}

/* Has the task been aborted, and is not in its clean-up? Then its waits end
   at once. */
static inline bool ebb_task_is_cut(const ebb_task *t) {
  return t->aborted && !t->uncancellable;
}

static inline void ebb_task_tell_cut(ebb_task *t) {
  if (t->ops->cut != NULL) t->ops->cut(t);
}

/* Is the wait that the running task is about to begin over before? That is
   how the task learns of its abort, as any wait that ends. */
static inline bool ebb_wait_is_cut(ebb_runtime *rt) {
  if (!ebb_task_is_cut(rt->current)) return false;
  rt->current->status = -ECANCELED;
  ebb_task_tell_cut(rt->current);
  return true;
}

#endif
