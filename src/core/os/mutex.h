/* SPDX-License-Identifier: MIT
   Locks. */
#ifndef EBB_CORE_OS_MUTEX_H
#define EBB_CORE_OS_MUTEX_H

#include <pthread.h>

typedef pthread_mutex_t ebb_mutex;

/* 0 or a negative errno. */
int ebb_mutex_init(ebb_mutex *m);
void ebb_mutex_destroy(ebb_mutex *m);

void ebb_mutex_lock(ebb_mutex *m);
void ebb_mutex_unlock(ebb_mutex *m);

#endif
