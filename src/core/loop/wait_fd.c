/* SPDX-License-Identifier: MIT */
#include "core/loop/wait_fd.h"

#include <errno.h>
#include <poll.h>

#include "core/loop/poller.h"
#include "core/loop/runtime.h"

/* Is there a result, be it an error, or the end of the time? It costs of the
   budget: a task that asks again and again must not keep others from
   running. */
static int ready_poll(int ready, ebb_await *w) {
  if (ready == 0 && w->deadline > ebb_now(w->rt)) return EBB_AWAIT_PENDING;
  if (!ebb_await_proceed(w)) return EBB_AWAIT_YIELD;
  return ready != 0 ? ready : -ETIMEDOUT;
}

/* The fd itself is asked first, by poll(2): most often something can be done
   at once, and then nothing needs to be registered. That is also the answer
   for fds that no epoll takes, as those of regular files. */
int ebb_wait_fd_poll(int fd, int events, ebb_await *w) {
  ebb_fd *f;
  if (w->status == EBB_GONE) return -EBADF;
  if (w->status != 0 && w->status != -EINTR) return w->status;
  int answer = ready_poll(ebb_reactor_look(fd, events), w);
  if (answer != EBB_AWAIT_PENDING) return answer;
  int err = ebb_fd_watch(w->rt, fd, &f);
  return err < 0 ? err : ebb_await_in_list(w, ebb_fd_waiters(f, events));
}

/* A wait that is over looks again: what it was woken with is of one fd.
   Another task may have been quicker, so the look is what counts; it is also
   the last thing done when the deadline has passed. No list means that no fd
   is there to wait for: it waits for the deadline. */
int ebb_wait_fd_poll_all(struct pollfd *fds, size_t n, ebb_await *w) {
  ebb_list *list;
  if (w->status == EBB_GONE) return -EBADF;
  int answer = ready_poll(ebb_reactor_look_at(fds, n), w);
  if (answer != EBB_AWAIT_PENDING) return answer;
  w->status = 0;
  int err = ebb_poller_add(w->rt, fds, n, &list);
  return err < 0 ? err : ebb_await_in_list(w, list);
}

typedef struct wait_one {
  int fd, events;
  int64_t deadline;
} wait_one;

static int one_poll(void *op, ebb_await *w) {
  const wait_one *o = op;
  w->deadline = o->deadline;
  return ebb_wait_fd_poll(o->fd, o->events, w);
}

int ebb_wait_fd(ebb_runtime *rt, int fd, int events, int64_t deadline) {
  wait_one o = {fd, events, deadline};
  if (events <= 0 || (events & ~(EBB_READ | EBB_WRITE)) != 0) return -EINVAL;
  return ebb_await_run(rt, "an fd", one_poll, &o);
}

typedef struct wait_all {
  struct pollfd *fds;
  size_t n;
  int64_t deadline;
} wait_all;

static int all_poll(void *op, ebb_await *w) {
  const wait_all *o = op;
  w->deadline = o->deadline;
  return ebb_wait_fd_poll_all(o->fds, o->n, w);
}

int ebb_wait_fds(ebb_runtime *rt, struct pollfd *fds, size_t n,
                 int64_t deadline) {
  wait_all o = {fds, n, deadline};
  return ebb_await_run(rt, "fds", all_poll, &o);
}

/* Both know waits for fds: of one, and of many at once. */
void ebb_forget_fd(ebb_runtime *rt, int fd) {
  ebb_poller_forget(&rt->events.poller, fd);
  ebb_fd_forget(rt, fd);
}
