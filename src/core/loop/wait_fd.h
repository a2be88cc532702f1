/* SPDX-License-Identifier: MIT
   Waiting for file descriptors; the public contracts are in ebb.h. */
#ifndef EBB_CORE_LOOP_WAIT_FD_H
#define EBB_CORE_LOOP_WAIT_FD_H

#include "core/loop/await.h"
#include "core/loop/fd.h"

struct pollfd;

/* Polls, see await.h, until `w->deadline`. The events that there are, -EBADF,
   -ETIMEDOUT, or another negative errno. */
int ebb_wait_fd_poll(int fd, int events, ebb_await *w);

/* The same for many: how many are ready, as their `revents` say. */
int ebb_wait_fd_poll_all(struct pollfd *fds, size_t n, ebb_await *w);

#endif
