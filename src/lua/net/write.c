/* SPDX-License-Identifier: MIT
   conn:write. The pieces go out of the Lua strings as they are. What one call
   writes stays together, whoever else writes to the connection: a write that
   has to wait makes the others wait for their turn until it is over, or its
   task aborted. */
#include <errno.h>

#include "lua/net/net.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

/* The call's places on the Lua stack once it has to wait; the pieces come
   last. The guard is there while this task is the one that is writing. */
enum { AT_CONN = 1, AT_DEADLINE, AT_SENT, AT_GUARD, AT_PIECES };

enum { PIECES_AT_ONCE = 16 };

/* ---- the guard: a to-be-closed variable ---- */

typedef struct guard {
  ebb_lua_net_conn *c; /* the connection; each is a user value of the other */
} guard;

/* Wakes them all: each looks whether it is its turn. */
static int guard_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  guard *g = ebb_lua_class_check(L, el, 1, CLASS_NET_GUARD);
  g->c->writing = false;
  if (el->rt != NULL) ebb_wake_all(&g->c->turns);
  return 0;
}

static void push_guard(lua_State *L, ebb_lua *el, ebb_lua_net_conn *c) {
  if (lua_getiuservalue(L, AT_CONN, 1) != LUA_TNIL) return;
  lua_pop(L, 1);
  guard *g = ebb_lua_class_new(L, el, CLASS_NET_GUARD, sizeof *g, 1);
  g->c = c;
  lua_pushvalue(L, AT_CONN);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, AT_CONN, 1);
}

/* From here on it is this task's turn. Making the guard may run finalizers,
   but they cannot be in the middle of a write. */
static void begin_turn(lua_State *L, ebb_lua *el, ebb_lua_net_conn *c) {
  push_guard(L, el, c);
  lua_replace(L, AT_GUARD);
  lua_toclose(L, AT_GUARD);
  c->writing = true;
}

void ebb_lua_net_write_define_guard(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", guard_close}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_NET_GUARD, none, meta);
}

/* ---- sending ---- */

/* Fills in what follows the first `sent` bytes of the pieces from index
   `first` on; returns how many of `pieces` it took, and in *size their
   bytes. */
static int gather(lua_State *L, int first, size_t sent,
                  struct iovec pieces[PIECES_AT_ONCE], size_t *size) {
  int count = 0, top = lua_gettop(L);
  *size = 0;
  for (int i = first; i <= top && count < PIECES_AT_ONCE; i++) {
    size_t len;
    const char *data = lua_tolstring(L, i, &len);
    if (sent >= len) {
      sent -= len;
      continue;
    }
    pieces[count].iov_base = (void *)(uintptr_t)(data + sent);
    pieces[count].iov_len = len - sent;
    *size += len - sent;
    count++;
    sent = 0;
  }
  return count;
}

/* Sends until all is sent: 0; or until -EAGAIN or another error. */
static int send_on(lua_State *L, ebb_lua_net_conn *c, int first, size_t *sent) {
  struct iovec pieces[PIECES_AT_ONCE];
  size_t size;
  int count;
  while ((count = gather(L, first, *sent, pieces, &size)) > 0) {
    if (!ebb_lua_net_may_try(&c->s, EBB_WRITE)) return -EAGAIN;
    ptrdiff_t n = ebb_socket_write(c->s.fd, pieces, count);
    if (n == -EAGAIN) ebb_lua_net_clear(&c->s, EBB_WRITE);
    if (n < 0 && n != -EINTR) return (int)n;
    if (n > 0) *sent += (size_t)n;
    if ((size_t)n == size && count < PIECES_AT_ONCE) return 0;
  }
  return 0;
}

static int done(lua_State *L) {
  lua_pushboolean(L, true);
  return 1;
}

static int fail(lua_State *L, int err, size_t sent) {
  int count = ebb_lua_net_fail(L, err);
  lua_pushinteger(L, (lua_Integer)sent);
  return count + 1;
}

/* ---- the call ---- */

/* Sends what it can if it is this task's turn. */
static int try_write(lua_State *L, ebb_lua *el, ebb_lua_net_conn *c) {
  size_t sent = (size_t)lua_tointeger(L, AT_SENT);
  int err = send_on(L, c, AT_PIECES, &sent);
  lua_pushinteger(L, (lua_Integer)sent);
  lua_replace(L, AT_SENT);
  if (err == -EAGAIN && lua_isnil(L, AT_GUARD)) begin_turn(L, el, c);
  return err;
}

static int write_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_net_conn *c = lua_touserdata(L, AT_CONN);
  int64_t deadline = lua_tointeger(L, AT_DEADLINE);
  for (int status = w->status;;) {
    if (c->s.fd < 0) status = -EBADF;
    if (ebb_lua_net_is_over(status))
      return fail(L, status, (size_t)lua_tointeger(L, AT_SENT));
    if (c->writing && lua_isnil(L, AT_GUARD)) { /* another task's turn */
      w->what = "its turn to write";
      return ebb_await_until(w, &c->turns, deadline);
    }
    status = try_write(L, el, c);
    if (status == 0) return done(L);
    if (status == -EAGAIN) {
      w->what = "write";
      status = ebb_lua_net_wait(w, &c->s, EBB_WRITE, deadline);
      if (status == EBB_AWAIT_PENDING) return status;
    }
  }
}

/* Its first turn had no budget. */
static int yield_and_write_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  return w->again ? write_poll(L, el, w) : EBB_AWAIT_YIELD;
}

/* stack: conn, pieces... Some of them may be sent already. */
static int write_slowly(lua_State *L, ebb_lua *el, ebb_lua_net_conn *c,
                        size_t sent, bool yield) {
  static const ebb_lua_op write = {"write", write_poll, false};
  static const ebb_lua_op yield_and_write = {"write", yield_and_write_poll,
                                             false};
  luaL_checkstack(L, 16, NULL);
  lua_pushinteger(L, ebb_lua_net_deadline(el, &c->s));
  lua_pushinteger(L, (lua_Integer)sent);
  lua_pushnil(L);
  lua_rotate(L, AT_DEADLINE, 3);
  if (sent > 0) begin_turn(L, el, c);
  return ebb_lua_await(L, el, yield ? &yield_and_write : &write);
}

int ebb_lua_net_write(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_net_conn *c = ebb_lua_class_check(L, el, 1, CLASS_NET_CONN);
  int top = lua_gettop(L);
  size_t sent = 0;
  for (int i = 2; i <= top; i++) (void)luaL_checkstring(L, i);
  if (c->s.fd < 0) return fail(L, -EBADF, 0);
  if (!ebb_lua_budget_take(L, el)) return write_slowly(L, el, c, 0, true);
  if (c->writing) return write_slowly(L, el, c, 0, false);
  int err = send_on(L, c, 2, &sent);
  if (err == 0) return done(L);
  if (err == -EAGAIN) return write_slowly(L, el, c, sent, false);
  return fail(L, err, sent);
}
