/* SPDX-License-Identifier: MIT
   Threads and locks; thread.[hc] are the only files with pthread. No thread
   or lock exists until something of a runtime is used from elsewhere. */
#ifndef EBB_CORE_OS_THREAD_H
#define EBB_CORE_OS_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

typedef pthread_mutex_t ebb_mutex;
typedef pthread_cond_t ebb_cond;

/* 0 or a negative errno. */
int ebb_mutex_init(ebb_mutex *m);
int ebb_cond_init(ebb_cond *c);

void ebb_mutex_destroy(ebb_mutex *m);
void ebb_cond_destroy(ebb_cond *c);

void ebb_mutex_lock(ebb_mutex *m);
void ebb_mutex_unlock(ebb_mutex *m);

/* Wakes one that waits, or all. */
void ebb_cond_signal(ebb_cond *c);
void ebb_cond_broadcast(ebb_cond *c);

/* Waits for a signal, the lock being held, until `deadline` of
   ebb_clock_system; EBB_NEVER has no limit. May return without any signal.
   False: the deadline came. */
bool ebb_cond_wait(ebb_cond *c, ebb_mutex *m, int64_t deadline);

/* Starts a detached thread, in which all signals are blocked: handlers run
   where they always did. 0 or a negative errno (-EAGAIN: the system has no
   room for another). */
int ebb_thread_start(void (*run)(void *arg), void *arg);

/* What a child of this thread should have blocked: in one of those, what is
   blocked in the thread that started it. A child by fork has just that. */
void ebb_thread_child_mask(sigset_t *mask);

#endif
