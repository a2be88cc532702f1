/* SPDX-License-Identifier: MIT
   What other threads have of a runtime: the handle that leads to its loop, with
   a mailbox that the loop empties, and the pool of its threads. */
#ifndef EBB_CORE_LOOP_MAILBOX_H
#define EBB_CORE_LOOP_MAILBOX_H

#include "core/loop/blocking_pool.h"
#include "core/loop/runtime.h"
#include "core/os/mutex.h"

/* The runtime's thread may read `rt` without the lock, being the one that
   clears it. All others look at it under the lock, and may use it only as
   long as they hold that: for kicking its reactor. Mail is in the list from
   the post until it is delivered or recalled, and its sender keeps it until
   then. */
struct ebb_mailbox {
  ebb_handle handle; /* `blocking` is the pool's */
  ebb_blocking_pool *pool;
  atomic_bool has_mail;
  ebb_mutex lock;
  ebb_runtime *rt; /* under the lock; NULL once it is gone */
  ebb_list mail;   /* under the lock, in the order of posting */
};

/* That of a runtime, made if there is none, in *out; the reference remains the
   runtime's. 0 or a negative errno. */
int ebb_mailbox_get(ebb_runtime *rt, ebb_mailbox **out);

/* Does the handle lead to this runtime? */
static inline bool ebb_mailbox_is_own(const ebb_runtime *rt,
                                      const ebb_handle *h) {
  const ebb_mailbox *m = rt->remote.mailbox;
  return m != NULL && h == &m->handle;
}

/* At most that many threads of the pool at a time. */
void ebb_mailbox_set_max_threads(ebb_runtime *rt, unsigned n);

/* Sends mail, unless it is under way already. 0, or -ESHUTDOWN: the runtime
   is gone. *any thread* */
int ebb_mailbox_post(ebb_mailbox *m, ebb_mail *mail);

/* Takes back mail that has not been delivered; false when there is none. */
bool ebb_mailbox_recall(ebb_mailbox *m, ebb_mail *mail);

/* Delivers what has come. Called by the loop. */
void ebb_mailbox_deliver(ebb_runtime *rt);

/* The runtime goes: no more mail. What there is is delivered to nobody. */
void ebb_mailbox_close(ebb_mailbox *m);

static inline bool ebb_mailbox_has_mail(const ebb_runtime *rt) {
  const ebb_mailbox *m = rt->remote.mailbox;
  return m != NULL && atomic_load_explicit(&m->has_mail, memory_order_relaxed);
}

#endif
