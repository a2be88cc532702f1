/* SPDX-License-Identifier: MIT
   Time in nanoseconds: the system's monotonic clock or the embedder's, and
   on top of it the virtual time of tests. Beside it stands a real clock,
   which no pause stops and no game slows: how long turns take is measured
   there. */
#ifndef EBB_CORE_BASE_CLOCK_H
#define EBB_CORE_BASE_CLOCK_H

#include "ebb.h"

typedef struct ebb_clock {
  ebb_clock_fn source; /* NULL: the system's clock */
  void *ctx;
  int64_t offset;    /* what virtual time has gained on the source */
  int64_t paused_at; /* meaningful while paused: the time it shows */
  bool paused;
  ebb_clock_fn real; /* NULL: the system's clock */
  void *real_ctx;
} ebb_clock;

/* As far as a clock may be advanced: it must have time to run on. */
#define EBB_CLOCK_MAX INT64_C(9200000000000000000)

int64_t ebb_clock_now(const ebb_clock *c);
int64_t ebb_clock_real(const ebb_clock *c);

/* The system's monotonic clock, whatever clock a runtime has. *any thread* */
int64_t ebb_clock_system(void);

/* 0, or -EALREADY when it is in that state. */
int ebb_clock_stop(ebb_clock *c);
int ebb_clock_go(ebb_clock *c);

/* Sets a paused clock on to `time`; a time in the past is ignored. */
void ebb_clock_jump(ebb_clock *c, int64_t time);

/* a + b for b >= 0, or EBB_NEVER where that overflows (R10). */
static inline int64_t ebb_time_add(int64_t a, int64_t b) {
  return b > EBB_NEVER - (a > 0 ? a : 0) ? EBB_NEVER : a + b;
}

#endif
