/* SPDX-License-Identifier: MIT
   Datagrams (Tokio: net::UdpSocket). */
#include <errno.h>

#include "lua/net/net.h"
#include "lua/state/args.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

/* The places on the Lua stack of a call that sends; of one that receives,
   the first two. The query is nil when it goes to the connected peer. */
enum { AT_UDP = 1, AT_DEADLINE, AT_DATA, AT_QUERY };

static ebb_lua_net_socket *check_udp(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_NET_UDP, most);
}

static int udp_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  ebb_lua_net_close(L, el, check_udp(L, el, 2), false);
  return 0;
}

/* ---- receiving ---- */

/* Takes the next datagram, whose size is known; results pushed, or an
   error: -EAGAIN also when a finalizer has taken it meanwhile. */
static int take(lua_State *L, ebb_lua_net_socket *s, size_t size) {
  luaL_Buffer b;
  ebb_address from;
  char *room = luaL_buffinitsize(L, &b, size > 0 ? size : 1);
  ptrdiff_t n = ebb_socket_receive(s->fd, room, size, &from);
  if (n < 0 || (size_t)n > size) {
    luaL_pushresultsize(&b, 0);
    lua_pop(L, 1);
    return n < 0 ? (int)n : -EAGAIN;
  }
  luaL_pushresultsize(&b, (size_t)n);
  return 1 + ebb_lua_net_push_address(L, &from);
}

static int try_receive(lua_State *L, ebb_lua_net_socket *s) {
  if (!ebb_lua_net_may_try(s, EBB_READ)) return -EAGAIN;
  ptrdiff_t size = ebb_socket_next_size(s->fd);
  int count = size < 0 ? (int)size : take(L, s, (size_t)size);
  if (count == -EAGAIN) ebb_lua_net_clear(s, EBB_READ);
  return count;
}

static int receive_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_net_socket *s = lua_touserdata(L, AT_UDP);
  int64_t deadline = lua_tointeger(L, AT_DEADLINE);
  (void)el;
  if (!ebb_lua_net_may_begin(w)) return EBB_AWAIT_YIELD;
  for (int status = w->status;;) {
    if (s->fd < 0) return ebb_lua_net_fail(L, -EBADF);
    if (ebb_lua_net_is_over(status)) return ebb_lua_net_fail(L, status);
    status = try_receive(L, s);
    if (status > 0) return status;
    if (status == -EAGAIN) {
      status = ebb_lua_net_wait(w, s, EBB_READ, deadline);
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
  return ebb_lua_await(L, el, &op);
}

/* ---- sending ---- */

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

static int send_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_net_socket *s = lua_touserdata(L, AT_UDP);
  int64_t deadline = lua_tointeger(L, AT_DEADLINE);
  (void)el;
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
      status = ebb_lua_net_wait(w, s, EBB_WRITE, deadline);
      if (status == EBB_AWAIT_PENDING) return status;
    }
  }
}

/* stack: udp, data, query or nil */
static int send_start(lua_State *L, ebb_lua *el, const ebb_lua_net_socket *s) {
  static const ebb_lua_op op = {"send", send_poll, false};
  lua_pushinteger(L, ebb_lua_net_deadline(el, s));
  lua_insert(L, AT_DEADLINE);
  return ebb_lua_await(L, el, &op);
}

static int udp_send(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_net_socket *s = check_udp(L, el, 2);
  luaL_checkstring(L, 2);
  lua_settop(L, 2);
  lua_pushnil(L);
  return send_start(L, el, s);
}

/* Pushes the answered query about the host at index `arg`, of the kind of
   address that the socket has; or the results of a failure. */
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
