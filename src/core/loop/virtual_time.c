/* SPDX-License-Identifier: MIT
   Virtual time, for tests. */
#include <errno.h>

#include "core/loop/runtime.h"

int ebb_clock_pause(ebb_runtime *rt) { return ebb_clock_stop(&rt->clock); }

int ebb_clock_resume(ebb_runtime *rt) { return ebb_clock_go(&rt->clock); }

/* Timers that are due fire when the loop next looks, not here: the caller
   may be in the middle of anything. The countdown makes that look the next
   thing it does. */
int ebb_clock_advance(ebb_runtime *rt, int64_t ns) {
  if (!rt->clock.paused || ns < 0) return -EINVAL;
  int64_t then = ebb_time_add(rt->clock.paused_at, ns);
  if (then > EBB_CLOCK_MAX) return -EOVERFLOW;
  ebb_clock_jump(&rt->clock, then);
  rt->events.countdown = 0;
  return 0;
}
