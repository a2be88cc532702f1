/* SPDX-License-Identifier: MIT
   Work that a handle has done for a task here: on a thread of a pool, in
   another runtime as a task of its own there, or however else the place does
   it. The task here waits for the mail that it is done, in no list; no abort
   cuts that wait.

   A job is counted: one reference is held by the task here, until it is
   dropped; one by the place that does the work, until that mail is delivered.
   Which thread may touch a field is said beside it. */
#ifndef EBB_CORE_SPAWN_JOB_H
#define EBB_CORE_SPAWN_JOB_H

#include "core/loop/mailbox.h"

typedef struct ebb_job ebb_job;

typedef struct ebb_job_ops {
  /* On a thread that may block: does it, and sets `outcome`. */
  void (*run)(ebb_job *job, ebb_worker *worker);

  /* In the other runtime's loop: makes the task that does it, not started;
     it must call ebb_job_done in its end. NULL: no memory. */
  ebb_task *(*arrive)(ebb_job *job, ebb_runtime *rt);

  /* Instead of both, on any thread, or in the task's turn; `outcome` is
     EBB_CANCELLED. May be NULL. */
  void (*cancel)(ebb_job *job);

  /* Here: the task has finished, with the word of the end: what has only to do
     with the two runtimes may be let go of, as the task's handles may keep the
     job for long. May be NULL. */
  void (*over)(ebb_job *job);

  /* Here, in place of an abort by the target: asks for the end of work that
     has begun. May be NULL. */
  void (*stop)(ebb_job *job);

  /* The last reference is gone; on any thread. */
  void (*free)(ebb_job *job);
} ebb_job_ops;

/* What is true when: before ebb_job_start nothing but its memory is in use.
   From then until the mail `back` comes, `task` waits and `is_over` is false,
   and all that the work has to do with is the other side's. Then `is_over` is
   true, `task` is NULL, and outcome and results are this side's for good.
   `withdrawn` is between: nothing does the work, and the task has not had the
   turn in which that is told. A task that ends early, because its runtime or
   state is closed, sets `task` to NULL and leaves `is_over` false: the
   results are never looked at. */
struct ebb_job {
  const ebb_job_ops *ops;
  atomic_uint refs;
  ebb_request request; /* to the target */
  ebb_mail back;       /* to the task's runtime: it is done */
  ebb_mailbox *home;   /* the task's runtime; a reference */
  ebb_handle *target;  /* the place where it is done; a reference */
  ebb_id id;           /* of the task, here and there */
  bool blocking;       /* it may block there */
  bool background;     /* goes on for as long as the runtime: that it is there
                         is no reason to wait for it */
  bool stopping;       /* it has been asked to end. here */
  bool withdrawn;      /* nobody does it, but `cancel` is still due. here */
  bool in_place;       /* uses memory of the task that made it: nothing but
                         its end ends the wait for it */
  bool is_over;        /* the mail has come: what was done there can be read.
                          here */
  uint8_t outcome;     /* ebb_outcome. there, then here */
  ebb_task *task;      /* that waits for the mail; NULL once it has come, or
                         nobody waits. here */
  ebb_task *away;      /* that does it, in another runtime. there */
};

/* A job in place, with the one reference of its task. One that may block is
   done where the target has such work done. */
void ebb_job_init(ebb_job *job, const ebb_job_ops *ops, ebb_mailbox *home,
                  ebb_handle *target, bool blocking);
ebb_job *ebb_job_retain(ebb_job *job);
void ebb_job_release(ebb_job *job);

/* Before it starts: it goes on for as long as the runtime, on a thread of its
   own. */
void ebb_job_put_in_background(ebb_job *job);

/* From here on its end is waited for as any other. It is not over. */
void ebb_job_await_end(ebb_job *job);

/* There: what it has come to, before ebb_job_done. */
static inline void ebb_job_set_outcome(ebb_job *job, ebb_outcome outcome) {
  job->outcome = (uint8_t)outcome;
}

/* Starts the task, which waits from now on, and sends the job. If it cannot
   be sent, because the target is gone or has no thread, it ends at once, as
   cancelled. */
void ebb_job_start(ebb_job *job, ebb_task *t);

/* The abort of the task: takes the job back, or asks for its abort. When the
   runtime here is being freed, nobody waits for what comes of that. */
void ebb_job_abort(ebb_job *job);

/* The poll of the task. Only the word that it is done wakes it, or the end
   of the runtime: then it is cancelled here, and goes on there unheeded. */
ebb_poll ebb_job_poll(ebb_job *job, ebb_task *t);

/* The task has finished, whatever became of the job. */
void ebb_job_let_go(ebb_job *job);

/* There: it is done, and `outcome` set. Gives up the reference. */
void ebb_job_done(ebb_job *job);

#endif
