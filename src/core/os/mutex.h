/* SPDX-License-Identifier: MIT
   Locks of the system's default kind. */
#ifndef EBB_CORE_OS_MUTEX_H
#define EBB_CORE_OS_MUTEX_H

#include <assert.h>
#include <pthread.h>

typedef pthread_mutex_t ebb_mutex;

/* Used as it should be, nothing fails but making one. */
static inline void ebb_mutex_check(int err) {
  assert(err == 0);
  (void)err;
}

/* 0 or a negative errno. */
static inline int ebb_mutex_init(ebb_mutex *m) {
  return -pthread_mutex_init(m, NULL);
}

static inline void ebb_mutex_destroy(ebb_mutex *m) {
  ebb_mutex_check(pthread_mutex_destroy(m));
}

static inline void ebb_mutex_lock(ebb_mutex *m) {
  ebb_mutex_check(pthread_mutex_lock(m));
}

static inline void ebb_mutex_unlock(ebb_mutex *m) {
  ebb_mutex_check(pthread_mutex_unlock(m));
}

#endif
