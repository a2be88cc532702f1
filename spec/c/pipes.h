/* SPDX-License-Identifier: MIT
   Many pipes, and a task that waits for them: in poll for a few looks, then in
   an epoll of its own. Each sentence about how a wait ends holds in both, so
   it is tried in both. */
#ifndef EBB_SPEC_C_PIPES_H
#define EBB_SPEC_C_PIPES_H

#define _GNU_SOURCE /* pipe2 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "test.h"

enum { PIPES = 20, LONG = 12 /* looks, after which it is in an epoll */ };

typedef struct pipes {
  int read[PIPES], write[PIPES];
} pipes;

static inline pipes new_pipes(void) {
  pipes p;
  for (int i = 0; i < PIPES; i++) {
    int fds[2];
    CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
    p.read[i] = fds[0];
    p.write[i] = fds[1];
  }
  return p;
}

static inline void close_pipes(const pipes *p) {
  for (int i = 0; i < PIPES; i++) {
    if (fcntl(p->read[i], F_GETFD) >= 0) close(p->read[i]);
    CHECK(close(p->write[i]) == 0);
  }
}

static inline void put(int fd) { CHECK(write(fd, "x", 1) == 1); }

static inline void take(int fd) {
  char c;
  CHECK(read(fd, &c, 1) == 1);
}

/* Without counting the one that looks. */
static inline int count_open_fds(void) {
  int n = -1;
  DIR *d = opendir("/proc/self/fd");
  CHECK(d != NULL);
  while (readdir(d) != NULL) n++;
  CHECK(closedir(d) == 0);
  return n;
}

typedef struct wait {
  struct pollfd fds[4 * PIPES];
  size_t n;
  int64_t deadline;
  const char *name; /* noted when the wait is over */
  int result;
} wait;

static inline wait reading(const pipes *p, const char *name) {
  wait w = {.n = PIPES, .deadline = EBB_NEVER, .name = name};
  for (int i = 0; i < PIPES; i++)
    w.fds[i] = (struct pollfd){p->read[i], POLLIN, 0};
  return w;
}

static inline void *wait_for(ebb_runtime *rt, void *arg) {
  wait *w = arg;
  w->result = ebb_wait_fds(rt, w->fds, w->n, w->deadline);
  note(w->name);
  return NULL;
}

static inline void look(ebb_runtime *rt, int times) {
  for (int i = 0; i < times; i++) CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
}

static inline ebb_task *start_wait(ebb_runtime *rt, wait *w, int looks) {
  ebb_task *t = start(rt, wait_for, w);
  look(rt, looks);
  return t;
}

/* Is entry `i` the only one that has an event? */
static inline bool only(const wait *w, size_t i) {
  for (size_t j = 0; j < w->n; j++)
    if ((w->fds[j].revents != 0) != (i == j)) return false;
  return true;
}

/* The number of looks that a test is to let the wait outlast. */
static inline void short_and_long(void (*test)(int looks)) {
  test(1);
  test(LONG);
}

#endif
