/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "core/os/cond.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

/* Used with a lock that is held, none of these fails. */
static void cond_check(int err) {
  assert(err == 0);
  (void)err;
}

/* The monotonic clock, as deadlines are of ebb_clock_system: a change of the
   date must neither end a wait nor prolong it. */
int ebb_cond_init(ebb_cond *c) {
  pthread_condattr_t attributes;
  int err = pthread_condattr_init(&attributes);
  if (err != 0) return -err;
  err = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  if (err == 0) err = pthread_cond_init(c, &attributes);
  pthread_condattr_destroy(&attributes);
  return -err;
}

void ebb_cond_destroy(ebb_cond *c) { cond_check(pthread_cond_destroy(c)); }

void ebb_cond_signal(ebb_cond *c) { cond_check(pthread_cond_signal(c)); }

void ebb_cond_broadcast(ebb_cond *c) { cond_check(pthread_cond_broadcast(c)); }

/* Any error but the timeout counts as a wake: the caller looks at what it
   waits for in any case. */
bool ebb_cond_wait(ebb_cond *c, ebb_mutex *m, int64_t deadline) {
  if (deadline == INT64_MAX) {
    cond_check(pthread_cond_wait(c, m));
    return true;
  }
  struct timespec ts = {deadline / 1000000000, (long)(deadline % 1000000000)};
  return pthread_cond_timedwait(c, m, &ts) != ETIMEDOUT;
}
