/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "core/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

/* The three times: the source's, which the embedder may give; the virtual
   one, which is the source's plus what the pauses have gained or lost; and
   the real one, by which the length of turns is measured. While the clock is
   paused it shows `paused_at`, and the source runs on unseen; going on sets
   the offset such that the time continues from where it stood. */
int64_t ebb_clock_system(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t source_now(const ebb_clock *c) {
  return c->source != NULL ? c->source(c->ctx) : ebb_clock_system();
}

int64_t ebb_clock_now(const ebb_clock *c) {
  return c->paused ? c->paused_at : source_now(c) + c->offset;
}

int64_t ebb_clock_real(const ebb_clock *c) {
  return c->real != NULL ? c->real(c->real_ctx) : ebb_clock_system();
}

int ebb_clock_stop(ebb_clock *c) {
  if (c->paused) return -EALREADY;
  c->paused_at = ebb_clock_now(c);
  c->paused = true;
  return 0;
}

int ebb_clock_go(ebb_clock *c) {
  if (!c->paused) return -EALREADY;
  c->offset = c->paused_at - source_now(c);
  c->paused = false;
  return 0;
}

/* Time never goes back, whatever a caller asks for: timers that have fired
   would be due again. */
void ebb_clock_jump(ebb_clock *c, int64_t time) {
  assert(c->paused);
  if (time > c->paused_at) c->paused_at = time;
}
