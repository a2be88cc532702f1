/* SPDX-License-Identifier: MIT
   ebb.sync.channel and ebb.sync.oneshot (Tokio: sync::mpsc, sync::oneshot).
   A oneshot is a channel for one value, which sending closes.

   The values lie in a table whose array part has the size of the ring, and
   which is replaced when that changes. So to write there cannot fail. */
#include "../core/ring.h"

#include <errno.h>
#include <limits.h>

#include "sync.h"

enum { UV_CHANNEL = 1 }; /* of an end */
enum { UV_PLACES = 1 };  /* of a channel */

typedef struct channel {
  ebb_ring ring;
  bool is_oneshot;
} channel;

typedef struct end {
  channel *c; /* NULL: not made to its end */
} end;

static channel *check(lua_State *L, ebb_lua *el) {
  return ((end *)ebb_lua_check_kin(L, el))->c;
}

/* The same of an end that has been checked, when a wait is over. */
static channel *of_end(lua_State *L) {
  return ((end *)lua_touserdata(L, 1))->c;
}

/* ---- making one ---- */

/* Pushes one; the channel is at index 1. */
static void new_end(lua_State *L, ebb_lua *el, ebb_lua_class class) {
  end *e = ebb_lua_new_object(L, el, class, sizeof *e, UV_CHANNEL);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, UV_CHANNEL);
  e->c = lua_touserdata(L, 1);
}

static channel *push_channel(lua_State *L, size_t limit) {
  lua_settop(L, 0);
  channel *c = lua_newuserdatauv(L, sizeof *c, UV_PLACES);
  ebb_ring_init(&c->ring, limit);
  c->is_oneshot = false;
  return c;
}

static int new_channel(lua_State *L) {
  ebb_lua *el = ebb_lua_open(L);
  size_t limit = EBB_RING_UNLIMITED;
  if (!lua_isnoneornil(L, 1)) {
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n >= 1, 1, "capacity is below 1");
    limit = (size_t)n;
  }
  push_channel(L, limit);
  new_end(L, el, CLASS_SENDER);
  new_end(L, el, CLASS_RECEIVER);
  return 2;
}

static int new_oneshot(lua_State *L) {
  ebb_lua *el = ebb_lua_open(L);
  push_channel(L, 1)->is_oneshot = true;
  new_end(L, el, CLASS_ONESHOT_SENDER);
  new_end(L, el, CLASS_ONESHOT_RECEIVER);
  return 2;
}

/* ---- sending ---- */

/* Pushes the channel's userdata, and the table. */
static void push_places(lua_State *L) {
  lua_getiuservalue(L, 1, UV_CHANNEL);
  lua_getiuservalue(L, -1, UV_PLACES);
}

/* Replaces the places by so many. Finalizers may run, and send or receive; if
   there are too few places then, nothing is done. */
static void resize(lua_State *L, ebb_ring *r, size_t size) {
  if (size > INT_MAX) ebb_lua_raise(L, -ENOMEM);
  lua_settop(L, 2); /* sender, value; then: new places, channel, places */
  lua_createtable(L, (int)size, 0);
  push_places(L);
  if (r->len + r->reserved <= size) {
    for (size_t i = 0; i < r->len; i++) {
      lua_rawgeti(L, -1, (lua_Integer)ebb_ring_place(r, i) + 1);
      lua_rawseti(L, 3, (lua_Integer)i + 1);
    }
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, 4, UV_PLACES);
    ebb_ring_moved(r, size);
  }
  lua_settop(L, 2);
}

/* True if a value can be put at once; else look again. */
static bool has_room(lua_State *L, ebb_ring *r) {
  size_t size = ebb_ring_fitting(r);
  if (size == r->size) return true;
  resize(L, r, size);
  return false;
}

static int put(lua_State *L, channel *c, bool granted) {
  lua_Integer place = (lua_Integer)ebb_ring_put(&c->ring, granted);
  push_places(L);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, place + 1);
  if (c->is_oneshot) ebb_ring_close(&c->ring);
  lua_pushboolean(L, true);
  return 1;
}

static int not_sent(lua_State *L, const channel *c, const char *message) {
  if (!c->is_oneshot) return ebb_lua_push_fail(L, message);
  lua_pushboolean(L, false);
  return 1;
}

static int send_granted(lua_State *L, channel *c) {
  if (!c->ring.closed) return put(L, c, true);
  ebb_ring_forgo(&c->ring);
  return not_sent(L, c, "closed");
}

/* There is a place, or the channel is closed. */
static int send_now(lua_State *L, channel *c) {
  if (c->ring.closed) return not_sent(L, c, "closed");
  return put(L, c, false);
}

static int send_k(lua_State *L, int status, lua_KContext ctx);

/* stack: sender, value */
static int send_on(lua_State *L, ebb_lua *el, channel *c) {
  ebb_ring *r = &c->ring;
  for (;;) {
    if (!r->closed && !ebb_ring_has_place(r))
      ebb_lua_wait_in(L, el, &r->senders, 1, "send", send_k);
    else if (!r->closed && !has_room(L, r))
      continue;
    else if (!ebb_budget_take(el->rt))
      ebb_lua_yield(L, el, send_k);
    else
      return send_now(L, c);
    if (ebb_line_take(el->rt)) return send_granted(L, c);
  }
}

