/* SPDX-License-Identifier: MIT */
#include "core/os/mutex.h"

#include <assert.h>

/* With a lock of its default kind, used as it should be, nothing fails. */
static void mutex_check(int err) {
  assert(err == 0);
  (void)err;
}

int ebb_mutex_init(ebb_mutex *m) { return -pthread_mutex_init(m, NULL); }

void ebb_mutex_destroy(ebb_mutex *m) { mutex_check(pthread_mutex_destroy(m)); }

void ebb_mutex_lock(ebb_mutex *m) { mutex_check(pthread_mutex_lock(m)); }

void ebb_mutex_unlock(ebb_mutex *m) { mutex_check(pthread_mutex_unlock(m)); }
