/* SPDX-License-Identifier: MIT
   ebb.sync.channel and ebb.sync.oneshot (Tokio: sync::mpsc, sync::oneshot).
   A oneshot is a channel for one value, which sending closes.

   The values lie in a table whose array part has the size of the ring, and
   which is replaced when that changes. So to write there cannot fail.

   An end may be cloned, and is closed apart from its clones: the channel
   closes with the last of them. What waits at a closed end gives up. */
#include <errno.h>
#include <limits.h>

#include "core/sync/ring.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/parts.h"
#include "lua/sync/sync.h"
#include "lua/task/wait.h"

enum { UV_CHANNEL = 1 }; /* of an end */
enum { UV_PLACES = 1 };  /* of a channel */

typedef struct channel {
  ebb_ring ring;
  lua_Integer senders, receivers; /* that are open */
  lua_Integer readers; /* receivers, open or not, that are not collected */
  uint32_t last_end;
  bool is_oneshot;
} channel;

typedef struct end {
  channel *c;      /* NULL: not made to its end */
  uint32_t number; /* what its tasks want in line, to be told from others */
  bool closed, collected;
} end;

static end *check(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_sync_check_shared_class(L, el, most);
}

/* Is there nothing to wait for at this end? */
static bool is_over(const end *e) { return e->closed || e->c->ring.closed; }

/* ---- making one ---- */

static bool is_sender(ebb_lua_class class) {
  return class == CLASS_SENDER || class == CLASS_ONESHOT_SENDER;
}

/* Pushes one; the channel is at index `arg`. */
static end *new_end(lua_State *L, ebb_lua *el, ebb_lua_class class, int arg) {
  end *e = ebb_lua_class_new(L, el, class, sizeof *e, UV_CHANNEL);
  channel *c = lua_touserdata(L, arg);
  lua_pushvalue(L, arg);
  lua_setiuservalue(L, -2, UV_CHANNEL);
  e->c = c;
  e->number = ++c->last_end;
  if (is_sender(class)) {
    c->senders++;
  } else {
    c->receivers++;
    c->readers++;
  }
  return e;
}

static channel *push_channel(lua_State *L, size_t limit) {
  lua_settop(L, 0);
  channel *c = lua_newuserdatauv(L, sizeof *c, UV_PLACES);
  *c = (channel){0};
  ebb_ring_init(&c->ring, limit);
  return c;
}

static int new_channel(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  size_t limit = EBB_RING_UNLIMITED;
  if (!lua_isnoneornil(L, 1)) {
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n >= 1, 1, "capacity is below 1");
    limit = (size_t)n;
  }
  push_channel(L, limit);
  new_end(L, el, CLASS_SENDER, 1);
  new_end(L, el, CLASS_RECEIVER, 1);
  return 2;
}

static int new_oneshot(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  push_channel(L, 1)->is_oneshot = true;
  new_end(L, el, CLASS_ONESHOT_SENDER, 1);
  new_end(L, el, CLASS_ONESHOT_RECEIVER, 1);
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
  if (size > INT_MAX) ebb_lua_error_raise(L, -ENOMEM);
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
  if (!c->is_oneshot) return ebb_lua_sync_push_fail(L, message);
  lua_pushboolean(L, false);
  return 1;
}

static int send_granted(lua_State *L, end *e) {
  if (!is_over(e)) return put(L, e->c, true);
  ebb_ring_forgo(&e->c->ring);
  return not_sent(L, e->c, "closed");
}

/* There is a place, or it is over. */
static int send_now(lua_State *L, end *e) {
  if (is_over(e)) return not_sent(L, e->c, "closed");
  return put(L, e->c, false);
}

/* stack: sender, value */
static int send_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  end *e = ebb_lua_await_self(L, w);
  ebb_ring *r = &e->c->ring;
  (void)el;
  int answer = ebb_ring_poll_place(r, is_over(e), e->number, w);
  if (answer == EBB_RING_GRANTED) return send_granted(L, e);
  if (answer != EBB_RING_NOW) return answer;
  while (!is_over(e) && !has_room(L, r)) /* finalizers may have sent */
    if (!ebb_ring_has_place(r))
      return ebb_await_in_queue(w, &r->senders, e->number);
  return send_now(L, e);
}

static int try_send_on(lua_State *L, end *e) {
  ebb_ring *r = &e->c->ring;
  do
    if (!is_over(e) && !ebb_ring_has_place(r)) return not_sent(L, e->c, "full");
  while (!is_over(e) && !has_room(L, r));
  return send_now(L, e);
}

/* What can never wait takes nothing of the budget, since it would have to
   wait when none is left: finalizers send, too. */
