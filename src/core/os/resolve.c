/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "core/os/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Errors of getaddrinfo are above or below 0, depending on the system.
   The resolver's errors and errnos share one number: its own lie below
   EBB_RESOLVE_ERROR, where no errno is. */
static int error_of(int eai) {
  if (eai == EAI_SYSTEM) return errno != 0 ? -errno : -EIO;
  if (eai == EAI_MEMORY) return -ENOMEM;
  return EBB_RESOLVE_ERROR - 1 - abs(eai);
}

/* In the resolver's order, which is that of preference (RFC 6724). What is
   beyond the array would hardly be tried. */
static int copy(ebb_resolve_query *q, const struct addrinfo *found) {
  int n = 0;
  for (; found != NULL && n < EBB_RESOLVE_MAX; found = found->ai_next) {
    ebb_address *a = &q->addresses[n];
    if (found->ai_addrlen > sizeof a->as) continue;
    memcpy(&a->as, found->ai_addr, found->ai_addrlen);
    a->len = found->ai_addrlen;
    n++;
  }
  return n > 0 ? n : error_of(EAI_NONAME);
}

/* The port as digits, and none looked up: names of services are another
   database, and slow. */
static int ask(ebb_resolve_query *q, int flags) {
  char port[16];
  struct addrinfo *found, hints = {.ai_family = q->family};
  hints.ai_socktype = q->datagram ? SOCK_DGRAM : SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV | (q->passive ? AI_PASSIVE : 0);
  snprintf(port, sizeof port, "%d", q->port);
  int eai = getaddrinfo(q->host, port, &hints, &found);
  if (eai != 0) {
    q->count = error_of(eai);
    return eai;
  }
  q->count = copy(q, found);
  freeaddrinfo(found);
  return 0;
}

/* With this flag no file and no server is asked, so it may be called in the
   loop. A failure other than "no number" is an answer, too. */
bool ebb_resolve_number(ebb_resolve_query *q) {
  int eai = ask(q, q->host == NULL ? 0 : AI_NUMERICHOST);
  return eai != EAI_NONAME;
}

void ebb_resolve_name(void *q) { (void)ask(q, 0); }

/* An error that this system adds to those of POSIX is a failure of the
   lookup. EAI_MEMORY and EAI_SYSTEM have become errnos before. */
static const char *name_of(int eai) {
#define NAME(e) \
  case e:       \
    return #e
  switch (eai) {
    NAME(EAI_AGAIN);
    NAME(EAI_BADFLAGS);
    NAME(EAI_FAMILY);
    NAME(EAI_NONAME);
    NAME(EAI_OVERFLOW);
    NAME(EAI_SERVICE);
    NAME(EAI_SOCKTYPE);
#ifdef EAI_ADDRFAMILY
    NAME(EAI_ADDRFAMILY);
#endif
#ifdef EAI_NODATA
    NAME(EAI_NODATA);
#endif
    default:
      return "EAI_FAIL";
  }
#undef NAME
}

const char *ebb_resolve_message(int err, const char **name) {
  int eai = EBB_RESOLVE_ERROR - 1 - err;
  if (EAI_NONAME < 0) eai = -eai;
  *name = name_of(eai);
  return gai_strerror(eai);
}
