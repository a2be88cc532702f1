/* SPDX-License-Identifier: MIT
   Threads; thread.c, mutex.h and cond.c are the only files with pthread. No
   thread or lock exists until something of a runtime is used by another
   thread. */
#ifndef EBB_CORE_OS_THREAD_H
#define EBB_CORE_OS_THREAD_H

#include <signal.h>

/* Starts a detached thread, in which all signals are blocked: handlers run
   where they always did. 0 or a negative errno (-EAGAIN: the system has no
   room for another). */
int ebb_thread_start(void (*run)(void *arg), void *arg);

/* What a child of this thread should have blocked: in one of those, what is
   blocked in the thread that started it. A child by fork has just that. */
void ebb_thread_child_mask(sigset_t *mask);

#endif
