/* SPDX-License-Identifier: MIT

   Every fd is added once, edge-triggered and for both directions: the kernel
   then tells of each change, whether or not a task waits just then, and no
   system call is made when a wait begins or ends. */
#define _GNU_SOURCE /* ppoll, epoll_pwait2, POLLRDHUP */
#include "core/os/reactor.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "ebb.h"

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
#define HAS_PWAIT2 1
#endif
#endif

enum { BATCH = 128 };

/* The tag of the eventfd. */
#define KICK UINT64_MAX

void ebb_reactor_init(ebb_reactor *r) { r->kick_fd = r->poll_fd = -1; }

void ebb_reactor_destroy(ebb_reactor *r) {
  if (r->kick_fd >= 0) close(r->kick_fd);
  if (r->poll_fd >= 0) close(r->poll_fd);
  ebb_reactor_init(r);
}

/* ---- kicks ---- */

/* Edge-triggered too, so that a kick need not be read to be over.
   A kick is a write to the eventfd, from any thread or signal handler. It is
   an edge: the counter is never read while there is an epoll, and each write
   is a new event. */
static int watch_kicks(int poll_fd, int kick_fd) {
  struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = KICK};
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, kick_fd, &e) < 0) return -errno;
  return 0;
}

/* An eventfd is made when the first handle or waker is: a program with one
   thread has none. */
int ebb_reactor_open(ebb_reactor *r) {
  if (r->kick_fd >= 0) return 0;
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return -errno;
  int err = r->poll_fd < 0 ? 0 : watch_kicks(r->poll_fd, fd);
  if (err < 0)
    close(fd);
  else
    r->kick_fd = fd;
  return err;
}

void ebb_reactor_kick(ebb_reactor *r) {
  uint64_t one = 1;
  int saved = errno; /* for signal handlers */
  int fd = r->kick_fd;
  if (fd < 0) return;
  /* The write fails only when the counter is full: then it is awake. */
  if (write(fd, &one, sizeof one) < 0) errno = saved;
}

/* ---- sleeping ---- */

static struct timespec *to_timespec(int64_t ns, struct timespec *ts) {
  if (ns == EBB_NEVER) return NULL;
  *ts = (struct timespec){ns / 1000000000, (long)(ns % 1000000000)};
  return ts;
}

/* ppoll where there is no epoll, or none that can wait for nanoseconds. */
static int wait_for_one(int fd, int64_t ns) {
  struct timespec ts;
  struct pollfd one = {fd, POLLIN, 0}; /* poll skips an fd of -1 */
  int n = ppoll(&one, 1, to_timespec(ns, &ts), NULL);
  return n < 0 ? -errno : n;
}

/* Without an epoll the eventfd is polled alone, and must be read, or the
   next sleep would end at once. */
static int wait_for_kick(int fd, int64_t ns) {
  int n = wait_for_one(fd, ns);
  uint64_t kicks;
  if (n > 0 && read(fd, &kicks, sizeof kicks) < 0) return -errno;
  return n < 0 ? n : 0;
}

static int look_now(int fd, struct epoll_event *found, int max) {
  int n = epoll_wait(fd, found, max, 0);
  return n < 0 ? -errno : n;
}

/* epoll_wait counts in milliseconds, and would round a sleep of 100 us up to
   1 ms. Where there is no better call, the epoll is itself polled, by ppoll,
   which has nanoseconds. */
static int wait_long(int fd, int64_t ns, struct epoll_event *found, int max) {
#ifdef HAS_PWAIT2
  struct timespec ts;
  int n = epoll_pwait2(fd, found, max, to_timespec(ns, &ts), NULL);
  if (n >= 0) return n;
  if (errno != ENOSYS) return -errno; /* Linux before 5.11 */
#endif
  int ready = wait_for_one(fd, ns);
  return ready <= 0 ? ready : look_now(fd, found, max);
}

/* A hang-up makes both reading and writing possible: each ends at once, with
   an end or an error. A half that the other side has closed can still be
   written to. */
