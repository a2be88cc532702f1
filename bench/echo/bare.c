/* SPDX-License-Identifier: MIT
   The peer of the echo bench: the least that an epoll loop in C can be.
   Prints its port, and at the end the CPU seconds it took. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SIZE = 64 };

static double cpu_seconds(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void watch(int poll, int fd) {
  struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
}

static int silent; /* the first connection; its end is ours */

static void take(int poll, int listener) {
  int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0) return;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  watch(poll, fd);
  if (silent == 0) silent = fd;
}

static void answer(int fd) {
  char message[SIZE];
  ssize_t n = recv(fd, message, SIZE, 0);
  if (n <= 0 && fd == silent) {
    printf("%.6f\n", cpu_seconds());
    exit(0);
  } else if (n <= 0) {
    close(fd);
  } else if (send(fd, message, (size_t)n, MSG_NOSIGNAL) < 0) {
    perror("send");
  }
}

int main(void) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t len = sizeof at;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&at, len) < 0 ||
      listen(listener, 1024) < 0 ||
      getsockname(listener, (struct sockaddr *)&at, &len) < 0)
    return 1;
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  int poll = epoll_create1(0);
  watch(poll, listener);
  for (;;) {
    struct epoll_event events[128];
    int n = epoll_wait(poll, events, 128, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == listener)
        take(poll, fd);
      else
        answer(fd);
    }
  }
}
