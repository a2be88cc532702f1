/* SPDX-License-Identifier: MIT
   Connecting: ebb.net.connect and connect_unix. The addresses of the host are
   tried in turn, until one answers. The attempt is a connection object in a
   to-be-closed variable, so that an abort closes its socket at once. The caller
   gets another object, to which the socket moves: Lua closes the variable also
   when the call succeeds. */
#include <assert.h>
#include <errno.h>

#include "lua/net/net.h"
#include "lua/state/args.h"
#include "lua/task/wait.h"

/* The call's places on the Lua stack. The port is nil for a path. */
enum {
  AT_HOST = 1,
  AT_PORT,
  AT_DEADLINE,
  AT_QUERY,
  AT_CONN,    /* the result */
  AT_NEXT,    /* the index of the address to try next */
  AT_ERROR,   /* of the last attempt */
  AT_ATTEMPT, /* to be closed */
  CALL_TOP = AT_ATTEMPT
};

/* The state of the call is on the Lua stack, which outlives a yield. */
static void set(lua_State *L, int place, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_replace(L, place);
}

/* The record of the fd moves along with it: the number stays the same. */
static int finish(lua_State *L) {
  ebb_lua_net_conn *from = lua_touserdata(L, AT_ATTEMPT);
  ebb_lua_net_conn *to = lua_touserdata(L, AT_CONN);
  assert(from->s.fd >= 0 && to->s.fd < 0);
  to->s = from->s;
  to->tcp = !lua_isnil(L, AT_PORT);
  from->s.fd = -1;
  from->s.io = NULL;
  lua_pushvalue(L, AT_CONN);
  return 1;
}

/* Begins with the next address. -EINPROGRESS; 0 when it is connected, as a Unix
   socket is at once; or the last error when there is none left. */
static int begin_next(lua_State *L, ebb_lua_net_conn *attempt) {
  const ebb_resolve_query *q = lua_touserdata(L, AT_QUERY);
  int next = (int)lua_tointeger(L, AT_NEXT);
  int err = (int)lua_tointeger(L, AT_ERROR);
  assert(attempt->s.fd < 0);
  while (next < q->count) {
    err = ebb_socket_connect(&q->addresses[next++], &attempt->s.fd);
    if (err == 0 || err == -EINPROGRESS) break;
  }
  set(L, AT_NEXT, next);
  set(L, AT_ERROR, err);
  return err;
}

/* The socket can be written to: how has the attempt ended? 0 and -EINPROGRESS
   are of this attempt; after a failure the result is that of the next. */
static int end_attempt(lua_State *L, ebb_lua *el, ebb_lua_net_conn *attempt) {
  assert(attempt->s.fd >= 0);
  int err = ebb_socket_error(attempt->s.fd);
  ebb_address peer;
  /* No error yet, but no peer either: woken too early, it is under way. */
  if (err == 0 && ebb_socket_peer(attempt->s.fd, &peer) == -ENOTCONN)
    return -EINPROGRESS;
  if (err == 0) return 0;
  set(L, AT_ERROR, err);
  ebb_lua_net_close(el, &attempt->s, false);
  return begin_next(L, attempt);
}

/* A wait that was interrupted looks at the socket, as one that was woken. The
   time is that of all attempts together: when it is over no other address is
   tried. The attempts come one after the other, without the head start that
   other libraries give to one family of addresses. */
static int connect_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_net_conn *attempt = lua_touserdata(L, AT_ATTEMPT);
  int64_t deadline = lua_tointeger(L, AT_DEADLINE);
  int status = w->status == 0 ? EBB_WRITE : w->status;
  assert(lua_gettop(L) >= CALL_TOP);
  if (!w->again) status = begin_next(L, attempt);
  while (status != 0) {
    if (ebb_lua_net_is_over(status) && status != -EINPROGRESS)
      return ebb_lua_net_fail(L, status);
    if (status != -EINPROGRESS) status = end_attempt(L, el, attempt);
    if (status == -EINPROGRESS) {
      status = ebb_lua_net_wait(w, &attempt->s, EBB_WRITE, deadline);
      if (status == EBB_AWAIT_PENDING) return status;
    }
  }
  return finish(L);
}

/* stack: host, port, deadline, query. Both objects are made before the first
   attempt, so that nothing can fail between a socket and its owner. */
static int connect_start(lua_State *L, ebb_lua *el) {
  static const ebb_lua_op op = {"connect", connect_poll, false};
  const ebb_resolve_query *q = lua_touserdata(L, AT_QUERY);
  assert(lua_gettop(L) == AT_QUERY && q->count != 0);
  if (q->count < 0) return ebb_lua_net_fail(L, q->count);
  ebb_lua_net_new_conn(L, el);
  lua_pushinteger(L, 0);
  lua_pushinteger(L, -EHOSTUNREACH);
  ebb_lua_net_new_conn(L, el);
  lua_toclose(L, AT_ATTEMPT);
  return ebb_lua_await(L, el, &op);
}

/* The seconds at index 3 become a deadline, before the host is resolved: that
   takes of the same time, though it is not cut short by it. */
static void set_deadline(lua_State *L, ebb_lua *el) {
  int64_t deadline = EBB_NEVER;
  if (!lua_isnoneornil(L, AT_DEADLINE))
    deadline =
        ebb_time_add(ebb_now(el->rt), ebb_lua_args_duration(L, AT_DEADLINE));
  lua_settop(L, AT_DEADLINE);
  set(L, AT_DEADLINE, deadline);
}

int ebb_lua_net_connect(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 3);
  set_deadline(L, el);
  ebb_lua_net_push_query(L, AT_HOST, false, false);
  while (ebb_lua_net_resolve(L, el, AT_QUERY) == -EINTR) continue;
  return connect_start(L, el);
}

/* A path has one address and no port: the same call from there on. */
int ebb_lua_net_connect_unix(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 2);
  lua_settop(L, 2);
  luaL_checkstring(L, 1);
  if (!lua_isnil(L, 2)) (void)ebb_lua_args_duration(L, 2);
  lua_pushnil(L);
  lua_insert(L, AT_PORT);
  set_deadline(L, el);
  (void)ebb_lua_net_push_path(L, AT_HOST);
  return connect_start(L, el);
}
