/* SPDX-License-Identifier: MIT
   Where the scheduler sleeps, and what tells it about file descriptors.
   reactor_epoll.c is the only file with epoll, poll and eventfd: the interface
   of another system is another such file. The waits for each fd are fd.c's.

   Nothing exists until it is needed: the eventfd from ebb_reactor_open on,
   the epoll from the first ebb_reactor_watch on. */
#ifndef EBB_CORE_OS_REACTOR_H
#define EBB_CORE_OS_REACTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ebb_reactor {
  atomic_int kick_fd; /* -1: nobody can kick */
  int poll_fd;        /* the epoll; -1: no fd is watched */
} ebb_reactor;

struct pollfd;

/* Something has happened to a watched fd. */
typedef struct ebb_event {
  uint64_t tag; /* what the fd was watched with */
  int ready;    /* EBB_READ and EBB_WRITE, as far as they can be done now */
  bool hung_up; /* the other side is gone, or there is an error */
} ebb_event;

void ebb_reactor_init(ebb_reactor *r);
void ebb_reactor_destroy(ebb_reactor *r);

/* Makes ebb_reactor_kick possible. 0 or a negative errno. */
int ebb_reactor_open(ebb_reactor *r);

/* Sleeps for at most `ns` (EBB_NEVER: no limit), until an event, a kick, or
   until a signal handler has run: then -EINTR. Else it returns how many of
   `events`, at most `max`, it has filled, or another negative errno. It may
   end early. */
int ebb_reactor_wait(ebb_reactor *r, int64_t ns, ebb_event *events, int max);

/* Ends the current or the next wait, once the reactor is open. *any thread*,
   and signal handlers. */
void ebb_reactor_kick(ebb_reactor *r);

/* From now on each change of what can be done with the fd is an event, and
   so is the present state, if something can be done. `again`: it has been
   watched with the same tag before, and may still be, unless it was closed
   meanwhile. Returns 0, or with `again` -ENOENT when it is not watched any
   more, or another negative errno. */
int ebb_reactor_watch(ebb_reactor *r, int fd, uint64_t tag, bool again);
void ebb_reactor_unwatch(ebb_reactor *r, int fd);

/* Which of EBB_READ and EBB_WRITE in `events` can be done now, watched or
   not; -EBADF when the fd is not open. */
int ebb_reactor_look(int fd, int events);

/* ---- many fds at once, watched or not ---- */

/* As poll(2) without time, for however many fds: how many of them have events,
   or a negative errno. */
int ebb_reactor_look_at(struct pollfd *fds, size_t n);

/* Sleeps as ebb_reactor_wait does, but also until one of `fds` has an event;
   the first place is for the reactor itself, which has events when it would
   not have slept. Returns how many have, or a negative errno: -EINVAL when
   there are more than the process may have open. */
int ebb_reactor_wait_with(ebb_reactor *r, int64_t ns, struct pollfd *fds,
                          size_t n);

/* Gathers fds in an fd that can be read from while one of them has an event;
   sorts them. Returns it, or a negative errno: of an fd that is not open, or
   of a kind that is always ready, too. */
int ebb_reactor_gather(struct pollfd *fds, size_t n);
void ebb_reactor_scatter(int gathered);

/* Takes one out; false: it was not in there. */
bool ebb_reactor_take_out(int gathered, int fd);

#endif
