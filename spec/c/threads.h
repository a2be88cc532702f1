/* SPDX-License-Identifier: MIT
   What the C tests with threads share. They wait for events, never for time:
   a gate counts those that have passed it, and whoever waits at it waits for
   a number. What has no event, since a thread that is detached ends behind
   everybody's back, is asked for again and again, for a minute at most. */
#ifndef EBB_SPEC_C_THREADS_H
#define EBB_SPEC_C_THREADS_H

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "test.h"

/* ---- threads ---- */

static inline pthread_t start_thread(void *(*run)(void *arg), void *arg) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, run, arg) == 0);
  return thread;
}

static inline void join_thread(pthread_t thread) {
  CHECK(pthread_join(thread, NULL) == 0);
}

/* ---- gates ---- */

typedef struct gate {
  pthread_mutex_t lock;
  pthread_cond_t passed;
  int count;
} gate;

#define GATE \
  { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

static inline void gate_pass(gate *g) {
  CHECK(pthread_mutex_lock(&g->lock) == 0);
  g->count++;
  CHECK(pthread_cond_broadcast(&g->passed) == 0);
  CHECK(pthread_mutex_unlock(&g->lock) == 0);
}

static inline void gate_wait(gate *g, int count) {
  CHECK(pthread_mutex_lock(&g->lock) == 0);
  while (g->count < count) CHECK(pthread_cond_wait(&g->passed, &g->lock) == 0);
  CHECK(pthread_mutex_unlock(&g->lock) == 0);
}

static inline int gate_count(gate *g) {
  CHECK(pthread_mutex_lock(&g->lock) == 0);
  int count = g->count;
  CHECK(pthread_mutex_unlock(&g->lock) == 0);
  return count;
}

/* ---- what the process has ---- */

static inline int count_entries(const char *path) {
  int count = 0;
  DIR *d = opendir(path);
  CHECK(d != NULL);
  while (readdir(d) != NULL) count++;
  closedir(d);
  return count;
}

static inline int count_threads(void) {
  return count_entries("/proc/self/task");
}

static inline int count_fds(void) { return count_entries("/proc/self/fd"); }

/* Asks until the answer is yes. */
static inline bool becomes(bool (*is)(void *arg), void *arg) {
  time_t end = time(NULL) + 60;
  while (!is(arg)) {
    if (time(NULL) > end) return false;
    sched_yield();
  }
  return true;
}

/* Threads that were about to end when they were counted may make it fewer. */
static inline bool are_no_more_threads(void *count) {
  return count_threads() <= *(int *)count;
}

/* ---- runtimes ---- */

/* For what waits for another thread: no virtual time here. */
static inline ebb_runtime *new_real_runtime(void) {
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  return rt;
}

static inline ebb_handle *handle_of(ebb_runtime *rt) {
  ebb_handle *h;
  CHECK(ebb_handle_current(rt, &h) == 0);
  return h;
}

static inline ebb_task *start_on(ebb_runtime *rt, ebb_target target,
                                 ebb_body b) {
  ebb_task *t = NULL;
  CHECK(ebb_spawn_on(rt, &target, b, &t) == 0);
  CHECK(t != NULL);
  return t;
}

/* Waits for a task, and gives the handle back. */
static inline ebb_result join(ebb_task *t) {
  ebb_result result = {0};
  CHECK(ebb_task_join(t, EBB_NEVER, &result) == 0);
  CHECK(result.id == ebb_task_id(t));
  ebb_task_release(t);
  return result;
}

#endif
