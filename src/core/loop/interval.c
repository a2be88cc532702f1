/* SPDX-License-Identifier: MIT */
#include "core/loop/interval.h"

#include <assert.h>
#include <errno.h>

#include "core/loop/wait.h"

/* A tick that is less late than this was not missed: machines have their
   delays, and each would shift the ticks of EBB_MISSED_DELAY. */
enum { TOLERANCE = 5000000 };

/* An interval is three numbers, and sets no timer until somebody waits for a
   tick: it costs nothing while nobody does, and needs no closing. */
int ebb_interval_init(ebb_interval *iv, ebb_runtime *rt, int64_t period) {
  if (period <= 0) return -EINVAL;
  *iv = (ebb_interval){.next = ebb_now(rt), .period = period};
  return 0;
}

/* Called when at least one tick was missed: `now - iv->next` is at least 5
   ms. */
static int64_t after_missed(const ebb_interval *iv, int64_t now) {
  switch (iv->missed) {
    case EBB_MISSED_DELAY:
      return ebb_time_add(now, iv->period);
    case EBB_MISSED_SKIP:
      return ebb_time_add(now, iv->period - (now - iv->next) % iv->period);
    default:
      return ebb_time_add(iv->next, iv->period);
  }
}

int64_t ebb_interval_take(ebb_interval *iv, int64_t now) {
  int64_t due = iv->next;
  assert(iv->period > 0);
  if (due > now || due == EBB_NEVER) return EBB_NEVER;
  bool missed = now - due > TOLERANCE;
  iv->next = missed ? after_missed(iv, now) : ebb_time_add(due, iv->period);
  return due;
}

/* Several tasks may tick by one interval: the first to run takes the tick,
   and the others, looking anew, wait for the next. */
int ebb_interval_poll(ebb_interval *iv, ebb_await *w) {
  if (iv->next > ebb_now(w->rt)) return ebb_await_until(w, NULL, iv->next);
  return ebb_await_proceed(w) ? 0 : EBB_AWAIT_YIELD;
}

static int tick_poll(void *op, ebb_await *w) {
  return ebb_interval_poll(op, w);
}

int ebb_interval_tick(ebb_interval *iv, ebb_runtime *rt, int64_t *deadline) {
  int status = ebb_await_run(rt, "an interval's tick", tick_poll, iv);
  if (status < 0) return status;
  int64_t due = ebb_interval_take(iv, ebb_now(rt));
  if (deadline != NULL) *deadline = due;
  return 0;
}

void ebb_interval_reset(ebb_interval *iv, ebb_runtime *rt) {
  iv->next = ebb_time_add(ebb_now(rt), iv->period);
}
