/* SPDX-License-Identifier: MIT
   Where the scheduler sleeps; reactor.c is the only file with poll and
   eventfd. No fd exists until ebb_reactor_open. */
#ifndef EBB_CORE_REACTOR_H
#define EBB_CORE_REACTOR_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct ebb_reactor {
  atomic_int kick_fd; /* -1: nobody can kick */
} ebb_reactor;

void ebb_reactor_init(ebb_reactor *r);
void ebb_reactor_destroy(ebb_reactor *r);

/* Makes ebb_reactor_kick possible. 0 or a negative errno. */
int ebb_reactor_open(ebb_reactor *r);

/* Sleeps for at most `ns` (EBB_NEVER: no limit), until a kick, or until a
   signal handler has run: then -EINTR, else 0. It may end early. */
int ebb_reactor_wait(ebb_reactor *r, int64_t ns);

/* Ends the current or the next wait, once the reactor is open. *any thread*,
   and signal handlers. */
void ebb_reactor_kick(ebb_reactor *r);

#endif
