/* SPDX-License-Identifier: MIT */
#include "core/loop/blocking_pool.h"

#include <errno.h>
#include <stdlib.h>

/* The pool is a handle of its own beside the runtime's: a thread whose work
   does not end keeps the pool alone, and not the mailbox. Its work cannot be
   aborted once it has begun, as no thread can be stopped from outside; hence
   there is no `abort`. */
static ebb_blocking_pool *pool_of(ebb_handle *h) {
  return ebb_container_of(h, ebb_blocking_pool, handle);
}

static int pool_submit(ebb_handle *h, ebb_request *r) {
  return ebb_thread_pool_submit(&pool_of(h)->threads, &r->work);
}

static bool pool_withdraw(ebb_handle *h, ebb_request *r) {
  return ebb_thread_pool_withdraw(&pool_of(h)->threads, &r->work);
}

static void pool_drop(ebb_handle *h) {
  ebb_thread_pool_destroy(&pool_of(h)->threads);
  free(pool_of(h));
}

/* Runtimes are not told of its references: a job that runs is counted by the
   runtime that waits for it. */
static const ebb_handle_ops pool_ops = {
    .what = "a thread of the pool",
    .submit = pool_submit,
    .withdraw = pool_withdraw,
    .drop = pool_drop,
};

static void retain_owner(void *h) { ebb_handle_retain(h); }

static void release_owner(void *h) { ebb_handle_release(h); }

/* Nothing is started: a runtime that never blocks has no thread. */
int ebb_blocking_pool_new(unsigned limit, ebb_blocking_pool **out) {
  ebb_blocking_pool *p = malloc(sizeof *p);
  if (p == NULL) return -ENOMEM;
  int err = ebb_thread_pool_init(&p->threads);
  if (err < 0) {
    free(p);
    return err;
  }
  ebb_handle_init(&p->handle, &pool_ops);
  p->threads.owner = &p->handle;
  p->threads.retain = retain_owner;
  p->threads.release = release_owner;
  if (limit > 0) p->threads.limit = limit;
  *out = p;
  return 0;
}
