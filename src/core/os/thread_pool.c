/* SPDX-License-Identifier: MIT */
#include "core/os/thread_pool.h"

#include <assert.h>
#include <errno.h>

#include "core/os/thread.h"

#define A_MOMENT INT64_C(200000000) /* ns */

/* One lock, one queue. A thread takes work while there is some, then waits for
   more, and leaves after a while without. Work that comes wakes an idle thread
   if there is one more than pieces of work in the queue; otherwise it starts a
   thread, up to the limit; and otherwise it waits for one to be free.
   Dedicated work, which goes on for as long as a runtime, has a thread of its
   own beside all that, so that it cannot use up the limit.

   `gone` tells of each thread that has left a closed pool. A thread whose
   work never ends is not waited for beyond the deadline, and the pool stays
   for it: each thread has a reference to what the pool is in. */
int ebb_thread_pool_init(ebb_thread_pool *b) {
  *b = (ebb_thread_pool){.limit = EBB_BLOCKING_LIMIT,
                         .keep_alive = EBB_THREAD_POOL_KEEP_ALIVE};
  ebb_list_init(&b->queue);
  ebb_list_init(&b->running);
  int err = ebb_mutex_init(&b->lock);
  if (err < 0) return err;
  err = ebb_cond_init(&b->wanted);
  if (err < 0) goto no_wanted;
  err = ebb_cond_init(&b->gone);
  if (err < 0) goto no_gone;
  return 0;
no_gone:
  ebb_cond_destroy(&b->wanted);
no_wanted:
  ebb_mutex_destroy(&b->lock);
  return err;
}

void ebb_thread_pool_destroy(ebb_thread_pool *b) {
  assert(b->threads == 0);
  ebb_cond_destroy(&b->gone);
  ebb_cond_destroy(&b->wanted);
  ebb_mutex_destroy(&b->lock);
}

/* ---- a thread ---- */

static ebb_work *first_of(const ebb_list *list) {
  return ebb_container_of(list->next, ebb_work, link);
}

static void unqueue(ebb_thread_pool *b, ebb_work *w) {
  assert(w->queued && b->queued > 0);
  ebb_list_remove(&w->link);
  w->queued = false;
  b->queued--;
}

/* The lock is held. NULL: nothing came for long, or the pool is closed.
   Woken in vain is possible, as another may have been quicker: the
   conditions are looked at anew each time. A closed pool's queue is empty,
   since closing cancels what is in it. */
static ebb_work *take_work(ebb_thread_pool *b) {
  int64_t deadline = ebb_clock_system() + b->keep_alive;
  bool in_time = true;
  b->idle++;
  while (b->queued == 0 && !b->closed && in_time)
    in_time = ebb_cond_wait(&b->wanted, &b->lock, deadline);
  b->idle--;
  if (b->queued == 0) return NULL;
  ebb_work *w = first_of(&b->queue);
  unqueue(b, w);
  return w;
}

/* The lock is held before and after.
   `done` may free the work, so it is out of the list by then. */
static void do_work(ebb_thread_pool *b, ebb_work *w, ebb_worker *worker) {
  ebb_list_push(&b->running, &w->link);
  ebb_mutex_unlock(&b->lock);
  w->run(w, worker);
  ebb_mutex_lock(&b->lock);
  ebb_list_remove(&w->link);
  ebb_mutex_unlock(&b->lock);
  w->done(w);
  ebb_mutex_lock(&b->lock);
}

/* The lock is held. From here on the thread takes no work, and must not be
   counted among those that do, or work would wait for it in vain. */
static void leave_pool(ebb_thread_pool *b, ebb_worker *worker, bool dedicated) {
  if (!dedicated) b->dedicated++;
  ebb_mutex_unlock(&b->lock);
  if (worker->local != NULL) worker->drop_local(worker->local);
  ebb_mutex_lock(&b->lock);
  assert(b->threads > 0 && b->dedicated > 0);
  b->threads--;
  b->dedicated--;
  ebb_cond_broadcast(&b->gone);
  ebb_mutex_unlock(&b->lock);
  b->release(b->owner);
}

/* One worker for the whole life of the thread: what some work has left in
   it, as a Lua state, serves the next. */
static void pool_thread(void *arg) {
  ebb_thread_pool *b = arg;
  ebb_worker worker = {0};
  ebb_work *w;
  ebb_mutex_lock(&b->lock);
  while ((w = take_work(b)) != NULL) do_work(b, w, &worker);
  leave_pool(b, &worker, false);
}

