/* SPDX-License-Identifier: MIT
   Sockets, as far as ebb.net needs them: socket.c is the only file with
   their system calls. All are non-blocking and closed on exec, and none
   raises SIGPIPE. Results below 0 are negative errnos. */
#ifndef EBB_CORE_OS_SOCKET_H
#define EBB_CORE_OS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

typedef struct ebb_address {
  union {
    struct sockaddr any;
    struct sockaddr_storage storage;
    struct sockaddr_un path;
  } as;
  socklen_t len;
} ebb_address;

/* Large enough for the text of any address. */
enum { EBB_ADDRESS_TEXT = 128 };

/* The address of a Unix socket; a path that begins with "@" is a name that
   is in no file system (Linux). -EINVAL: empty. -ENAMETOOLONG. */
int ebb_socket_path_address(ebb_address *a, const char *path, size_t len);

/* The host, numeric, or the path, as text; returns its length. *port is -1
   for a path. */
size_t ebb_socket_address_text(const ebb_address *a,
                               char text[EBB_ADDRESS_TEXT], int *port);

static inline bool ebb_address_is_path(const ebb_address *a) {
  return a->as.any.sa_family == AF_UNIX;
}

/* Each makes a socket in *out. connect returns 0, or -EINPROGRESS: the
   socket is there, and writable once ebb_socket_error can tell how it
   ended. */
int ebb_socket_connect(const ebb_address *to, int *out);
int ebb_socket_error(int fd);
int ebb_socket_listen(const ebb_address *at, int backlog, int *out);
int ebb_socket_bind_udp(const ebb_address *at, int *out);
int ebb_socket_pair(int out[2]);

/* The fd of a new connection. *is_tcp: not a Unix socket. */
int ebb_socket_accept(int fd, bool *is_tcp);

/* How many bytes. read: 0 is the end. */
ptrdiff_t ebb_socket_read(int fd, void *buffer, size_t size);
ptrdiff_t ebb_socket_write(int fd, const struct iovec *pieces, int count);

/* Datagrams. `size` asks for the length of the next without taking it. `to`
   may be NULL for the connected peer. */
ptrdiff_t ebb_socket_next_size(int fd);
ptrdiff_t ebb_socket_receive(int fd, void *buffer, size_t size,
                             ebb_address *from);
ptrdiff_t ebb_socket_send(int fd, const void *data, size_t size,
                          const ebb_address *to);
int ebb_socket_set_peer(int fd, const ebb_address *to);

/* `how` is of EBB_READ and EBB_WRITE. */
int ebb_socket_shutdown(int fd, int how);
int ebb_socket_set_nodelay(int fd, bool on);
int ebb_socket_local(int fd, ebb_address *out);
int ebb_socket_peer(int fd, ebb_address *out);

/* `reset`: what was not sent is dropped, and the peer is told so. */
void ebb_socket_close(int fd, bool reset);

/* Is this error of accept one of resources that will be there again? And one
   that only says that a connection has ended before it was accepted? */
bool ebb_socket_is_exhausted(int err);
bool ebb_socket_is_passing(int err);

/* The name of an errno, as "ECONNRESET"; NULL for one not met in these
   calls. */
const char *ebb_socket_error_name(int err);

#endif
