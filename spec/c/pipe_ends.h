/* SPDX-License-Identifier: MIT
   One pipe or pair of sockets, and tasks that wait for an end of it. */
#ifndef EBB_SPEC_C_PIPE_ENDS_H
#define EBB_SPEC_C_PIPE_ENDS_H

#define _GNU_SOURCE /* pipe2 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

typedef struct ends {
  int read, write;
} ends;

static inline ends new_pipe(void) {
  int fds[2];
  CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
  return (ends){fds[0], fds[1]};
}

static inline ends new_pair(void) {
  int fds[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
  return (ends){fds[0], fds[1]};
}

static inline void close_both(ends p) {
  CHECK(close(p.read) == 0 && close(p.write) == 0);
}

static inline void put(int fd) { CHECK(write(fd, "x", 1) == 1); }

typedef struct wait {
  int fd, events;
  int64_t deadline;
  const char *name; /* noted when the wait is over */
  int result;
} wait;

static inline void *wait_for(ebb_runtime *rt, void *arg) {
  wait *w = arg;
  w->result = ebb_wait_fd(rt, w->fd, w->events, w->deadline);
  note(w->name);
  return NULL;
}

static inline wait waiting(int fd, int events, const char *name) {
  return (wait){fd, events, EBB_NEVER, name, 0};
}

/* Lets every task that can run do so; never blocks. */
static inline void settle(ebb_runtime *rt) {
  ebb_tick_report report;
  do CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  while (report.ready > 0);
}

static inline ebb_task *start_wait(ebb_runtime *rt, wait *w) {
  ebb_task *t = start(rt, wait_for, w);
  settle(rt);
  return t;
}

#endif
