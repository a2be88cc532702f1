/* SPDX-License-Identifier: MIT
   From the names of hosts to addresses. */
#ifndef EBB_CORE_OS_RESOLVE_H
#define EBB_CORE_OS_RESOLVE_H

#include "core/os/socket.h"

enum { EBB_RESOLVE_MAX = 16 };

/* A question and its answer. `host` may be NULL for any address of this
   host, when it is `passive`. */
typedef struct ebb_resolve_query {
  const char *host;
  int port;
  bool passive; /* to be bound, not connected to */
  bool datagram;
  int family; /* AF_UNSPEC: of any */
  int count;  /* of the addresses, above 0; or an error: a negative errno, or
                one of the resolver's own, below EBB_RESOLVE_ERROR */
  ebb_address addresses[EBB_RESOLVE_MAX]; /* in the order to try them */
} ebb_resolve_query;

enum { EBB_RESOLVE_ERROR = -100000 };

/* Answers when the host is numeric, or NULL; false: it is a name. */
bool ebb_resolve_number(ebb_resolve_query *q);

/* Answers. Asks files and servers and blocks meanwhile; *any thread*. `q`
   is an ebb_resolve_query. */
void ebb_resolve_name(void *q);

/* What the resolver says of its own error; its name is *name. */
const char *ebb_resolve_message(int err, const char **name);

#endif
