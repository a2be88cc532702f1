/* SPDX-License-Identifier: MIT */
#include "core/spawn/job.h"

#include <assert.h>

#include "core/loop/wait.h"

/* ---- life ---- */

/* The life of a job has three parts. Here a task is made, and waits from its
   start for the mail that ends it. There, in whatever place the target leads
   to, the work is done, or cancelled: `done` is called once, whatever has
   become of it. And back here that mail is delivered, in the loop, and wakes
   the task, which takes the outcome in its next turn.

   Both sides may go first. The task's runtime goes: the mail back is refused,
   and the last reference frees the job. The target goes: what it had not
   begun is cancelled, and the mail comes back as ever. Between them nothing
   is shared but the job, and each field belongs to one side at a time;
   `outcome` and results change hands with the mail. */
ebb_job *ebb_job_retain(ebb_job *job) {
  atomic_fetch_add(&job->refs, 1);
  return job;
}

/* Freeing may use the handles, so they are let go of last. */
void ebb_job_release(ebb_job *job) {
  unsigned before = atomic_fetch_sub(&job->refs, 1);
  assert(before > 0);
  if (before > 1) return;
  assert(job->task == NULL && job->away == NULL);
  ebb_handle *home = &job->home->handle, *target = job->target;
  job->ops->free(job);
  ebb_handle_release(home);
  ebb_handle_release(target);
}

/* ---- there ---- */

/* When the runtime at home has gone nobody waits: the reference that the
   mail would have carried is given up here. */
void ebb_job_done(ebb_job *job) {
  if (job->away != NULL) job->away->rt->remote.tasks--;
  job->away = NULL;
  if (ebb_mailbox_post(job->home, &job->back) < 0) ebb_job_release(job);
}

/* The work is not done: `cancel` lets go of what it would have used, on
   whatever thread this happens to be. */
static void cancel_job(ebb_job *job) {
  job->outcome = EBB_CANCELLED;
  if (job->ops->cancel != NULL) job->ops->cancel(job);
  ebb_job_done(job);
}

/* Without memory for a task, or when the runtime is going, it is cancelled:
   to the task at home that looks like an abort. */
static void deliver_start(ebb_mail *mail, ebb_runtime *rt) {
  ebb_job *job = ebb_container_of(mail, ebb_job, request.start);
  if (rt != NULL) job->away = job->ops->arrive(job, rt);
  if (job->away == NULL) {
    cancel_job(job);
    return;
  }
  rt->remote.tasks++;
  ebb_task_start(job->away);
}

/* The task may be over, and the mail with its end on the way: then the abort
   comes too late, as any may. The reference is the one that the post has
   taken. */
static void deliver_stop(ebb_mail *mail, ebb_runtime *rt) {
  ebb_job *job = ebb_container_of(mail, ebb_job, request.stop);
  if (rt != NULL && job->away != NULL) ebb_task_abort(job->away);
  ebb_job_release(job);
}

static ebb_job *of_work(ebb_work *w) {
  return ebb_container_of(w, ebb_job, request.work);
}

static void run_work(ebb_work *w, ebb_worker *worker) {
  ebb_job *job = of_work(w);
  job->ops->run(job, worker);
}

static void work_done(ebb_work *w) { ebb_job_done(of_work(w)); }

static void cancel_work(ebb_work *w) { cancel_job(of_work(w)); }

/* ---- here ---- */

/* From here on fields of the other side may be read. */
static void end_job(ebb_job *job) {
  ebb_task *t = job->task;
  assert(t != NULL && !job->is_over && t->state != EBB_FINISHED);
  job->is_over = true;
  job->task = NULL;
  if (!job->background) t->rt->remote.jobs--;
  ebb_task_wake(t, 0);
}

/* A task that has ended before, because its runtime or state was closed, is
   not there any more: then only the reference is given up. */
static void deliver_back(ebb_mail *mail, ebb_runtime *rt) {
  ebb_job *job = ebb_container_of(mail, ebb_job, back);
  if (rt != NULL && job->task != NULL) end_job(job);
  ebb_job_release(job);
}

/* Cancelled until the place says otherwise: a place that fails need not say
   so. A task that may block goes where the target has such work done. */
