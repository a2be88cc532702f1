/* SPDX-License-Identifier: MIT
   The part common to the classes of ebb.net: objects, waits, results of
   failures, addresses, and the methods that all of them have. */
#include "lua/net/net.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lua/state/args.h"
#include "lua/state/slot.h"
#include "lua/task/wait.h"

/* ---- objects ---- */

/* An object is made before its socket: once there is an fd, nothing may fail
   before an object owns it. */
void *ebb_lua_net_new(lua_State *L, ebb_lua *el, ebb_lua_class class,
                      size_t size) {
  ebb_lua_net_socket *s = ebb_lua_class_new(L, el, class, size, 1);
  s->fd = -1;
  s->timeout = EBB_NEVER;
  return s;
}

ebb_lua_net_conn *ebb_lua_net_new_conn(lua_State *L, ebb_lua *el) {
  ebb_lua_net_conn *c = ebb_lua_net_new(L, el, CLASS_NET_CONN, sizeof *c);
  ebb_list_init(&c->turns);
  return c;
}

/* The number is forgotten while it is still ours: closed first, it could be
   another thread's file by then. Without a runtime there is nothing to forget,
   only the fd to close. */
void ebb_lua_net_close(ebb_lua *el, ebb_lua_net_socket *s, bool reset) {
  int fd = s->fd;
  if (fd < 0) return;
  s->fd = -1;
  if (el->rt != NULL) ebb_forget_fd(el->rt, fd); /* ebb.io.wait may wait */
  s->io = NULL;
  ebb_socket_close(fd, reset);
}

/* ---- outcomes ---- */

/* nil, not false: as functions of the standard library fail. */
static int push_failure(lua_State *L, const char *message, const char *code) {
  luaL_pushfail(L);
  lua_pushstring(L, message);
  lua_pushstring(L, code);
  return 3;
}

/* Messages are for people and differ between systems; the code, which is the
   name of the errno, is for programs. "closed" and "timeout" are LuaSocket's,
   and libraries compare those. */
int ebb_lua_net_fail(lua_State *L, int err) {
  const char *code;
  assert(err < 0 && err > EBB_AWAIT_YIELD);
  if (err == -EBADF) return push_failure(L, "closed", "EBADF");
  if (err == -ETIMEDOUT) return push_failure(L, "timeout", "ETIMEDOUT");
  if (err < EBB_RESOLVE_ERROR) {
    const char *message = ebb_resolve_message(err, &code);
    return push_failure(L, message, code);
  }
  code = ebb_socket_error_name(err);
  if (code == NULL) code = lua_pushfstring(L, "E%d", -err);
  return push_failure(L, strerror(-err), code);
}

/* LuaSocket has one message for both ends of a stream; the code tells them
   apart. */
int ebb_lua_net_fail_end(lua_State *L) {
  return push_failure(L, "closed", "EOF");
}

/* A Unix socket without a name, as most clients have, is the empty path. */
int ebb_lua_net_push_address(lua_State *L, const ebb_address *a) {
  char text[EBB_ADDRESS_TEXT];
  int port;
  size_t len = ebb_socket_address_text(a, text, &port);
  lua_pushlstring(L, text, len);
  if (port < 0) return 1;
  lua_pushinteger(L, port);
  return 2;
}

/* ---- hosts and paths ---- */

/* "host\0.evil" would pass a check of the script's, and be another host for the
   system. */
const char *ebb_lua_net_check_text(lua_State *L, int arg, size_t *len) {
  const char *text = luaL_checklstring(L, arg, len);
  luaL_argcheck(L, strlen(text) == *len, arg, "contains a NUL");
  return text;
}

/* A path needs no resolver. One that is too long is no error of the caller's
   program: the query has it as its answer, and the call fails with it. */
ebb_resolve_query *ebb_lua_net_push_path(lua_State *L, int arg) {
  size_t len;
  const char *path = ebb_lua_net_check_text(L, arg, &len);
  luaL_argcheck(L, len > 0, arg, "path is empty");
  ebb_resolve_query *q = lua_newuserdatauv(L, sizeof *q, 0);
  int err = ebb_socket_path_address(&q->addresses[0], path, len);
  q->count = err == 0 ? 1 : err;
  return q;
}

/* The query refers to the text of the host, which must stay on the stack until
   it is answered. Port 0 lets the system choose one, which is of use only to
   the passive side. */