static int channel_send(lua_State *L) {
  static const ebb_lua_op op = {"send", send_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  end *e = check(L, el, 2);
  ebb_lua_sync_check_value(L);
  if (e->c->ring.limit == EBB_RING_UNLIMITED) return try_send_on(L, e);
  return ebb_lua_await_method(L, el, &op, e);
}

/* Also send of a oneshot, which never waits. */
static int try_send(lua_State *L) {
  end *e = check(L, ebb_lua_state_checked(L), 2);
  ebb_lua_sync_check_value(L);
  return try_send_on(L, e);
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

/* There is a value, or it is over. */
static int recv_now(lua_State *L, channel *c) {
  if (ebb_ring_has_value(&c->ring)) return take(L, c, false);
  if (c->is_oneshot) return ebb_lua_sync_push_fail(L, "closed");
  lua_pushnil(L);
  return 1;
}

static int recv_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  end *e = ebb_lua_await_self(L, w);
  (void)el;
  int answer = ebb_ring_poll_value(&e->c->ring, is_over(e), e->number, w);
  if (answer == EBB_RING_NOW) return recv_now(L, e->c);
  return answer == EBB_RING_GRANTED ? take(L, e->c, true) : answer;
}

static int channel_recv(lua_State *L) {
  static const ebb_lua_op op = {"recv", recv_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_await_method(L, el, &op, check(L, el, 2));
}

static int try_recv(lua_State *L) {
  end *e = check(L, ebb_lua_state_checked(L), 2);
  if (ebb_ring_has_value(&e->c->ring)) return take(L, e->c, false);
  return ebb_lua_sync_push_fail(L, is_over(e) ? "closed" : "empty");
}

/* ---- closing, and cloning ---- */

static void close_end(end *e, ebb_lua_class class) {
  channel *c = e->c;
  bool sends = is_sender(class);
  e->closed = true;
  if (--*(sends ? &c->senders : &c->receivers) == 0)
    ebb_ring_close(&c->ring);
  else
    ebb_wait_queue_wake_some(sends ? &c->ring.senders : &c->ring.receivers,
                             e->number);
}

/* Of either kind. Also called by the clean-up of a task that was collected,
   and when the state is closed. */
static int channel_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  end *e = check(L, el, 2);
  if (e->c != NULL && !e->closed && el->rt != NULL)
    close_end(e, ebb_lua_class_of(L));
  return 0;
}

static int is_closed(lua_State *L) {
  lua_pushboolean(L, is_over(check(L, ebb_lua_state_checked(L), 1)));
  return 1;
}

/* With the last receiver, nobody can receive what is left. */
static int collect_receiver(lua_State *L) {
  channel_close(L);
  end *e = check(L, ebb_lua_state_raw(L), 1);
  if (e->c == NULL || e->collected) return 0;
  e->collected = true;
  if (--e->c->readers > 0) return 0;
  while (ebb_ring_has_value(&e->c->ring)) {
    take(L, e->c, false);
    lua_settop(L, 1);
  }
  return 0;
}

/* The clone of a closed end is closed. */
static int channel_clone(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_class class = ebb_lua_class_of(L);
  const end *e = check(L, el, 1);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, UV_CHANNEL);
  end *copy = new_end(L, el, class, 2);
  if (e->closed) close_end(copy, class);
  return 1;
}

static const luaL_Reg sender_meta[] = {
    {"__close", channel_close}, {"__gc", channel_close}, {NULL, NULL}};
static const luaL_Reg receiver_meta[] = {
    {"__close", channel_close}, {"__gc", collect_receiver}, {NULL, NULL}};

void ebb_lua_channel_define_sender(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {
      {"clone", channel_clone}, {"close", channel_close},
      {"is_closed", is_closed}, {"send", channel_send},
      {"try_send", try_send},   {NULL, NULL}};
  ebb_lua_class_define_shared(L, el, CLASS_SENDER, methods, sender_meta);
}

void ebb_lua_channel_define_receiver(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"clone", channel_clone},
                                     {"close", channel_close},
                                     {"recv", channel_recv},
                                     {"try_recv", try_recv},
                                     {NULL, NULL}};
  ebb_lua_class_define_shared(L, el, CLASS_RECEIVER, methods, receiver_meta);
}

void ebb_lua_channel_define_oneshot_sender(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"close", channel_close},
                                     {"is_closed", is_closed},
                                     {"send", try_send},
                                     {NULL, NULL}};
  ebb_lua_class_define_shared(L, el, CLASS_ONESHOT_SENDER, methods,
                              sender_meta);
}

void ebb_lua_channel_define_oneshot_receiver(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"close", channel_close},
                                     {"recv", channel_recv},
                                     {"try_recv", try_recv},
                                     {NULL, NULL}};
  ebb_lua_class_define_shared(L, el, CLASS_ONESHOT_RECEIVER, methods,
                              receiver_meta);
}

void ebb_lua_channel_open(lua_State *L, ebb_lua *el) {
  ebb_lua_sync_add_function(L, el, "channel", new_channel);
}

void ebb_lua_channel_open_oneshot(lua_State *L, ebb_lua *el) {
  ebb_lua_sync_add_function(L, el, "oneshot", new_oneshot);
}
