/* SPDX-License-Identifier: MIT
   Tasks that wait for a semaphore, a Notify or a channel. */
#ifndef EBB_SPEC_C_SYNC_JOBS_H
#define EBB_SPEC_C_SYNC_JOBS_H

#include "test.h"

enum { TASKS = 5 };

/* What a task of these tests does, and what came of it. */
typedef struct job {
  ebb_semaphore *semaphore;
  ebb_notify *notify;
  ebb_channel *channel;
  const char *name;
  uint32_t n;
  int64_t deadline;
  void *value;
  int status;
} job;

static const char *const names[] = {"a", "b", "c", "d", "e"};

static inline void finish_all(ebb_task **tasks, int count) {
  for (int i = 0; i < count; i++) finish(tasks[i]);
}

static inline ebb_semaphore *new_semaphore(ebb_runtime *rt, uint32_t permits) {
  ebb_semaphore *s;
  CHECK(ebb_semaphore_new(rt, permits, &s) == 0);
  return s;
}

/* The names of all but the one. */
static inline const char *all_but(int victim) {
  static char text[2 * TASKS];
  text[0] = '\0';
  for (int i = 0; i < TASKS; i++) {
    if (i == victim) continue;
    if (text[0] != '\0') strcat(text, " ");
    strcat(text, names[i]);
  }
  return text;
}

static inline ebb_notify *new_notify(ebb_runtime *rt) {
  ebb_notify *n;
  CHECK(ebb_notify_new(rt, &n) == 0);
  return n;
}

static inline ebb_channel *new_channel(ebb_runtime *rt, size_t limit) {
  ebb_channel *c;
  CHECK(ebb_channel_new(rt, limit, &c) == 0);
  return c;
}

static inline bool received(ebb_channel *c, const char *name) {
  void *value = NULL;
  return ebb_channel_try_recv(c, &value) == 1 && strcmp(value, name) == 0;
}

static inline int try_send(ebb_channel *c, const char *name) {
  return ebb_channel_try_send(c, (void *)(uintptr_t)name);
}

#endif
