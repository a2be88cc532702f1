/* SPDX-License-Identifier: MIT
   Waiting for a task to finish; the public contract is in ebb.h. */
#ifndef EBB_CORE_LOOP_JOIN_H
#define EBB_CORE_LOOP_JOIN_H

#include "core/loop/await.h"

/* A poll, see await.h. 0. */
static inline int ebb_join_poll(ebb_task *t, ebb_await *w) {
  if (t->state != EBB_FINISHED) return ebb_await_in_list(w, &t->joiners);
  return ebb_await_proceed(w) ? 0 : EBB_AWAIT_YIELD;
}

#endif