void ebb_job_init(ebb_job *job, const ebb_job_ops *ops, ebb_mailbox *home,
                  ebb_handle *target, bool blocking) {
  if (blocking && target->blocking != NULL) target = target->blocking;
  *job = (ebb_job){.ops = ops,
                   .home = home,
                   .target = target,
                   .blocking = blocking,
                   .outcome = EBB_CANCELLED};
  atomic_init(&job->refs, 1);
  job->request.work.run = run_work;
  job->request.work.done = work_done;
  job->request.work.cancel = cancel_work;
  ebb_mail_init(&job->request.start, deliver_start);
  ebb_mail_init(&job->request.stop, deliver_stop);
  ebb_mail_init(&job->back, deliver_back);
  ebb_handle_retain(&home->handle);
  ebb_handle_retain(target);
}

void ebb_job_put_in_background(ebb_job *job) {
  assert(job->task == NULL);
  job->background = true;
  job->request.work.dedicated = true;
}

void ebb_job_await_end(ebb_job *job) {
  assert(job->background && job->task != NULL && !job->is_over);
  job->background = false;
  job->task->rt->remote.jobs++;
}

/* It is not, and will not be, done by anybody else. To be told of that, which
   may run any code, it waits for the task's turn: an abort runs none. */
static void take_back(ebb_job *job) {
  job->withdrawn = true;
  end_job(job);
  ebb_job_release(job);
}

static void cancel_withdrawn(ebb_job *job) {
  if (!job->withdrawn) return;
  job->withdrawn = false;
  if (job->ops->cancel != NULL) job->ops->cancel(job);
}

/* The task waits in no list and no abort cuts its wait, since what it waits
   for may still be using what it has given away: it learns of its abort by
   the work's end. A refusal is no error of spawn, which cannot fail any
   more, but the end of the task. */
void ebb_job_start(ebb_job *job, ebb_task *t) {
  ebb_runtime *rt = t->rt;
  assert(t->state == EBB_NEW);
  job->task = t;
  job->id = t->id;
  rt->tasks.unfinished++;
  if (!job->background) rt->remote.jobs++;
  t->what = job->target->ops->what;
  t->state = EBB_WAITING;
  t->uncancellable = true;
  ebb_job_retain(job);
  if (rt->tasks.closing || ebb_handle_submit(job->target, &job->request) < 0)
    take_back(job);
}

/* Asked at most once: `stopping` says so, as the mail can be on its way only
   once. */
static void stop_job(ebb_job *job) {
  job->stopping = true;
  if (job->ops->stop != NULL) {
    job->ops->stop(job);
  } else {
    ebb_job_retain(job);
    if (ebb_handle_abort(job->target, &job->request) < 0) ebb_job_release(job);
  }
}

/* Work that has not begun is taken back, and the task ends; what has begun
   is asked to end, and goes on until it does. While the runtime is closed
   nobody waits for it: the task is woken, ends as cancelled, and the work
   goes on unheeded. Calls in place are the exception, as they use the stack
   of a task. */
void ebb_job_abort(ebb_job *job) {
  if (job->is_over) return;
  if (ebb_handle_withdraw(job->target, &job->request))
    take_back(job);
  else if (!job->stopping)
    stop_job(job);
  if (job->task != NULL && job->task->rt->tasks.closing && !job->in_place)
    ebb_task_wake(job->task, 0);
}

/* A call in place that is not over was woken by something else than its end:
   it waits on. */
ebb_poll ebb_job_poll(ebb_job *job, ebb_task *t) {
  if (job->in_place && !job->is_over) {
    (void)ebb_wait_begin(t->rt, NULL, EBB_NEVER, t->what);
    return EBB_POLL_PENDING;
  }
  cancel_withdrawn(job);
  t->outcome = job->is_over ? job->outcome : EBB_CANCELLED;
  return EBB_POLL_DONE;
}

/* Its results are read by now, or never will be. */
void ebb_job_let_go(ebb_job *job) {
  cancel_withdrawn(job);
  if (job->task != NULL && !job->background) job->task->rt->remote.jobs--;
  job->task = NULL;
  if (job->is_over && job->ops->over != NULL) job->ops->over(job);
}
