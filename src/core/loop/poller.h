/* SPDX-License-Identifier: MIT
   Waits for many file descriptors at once. The reactor would have to be
   told of each of them in a system call of its own, before every wait, since
   a number may stand for another file by then. So their fds are in one array,
   and the loop sleeps in poll(2) with all of it. Nothing is remembered of an
   fd once its wait is over.

   A look takes longer the more fds there are. A wait that outlasts a few looks
   has its fds gathered in an epoll of its own, which is one entry then; so
   neither short waits nor long ones cost much for each fd. */
#ifndef EBB_CORE_LOOP_POLLER_H
#define EBB_CORE_LOOP_POLLER_H

#include "core/base/alloc.h"
#include "core/base/list.h"
#include "core/base/slab.h"

struct pollfd;

typedef struct ebb_poller {
  struct pollfd *fds; /* the first is the reactor's; then those of the waits */
  size_t len, capacity;
  ebb_list waits;
  ebb_slab records;
  const ebb_alloc *alloc;
} ebb_poller;

void ebb_poller_init(ebb_poller *p, const ebb_alloc *alloc);
void ebb_poller_destroy(ebb_poller *p);

/* Where to wait for one of `n` fds, which are as for poll(2): the list, or NULL
   when no fd is there to wait for. The wait ends with a status above 0 when
   something may have happened: EBB_GONE when it is that an fd was forgotten. It
   is to begin at once, since what nobody waits in is taken away. 0 or a
   negative errno. */
int ebb_poller_add(struct ebb_runtime *rt, const struct pollfd *fds, size_t n,
                   ebb_list **out);

/* Does a task wait here? */
bool ebb_poller_sweep(ebb_poller *p);
static inline bool ebb_poller_is_awaited(ebb_poller *p) {
  return !ebb_list_is_empty(&p->waits) && ebb_poller_sweep(p);
}

/* Wakes what waits here, or for one fd alone, for what has happened; waits at
   most `ns` for that to happen. 0 or a negative errno, as ebb_reactor_wait. */
int ebb_poller_look(struct ebb_runtime *rt, int64_t ns);

/* Ends the waits for an fd. */
void ebb_poller_forget(ebb_poller *p, int fd);

#endif