static int send_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  ebb_lua *el = (ebb_lua *)ctx;
  channel *c = of_end(L);
  ebb_lua_wait_over(L, el, send_k);
  return ebb_line_take(el->rt) ? send_granted(L, c) : send_on(L, el, c);
}

static int try_send_on(lua_State *L, channel *c) {
  ebb_ring *r = &c->ring;
  do
    if (!r->closed && !ebb_ring_has_place(r)) return not_sent(L, c, "full");
  while (!r->closed && !has_room(L, r));
  return send_now(L, c);
}

/* What can never wait takes nothing of the budget, since it would have to
   wait when none is left: finalizers send, too. */
static int send(lua_State *L) {
  ebb_lua *el = ebb_lua_open(L);
  channel *c = check(L, el);
  ebb_lua_check_value(L);
  if (c->ring.limit == EBB_RING_UNLIMITED) return try_send_on(L, c);
  return send_on(L, el, c);
}

/* Also send of a oneshot, which never waits. */
static int try_send(lua_State *L) {
  channel *c = check(L, ebb_lua_open(L));
  ebb_lua_check_value(L);
  return try_send_on(L, c);
}

/* ---- receiving ---- */

static int take(lua_State *L, channel *c, bool granted) {
  lua_Integer place = (lua_Integer)ebb_ring_take(&c->ring, granted) + 1;
  push_places(L);
  lua_rawgeti(L, -1, place);
  lua_pushnil(L);
  lua_rawseti(L, -3, place);
  return 1;
}

/* There is a value, or the channel is closed. */
static int recv_now(lua_State *L, channel *c) {
  if (ebb_ring_has_value(&c->ring)) return take(L, c, false);
  if (c->is_oneshot) return ebb_lua_push_fail(L, "closed");
  lua_pushnil(L);
  return 1;
}

static int recv_k(lua_State *L, int status, lua_KContext ctx);

static int recv_on(lua_State *L, ebb_lua *el, channel *c) {
  ebb_ring *r = &c->ring;
  for (;;) {
    if (!r->closed && !ebb_ring_has_value(r))
      ebb_lua_wait_in(L, el, &r->receivers, 1, "recv", recv_k);
    else if (!ebb_budget_take(el->rt))
      ebb_lua_yield(L, el, recv_k);
    else
      return recv_now(L, c);
    if (ebb_line_take(el->rt)) return take(L, c, true);
  }
}

static int recv_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  ebb_lua *el = (ebb_lua *)ctx;
  channel *c = of_end(L);
  ebb_lua_wait_over(L, el, recv_k);
  return ebb_line_take(el->rt) ? take(L, c, true) : recv_on(L, el, c);
}

static int recv(lua_State *L) {
  ebb_lua *el = ebb_lua_open(L);
  return recv_on(L, el, check(L, el));
}

static int try_recv(lua_State *L) {
  channel *c = check(L, ebb_lua_open(L));
  if (ebb_ring_has_value(&c->ring)) return take(L, c, false);
  return ebb_lua_push_fail(L, c->ring.closed ? "closed" : "empty");
}

/* ---- closing ---- */

/* Of either end. Also called by the clean-up of a task that was collected,
   and when the state is closed. */
static int close(lua_State *L) {
  ebb_lua *el = ebb_lua_self(L);
  channel *c = check(L, el);
  if (c != NULL && el->rt != NULL) ebb_ring_close(&c->ring);
  return 0;
}

static int is_closed(lua_State *L) {
  lua_pushboolean(L, check(L, ebb_lua_open(L))->ring.closed);
  return 1;
}

/* Nobody can receive what is left. */
static int collect_receiver(lua_State *L) {
  close(L);
  channel *c = check(L, ebb_lua_self(L));
  while (c != NULL && ebb_ring_has_value(&c->ring)) {
    take(L, c, false);
    lua_settop(L, 1);
  }
  return 0;
}

void ebb_lua_define_channel(lua_State *L, ebb_lua *el) {
  static const luaL_Reg sender[] = {{"close", close},
                                    {"is_closed", is_closed},
                                    {"send", send},
                                    {"try_send", try_send},
                                    {NULL, NULL}};
  static const luaL_Reg once[] = {{"close", close},
                                  {"is_closed", is_closed},
                                  {"send", try_send},
                                  {NULL, NULL}};
  static const luaL_Reg receiver[] = {{"close", close},
                                      {"recv", recv},
                                      {"try_recv", try_recv},
                                      {NULL, NULL}};
  static const luaL_Reg sender_meta[] = {
      {"__close", close}, {"__gc", close}, {NULL, NULL}};
  static const luaL_Reg receiver_meta[] = {
      {"__close", close}, {"__gc", collect_receiver}, {NULL, NULL}};
  ebb_lua_define_kin(L, el, CLASS_SENDER, "Sender", sender, sender_meta);
  ebb_lua_define_kin(L, el, CLASS_RECEIVER, "Receiver", receiver,
                     receiver_meta);
  ebb_lua_define_kin(L, el, CLASS_ONESHOT_SENDER, "OneshotSender", once,
                     sender_meta);
  ebb_lua_define_kin(L, el, CLASS_ONESHOT_RECEIVER, "OneshotReceiver",
                     receiver, receiver_meta);
}

void ebb_lua_open_channel(lua_State *L, ebb_lua *el) {
  ebb_lua_add_function(L, el, "channel", new_channel);
  ebb_lua_add_function(L, el, "oneshot", new_oneshot);
}