static void lone_thread(void *arg) {
  ebb_work *w = arg;
  ebb_thread_pool *b = w->pool;
  ebb_worker worker = {0};
  ebb_mutex_lock(&b->lock);
  do_work(b, w, &worker);
  leave_pool(b, &worker, true);
}

/* The lock is held; the new thread will wait for it.
   Counted before it runs, so that a pool that is closed at once waits for
   it; the reference, too, is taken for it here. */
static int start_thread(ebb_thread_pool *b, ebb_work *dedicated) {
  b->threads++;
  b->dedicated += dedicated != NULL;
  b->retain(b->owner);
  int err = dedicated != NULL ? ebb_thread_start(lone_thread, dedicated)
                              : ebb_thread_start(pool_thread, b);
  if (err == 0) return 0;
  b->threads--;
  b->dedicated -= dedicated != NULL;
  b->release(b->owner);
  return err;
}

/* ---- from outside ---- */

/* The lock is held. Work that finds no idle thread waits for one when no
   more can be started, but not if there is none at all.
   An error of starting a thread is none when there are others: the work
   waits for them. */
static int enqueue(ebb_thread_pool *b, ebb_work *w) {
  if (b->idle > b->queued) {
    ebb_cond_signal(&b->wanted);
  } else if (b->threads - b->dedicated < b->limit) {
    int err = start_thread(b, NULL);
    if (err < 0 && b->threads == b->dedicated) return err;
  }
  ebb_list_push(&b->queue, &w->link);
  b->queued++;
  w->queued = true;
  return 0;
}

void ebb_thread_pool_set_limit(ebb_thread_pool *b, unsigned limit) {
  ebb_mutex_lock(&b->lock);
  b->limit = limit;
  for (unsigned n = b->idle; n < b->queued; n++)
    if (b->threads - b->dedicated >= limit || start_thread(b, NULL) < 0) break;
  ebb_mutex_unlock(&b->lock);
}

int ebb_thread_pool_submit(ebb_thread_pool *b, ebb_work *w) {
  assert(w->run != NULL && w->done != NULL);
  ebb_list_init(&w->link);
  w->pool = b;
  w->queued = false;
  ebb_mutex_lock(&b->lock);
  int err = -ESHUTDOWN;
  if (!b->closed) err = w->dedicated ? start_thread(b, w) : enqueue(b, w);
  ebb_mutex_unlock(&b->lock);
  return err;
}

/* In the queue means that no thread has looked at it, and under the lock
   none can. */
bool ebb_thread_pool_withdraw(ebb_thread_pool *b, ebb_work *w) {
  ebb_mutex_lock(&b->lock);
  bool queued = w->queued;
  if (queued) unqueue(b, w);
  ebb_mutex_unlock(&b->lock);
  return queued;
}

/* The lock is held, but not while work is told that it is cancelled. */
static void cancel_queued(ebb_thread_pool *b) {
  while (b->queued > 0) {
    ebb_work *w = first_of(&b->queue);
    unqueue(b, w);
    ebb_mutex_unlock(&b->lock);
    w->cancel(w);
    ebb_mutex_lock(&b->lock);
  }
}

/* New work is refused from here on, queued work cancelled, running work
   waited for. */
unsigned ebb_thread_pool_close(ebb_thread_pool *b, int64_t deadline,
                               void (*stuck)(void *ctx, ebb_work *w),
                               void *ctx) {
  ebb_mutex_lock(&b->lock);
  b->closed = true;
  cancel_queued(b);
  ebb_cond_broadcast(&b->wanted);
  bool in_time = true;
  while (b->threads > 0 && in_time)
    in_time = ebb_cond_wait(&b->gone, &b->lock, deadline);
  /* Who is on its own may have threads that it waits for as long as we do. */
  for (in_time = true; b->dedicated > 0 && in_time;)
    in_time =
        ebb_cond_wait(&b->gone, &b->lock, ebb_time_add(deadline, A_MOMENT));
  unsigned left = 0;
  for (ebb_list *l = b->running.next; l != &b->running; l = l->next) {
    if (stuck != NULL) stuck(ctx, ebb_container_of(l, ebb_work, link));
    left++;
  }
  ebb_mutex_unlock(&b->lock);
  return left;
}
