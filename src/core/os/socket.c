/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* accept4 */
#include "core/os/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "ebb.h"

enum { FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC };

/* Everything is non-blocking from the beginning, by the flags of the calls
   that make a socket: there is no moment at which another thread's child
   could inherit it, nor one at which a call could block. Errors are returned
   as negative errnos, as errno itself may be changed by whatever runs next. */
static int result(int n) { return n < 0 ? -errno : n; }

static ptrdiff_t size_result(ssize_t n) { return n < 0 ? -errno : n; }

/* ---- addresses ---- */

/* An abstract name begins with a zero byte and has no end but the length; a
   path ends with a zero, which the length counts. */
int ebb_socket_path_address(ebb_address *a, const char *path, size_t len) {
  *a = (ebb_address){0};
  if (len == 0) return -EINVAL;
  if (len >= sizeof a->as.path.sun_path) return -ENAMETOOLONG;
  a->as.path.sun_family = AF_UNIX;
  memcpy(a->as.path.sun_path, path, len);
  size_t head = offsetof(struct sockaddr_un, sun_path);
  bool is_name = path[0] == '@';
  if (is_name) a->as.path.sun_path[0] = '\0';
  a->len = (socklen_t)(head + len + (is_name ? 0 : 1));
  return 0;
}

/* A socket that is bound to nothing has an address of no length: its text is
   empty. */
static size_t path_text(const ebb_address *a, char text[EBB_ADDRESS_TEXT]) {
  size_t head = offsetof(struct sockaddr_un, sun_path);
  size_t len = a->len > head ? a->len - head : 0;
  if (len >= EBB_ADDRESS_TEXT) len = EBB_ADDRESS_TEXT - 1;
  memcpy(text, a->as.path.sun_path, len);
  if (len > 0 && text[0] == '\0')
    text[0] = '@';
  else
    len = strnlen(text, len);
  return len;
}

/* What the system cannot put into text has none. */
size_t ebb_socket_address_text(const ebb_address *a,
                               char text[EBB_ADDRESS_TEXT], int *port) {
  const struct sockaddr_in *v4 = (const void *)&a->as.storage;
  const struct sockaddr_in6 *v6 = (const void *)&a->as.storage;
  int family = a->as.any.sa_family;
  *port = -1;
  if (family != AF_INET && family != AF_INET6) return path_text(a, text);
  bool is_v4 = family == AF_INET;
  *port = ntohs(is_v4 ? v4->sin_port : v6->sin6_port);
  const void *bits = is_v4 ? (const void *)&v4->sin_addr : &v6->sin6_addr;
  if (inet_ntop(family, bits, text, EBB_ADDRESS_TEXT) == NULL) return 0;
  return strlen(text);
}

int ebb_socket_local(int fd, ebb_address *out) {
  *out = (ebb_address){.len = sizeof out->as};
  return result(getsockname(fd, &out->as.any, &out->len));
}

int ebb_socket_peer(int fd, ebb_address *out) {
  *out = (ebb_address){.len = sizeof out->as};
  return result(getpeername(fd, &out->as.any, &out->len));
}

/* ---- making sockets ---- */

static int set_option(int fd, int level, int option, int value) {
  return result(setsockopt(fd, level, option, &value, sizeof value));
}

int ebb_socket_set_nodelay(int fd, bool on) {
  return set_option(fd, IPPROTO_TCP, TCP_NODELAY, on);
}

/* Closes a socket that could not be made, else hands it out. */
static int hand_out(int fd, int err, int *out) {
  if (err < 0 && err != -EINPROGRESS)
    close(fd);
  else
    *out = fd;
  return err;
}

/* Nagle's algorithm is off: a program that writes in pieces has a buffer for
   that, and one that has
   not would wait for delayed acknowledgements. */
int ebb_socket_connect(const ebb_address *to, int *out) {
  int fd = socket(to->as.any.sa_family, SOCK_STREAM | FLAGS, 0);
  if (fd < 0) return -errno;
  int err = ebb_address_is_path(to) ? 0 : ebb_socket_set_nodelay(fd, true);
  if (err == 0) err = result(connect(fd, &to->as.any, to->len));
  return hand_out(fd, err, out);
}

/* Reading it clears it: it is asked once, when the connect is over. */
int ebb_socket_error(int fd) {
  int error = 0;
  socklen_t len = sizeof error;
  int n = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
  return n < 0 ? -errno : -error;
}

/* SO_REUSEADDR: a server that is started anew must not wait until the
   connections of the last one have been forgotten. */
int ebb_socket_listen(const ebb_address *at, int backlog, int *out) {
  int fd = socket(at->as.any.sa_family, SOCK_STREAM | FLAGS, 0);
  if (fd < 0) return -errno;
  int err =
      ebb_address_is_path(at) ? 0 : set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (err == 0) err = result(bind(fd, &at->as.any, at->len));
  if (err == 0) err = result(listen(fd, backlog));
  return hand_out(fd, err, out);
}

