/* SPDX-License-Identifier: MIT
   One task, and what the tasks of a runtime share. The states, and what moves
   a task between them, are here; which task runs when is the scheduler's
   affair.

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

#include <assert.h>

#include "core/base/list.h"
#include "core/base/slab.h"
#include "core/base/table.h"
#include "core/base/timer_heap.h"

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
  EBB_RUNNING, /* it is rt->tasks.current; `link` is in no list */
  EBB_WAITING, /* `link` may be in the list waited in, `timer` in the heap */
  EBB_FINISHED /* `link` is in its group's list of finished tasks, if it has
                  a group; `outcome` is right */
} ebb_state;

/* A collection of tasks, as far as a task has to know it. The task has a
   reference of it and its key in `members`. */
typedef struct ebb_group {
  ebb_table members;
  void (*on_finish)(struct ebb_group *group, ebb_task *t);
} ebb_group;

/* A LocalSet, as far as a task has to know it: tasks behind a gate are in the
   run queue only while somebody holds it open. */
typedef struct ebb_gate {
  ebb_list ready;   /* tasks that could run, if it were open */
  uint32_t drivers; /* calls that hold it open */
  void (*on_finish)(struct ebb_gate *gate, ebb_task *t);
} ebb_gate;

/* A task's place behind a gate. Few tasks have one: it is not in the task. */
typedef struct ebb_member {
  ebb_list link; /* for the gate's owner */
  ebb_gate *gate;
  ebb_task *task;
} ebb_member;

/* A queue for what is given to one task; see core/loop/wait_queue.h. */
typedef struct ebb_wait_queue {
  ebb_list waiting; /* in the order of coming */
  void (*on_leave)(struct ebb_wait_queue *queue, uint32_t amount, bool granted);
} ebb_wait_queue;

/* Where a task is follows from its state, see above: `link` is in one list at
   most, `timer` in the heap only while it waits, and both leave together when
   the wait ends (R4). A task that has a stack is suspended in the middle of a
   call; one that waits without has returned from its poll (R8). While it
   is in a queue, or has a grant of it that it has not taken, `queue` is set.

   The flags, and what changes them:

   aborted        its abort was asked for (R5): ebb_task_abort, and its start
                  while the runtime goes; for good
   uncancellable  no abort cuts its waits: ebb_begin_cleanup, ebb_job_start, a
                  call in place until it is over; ebb_task_set_uncancellable
                  sets and clears it
   in_park        it waits in ebb_park, which sets and clears it
   token          an unpark has not been taken: ebb_unpark; ebb_park clears it
   racing         it owns a race: ebb_join_set_race; ebb_join_set_end_race
   granted        it has been given what it waits for in `queue`:
                  ebb_wait_queue_grant; cleared by ebb_wait_queue_take, or by
                  ebb_task_leave_queue, which gives it back
   gated          it is ready behind a closed gate: ebb_run_queue_push; cleared
                  by ebb_run_queue_ungate and ebb_run_queue_remove
   unconstrained  it has no budget: ebb_budget_suspend, ebb_budget_inherit;
                  cleared by ebb_budget_resume
   lending        a thread of the pool uses its stack: ebb_block_in_place, which
                  clears it; nothing may end the task then

   What every turn and every wake touches comes last, next to the fields of
   the kind of task. */
struct ebb_task {
  ebb_id id;          /* 0: the root */
  const char *what;   /* what the last wait was for: static text */
  ebb_list joiners;   /* tasks that wait for this one, or in map:join(key) */
  int64_t spawned_at; /* rt->tasks.now at that time */
  int64_t busy;     /* real ns run so far; counted once rt->measure.on is set */
  uint32_t id_slot; /* place in rt->tasks.by_id */
  uint32_t refs;    /* scheduler until finished, group, handles (R7) */
  uint32_t group_slot; /* place in the group; meaningful while group != NULL */
  uint32_t polls;

