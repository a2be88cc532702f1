/* SPDX-License-Identifier: MIT
   A place where tasks of a runtime have work done (Tokio: runtime::Handle): a
   counted object that any thread may use and that may outlive what it leads to.
   What kinds of place differ in is said by their ops: the runtime of a thread
   (mailbox.h) is one kind, its pool of threads (blocking_pool.h) another. A
   place may be beyond this process: all it has is a request, and all that
   comes back is the end of it.

   Whatever is used by several threads comes from malloc, since an embedder's
   allocator need not be safe there. */
#ifndef EBB_CORE_LOOP_HANDLE_H
#define EBB_CORE_LOOP_HANDLE_H

#include <stdatomic.h>

#include "core/base/list.h"
#include "core/os/thread_pool.h"
#include "ebb.h"

/* Embedded in what is sent to a runtime. `deliver` is called by its loop,
   outside of tasks, so it must not run Lua code or wait; or with `rt` NULL when
   the runtime goes before. */
typedef struct ebb_mail {
  ebb_list link; /* under the lock */
  void (*deliver)(struct ebb_mail *mail, ebb_runtime *rt);
} ebb_mail;

static inline void ebb_mail_init(ebb_mail *mail,
                                 void (*deliver)(ebb_mail *, ebb_runtime *)) {
  ebb_list_init(&mail->link);
  mail->deliver = deliver;
}

/* What a handle is asked to have done, in both forms: a runtime's loop takes
   the mail, a thread that may block the work. A place of another kind takes
   whichever it can, and calls its functions in the order that is theirs. */
typedef struct ebb_request {
  ebb_mail start; /* do it */
  ebb_mail stop;  /* abort it: posted at most once, after `start` */
  ebb_work work;  /* do it, and `done`; or `cancel` */
  void *place;    /* for the handle, until it is done */
} ebb_request;

typedef struct ebb_handle_ops {
  /* What the task waits for whose request is there: static text. */
  const char *what;

  /* Takes a request, and has it done or cancelled, sometime, on any thread. 0,
     or a negative errno: it has not been taken. */
  int (*submit)(ebb_handle *h, ebb_request *r);

  /* Gives back a request that has not begun, of which nothing is called then.
     False: it is too late. NULL: it always is. */
  bool (*withdraw)(ebb_handle *h, ebb_request *r);

  /* Sees to it that `stop` is delivered. 0, or a negative errno: it will not
     be. NULL: what has begun there cannot be aborted. */
  int (*abort)(ebb_handle *h, ebb_request *r);

  /* The last external reference goes. May be NULL. */
  void (*unheld)(ebb_handle *h);

  /* The last reference is gone: frees it. */
  void (*drop)(ebb_handle *h);
} ebb_handle_ops;

/* The beginning of every kind. */
struct ebb_handle {
  const ebb_handle_ops *ops;
  atomic_uint refs;
  atomic_uint external; /* of them, those that the runtime does not know of:
                          while there are any, no wait is a deadlock */
  uint64_t number;      /* of a runtime, in this process, from 1 */
  ebb_id taken; /* the last id that the runtime gave before it was numbered */
  ebb_handle *blocking; /* where it has blocking work done, a reference; NULL:
                           here */
};

/* With one reference, the caller's. */
void ebb_handle_init(ebb_handle *h, const ebb_handle_ops *ops);

/* A number for a runtime. */
uint64_t ebb_handle_take_number(void);

/* To be called before a task is made that is to run there, too: its id will
   be none that is in use there. */
void ebb_handle_spare_ids(const ebb_handle *there, ebb_runtime *rt);

void ebb_handle_retain(ebb_handle *h);
void ebb_handle_release(ebb_handle *h);

/* A reference from outside; see `external`. */
void ebb_handle_retain_external(ebb_handle *h);
void ebb_handle_release_external(ebb_handle *h);

/* As the ops of the same names. */
static inline int ebb_handle_submit(ebb_handle *h, ebb_request *r) {
  return h->ops->submit(h, r);
}

bool ebb_handle_withdraw(ebb_handle *h, ebb_request *r);
int ebb_handle_abort(ebb_handle *h, ebb_request *r);

#endif
