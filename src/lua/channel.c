/* SPDX-License-Identifier: MIT
   ebb.sync.channel and ebb.sync.oneshot (Tokio: sync::mpsc, sync::oneshot).
   A oneshot is a channel for one value, which sending closes.

   The values lie in a table that both ends have. Its places hold false while
   they are free, never nil: so they stay in the array part, and to write
   there cannot fail. */
#include "../core/ring.h"

#include "sync.h"

enum { UV_PLACES = 1, UV_RING, UV_COUNT = UV_RING };
enum { PLACES_MIN = 4 };

/* An end. User values: the table, and the userdata that the ring is in. */
typedef struct end {
  ebb_ring *ring;
} end;

static end *check(lua_State *L, ebb_lua *el) {
  return ebb_lua_check_kin(L, el);
}

static bool is_oneshot(lua_State *L) {
  ebb_lua_class class = ebb_lua_class_of(L);
  return class == CLASS_ONESHOT_SENDER || class == CLASS_ONESHOT_RECEIVER;
}

/* ---- making one ---- */

/* Pushes one; the table is at index 1, the ring's userdata at 2. */
static void new_end(lua_State *L, ebb_lua *el, ebb_lua_class class) {
  end *e = ebb_lua_new_object(L, el, class, sizeof *e, UV_COUNT);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, UV_PLACES);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, UV_RING);
  e->ring = lua_touserdata(L, 2);
}

static int new_channel(lua_State *L, ebb_lua *el, size_t limit,
                       ebb_lua_class sender, ebb_lua_class receiver) {
  lua_settop(L, 0);
  lua_createtable(L, PLACES_MIN, 0);
  for (int i = 1; i <= PLACES_MIN; i++) {
    lua_pushboolean(L, false);
    lua_rawseti(L, 1, i);
  }
  ebb_ring *r = lua_newuserdatauv(L, sizeof *r, 0);
  ebb_ring_init(r, limit);
  r->size = PLACES_MIN;
  new_end(L, el, sender);
  new_end(L, el, receiver);
  return 2;
}

static int channel(lua_State *L) {
  size_t limit = EBB_RING_UNLIMITED;
  if (!lua_isnoneornil(L, 1)) {
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n >= 1, 1, "capacity is below 1");
    limit = (size_t)n;
  }
  return new_channel(L, ebb_lua_open(L), limit, CLASS_SENDER, CLASS_RECEIVER);
}

static int oneshot(lua_State *L) {
  return new_channel(L, ebb_lua_open(L), 1, CLASS_ONESHOT_SENDER,
                     CLASS_ONESHOT_RECEIVER);
}

/* ---- sending ---- */

/* Twice as many places. The first step moves the table's array part to one
   of that size, and is the only one that can fail. */
static void grow(lua_State *L, ebb_ring *r) {
  lua_Integer size = (lua_Integer)r->size;
  lua_Integer wrapped = (lua_Integer)ebb_ring_wrapped(r);
  lua_getiuservalue(L, 1, UV_PLACES);
  for (lua_Integer i = 1; i <= size; i++) {
    if (i <= wrapped)
      lua_rawgeti(L, -1, i);
    else
      lua_pushboolean(L, false);
    lua_rawseti(L, -2, size + i);
    if (i > wrapped) continue;
    lua_pushboolean(L, false);
    lua_rawseti(L, -2, i);
  }
  lua_pop(L, 1);
  r->size *= 2;
}

static void put(lua_State *L, ebb_ring *r, bool granted) {
  lua_Integer place = (lua_Integer)ebb_ring_put(r, granted);
  lua_getiuservalue(L, 1, UV_PLACES);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, place + 1);
  if (is_oneshot(L)) ebb_ring_close(r);
}

static int sent(lua_State *L) {
  lua_pushboolean(L, true);
  return 1;
}

static int not_sent(lua_State *L, const char *message) {
  if (!is_oneshot(L)) return ebb_lua_push_fail(L, message);
  lua_pushboolean(L, false);
  return 1;
}

static int send_granted(lua_State *L, ebb_ring *r) {
  if (r->closed) {
    ebb_ring_forgo(r);
    return not_sent(L, "closed");
  }
  put(L, r, true);
  return sent(L);
}