static ebb_event translate(const struct epoll_event *e) {
  ebb_event event = {.tag = e->data.u64};
  event.hung_up = (e->events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
  if (e->events & (EPOLLIN | EPOLLRDHUP)) event.ready |= EBB_READ;
  if (e->events & EPOLLOUT) event.ready |= EBB_WRITE;
  if (e->events & (EPOLLHUP | EPOLLERR)) event.ready |= EBB_READ | EBB_WRITE;
  return event;
}

/* The array on the stack is as large as the caller's may be; a kick takes no
   place in the caller's. */
int ebb_reactor_wait(ebb_reactor *r, int64_t ns, ebb_event *events, int max) {
  if (r->poll_fd < 0) return wait_for_kick(r->kick_fd, ns);
  struct epoll_event found[BATCH];
  if (max > BATCH) max = BATCH;
  int n = ns == 0 ? look_now(r->poll_fd, found, max)
                  : wait_long(r->poll_fd, ns, found, max);
  int count = n < 0 ? n : 0;
  for (int i = 0; i < n; i++)
    if (found[i].data.u64 != KICK) events[count++] = translate(&found[i]);
  return count;
}

/* ---- file descriptors ---- */

/* When the eventfd is there already it is watched by the new epoll, as
   ebb_reactor_open does in the other order. */
static int open_poll(ebb_reactor *r) {
  if (r->poll_fd >= 0) return 0;
  int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return -errno;
  int err = r->kick_fd < 0 ? 0 : watch_kicks(fd, r->kick_fd);
  if (err < 0)
    close(fd);
  else
    r->poll_fd = fd;
  return err;
}

/* EPOLLRDHUP tells a half-closed connection from one with data. */
int ebb_reactor_watch(ebb_reactor *r, int fd, uint64_t tag, bool again) {
  int err = open_poll(r);
  if (err < 0) return err;
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                          .data.u64 = tag};
  int op = again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  int n = epoll_ctl(r->poll_fd, op, fd, &e);
  /* A file that left this number watched can come back to it by dup2. */
  if (n < 0 && errno == EEXIST)
    n = epoll_ctl(r->poll_fd, EPOLL_CTL_MOD, fd, &e);
  return n < 0 ? -errno : 0;
}

void ebb_reactor_unwatch(ebb_reactor *r, int fd) {
  struct epoll_event e = {0}; /* Linux before 2.6.9 wants one */
  (void)epoll_ctl(r->poll_fd, EPOLL_CTL_DEL, fd, &e);
}

/* poll(2) on the fd itself: no registration, and right for every kind of
   file, too. Signals are of no interest to a call that does not sleep. */
int ebb_reactor_look(int fd, int events) {
  struct pollfd one = {fd, 0, 0};
  if (events & EBB_READ) one.events |= POLLIN | POLLRDHUP;
  if (events & EBB_WRITE) one.events |= POLLOUT;
  if (fd < 0) return -EBADF;
  int n;
  do n = poll(&one, 1, 0);
  while (n < 0 && errno == EINTR);
  if (n < 0) return -errno;
  int ready = 0;
  if (one.revents & POLLNVAL) return -EBADF;
  if (one.revents & (POLLIN | POLLRDHUP)) ready |= EBB_READ;
  if (one.revents & POLLOUT) ready |= EBB_WRITE;
  if (one.revents & (POLLHUP | POLLERR)) ready |= EBB_READ | EBB_WRITE;
  return ready & events;
}

/* ---- many fds at once ---- */

/* poll(2) takes no more fds than the process may have open, but there may be
   more than that: the same one twice, or some that are not open. */
int ebb_reactor_look_at(struct pollfd *fds, size_t n) {
  int found;
  do found = poll(fds, n, 0);
  while (found < 0 && errno == EINTR);
  if (found >= 0) return found;
  if (errno != EINVAL || n < 2) return -errno;
  size_t half = n / 2;
  int first = ebb_reactor_look_at(fds, half);
  if (first < 0) return first;
  int second = ebb_reactor_look_at(fds + half, n - half);
  return second < 0 ? second : first + second;
}

/* The reactor's own fd stands first, so that its events and kicks end this
   sleep; fetching them is for the caller. */
int ebb_reactor_wait_with(ebb_reactor *r, int64_t ns, struct pollfd *fds,
                          size_t n) {
  struct timespec ts;
  fds[0] =
      (struct pollfd){r->poll_fd >= 0 ? r->poll_fd : r->kick_fd, POLLIN, 0};
  int found = ppoll(fds, n, to_timespec(ns, &ts), NULL);
  return found < 0 ? -errno : found;
}

/* Equal fds come to stand together: an epoll takes each once. */
static int by_fd(const void *a, const void *b) {
  return ((const struct pollfd *)a)->fd - ((const struct pollfd *)b)->fd;
}

/* The events of poll are those of epoll. One fd is all that is asked of it. */
static int add_sorted(int gathered, const struct pollfd *fds, size_t n) {
  struct epoll_event e = {0};
  for (size_t i = 0; i < n; i++) {
    e.events |= (uint16_t)fds[i].events;
    if (i + 1 < n && fds[i + 1].fd == fds[i].fd) continue;
    if (epoll_ctl(gathered, EPOLL_CTL_ADD, fds[i].fd, &e) < 0) return -errno;
    e.events = 0;
  }
  return 0;
}

/* An epoll is itself a file that can be polled: it is readable while one of
   its own has an event. An fd that it does not take, or a process that has
   none left, is an error; the caller then goes on without. */
int ebb_reactor_gather(struct pollfd *fds, size_t n) {
  int gathered = epoll_create1(EPOLL_CLOEXEC);
  if (gathered < 0) return -errno;
  qsort(fds, n, sizeof *fds, by_fd);
  int err = add_sorted(gathered, fds, n);
  if (err == 0) return gathered;
  close(gathered);
  return err;
}

void ebb_reactor_scatter(int gathered) { close(gathered); }

bool ebb_reactor_take_out(int gathered, int fd) {
  struct epoll_event e = {0};
  return epoll_ctl(gathered, EPOLL_CTL_DEL, fd, &e) == 0;
}