ebb_resolve_query *ebb_lua_net_push_query(lua_State *L, int arg, bool passive,
                                          bool datagram) {
  bool any = passive && lua_isnoneornil(L, arg);
  size_t len;
  const char *host = any ? NULL : ebb_lua_net_check_text(L, arg, &len);
  lua_Integer port = luaL_checkinteger(L, arg + 1);
  luaL_argcheck(L, port >= (passive ? 0 : 1) && port <= 65535, arg + 1,
                "port is out of range");
  if (passive && host != NULL && strcmp(host, "*") == 0) host = NULL;
  ebb_resolve_query *q = lua_newuserdatauv(L, sizeof *q, 0);
  *q = (ebb_resolve_query){.host = host,
                           .port = (int)port,
                           .passive = passive,
                           .datagram = datagram};
  return q;
}

/* A name blocks its thread as long as the servers of names take. So a thread of
   the pool asks for it, and the task waits with its stack; the query and the
   text of the host stay on that of Lua meanwhile. */
int ebb_lua_net_resolve(lua_State *L, ebb_lua *el, int arg) {
  ebb_resolve_query *q = lua_touserdata(L, arg);
  if (ebb_resolve_number(q)) return 0;
  int status = ebb_lua_wait_in_place(L, el, ebb_resolve_name, q);
  if (status < 0 && status != -EINTR) q->count = status;
  assert(q->count != 0); /* EINTR: the error of "no number" */
  return status == -EINTR ? -EINTR : 0;
}

/* ---- the methods of all classes ---- */

/* One function serves all classes, and knows by its upvalue whose method it
   is: so an object of another class is refused by the right name. */
static ebb_lua_net_socket *check_socket(lua_State *L, int most) {
  ebb_lua_class class = (ebb_lua_class)lua_tointeger(L, lua_upvalueindex(2));
  return ebb_lua_class_check_self(L, ebb_lua_state_checked(L), class, most);
}

/* -1 once it is closed, as with LuaSocket. */
static int get_fd(lua_State *L) {
  lua_pushinteger(L, check_socket(L, 1)->fd);
  return 1;
}

/* The port that the system has chosen for a listener at port 0, for one. */
static int local_name(lua_State *L) {
  ebb_address a;
  int err = ebb_socket_local(check_socket(L, 1)->fd, &a);
  return err < 0 ? ebb_lua_net_fail(L, err) : ebb_lua_net_push_address(L, &a);
}

static int set_timeout(lua_State *L) {
  ebb_lua_net_socket *s = check_socket(L, 2);
  s->timeout = lua_isnoneornil(L, 2) ? EBB_NEVER : ebb_lua_args_duration(L, 2);
  return 0;
}

/* Which socket it is shows in the error messages and logs of scripts. */
static int to_string(lua_State *L) {
  ebb_lua_net_socket *s = check_socket(L, 1);
  const char *name = ebb_lua_class_name(ebb_lua_class_of(L));
  if (s->fd < 0)
    lua_pushfstring(L, "%s(closed)", name);
  else
    lua_pushfstring(L, "%s(%d)", name, s->fd);
  return 1;
}

/* Sets functions that know by their second upvalue for which class. */
static void set_functions(lua_State *L, ebb_lua *el, ebb_lua_class class,
                          const luaL_Reg *functions) {
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushinteger(L, class);
  luaL_setfuncs(L, functions, 2);
}

/* `close` serves as method, and as __close and __gc in the metatable, where
   scripts cannot reach it: it must do nothing the second time. */
void ebb_lua_net_define_class(lua_State *L, ebb_lua *el, ebb_lua_class class,
                              const luaL_Reg *methods, lua_CFunction close) {
  static const luaL_Reg shared[] = {{"getfd", get_fd},
                                    {"local_name", local_name},
                                    {"set_timeout", set_timeout},
                                    {NULL, NULL}};
  static const luaL_Reg shown[] = {{"__tostring", to_string}, {NULL, NULL}};
  const luaL_Reg meta[] = {{"__close", close}, {"__gc", close}, {NULL, NULL}};
  const luaL_Reg closing[] = {{"close", close}, {NULL, NULL}};
  ebb_lua_class_define(L, el, class, methods, meta);
  ebb_lua_slot_push(L, el, STORE_META_FIRST + (int)class);
  set_functions(L, el, class, shown);
  lua_getfield(L, -1, "__index");
  set_functions(L, el, class, shared);
  set_functions(L, el, class, closing);
  lua_pop(L, 2);
}