/* There is a place, or the channel is closed. */
static int send_now(lua_State *L, ebb_ring *r) {
  if (r->closed) return not_sent(L, "closed");
  if (ebb_ring_is_crowded(r)) grow(L, r);
  put(L, r, false);
  return sent(L);
}

static int send_k(lua_State *L, int status, lua_KContext ctx);

/* stack: sender, value */
static int send_on(lua_State *L, ebb_lua *el) {
  ebb_ring *r = ((end *)lua_touserdata(L, 1))->ring;
  for (;;) {
    if (ebb_line_take(el->rt)) return send_granted(L, r);
    if (!r->closed && !ebb_ring_has_place(r))
      ebb_lua_wait_in(L, el, &r->senders, 1, "send", send_k);
    else if (!ebb_budget_take(el->rt))
      ebb_lua_yield(L, el, send_k);
    else
      return send_now(L, r);
  }
}

static int send_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  ebb_lua *el = (ebb_lua *)ctx;
  ebb_lua_wait_over(L, el, send_k);
  return send_on(L, el);
}

static int send(lua_State *L) {
  ebb_lua *el = ebb_lua_open(L);
  check(L, el);
  ebb_lua_check_value(L);
  return send_on(L, el);
}

/* Also send of a oneshot, which never waits. */
static int try_send(lua_State *L) {
  ebb_ring *r = check(L, ebb_lua_open(L))->ring;
  ebb_lua_check_value(L);
  if (!r->closed && !ebb_ring_has_place(r)) return not_sent(L, "full");
  return send_now(L, r);
}

/* ---- receiving ---- */

static int take(lua_State *L, ebb_ring *r, bool granted) {
  lua_Integer place = (lua_Integer)ebb_ring_take(r, granted) + 1;
  lua_getiuservalue(L, 1, UV_PLACES);
  lua_rawgeti(L, -1, place);
  lua_pushboolean(L, false);
  lua_rawseti(L, -3, place);
  return 1;
}

/* Closed and empty. */
static int recv_end(lua_State *L) {
  if (is_oneshot(L)) return ebb_lua_push_fail(L, "closed");
  lua_pushnil(L);
  return 1;
}

static int recv_k(lua_State *L, int status, lua_KContext ctx);

static int recv_on(lua_State *L, ebb_lua *el) {
  ebb_ring *r = ((end *)lua_touserdata(L, 1))->ring;
  for (;;) {
    if (ebb_line_take(el->rt)) return take(L, r, true);
    bool has_value = ebb_ring_has_value(r);
    if (!has_value && !r->closed)
      ebb_lua_wait_in(L, el, &r->receivers, 1, "recv", recv_k);
    else if (!ebb_budget_take(el->rt))
      ebb_lua_yield(L, el, recv_k);
    else
      return has_value ? take(L, r, false) : recv_end(L);
  }
}

static int recv_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  ebb_lua *el = (ebb_lua *)ctx;
  ebb_lua_wait_over(L, el, recv_k);
  return recv_on(L, el);
}

static int recv(lua_State *L) {
  ebb_lua *el = ebb_lua_open(L);
  check(L, el);
  return recv_on(L, el);
}

static int try_recv(lua_State *L) {
  ebb_ring *r = check(L, ebb_lua_open(L))->ring;
  if (ebb_ring_has_value(r)) return take(L, r, false);
  return ebb_lua_push_fail(L, r->closed ? "closed" : "empty");
}

/* ---- closing ---- */

/* Of either end. Also called by the clean-up of a task that was collected,
   and when the state is closed. */
static int close(lua_State *L) {
  ebb_lua *el = ebb_lua_self(L);
  ebb_ring *r = check(L, el)->ring;
  if (r != NULL && el->rt != NULL) ebb_ring_close(r);
  return 0;
}

static int is_closed(lua_State *L) {
  lua_pushboolean(L, check(L, ebb_lua_open(L))->ring->closed);
  return 1;
}

/* Nobody can receive what is left. */
static int collect_receiver(lua_State *L) {
  close(L);
  ebb_ring *r = check(L, ebb_lua_self(L))->ring;
  while (r != NULL && ebb_ring_has_value(r)) {
    take(L, r, false);
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
  ebb_lua_add_function(L, el, "channel", channel);
  ebb_lua_add_function(L, el, "oneshot", oneshot);
}
