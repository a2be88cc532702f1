/* SPDX-License-Identifier: MIT
   The methods of connections (Tokio: net::TcpStream, UnixStream) besides
   reading and writing. None of them waits. On a connection that is closed the
   system is asked about fd -1, and its EBADF is the answer "closed". */
#include <errno.h>
#include <string.h>

#include "lua/net/net.h"
#include "lua/task/wait.h"

/* Also called when it is closed already, and after the end of the runtime,
   where no task is left to be woken. Bytes that were read ahead are dropped:
   the next read is to say "closed", not to find them. Tasks that wait for
   their turn to write are not in a list of the fd, and are woken here; the
   write that has its turn is woken as all waits for the fd are. */
static void close_conn(lua_State *L, ebb_lua *el, ebb_lua_net_conn *c,
                       bool reset) {
  ebb_alloc alloc = ebb_lua_net_alloc(L);
  ebb_buffer_drop(&c->in, ebb_buffer_len(&c->in), &alloc);
  if (el->rt != NULL) ebb_wake_all(&c->turns);
  ebb_lua_net_close(el, &c->s, reset);
  assert(c->s.fd < 0 && ebb_buffer_len(&c->in) == 0);
}

/* Also __close, which passes an error as second argument, and __gc. */
static int conn_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  close_conn(L, el, ebb_lua_net_check_conn(L, el, 2), false);
  return 0;
}

/* For a peer that is not to be sent the rest of an answer, and for ports: the
   side that closes first keeps its own in TIME_WAIT, unless it resets. */
static int conn_reset(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  close_conn(L, el, ebb_lua_net_check_conn(L, el, 1), true);
  return 0;
}

/* Closes one direction, by default the one to the peer, which then reads the
   end; what it sends after that can still be read. Waits of other tasks go on:
   the reactor tells them of the end. */
static int conn_shutdown(lua_State *L) {
  static const char *const names[] = {"r", "w", "rw", NULL};
  static const int ways[] = {EBB_READ, EBB_WRITE, EBB_READ | EBB_WRITE};
  ebb_lua_net_conn *c = ebb_lua_net_check_conn(L, ebb_lua_state_checked(L), 2);
  int err =
      ebb_socket_shutdown(c->s.fd, ways[luaL_checkoption(L, 2, "w", names)]);
  if (err < 0) return ebb_lua_net_fail(L, err);
  lua_pushboolean(L, true);
  return 1;
}

/* Connections have it from the start. Without it, small writes are held back
   until those before are acknowledged. */
static int conn_set_nodelay(lua_State *L) {
  ebb_lua_net_conn *c = ebb_lua_net_check_conn(L, ebb_lua_state_checked(L), 2);
  luaL_checktype(L, 2, LUA_TBOOLEAN);
  int err = ebb_socket_set_nodelay(c->s.fd, lua_toboolean(L, 2));
  if (err < 0) return ebb_lua_net_fail(L, err);
  lua_pushboolean(L, true);
  return 1;
}

static int conn_peer_name(lua_State *L) {
  ebb_address a;
  ebb_lua_net_conn *c = ebb_lua_net_check_conn(L, ebb_lua_state_checked(L), 1);
  int err = ebb_socket_peer(c->s.fd, &a);
  return err < 0 ? ebb_lua_net_fail(L, err) : ebb_lua_net_push_address(L, &a);
}

/* Has it read ahead? ebb.io.wait asks, as LuaSocket's select does. */
static int conn_dirty(lua_State *L) {
  ebb_lua_net_conn *c = ebb_lua_net_check_conn(L, ebb_lua_state_checked(L), 1);
  lua_pushboolean(L, ebb_buffer_len(&c->in) > 0);
  return 1;
}

void ebb_lua_net_conn_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"dirty", conn_dirty},
                                     {"lines", ebb_lua_net_read_lines},
                                     {"peer_name", conn_peer_name},
                                     {"read", ebb_lua_net_read},
                                     {"read_some", ebb_lua_net_read_some},
                                     {"reset", conn_reset},
                                     {"set_nodelay", conn_set_nodelay},
                                     {"shutdown", conn_shutdown},
                                     {"write", ebb_lua_net_write},
                                     {NULL, NULL}};
  ebb_lua_net_define_class(L, el, CLASS_NET_CONN, methods, conn_close);
}
