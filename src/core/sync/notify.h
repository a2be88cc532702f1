/* SPDX-License-Identifier: MIT
   Tells one task, or all that wait, that something has happened. Public
   contracts are in ebb.h; these are for the binding. */
#ifndef EBB_CORE_SYNC_NOTIFY_H
#define EBB_CORE_SYNC_NOTIFY_H

#include "core/loop/await.h"

/* Invariant: with a permit nobody waits. */
struct ebb_notify {
  ebb_runtime *rt;
  ebb_wait_queue queue;
  bool permit; /* a notify_one that found nobody */
};

void ebb_notify_init(ebb_notify *n, ebb_runtime *rt);

/* Waits to be told: a poll, see await.h. 0. */
int ebb_notify_poll(ebb_notify *n, ebb_await *w);

#endif
