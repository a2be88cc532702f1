/* SPDX-License-Identifier: MIT */
#include "core/loop/fd.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "core/loop/runtime.h"

enum { EVENTS_AT_ONCE = 128, FIRST_CAPACITY = 64 };

/* A record for each number that was ever waited for, found by the number. It
   outlives the file, as somebody may still hold a pointer to it, and serves
   the next file with that number; the generation, which is part of the tag
   that events come with, tells the two apart.

   Registration is for good: the first wait adds the fd to the epoll,
   edge-triggered, and later waits make no system call. The price is that the
   kernel drops a closed fd from the epoll silently, so that a record may say
   `watched` of a file that is gone. Owners that close with ebb_forget_fd
   spare us that; for all others the fd is watched anew before each wait,
   which is one call. */
void ebb_fd_table_init(ebb_fd_table *fds, const ebb_alloc *alloc) {
  *fds = (ebb_fd_table){.alloc = alloc};
  ebb_slab_init(&fds->records, sizeof(ebb_fd), alloc);
}

static size_t slots_size(int capacity) {
  return (size_t)capacity * sizeof(ebb_fd *);
}

void ebb_fd_table_destroy(ebb_fd_table *fds) {
  assert(!ebb_fd_is_awaited(fds));
  for (int fd = 0; fd < fds->capacity; fd++)
    if (fds->slots[fd] != NULL) ebb_slab_give(&fds->records, fds->slots[fd]);
  ebb_alloc_free(fds->alloc, fds->slots, slots_size(fds->capacity));
  ebb_slab_destroy(&fds->records);
}

/* ---- records ---- */

static ebb_fd *find_record(const ebb_fd_table *fds, int fd) {
  return fd >= 0 && fd < fds->capacity ? fds->slots[fd] : NULL;
}

/* A table of pointers: numbers are small and dense, and the records
   themselves must not move. */
static int grow_table(ebb_fd_table *fds, int fd) {
  int capacity = fds->capacity > 0 ? fds->capacity : FIRST_CAPACITY;
  while (capacity <= fd) capacity *= 2; /* an open fd is below 2^30 */
  if (capacity == fds->capacity) return 0;
  ebb_fd **slots = ebb_alloc_resize(
      fds->alloc, fds->slots, slots_size(fds->capacity), slots_size(capacity));
  if (slots == NULL) return -ENOMEM;
  memset(slots + fds->capacity, 0,
         slots_size(capacity) - slots_size(fds->capacity));
  fds->slots = slots;
  fds->capacity = capacity;
  return 0;
}

static int make_record(ebb_fd_table *fds, int fd, ebb_fd **out) {
  int err = grow_table(fds, fd);
  if (err < 0) return err;
  ebb_fd *f = ebb_slab_take(&fds->records);
  if (f == NULL) return -ENOMEM;
  *f = (ebb_fd){.fd = fd};
  ebb_list_init(&f->readers);
  ebb_list_init(&f->writers);
  ebb_list_init(&f->either);
  fds->slots[fd] = *out = f;
  return 0;
}

/* ---- waking ---- */

/* All are woken: nothing is granted, so each tries again, in the order of
   waiting. Those that wait for either get what there is. */
static void wake_waiters(ebb_fd *f, int ready) {
  if (ready & EBB_READ) ebb_task_end_waits(&f->readers, EBB_READ);
  if (ready & EBB_WRITE) ebb_task_end_waits(&f->writers, EBB_WRITE);
  if (ready != 0) ebb_task_end_waits(&f->either, ready);
}

/* What the number stood for is gone. */
static void retire(ebb_fd *f) {
  f->watched = f->hung_up = false;
  f->generation++;
  ebb_task_end_waits(&f->readers, EBB_GONE);
  ebb_task_end_waits(&f->writers, EBB_GONE);
  ebb_task_end_waits(&f->either, EBB_GONE);
}

static uint64_t tag_of(const ebb_fd *f) {
  return (uint64_t)f->generation << 32 | (uint32_t)f->fd;
}

/* An event may be of a file that has left this number: it is dropped, since
   its tag has another generation. `ready` only grows here; a reader that finds
   nothing left takes it back. */
static void deliver_event(const ebb_fd_table *fds, const ebb_event *event) {
  ebb_fd *f = find_record(fds, (int)(event->tag & UINT32_MAX));
  if (f == NULL || tag_of(f) != event->tag) return;
  f->ready |= (uint8_t)event->ready;
  f->hung_up = f->hung_up || event->hung_up;
  wake_waiters(f, event->ready);
}

/* Events beyond those that fit come with the next look: they stay in the
   kernel. */
int ebb_fd_look(ebb_runtime *rt, int64_t ns) {
  ebb_event events[EVENTS_AT_ONCE];
  int n = ebb_reactor_wait(&rt->events.reactor, ns, events, EVENTS_AT_ONCE);
  for (int i = 0; i < n; i++) deliver_event(&rt->events.fds, &events[i]);
  return n < 0 ? n : 0;
}

/* ---- watching ---- */

/* An fd that was closed is watched no longer, unless the file it stood for
   is open under another number: then its events still come, with the tag of
   an earlier generation.
   ENOENT of a record that we think is watched says that the file was closed
   behind us: the waits of the old one end, and the new file is added.
   Everything may be possible with a new one, so `ready` is full. */
static int watch_record(ebb_runtime *rt, ebb_fd *f) {
  int err = -ENOENT;
  if (f->watched) {
    err = ebb_reactor_watch(&rt->events.reactor, f->fd, tag_of(f), true);
    if (err < 0) retire(f);
  }
  if (err == -ENOENT) {
    f->ready = EBB_READ | EBB_WRITE;
    err = ebb_reactor_watch(&rt->events.reactor, f->fd, tag_of(f), false);
    f->watched = err == 0;
  }
  return err;
}

int ebb_fd_watch(ebb_runtime *rt, int fd, ebb_fd **out) {
  if (fd < 0) return -EBADF;
  ebb_fd *f = find_record(&rt->events.fds, fd);
  int err = f == NULL ? make_record(&rt->events.fds, fd, &f) : 0;
  if (err == 0) err = watch_record(rt, f);
  if (err == 0) *out = f;
  return err;
}

static bool is_awaited(const ebb_fd *f) {
  return f != NULL &&
         !(ebb_list_is_empty(&f->readers) && ebb_list_is_empty(&f->writers) &&
           ebb_list_is_empty(&f->either));
}

/* Asked each time before the loop sleeps: where somebody waited the last
   time, somebody mostly waits again.
   `busy` remembers where somebody waited, so that the usual case is one
   look. Nobody anywhere costs a walk over the whole table, but then the loop
   is about to sleep or to report a deadlock. */
bool ebb_fd_is_awaited(ebb_fd_table *fds) {
  for (int i = 0; i < fds->capacity; i++) {
    if (is_awaited(fds->slots[fds->busy])) return true;
    fds->busy = (fds->busy + 1) % fds->capacity;
  }
  return false;
}

/* The waits end even if the fd was not watched any more. The record stays,
   for the next file of that number. */
void ebb_fd_forget(ebb_runtime *rt, int fd) {
  ebb_fd *f = find_record(&rt->events.fds, fd);
  if (f == NULL) return;
  if (f->watched) ebb_reactor_unwatch(&rt->events.reactor, fd);
  retire(f);
}
