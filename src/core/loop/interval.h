/* SPDX-License-Identifier: MIT
   Ticks at fixed times; the public contracts are in ebb.h. */
#ifndef EBB_CORE_LOOP_INTERVAL_H
#define EBB_CORE_LOOP_INTERVAL_H

#include "core/loop/await.h"

/* Takes the tick that is due at `now`, and sets the time of the next one.
   Only here does an interval go on: a wait that is cut off loses no tick. The
   time the tick was due at, or EBB_NEVER when it is not due yet. */
int64_t ebb_interval_take(ebb_interval *iv, int64_t now);

/* Waits until the next tick is due: a poll, see await.h. 0. */
int ebb_interval_poll(ebb_interval *iv, ebb_await *w);

#endif
