/* SPDX-License-Identifier: MIT
   The part common to the classes of ebb.net: sockets, waits, outcomes. An
   abort may end a call in its middle. So all that must not be lost then is in
   the object, not in the call: bytes that were received are there for the next
   read. */
#ifndef EBB_LUA_NET_NET_H
#define EBB_LUA_NET_NET_H

#include <assert.h>
#include <errno.h>

#include "core/base/buffer.h"
#include "core/loop/await.h"
#include "core/loop/fd.h"
#include "core/os/resolve.h"
#include "lua/state/state.h"

/* The head of each object.

   The fd is the object's own: nothing but its close method closes it, so that
   its record is looked up once, at the first wait. A close sets both fields
   before it wakes the tasks that wait for the socket. They poll again and find
   -1; by then the number may be that of another file. So a poll looks at `fd`
   before all else, and anew after all that may have run Lua code: a finalizer
   may have closed the socket. */
typedef struct ebb_lua_net_socket {
  int fd;          /* -1: closed, or not open yet */
  ebb_fd *io;      /* NULL until it first had to wait */
  int64_t timeout; /* of each call, in ns; EBB_NEVER: none */
} ebb_lua_net_socket;

/* A stream. User value 1 is the guard of the write that waits, made when it is
   first needed.

   `in` is filled by reads alone, and only with bytes that their own call did
   not ask for, or that are not complete yet. The next read begins with them.
   A read that waits for more remembers how far it has looked; `taken` tells it
   whether that still holds, since another task may have read meanwhile.

     writing  a write that had to wait has the turn: begin_turn; cleared by
              guard_close, at the end of the call or its abort
     ended    the peer sends no more: a read of 0 bytes; never cleared
     lost     bytes have left the socket and are in no place: set while a string
              is made of them, and cleared once it is there; set for good where
              there is no memory to keep them */
typedef struct ebb_lua_net_conn {
  ebb_lua_net_socket s;
  ebb_buffer in;  /* received, and not read yet */
  ebb_list turns; /* tasks that wait to write until another has done so */
  uint32_t taken; /* counts the strings taken out of `in`, or past it */
  bool writing;   /* a task is in the middle of a write that had to wait */
  bool ended;     /* the peer sends no more */
  bool lost;      /* bytes, for want of memory: the stream is cut */
  bool tcp;
} ebb_lua_net_conn;

/* ---- net.c ---- */

/* An object of a class that begins with a ebb_lua_net_socket, pushed. */
void *ebb_lua_net_new(lua_State *L, ebb_lua *el, ebb_lua_class class,
                      size_t size);

/* A connection without a socket, pushed. */
ebb_lua_net_conn *ebb_lua_net_new_conn(lua_State *L, ebb_lua *el);

/* When a call that begins now must end. The timeout is of each call, however
   often that has to wait; set_timeout does not change calls that have begun. */
static inline int64_t ebb_lua_net_deadline(ebb_lua *el,
                                           const ebb_lua_net_socket *s) {
  if (s->timeout == EBB_NEVER) return EBB_NEVER;
  return ebb_time_add(ebb_now(el->rt), s->timeout);
}

/* Would a try to do it not be sure to end with EAGAIN? */
static inline bool ebb_lua_net_may_try(const ebb_lua_net_socket *s,
                                       int events) {
  assert(s->fd >= 0 && (s->io == NULL || s->io->fd == s->fd));
  return s->io == NULL || (s->io->ready & events) != 0;
}

/* A try has ended with EAGAIN, or shown that the next one would: none is made
   before the next event. Without a record nothing is to be cleared: once the
   fd is watched the reactor tells all that it is ready for by then. */
static inline void ebb_lua_net_clear(ebb_lua_net_socket *s, int events) {
  if (s->io != NULL) ebb_fd_clear(s->io, events);
}

