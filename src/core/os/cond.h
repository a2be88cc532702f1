/* SPDX-License-Identifier: MIT
   Conditions: threads wait in them, with a lock that they hold otherwise. */
#ifndef EBB_CORE_OS_COND_H
#define EBB_CORE_OS_COND_H

#include <stdbool.h>
#include <stdint.h>

#include "core/os/mutex.h"

typedef pthread_cond_t ebb_cond;

/* 0 or a negative errno. */
int ebb_cond_init(ebb_cond *c);
void ebb_cond_destroy(ebb_cond *c);

/* Wakes one that waits, or all. */
void ebb_cond_signal(ebb_cond *c);
void ebb_cond_broadcast(ebb_cond *c);

/* Waits for a signal, the lock being held, until `deadline` of
   ebb_clock_system; EBB_NEVER has no limit. May return without any signal.
   False: the deadline came. */
bool ebb_cond_wait(ebb_cond *c, ebb_mutex *m, int64_t deadline);

#endif
