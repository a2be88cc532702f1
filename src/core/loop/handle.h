/* SPDX-License-Identifier: MIT
   What other threads have of a runtime (Tokio: runtime::Handle): an object
   that is counted and may outlive it, with a mailbox that the runtime's loop
   empties, and the pool of threads. Whatever is used by several threads
   comes from malloc, since an embedder's allocator need not be safe there. */
#ifndef EBB_CORE_LOOP_HANDLE_H
#define EBB_CORE_LOOP_HANDLE_H

#include "core/loop/runtime.h"
#include "core/os/thread_pool.h"

/* Embedded in what is sent. `deliver` is called by the loop, outside of
   tasks, so it must not run Lua code or wait; or with `rt` NULL when the
   runtime goes before. */
typedef struct ebb_mail {
  ebb_list link; /* under the lock */
  void (*deliver)(struct ebb_mail *mail, ebb_runtime *rt);
} ebb_mail;

static inline void ebb_mail_init(ebb_mail *mail,
                                 void (*deliver)(ebb_mail *, ebb_runtime *)) {
  ebb_list_init(&mail->link);
  mail->deliver = deliver;
}

struct ebb_handle {
  atomic_uint refs;
  atomic_uint external; /* of them, those of whom the runtime does not know:
                          while there are any, no wait is a deadlock */
  uint64_t number;      /* of the runtime, in this process, from 1 */
  ebb_id taken; /* the last id that the runtime gave before it was numbered */
  atomic_bool has_mail;
  ebb_mutex lock;
  ebb_runtime *rt;  /* under the lock; NULL once it is gone */
  ebb_list mailbox; /* under the lock, in the order of posting */
  ebb_thread_pool pool;
};

/* The handle of a runtime, made if there is none, in *out; the reference
   remains the runtime's. 0 or a negative errno. */
int ebb_handle_get(ebb_runtime *rt, ebb_handle **out);

/* To be called before a task is made that is to run there, too: its id will
   be none that is in use there. */
void ebb_handle_spare_ids(const ebb_handle *there, ebb_runtime *rt);

void ebb_handle_retain(ebb_handle *h);
void ebb_handle_release(ebb_handle *h);

/* A reference from outside; see `external`. */
void ebb_handle_retain_external(ebb_handle *h);
void ebb_handle_release_external(ebb_handle *h);

/* Sends mail, unless it is under way already. 0, or -ESHUTDOWN: the runtime
   is gone. *any thread* */
int ebb_handle_post(ebb_handle *h, ebb_mail *mail);

/* Takes back mail that has not been delivered; false when there is none. */
bool ebb_handle_recall(ebb_handle *h, ebb_mail *mail);

/* Delivers what has come. Called by the loop. */
void ebb_handle_deliver(ebb_runtime *rt);

/* The runtime goes: no more mail. What there is is delivered to nobody. */
void ebb_handle_close(ebb_handle *h);

static inline bool ebb_handle_has_mail(const ebb_runtime *rt) {
  return rt->remote.handle != NULL &&
         atomic_load_explicit(&rt->remote.handle->has_mail,
                              memory_order_relaxed);
}

#endif