int ebb_socket_bind_udp(const ebb_address *at, int *out) {
  int fd = socket(at->as.any.sa_family, SOCK_DGRAM | FLAGS, 0);
  if (fd < 0) return -errno;
  return hand_out(fd, result(bind(fd, &at->as.any, at->len)), out);
}

int ebb_socket_pair(int out[2]) {
  return result(socketpair(AF_UNIX, SOCK_STREAM | FLAGS, 0, out));
}

/* Without TCP_NODELAY a connection is slower, but it is one. */
int ebb_socket_accept(int fd, bool *is_tcp) {
  ebb_address peer = {.len = sizeof peer.as};
  int n = accept4(fd, &peer.as.any, &peer.len, FLAGS);
  if (n < 0) return -errno;
  *is_tcp = !ebb_address_is_path(&peer);
  if (*is_tcp) (void)ebb_socket_set_nodelay(n, true);
  return n;
}

/* ---- bytes ---- */

ptrdiff_t ebb_socket_read(int fd, void *buffer, size_t size) {
  return size_result(recv(fd, buffer, size, 0));
}

/* MSG_NOSIGNAL in place of ignoring SIGPIPE, which would be the whole
   process's affair. */
ptrdiff_t ebb_socket_write(int fd, const struct iovec *pieces, int count) {
  if (count == 1)
    return size_result(
        send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL));
  struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
                           .msg_iovlen = (size_t)count};
  return size_result(sendmsg(fd, &message, MSG_NOSIGNAL));
}

/* ---- datagrams ---- */

/* The true length, of a datagram that may be longer than any buffer. */
ptrdiff_t ebb_socket_next_size(int fd) {
  return size_result(recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC));
}

ptrdiff_t ebb_socket_receive(int fd, void *buffer, size_t size,
                             ebb_address *from) {
  *from = (ebb_address){.len = sizeof from->as};
  return size_result(
      recvfrom(fd, buffer, size, MSG_TRUNC, &from->as.any, &from->len));
}

ptrdiff_t ebb_socket_send(int fd, const void *data, size_t size,
                          const ebb_address *to) {
  if (to == NULL) return size_result(send(fd, data, size, MSG_NOSIGNAL));
  return size_result(
      sendto(fd, data, size, MSG_NOSIGNAL, &to->as.any, to->len));
}

int ebb_socket_set_peer(int fd, const ebb_address *to) {
  return result(connect(fd, &to->as.any, to->len));
}

/* ---- the end ---- */

int ebb_socket_shutdown(int fd, int how) {
  if (how == EBB_READ) return result(shutdown(fd, SHUT_RD));
  return result(shutdown(fd, how == EBB_WRITE ? SHUT_WR : SHUT_RDWR));
}

/* With a linger of 0 the peer gets a reset, and what was not sent is
   dropped. */
void ebb_socket_close(int fd, bool reset) {
  struct linger now = {1, 0};
  if (reset) (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd); /* on Linux the fd is gone whatever it returns */
}

/* ---- errors ---- */

/* A server that gets one of these waits a little and accepts again. */
bool ebb_socket_is_exhausted(int err) {
  return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

/* accept gives errors of the new connection as its own. */
bool ebb_socket_is_passing(int err) {
  switch (-err) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPERM:
      return true;
    default:
      return false;
  }
}

const char *ebb_socket_error_name(int err) {
#define NAME(e) \
  case e:       \
    return #e
  switch (-err) {
    NAME(EACCES);
    NAME(EADDRINUSE);
    NAME(EADDRNOTAVAIL);
    NAME(EAFNOSUPPORT);
    NAME(EAGAIN);
    NAME(EALREADY);
    NAME(EBADF);
    NAME(ECONNABORTED);
    NAME(ECONNREFUSED);
    NAME(ECONNRESET);
    NAME(EDESTADDRREQ);
    NAME(EEXIST);
    NAME(EHOSTDOWN);
    NAME(EHOSTUNREACH);
    NAME(EINTR);
    NAME(EINVAL);
    NAME(EIO);
    NAME(EISCONN);
    NAME(ELOOP);
    NAME(EMFILE);
    NAME(EMSGSIZE);
    NAME(ENAMETOOLONG);
    NAME(ENETDOWN);
    NAME(ENETRESET);
    NAME(ENETUNREACH);
    NAME(ENFILE);
    NAME(ENOBUFS);
    NAME(ENODEV);
    NAME(ENOENT);
    NAME(ENOMEM);
    NAME(ENOSPC);
    NAME(ENOTCONN);
    NAME(ENOTDIR);
    NAME(ENOTSOCK);
    NAME(EOPNOTSUPP);
    NAME(EPERM);
    NAME(EPIPE);
    NAME(EPROTO);
    NAME(EPROTONOSUPPORT);
    NAME(EPROTOTYPE);
    NAME(EROFS);
    NAME(ETIMEDOUT);
    default:
      return NULL;
  }
#undef NAME
}
