/* SPDX-License-Identifier: MIT */
#include "core/loop/handle.h"

#include <assert.h>
#include <errno.h>

#include "core/task/task.h"

/* A handle says where, its ops say how. Nothing else in the engine tells
   kinds of handle apart: a job submits a request, may withdraw or abort it,
   and waits for mail to its own runtime. Two counts: `refs` keeps the
   object, `external` keeps a sleeping loop from calling its wait a deadlock,
   since an unknown thread may still send something. */
void ebb_handle_init(ebb_handle *h, const ebb_handle_ops *ops) {
  assert(ops->submit != NULL && ops->drop != NULL);
  h->ops = ops;
  h->number = 0;
  h->taken = 0;
  h->blocking = NULL;
  atomic_init(&h->refs, 1);
  atomic_init(&h->external, 0);
}

uint64_t ebb_handle_take_number(void) {
  static _Atomic uint64_t last;
  return atomic_fetch_add(&last, 1) + 1;
}

/* Two runtimes count from 1 until each gets a number, when the first of them
   is asked for a handle. A task that is to have the same id in both takes
   one above all that the other has given before that. */
void ebb_handle_spare_ids(const ebb_handle *there, ebb_runtime *rt) {
  ebb_tasks *all = ebb_tasks_of(rt);
  if (all->last_id < there->taken) all->last_id = there->taken;
}

void ebb_handle_retain(ebb_handle *h) { atomic_fetch_add(&h->refs, 1); }

/* Any thread may be the last. */
void ebb_handle_release(ebb_handle *h) {
  unsigned before = atomic_fetch_sub(&h->refs, 1);
  assert(before > 0);
  if (before > 1) return;
  assert(atomic_load(&h->external) == 0);
  h->ops->drop(h);
}

/* ---- references from outside ---- */

void ebb_handle_retain_external(ebb_handle *h) {
  atomic_fetch_add(&h->external, 1);
  ebb_handle_retain(h);
}

/* `unheld` first: it looks at the runtime, under the lock, which keeps the
   runtime from going meanwhile; the reference keeps the lock. */
void ebb_handle_release_external(ebb_handle *h) {
  unsigned before = atomic_fetch_sub(&h->external, 1);
  assert(before > 0);
  if (before == 1 && h->ops->unheld != NULL) h->ops->unheld(h);
  ebb_handle_release(h);
}

ebb_handle *ebb_handle_clone(ebb_handle *h) {
  ebb_handle_retain_external(h);
  return h;
}

void ebb_handle_free(ebb_handle *h) { ebb_handle_release_external(h); }

uint64_t ebb_handle_id(const ebb_handle *h) { return h->number; }

/* ---- requests ---- */

/* A place without it has begun as soon as it was asked. */
bool ebb_handle_withdraw(ebb_handle *h, ebb_request *r) {
  return h->ops->withdraw != NULL && h->ops->withdraw(h, r);
}

int ebb_handle_abort(ebb_handle *h, ebb_request *r) {
  return h->ops->abort != NULL ? h->ops->abort(h, r) : -ENOTSUP;
}