  ebb_list link;
  ebb_runtime *rt;
  const ebb_task_ops *ops;
  struct ebb_stack *stack; /* the stack it is suspended on, or NULL (R8) */
  ebb_group *group;
  ebb_member *local;     /* its place in a LocalSet; not NULL only until
                            finished */
  ebb_wait_queue *queue; /* waits there, or has a grant of it; see
                            wait_queue.h */
  int status;            /* how the last wait ended: 0 or negative errno */
  ebb_timer timer; /* in rt->tasks.timers while a deadline is waited for */
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
enum { EBB_TASK_SIZE = sizeof(ebb_task) + 48 };

typedef struct ebb_run_queue {
  ebb_list ready; /* the first is the next to run */
  uint32_t count;
} ebb_run_queue;

/* What the tasks of a runtime share. It is the beginning of the runtime, of
   which this room knows no more.

   `unfinished` counts the tasks that have started and not finished, those
   whose work is done on other threads included; `by_id` has those and the
   finished ones to which somebody still has a reference. `current` is the root
   outside of tasks, so that code that may run there needs no second case; it
   is NULL while the loop looks for the next task, when no code of a task runs.
   `budget` is that of the current task's turn. */
typedef struct ebb_tasks {
  ebb_run_queue queue;
  ebb_timer_heap timers; /* of waits with a deadline */
  ebb_task *current;     /* the one that runs, or the root; NULL only inside
                            the loop itself */
  int budget;            /* left in the current turn */
  bool never_block;      /* the root must not wait */
  bool closing;          /* ebb_runtime_free: new tasks are aborted at once */
  bool numbered;         /* ids are counted from this runtime's own number on;
                            see handle.c */
  ebb_slab blocks;       /* for tasks */
  ebb_table by_id;       /* every task there is; not the root */
  ebb_id last_id;
  int64_t now; /* when the loop last looked at the clock */
  uint32_t unfinished;
  ebb_list when_empty; /* waits for unfinished to become 0 */
} ebb_tasks;

static inline ebb_tasks *ebb_tasks_of(const ebb_runtime *rt) {
  return (ebb_tasks *)(uintptr_t)rt;
}

/* ---- life ---- */

void ebb_task_init_all(ebb_tasks *all, const ebb_alloc *alloc);
void ebb_task_destroy_all(ebb_tasks *all);

/* Makes a new task of a kind, with one reference, the scheduler's; it has
   an id but does not run. NULL: no memory. */
ebb_task *ebb_task_create(ebb_runtime *rt, const ebb_task_ops *ops);

/* Gives a new task, not started, the id it has in another runtime. A runtime
   that has no number of its own counts on from there. */
void ebb_task_set_id(ebb_task *t, ebb_id id);

/* Starts a new task as its kind has it: most are made ready. Cannot fail. */
void ebb_task_start(ebb_task *t);

/* The running task has come to its end, its `outcome` set. */
void ebb_task_finish(ebb_task *t);

static inline void ebb_task_retain(ebb_task *t) {
  assert(t->refs > 0); /* R7 */
  t->refs++;
}

/* The caller's reference is the only one: nothing that has another will let go
   of it, the group excepted, which must. */
static inline void ebb_task_forget_others(ebb_task *t) { t->refs = 1; }

/* What a poll says before it returns EBB_POLL_DONE, or a task that is about to
   end. */
static inline void ebb_task_set_outcome(ebb_task *t, ebb_outcome outcome) {
  t->outcome = (uint8_t)outcome;
}

/* From now on no abort cuts its waits (R5), or each does again. */
static inline void ebb_task_set_uncancellable(ebb_task *t, bool on) {
  t->uncancellable = on;
}

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

/* ---- the end of waits ---- */

/* Ends the wait of a waiting task with a status; else does nothing. */
void ebb_task_wake(ebb_task *t, int status);

/* A task in a wait queue, or with a grant that it has not taken, is out of it:
   what it was granted goes back. Does nothing for another. */
void ebb_task_leave_queue(ebb_task *t);

/* Ends the wait of every task in the list, with a status; or with 0. */
void ebb_task_end_waits(ebb_list *list, int status);

static inline void ebb_wake_all(ebb_list *list) { ebb_task_end_waits(list, 0); }

/* Has the task been aborted, and is not in its clean-up? Then its waits end
   at once. */
static inline bool ebb_task_is_cut(const ebb_task *t) {
  return t->aborted && !t->uncancellable;
}

static inline void ebb_task_tell_cut(ebb_task *t) {
  if (t->ops->cut != NULL) t->ops->cut(t);
}

#endif
