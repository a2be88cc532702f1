/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* ppoll */
#include "reactor.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

void ebb_reactor_init(ebb_reactor *r) { r->kick_fd = -1; }

void ebb_reactor_destroy(ebb_reactor *r) {
  if (r->kick_fd >= 0) close(r->kick_fd);
  r->kick_fd = -1;
}

int ebb_reactor_open(ebb_reactor *r) {
  if (r->kick_fd >= 0) return 0;
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return -errno;
  r->kick_fd = fd;
  return 0;
}

int ebb_reactor_wait(ebb_reactor *r, int64_t ns) {
  struct timespec ts = {ns / 1000000000, (long)(ns % 1000000000)};
  struct pollfd fd = {r->kick_fd, POLLIN, 0}; /* poll skips an fd of -1 */
  int n = ppoll(&fd, 1, ns == INT64_MAX ? NULL : &ts, NULL);
  if (n < 0) return -errno;
  uint64_t kicks;
  if (n > 0 && read(fd.fd, &kicks, sizeof kicks) < 0) return -errno;
  return 0;
}

void ebb_reactor_kick(ebb_reactor *r) {
  uint64_t one = 1;
  int saved = errno; /* for signal handlers */
  int fd = r->kick_fd;
  if (fd < 0) return;
  /* The write fails only when the counter is full: then it is awake. */
  if (write(fd, &one, sizeof one) < 0) errno = saved;
}
