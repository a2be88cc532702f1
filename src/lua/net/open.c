/* SPDX-License-Identifier: MIT
   The module table of ebb.net (Tokio: net). Its classes have no constructors
   in it: a function makes the socket, and the object of it. */
#include "lua/net/net.h"
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"

/* Two connections, each the peer of the other, for tests and for tasks that
   talk in bytes. The objects come first: once there are fds, nothing may fail
   before an object owns them. */
static int pair(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  ebb_lua_net_conn *a = ebb_lua_net_new_conn(L, el),
                   *b = ebb_lua_net_new_conn(L, el);
  int fds[2];
  int err = ebb_socket_pair(fds);
  assert(a->s.fd < 0 && b->s.fd < 0);
  if (err < 0) return ebb_lua_net_fail(L, err);
  a->s.fd = fds[0];
  b->s.fd = fds[1];
  return 2;
}

void ebb_lua_net_open(lua_State *L, ebb_lua *el) {
  static const luaL_Reg functions[] = {
      {"connect", ebb_lua_net_connect},
      {"connect_unix", ebb_lua_net_connect_unix},
      {"listen", ebb_lua_net_listener_listen},
      {"listen_unix", ebb_lua_net_listener_listen_unix},
      {"pair", pair},
      {"udp", ebb_lua_net_udp},
      {NULL, NULL}};
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
  lua_setfield(L, -2, "net");
}
