/* SPDX-License-Identifier: MIT
   Listeners (Tokio: net::TcpListener, UnixListener). Several tasks may accept
   from one: an event wakes them all, the first takes the connection, and the
   others find that nothing is left, and wait. */
#include <assert.h>
#include <errno.h>

#include "lua/net/net.h"
#include "lua/state/args.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

enum {
  BACKLOG = 1024,
  /* How long it is before another try when there is no fd or no memory for
     a connection, which stays in the backlog meanwhile. */
  BACK_OFF = 50 * 1000 * 1000
};

/* The call's places on the Lua stack; the result is made before the system
   is asked for a connection, so that none is lost for want of memory. */
enum { AT_LISTENER = 1, AT_DEADLINE, AT_CONN };

static ebb_lua_net_socket *check_listener(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_NET_LISTENER, most);
}

/* Also __close, which passes an error as second argument, and __gc. */
static int listener_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  ebb_lua_net_close(el, check_listener(L, el, 2), false);
  return 0;
}

/* Between the system call and the object that owns the fd nothing can fail. */
static int try_accept(lua_State *L, ebb_lua_net_socket *s) {
  ebb_lua_net_conn *c = lua_touserdata(L, AT_CONN);
  assert(c->s.fd < 0);
  if (!ebb_lua_net_may_try(s, EBB_READ)) return -EAGAIN;
  int fd = ebb_socket_accept(s->fd, &c->tcp);
  if (fd >= 0) c->s.fd = fd;
  if (fd == -EAGAIN) ebb_lua_net_clear(s, EBB_READ);
  return fd;
}

/* The wait of an accept that has no fd left. The listener is ready all the
   time, so that no event would come; only time helps. A close of the listener
   ends it, and so does another connection that comes, where a try costs
   little. */
static int back_off(ebb_await *w, ebb_lua_net_socket *s, int64_t deadline) {
  int64_t then = ebb_time_add(ebb_now(w->rt), BACK_OFF);
  w->what = "room for a connection";
  return ebb_lua_net_wait(w, s, EBB_READ, deadline < then ? deadline : then);
}

/* How the wait has ended; -ETIMEDOUT may be the end of a back-off, which is a
   reason to try, unless the call's own time is over, too. */
static int last_status(const ebb_await *w, int64_t deadline) {
  bool late = w->status != -ETIMEDOUT || deadline <= ebb_now(w->rt);
  return late ? w->status : 0;
}

/* stack: listener, deadline, connection -> connection. accept tells errors of
   connections that have ended before it as its own. They are passed over; but a
   peer may make any number of them, so that each takes of the budget. */
static int accept_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_net_socket *s = ebb_lua_await_self(L, w);
  int64_t deadline = lua_tointeger(L, AT_DEADLINE);
  (void)el;
  assert(lua_gettop(L) >= AT_CONN);
  if (!ebb_lua_net_may_begin(w)) return EBB_AWAIT_YIELD;
  for (int status = last_status(w, deadline);;) {
    if (s->fd < 0) return ebb_lua_net_fail(L, -EBADF);
    if (ebb_lua_net_is_over(status)) return ebb_lua_net_fail(L, status);
    status = try_accept(L, s);
    if (status >= 0) return 1;
    if (ebb_socket_is_passing(status)) {
      if (!ebb_await_proceed(w)) return EBB_AWAIT_YIELD;
      status = 0;
    } else if (status == -EAGAIN) {
      w->what = "accept";
      status = ebb_lua_net_wait(w, s, EBB_READ, deadline);
    } else if (ebb_socket_is_exhausted(status)) {
      status = back_off(w, s, deadline);
    }
    if (status == EBB_AWAIT_PENDING) return status;
  }
}

/* An aborted accept leaves a connection object without a socket to the
   collector, and the connection itself in the backlog. */
static int listener_accept(lua_State *L) {
  static const ebb_lua_op op = {"accept", accept_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_net_socket *s = check_listener(L, el, 2);
  lua_settop(L, AT_LISTENER);
  lua_pushinteger(L, ebb_lua_net_deadline(el, s));
  ebb_lua_net_new_conn(L, el);
  return ebb_lua_await_method(L, el, &op, s);
}

/* ---- making one ---- */

/* At the first address that can be listened on. The error of the last is told:
   mostly there is only one. */
static int listen_on(lua_State *L, ebb_lua *el, const ebb_resolve_query *q,
                     int backlog) {
  ebb_lua_net_socket *s = ebb_lua_net_new(L, el, CLASS_NET_LISTENER, sizeof *s);
  int err = q->count;
  assert(err != 0);
  for (int i = 0; i < q->count; i++) {
    err = ebb_socket_listen(&q->addresses[i], backlog, &s->fd);
    if (err == 0) return 1;
  }
  return ebb_lua_net_fail(L, err);
}

/* The system cuts it down to a limit of its own without an error. */
static int check_backlog(lua_State *L, int arg) {
  lua_Integer backlog = luaL_optinteger(L, arg, BACKLOG);
  luaL_argcheck(L, backlog > 0 && backlog <= 65535, arg,
                "backlog is out of range");
  return (int)backlog;
}

/* The host may be a name, and then the stack waits for its addresses: only
   here, as a path needs no resolver. */
int ebb_lua_net_listener_listen(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 3);
  int backlog = check_backlog(L, 3);
  lua_settop(L, 2);
  const ebb_resolve_query *q = ebb_lua_net_push_query(L, 1, true, false);
  while (ebb_lua_net_resolve(L, el, 3) == -EINTR) continue;
  return listen_on(L, el, q, backlog);
}

int ebb_lua_net_listener_listen_unix(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 2);
  int backlog = check_backlog(L, 2);
  return listen_on(L, el, ebb_lua_net_push_path(L, 1), backlog);
}

void ebb_lua_net_listener_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"accept", listener_accept}, {NULL, NULL}};
  ebb_lua_net_define_class(L, el, CLASS_NET_LISTENER, methods, listener_close);
}