/* Where a poll waits until it is worth a try: EBB_AWAIT_PENDING; or -EBADF when
   the socket was closed, or another error that ebb_lua_net_fail can tell.
   Sockets are tried, not asked as by ebb_wait_fd_poll: it would be one more
   system call before each of the others. Where the try of a call has failed,
   the call waits for the next event and tries again. */
static inline int ebb_lua_net_wait(ebb_await *w, ebb_lua_net_socket *s,
                                   int events, int64_t deadline) {
  if (s->fd < 0) return -EBADF;
  if (s->io == NULL || !s->io->watched) { /* ebb.io.forget may have come */
    int err = ebb_fd_watch(w->rt, s->fd, &s->io);
    if (err < 0) return err;
  }
  assert(s->io->fd == s->fd);
  return ebb_await_until(w, ebb_fd_waiters(s->io, events), deadline);
}

/* Every call takes of its turn's budget before its first try, also when it
   does not have to wait. False: it is to yield. */
static inline bool ebb_lua_net_may_begin(const ebb_await *w) {
  return w->again || ebb_await_proceed(w);
}

/* Is this status of a wait the end of the call? */
static inline bool ebb_lua_net_is_over(int status) {
  return status < 0 && status != -EINTR;
}

/* Pushes nil, message, code for a negative errno; -ETIMEDOUT is "timeout",
   -EBADF "closed". */
int ebb_lua_net_fail(lua_State *L, int err);

/* The same for the end of a stream. */
int ebb_lua_net_fail_end(lua_State *L);

/* Pushes the text of an address and, unless it is a path, the port. */
int ebb_lua_net_push_address(lua_State *L, const ebb_address *a);

/* Answers the query in a userdata at `arg`, off the loop's thread when it is
   about a name. 0 or -EINTR: ask again. */
int ebb_lua_net_resolve(lua_State *L, ebb_lua *el, int arg);

/* Pushes a query about the host and the port at index `arg` and arg + 1;
   nil or "*" as host is NULL, where `passive`. */
ebb_resolve_query *ebb_lua_net_push_query(lua_State *L, int arg, bool passive,
                                          bool datagram);

/* The text at `arg`, a host or a path, which the system takes as far as its
   first NUL: one with a NUL inside is refused. */
const char *ebb_lua_net_check_text(lua_State *L, int arg, size_t *len);

/* Pushes a query that is answered already, by the path at index `arg`. */
ebb_resolve_query *ebb_lua_net_push_path(lua_State *L, int arg);

/* Closes a socket of any class, and wakes the tasks that wait for it. */
void ebb_lua_net_close(ebb_lua *el, ebb_lua_net_socket *s, bool reset);

/* Adds the part of all classes to the one just defined: close, getfd,
   local_name, set_timeout, and the metamethods. `close` closes the object at
   index 1. */
void ebb_lua_net_define_class(lua_State *L, ebb_lua *el, ebb_lua_class class,
                              const luaL_Reg *methods, lua_CFunction close);

/* ---- methods and functions in files of their own ---- */

/* Methods. */
int ebb_lua_net_read_lines(lua_State *L);
int ebb_lua_net_read(lua_State *L);
int ebb_lua_net_read_some(lua_State *L);
int ebb_lua_net_write(lua_State *L);

/* Functions of the module. */
int ebb_lua_net_connect(lua_State *L);
int ebb_lua_net_connect_unix(lua_State *L);
int ebb_lua_net_listener_listen(lua_State *L);
int ebb_lua_net_listener_listen_unix(lua_State *L);
int ebb_lua_net_udp(lua_State *L);

/* The connection at index 1, in a method of at most so many arguments. */
static inline ebb_lua_net_conn *ebb_lua_net_check_conn(lua_State *L,
                                                       ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_NET_CONN, most);
}

/* The allocator of the state, for buffers. */
static inline ebb_alloc ebb_lua_net_alloc(lua_State *L) {
  ebb_alloc alloc;
  alloc.fn = lua_getallocf(L, &alloc.ctx);
  return alloc;
}

#endif
