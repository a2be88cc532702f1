/* SPDX-License-Identifier: MIT
   Datagram sockets (Tokio: net::UdpSocket). A datagram goes out, or comes in,
   as a whole or not at all: there is no buffer, and no turn to write. A task
   that is aborted has taken none. */
#include <assert.h>
#include <errno.h>

#include "lua/net/net.h"
#include "lua/state/args.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

/* The places on the Lua stack of a call that sends; of one that receives, the
   first two. The query is nil when the datagram goes to the connected peer. It
   is a userdata of 16 addresses, not a copy of the first: it is there anyway,
   and stays where it is while the task waits. */
enum { AT_UDP = 1, AT_DEADLINE, AT_DATA, AT_QUERY };

static ebb_lua_net_socket *check_udp(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_NET_UDP, most);
}

/* Also __close, which passes an error as second argument, and __gc. */
static int udp_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  ebb_lua_net_close(el, check_udp(L, el, 2), false);
  return 0;
}

/* ---- receiving ---- */

/* Takes the next datagram, whose size is known, into a string of just that
   size. Results pushed, or an error. The room may have run finalizers, and
   these may have taken the datagram: -EAGAIN also when the next one is larger,
   since a datagram that is cut off would be lost. */
static int take(lua_State *L, ebb_lua_net_socket *s, size_t size) {
  luaL_Buffer b;
  ebb_address from;
  char *room = luaL_buffinitsize(L, &b, size > 0 ? size : 1);
  assert(lua_gettop(L) >= AT_DEADLINE);
  ptrdiff_t n = ebb_socket_receive(s->fd, room, size, &from);
  if (n < 0 || (size_t)n > size) {
    luaL_pushresultsize(&b, 0);
    lua_pop(L, 1);
    return n < 0 ? (int)n : -EAGAIN;
  }
  luaL_pushresultsize(&b, (size_t)n);
  return 1 + ebb_lua_net_push_address(L, &from);
}

/* Two system calls for each datagram, instead of 64 KiB of room for it. */
static int try_receive(lua_State *L, ebb_lua_net_socket *s) {
  if (!ebb_lua_net_may_try(s, EBB_READ)) return -EAGAIN;
  ptrdiff_t size = ebb_socket_next_size(s->fd);
  int count = size < 0 ? (int)size : take(L, s, (size_t)size);
  if (count == -EAGAIN) ebb_lua_net_clear(s, EBB_READ);
  assert(count != 0);
  return count;
}

/* stack: udp, deadline -> data, host, port. Once the time is over nothing is
   taken any more: a datagram that came just then is for the next call. */
static int receive_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_net_socket *s = ebb_lua_await_self(L, w);
  (void)el;
  assert(lua_gettop(L) >= AT_DEADLINE);
  if (!ebb_lua_net_may_begin(w)) return EBB_AWAIT_YIELD;
  for (int status = w->status;;) {
    if (s->fd < 0) return ebb_lua_net_fail(L, -EBADF);
    if (ebb_lua_net_is_over(status)) return ebb_lua_net_fail(L, status);
    status = try_receive(L, s);
    if (status > 0) return status;
    if (status == -EAGAIN) {
      status = ebb_lua_net_wait(w, s, EBB_READ, lua_tointeger(L, AT_DEADLINE));
      if (status == EBB_AWAIT_PENDING) return status;
    }
  }
}

static int udp_receive(lua_State *L) {
  static const ebb_lua_op op = {"a datagram", receive_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_net_socket *s = check_udp(L, el, 2);
  lua_settop(L, AT_UDP);
  lua_pushinteger(L, ebb_lua_net_deadline(el, s));
  return ebb_lua_await_method(L, el, &op, s);
}

/* ---- sending ---- */

/* The first address of the query: datagrams have no answer by which another
   could be tried. */
static int try_send(lua_State *L, ebb_lua_net_socket *s) {
  const ebb_resolve_query *q = lua_touserdata(L, AT_QUERY);
  size_t size;
  const char *data = lua_tolstring(L, AT_DATA, &size);
  if (!ebb_lua_net_may_try(s, EBB_WRITE)) return -EAGAIN;
  ptrdiff_t n =
      ebb_socket_send(s->fd, data, size, q == NULL ? NULL : &q->addresses[0]);
  if (n == -EAGAIN) ebb_lua_net_clear(s, EBB_WRITE);
  return n < 0 ? (int)n : 0;
}

/* stack: udp, deadline, data, query or nil -> true. An error may be that of an
   earlier datagram, which the peer's host has refused. */
static int send_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_net_socket *s = ebb_lua_await_self(L, w);
  (void)el;
  assert(lua_gettop(L) >= AT_QUERY);
  if (!ebb_lua_net_may_begin(w)) return EBB_AWAIT_YIELD;
  for (int status = w->status;;) {
    if (s->fd < 0) return ebb_lua_net_fail(L, -EBADF);
    if (ebb_lua_net_is_over(status)) return ebb_lua_net_fail(L, status);
    status = try_send(L, s);
    if (status == 0) {
      lua_pushboolean(L, true);
      return 1;
    }
    if (status == -EAGAIN) {
      status = ebb_lua_net_wait(w, s, EBB_WRITE, lua_tointeger(L, AT_DEADLINE));
      if (status == EBB_AWAIT_PENDING) return status;
    }
  }
}

