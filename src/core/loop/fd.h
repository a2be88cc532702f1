/* SPDX-License-Identifier: MIT
   The tasks that wait for file descriptors. The reactor tells of changes, once
   each; here is what is remembered of them, and the lists of tasks that they
   wake. Everybody who waits is woken by the same event, in the order of
   waiting, and tries: nothing is granted, so nothing can be lost. */
#ifndef EBB_CORE_LOOP_FD_H
#define EBB_CORE_LOOP_FD_H

#include <assert.h>

#include "core/base/alloc.h"
#include "core/base/list.h"
#include "core/base/slab.h"
#include "core/os/reactor.h"

/* The record of an fd number. It never moves, and is kept for whatever fd
   next has that number.

   `ready` is for owners of the fd, who alone read and write it. It has EBB_READ
   unless they have just seen that nothing is left to read, and no event
   has come since: then reading can only give EAGAIN, and need not be tried.
   The same with EBB_WRITE. Once the other side has hung up it says no more:
   the last event may have been one for data and end together. */
typedef struct ebb_fd {
  ebb_list readers, writers, either; /* who waits for what */
  uint32_t generation; /* in the tag: events of another one are stale */
  int fd;
  bool watched; /* as far as we know: it may have been closed behind us */
  bool hung_up;
  uint8_t ready;
} ebb_fd;

typedef struct ebb_fd_table {
  ebb_fd **slots; /* by fd; NULL: never waited for */
  int capacity;
  int busy; /* where somebody was last seen waiting */
  ebb_slab records;
  const ebb_alloc *alloc;
} ebb_fd_table;

/* What a wait in one of the lists ends with, instead of EBB_READ and
   EBB_WRITE, when the fd is about to be closed or has been. */
enum { EBB_GONE = 4 };

void ebb_fd_table_init(ebb_fd_table *fds, const ebb_alloc *alloc);
void ebb_fd_table_destroy(ebb_fd_table *fds);

/* Sees to it that the fd is watched, and gives its record. An fd that its
   owner closes with ebb_forget_fd needs this once; any other before each
   wait, since the number may stand for another one by now. 0 or a negative
   errno. */
int ebb_fd_watch(struct ebb_runtime *rt, int fd, ebb_fd **out);

/* Where to wait for `events`. */
static inline ebb_list *ebb_fd_waiters(ebb_fd *f, int events) {
  assert(events != 0 && (events & ~(EBB_READ | EBB_WRITE)) == 0);
  if (events == EBB_READ) return &f->readers;
  return events == EBB_WRITE ? &f->writers : &f->either;
}

/* The owner has met the end of what can be read or written. */
static inline void ebb_fd_clear(ebb_fd *f, int events) {
  if (!f->hung_up) f->ready &= (uint8_t)~events;
}

/* Does a task wait for an fd? */
bool ebb_fd_is_awaited(ebb_fd_table *fds);

/* Ends the waits for an fd: it is about to be closed. */
void ebb_fd_forget(struct ebb_runtime *rt, int fd);

/* Wakes what waits for an event; waits at most `ns` for one. 0 or a negative
   errno, as ebb_reactor_wait. */
int ebb_fd_look(struct ebb_runtime *rt, int64_t ns);

#endif
