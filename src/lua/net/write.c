/* SPDX-License-Identifier: MIT
   Writing to connections. The pieces go out of the Lua strings as they are,
   without a copy or a buffer. The bytes of one call stay together, however many
   tasks write to the connection: a write that has to wait makes the others wait
   for their turn until it is over, or its task aborted. */
#include <assert.h>
#include <errno.h>

#include "lua/net/net.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

/* The call's places on the Lua stack once it has to wait; the pieces come
   last. The guard is there while it is this call's turn, else nil. */
enum { AT_CONN = 1, AT_DEADLINE, AT_SENT, AT_GUARD, AT_PIECES };

enum { PIECES_AT_ONCE = 16 };

/* ---- the guard: a to-be-closed variable ----

   A turn must end however its call ends: by its results, an error or an abort.
   Lua closes the variable in each case, which no code after a wait could do. */

typedef struct guard {
  ebb_lua_net_conn *c; /* the connection; each is a user value of the other */
} guard;

/* Wakes all that wait for a turn, as the first may be aborted meanwhile: each
   polls, and the first in line finds that it may write. */
static int guard_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  guard *g = ebb_lua_class_check(L, el, 1, CLASS_NET_GUARD);
  g->c->writing = false;
  if (el->rt != NULL) ebb_wake_all(&g->c->turns);
  return 0;
}

/* A connection has one guard at a time, as it has one turn: it is made once,
   and used again. Each refers to the other, so that neither is collected
   alone. */
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
  assert(!c->writing && lua_isnil(L, AT_GUARD));
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

/* Gathers the bytes behind the first `sent` of the pieces from index `first`
   on; returns how many of `pieces` it took, and in *size their bytes. It begins
   from the first piece each time: a place within them would be one more value
   to keep, and calls have few pieces. Numbers have become strings before, in
   place, so that nothing is made here. */
static int gather(lua_State *L, int first, size_t sent,
                  struct iovec pieces[PIECES_AT_ONCE], size_t *size) {
  int count = 0, top = lua_gettop(L);
  assert(first > AT_CONN);
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

/* Sends until all is sent: 0; or until -EAGAIN or another error. Fewer bytes
   than were given mostly mean that the next try would end with EAGAIN, but only
   the try can tell. */
static int send_on(lua_State *L, ebb_lua_net_conn *c, int first, size_t *sent) {
  struct iovec pieces[PIECES_AT_ONCE];
  size_t size;
  int count;
  while ((count = gather(L, first, *sent, pieces, &size)) > 0) {
    if (!ebb_lua_net_may_try(&c->s, EBB_WRITE)) return -EAGAIN;
    ptrdiff_t n = ebb_socket_write(c->s.fd, pieces, count);
    if (n == -EAGAIN) ebb_lua_net_clear(&c->s, EBB_WRITE);
    if (n < 0 && n != -EINTR) return (int)n;
    assert(n <= (ptrdiff_t)size);
    if (n > 0) *sent += (size_t)n;
    if ((size_t)n == size && count < PIECES_AT_ONCE) return 0;
  }
  return 0;
}

static int done(lua_State *L) {
  lua_pushboolean(L, true);
  return 1;
}

/* How many bytes have been sent is the fourth value: the caller may go on, or
   has to close the connection in the middle of a record. */
static int fail(lua_State *L, int err, size_t sent) {
  int count = ebb_lua_net_fail(L, err);
  lua_pushinteger(L, (lua_Integer)sent);
  return count + 1;
}

/* ---- the call ---- */

/* Sends as much as it can; no other call has the turn. It becomes this call's
   as soon as some of it has to wait, for others could come in between then. */
static int try_write(lua_State *L, ebb_lua *el, ebb_lua_net_conn *c) {
  size_t sent = (size_t)lua_tointeger(L, AT_SENT);
  assert(c->writing == !lua_isnil(L, AT_GUARD));
  int err = send_on(L, c, AT_PIECES, &sent);
  lua_pushinteger(L, (lua_Integer)sent);
  lua_replace(L, AT_SENT);
  if (err == -EAGAIN && lua_isnil(L, AT_GUARD)) begin_turn(L, el, c);
  return err;
}

/* It waits in one of two places, and is told by its text in which. The deadline
   is one for both. */
static int write_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_net_conn *c = ebb_lua_await_self(L, w);
  int64_t deadline = lua_tointeger(L, AT_DEADLINE);
  assert(lua_gettop(L) >= AT_GUARD);
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

/* The budget has been asked already, and was used up. */
static int yield_and_write_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  return w->again ? write_poll(L, el, w) : EBB_AWAIT_YIELD;
}

/* stack: conn, pieces... Some of them may be sent already. Only here the call
   gets a deadline and places of its own: most writes never come so far. */
static int write_slowly(lua_State *L, ebb_lua *el, ebb_lua_net_conn *c,
                        size_t sent, bool yield) {
  static const ebb_lua_op write = {"write", write_poll, false};
  static const ebb_lua_op yield_and_write = {"write", yield_and_write_poll,
                                             false};
  luaL_checkstack(L, 16, NULL); /* there may be many pieces */
  assert(!yield || sent == 0);
  lua_pushinteger(L, ebb_lua_net_deadline(el, &c->s));
  lua_pushinteger(L, (lua_Integer)sent);
  lua_pushnil(L);
  lua_rotate(L, AT_DEADLINE, 3);
  if (sent > 0) begin_turn(L, el, c);
  return ebb_lua_await_method(L, el, yield ? &yield_and_write : &write, c);
}

/* The short way: all of it goes into the socket's buffer at once, straight from
   the arguments. */
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
