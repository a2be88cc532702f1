/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "core/os/thread.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* Enough for Lua's 200 C levels, whatever the system's default is. */
enum { STACK_SIZE = 2 * 1024 * 1024 };

/* Used as it should be, none of these fails. */
static void thread_check(int err) {
  assert(err == 0);
  (void)err;
}

/* A thread that is ours blocks all signals, so that handlers run on the
   threads that the program knows. But a child inherits what its thread has
   blocked: it would never see a SIGTERM. So each such
   thread remembers what a child of its starter would have blocked, and gives
   that to its own: by the handler of fork, or to posix_spawn by the caller. */
typedef struct start {
  void (*run)(void *arg);
  void *arg;
  sigset_t child_mask;
} start;

/* Of a thread that was started here. */
static _Thread_local bool is_ours;
static _Thread_local sigset_t child_mask;

void ebb_thread_child_mask(sigset_t *mask) {
  if (is_ours)
    *mask = child_mask;
  else
    thread_check(pthread_sigmask(SIG_SETMASK, NULL, mask));
}

/* Runs in every child by fork, of whatever thread. */
static void in_child(void) {
  if (is_ours) thread_check(pthread_sigmask(SIG_SETMASK, &child_mask, NULL));
}

/* Once for the process. That two threads do it at once does no harm. */
static int watch_forks(void) {
  static atomic_bool watched;
  if (atomic_load(&watched)) return 0;
  int err = pthread_atfork(NULL, NULL, in_child);
  if (err == 0) atomic_store(&watched, true);
  return -err;
}

/* The copy is on the stack of the new thread: what the starter has allocated
   is freed by the new thread. */
static void *begin(void *arg) {
  start s = *(start *)arg;
  free(arg);
  child_mask = s.child_mask;
  is_ours = true;
  s.run(s.arg);
  return NULL;
}

/* Blocked before the thread is made, as it inherits the mask: from its first
   instruction on no signal can reach it. */
static int create_thread(const pthread_attr_t *attributes, start *s) {
  sigset_t all, before;
  pthread_t thread;
  ebb_thread_child_mask(&s->child_mask);
  sigfillset(&all);
  thread_check(pthread_sigmask(SIG_SETMASK, &all, &before));
  int err = pthread_create(&thread, attributes, begin, s);
  thread_check(pthread_sigmask(SIG_SETMASK, &before, NULL));
  return -err;
}

/* Detached: nobody joins it. The pool counts its threads, and the last thing
   that one does is to say that it leaves. */
int ebb_thread_start(void (*run)(void *arg), void *arg) {
  pthread_attr_t attributes;
  start *s = malloc(sizeof *s);
  if (s == NULL) return -ENOMEM;
  *s = (start){.run = run, .arg = arg};
  int err = watch_forks();
  if (err == 0) err = -pthread_attr_init(&attributes);
  if (err == 0) {
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    err = create_thread(&attributes, s);
    pthread_attr_destroy(&attributes);
  }
  if (err < 0) free(s);
  return err;
}