/* stack: udp, data, query or nil */
static int send_start(lua_State *L, ebb_lua *el, ebb_lua_net_socket *s) {
  static const ebb_lua_op op = {"send", send_poll, false};
  assert(lua_gettop(L) == AT_QUERY - 1); /* the deadline comes between */
  lua_pushinteger(L, ebb_lua_net_deadline(el, s));
  lua_insert(L, AT_DEADLINE);
  return ebb_lua_await_method(L, el, &op, s);
}

/* To the peer that connect has set; without one the system's error tells so. */
static int udp_send(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_net_socket *s = check_udp(L, el, 2);
  luaL_checkstring(L, 2);
  lua_settop(L, 2);
  lua_pushnil(L);
  return send_start(L, el, s);
}

/* Pushes the answered query about the host at index `arg`, of the kind of
   address that the socket has: one bound to IPv4 cannot send to IPv6, which the
   resolver may have first. Or pushes the results of a failure. The socket may
   be closed while a name is resolved: the system call that follows says so. */
static bool push_peer(lua_State *L, ebb_lua *el, int arg, int *results) {
  ebb_resolve_query *q = ebb_lua_net_push_query(L, arg, false, true);
  int at = lua_gettop(L);
  ebb_address own;
  const ebb_lua_net_socket *s = lua_touserdata(L, AT_UDP);
  if (ebb_socket_local(s->fd, &own) == 0) q->family = own.as.any.sa_family;
  while (ebb_lua_net_resolve(L, el, at) == -EINTR) continue;
  if (q->count > 0) return true;
  *results = ebb_lua_net_fail(L, q->count);
  return false;
}

/* The data is checked before the host is resolved, and becomes a string in its
   place, if it is a number: a poll must not make one. */
static int udp_send_to(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_net_socket *s = check_udp(L, el, 4);
  int results;
  luaL_checkstring(L, 2);
  lua_settop(L, 4);
  if (!push_peer(L, el, 3, &results)) return results;
  lua_replace(L, 3);
  lua_settop(L, 3);
  return send_start(L, el, s);
}

/* Sets the peer; nothing is sent. From then on only its datagrams come in, and
   its host's refusals are told as errors. */
static int udp_connect(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_net_socket *s = check_udp(L, el, 3);
  int results;
  lua_settop(L, 3);
  if (!push_peer(L, el, 2, &results)) return results;
  const ebb_resolve_query *q = lua_touserdata(L, -1);
  int err = ebb_socket_set_peer(s->fd, &q->addresses[0]);
  if (err < 0) return ebb_lua_net_fail(L, err);
  lua_pushboolean(L, true);
  return 1;
}

/* ---- making one ---- */

/* Without a port the system chooses one, as for a client. The first address
   that can be bound is taken: a host may have several. */
int ebb_lua_net_udp(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 2);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushinteger(L, 0);
    lua_replace(L, 2);
  }
  const ebb_resolve_query *q = ebb_lua_net_push_query(L, 1, true, true);
  while (ebb_lua_net_resolve(L, el, 3) == -EINTR) continue;
  ebb_lua_net_socket *s = ebb_lua_net_new(L, el, CLASS_NET_UDP, sizeof *s);
  int err = q->count;
  for (int i = 0; i < q->count; i++) {
    err = ebb_socket_bind_udp(&q->addresses[i], &s->fd);
    if (err == 0) return 1;
  }
  return ebb_lua_net_fail(L, err);
}

void ebb_lua_net_udp_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"connect", udp_connect},
                                     {"receive", udp_receive},
                                     {"send", udp_send},
                                     {"send_to", udp_send_to},
                                     {NULL, NULL}};
  ebb_lua_net_define_class(L, el, CLASS_NET_UDP, methods, udp_close);
}
