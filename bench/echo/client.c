/* SPDX-License-Identifier: MIT
   The client of the echo bench: `client PORT CONNECTIONS SECONDS` plays
   ping-pong with 64 bytes on each connection. Before these it makes one on
   which it says nothing: when that ends, so does the server. Prints how many
   requests were answered. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 64, MAX = 1024 };

static int port;

static _Noreturn void fail(const char *what) {
  perror(what);
  exit(1);
}

static int dial(void) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
    fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static void ping(int fd) {
  static const char message[SIZE] = "ping";
  if (write(fd, message, SIZE) != SIZE) fail("write");
}

/* A message is small enough to come in one piece, nearly always. */
static void pong(int fd) {
  char message[SIZE];
  for (int got = 0; got < SIZE;) {
    ssize_t n = read(fd, message + got, (size_t)(SIZE - got));
    if (n <= 0) fail("read");
    got += (int)n;
  }
}

static double now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  static int fds[MAX];
  struct epoll_event events[64];
  if (argc != 4) return 2;
  port = atoi(argv[1]);
  int count = atoi(argv[2]), poll = epoll_create1(0);
  double end = now() + atof(argv[3]);
  int silent = dial();
  long answered = 0;
  for (int i = 0; i < count && i < MAX; i++) {
    struct epoll_event e = {.events = EPOLLIN};
    e.data.fd = fds[i] = dial();
    if (epoll_ctl(poll, EPOLL_CTL_ADD, fds[i], &e) < 0) fail("epoll_ctl");
    ping(fds[i]);
  }
  while (now() < end) {
    int n = epoll_wait(poll, events, 64, 1000);
    for (int i = 0; i < n; i++) {
      pong(events[i].data.fd);
      answered++;
      ping(events[i].data.fd);
    }
  }
  for (int i = 0; i < count && i < MAX; i++) pong(fds[i]);
  close(silent);
  printf("%ld\n", answered + count);
  return 0;
}
