/* SPDX-License-Identifier: MIT
   ebb.sync.channel and ebb.sync.oneshot (Tokio: sync::mpsc, sync::oneshot).
   A oneshot is a channel for one value, which sending closes.

   The values lie in a table whose array part has the size of the ring, and
   which is replaced when that changes. So to write there cannot fail.

   An end may be cloned, and is closed apart from its clones: the channel
   closes with the last of them. What waits at a closed end gives up. */
#include <assert.h>
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

/* What the ends have in common, in a userdata that each of them refers to.
   The ring has the books: which places hold values, and which of these and of
   the free ones have been granted to tasks. The table of places is a user
   value of this userdata: it is nil until the first send, and has ring.size
   places from then on.

   The ring is closed when the last open sender or the last open receiver goes,
   and after the one value of a oneshot. Values that are left can be received
   even so, by a closed receiver, too; hence `readers`, with the last of which
   they are dropped. */
typedef struct channel {
  ebb_ring ring;
  lua_Integer senders, receivers; /* that are open */
  lua_Integer readers; /* receivers, open or not, that are not collected */
  uint32_t last_end;
  bool is_oneshot;
} channel;

/* One end. The tasks of all ends of a kind wait in one queue, in the order of
   coming; `number` tells which of them have to give up when this one is
   closed. */
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

/* Pushes one; the channel is at index `arg`. It is counted once nothing can
   fail any more: from here on its finalizer takes it off again. */
static end *new_end(lua_State *L, ebb_lua *el, ebb_lua_class class, int arg) {
  assert(lua_isuserdata(L, arg));
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

/* Without places: a oneshot that is dropped never needs any. */
static channel *push_channel(lua_State *L, size_t limit) {
  lua_settop(L, 0);
  channel *c = lua_newuserdatauv(L, sizeof *c, UV_PLACES);
  *c = (channel){0};
  ebb_ring_init(&c->ring, limit);
  return c;
}

/* stack: capacity or none -> channel, sender, receiver */
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
  assert(lua_isuserdata(L, 1));
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
  assert(lua_gettop(L) == 5);
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

/* True if a value can be put at once; else look again: the places have been
   replaced, and with that finalizers may have run. */
static bool has_room(lua_State *L, ebb_ring *r) {
  size_t size = ebb_ring_fitting(r);
  if (size == r->size) return true;
  resize(L, r, size);
  return false;
}

/* stack: sender, value. The books are written first and the place after them:
   nothing runs between, and neither can fail. The task that is granted the
   value by this runs later. A oneshot is closed after that: a receiver that
   waited has its grant by then, and is not told of the end. */
static int put(lua_State *L, channel *c, bool granted) {
  lua_Integer place = (lua_Integer)ebb_ring_put(&c->ring, granted);
  push_places(L);
  assert(lua_istable(L, -1) && (size_t)place < c->ring.size);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, place + 1);
  if (c->is_oneshot) ebb_ring_close(&c->ring);
  lua_pushboolean(L, true);
  return 1;
}

/* A oneshot's send answers with true or false, as only one thing can have
   happened. */
static int not_sent(lua_State *L, const channel *c, const char *message) {
  if (!c->is_oneshot) return ebb_lua_sync_push_fail(L, message);
  lua_pushboolean(L, false);
  return 1;
}

/* The place is this task's (R11). When its end or the channel was closed
   between the grant and this turn, the place goes to the next in line. */
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

/* stack: sender, value. A place that was granted is within the size that the
   ring has: only a send that comes for a free place may have to replace the
   places, and has to look again after that. */
static int send_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  end *e = ebb_lua_await_self(L, w);
  ebb_ring *r = &e->c->ring;
  (void)el;
  assert(lua_gettop(L) >= 2 && !lua_isnil(L, 2));
  int answer = ebb_ring_poll_place(r, is_over(e), e->number, w);
  if (answer == EBB_RING_GRANTED) return send_granted(L, e);
  if (answer != EBB_RING_NOW) return answer;
  while (!is_over(e) && !has_room(L, r)) /* finalizers may have sent */
    if (!ebb_ring_has_place(r))
      return ebb_await_in_queue(w, &r->senders, e->number);
  return send_now(L, e);
}

/* stack: sender, value. The same loop, without a wait. */
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

/* Pushes the first value. Its place is emptied, so that the value is not kept
   from the collector until the place is written again. */
static int take(lua_State *L, channel *c, bool granted) {
  lua_Integer place = (lua_Integer)ebb_ring_take(&c->ring, granted) + 1;
  push_places(L);
  assert(lua_istable(L, -1) && (size_t)place <= c->ring.size);
  lua_rawgeti(L, -1, place);
  lua_pushnil(L);
  lua_rawseti(L, -3, place);
  return 1;
}

/* There is a value, or it is over. The end of a channel is a plain nil, which
   ends a loop over its values; a oneshot without a value has failed. */
static int recv_now(lua_State *L, channel *c) {
  if (ebb_ring_has_value(&c->ring)) return take(L, c, false);
  if (c->is_oneshot) return ebb_lua_sync_push_fail(L, "closed");
  lua_pushnil(L);
  return 1;
}

/* stack: receiver -> value. A value that was granted is taken even when the
   end was closed meanwhile: it is this task's (R11). */
static int recv_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  end *e = ebb_lua_await_self(L, w);
  (void)el;
  assert(lua_isuserdata(L, 1));
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

/* With the last open end of its kind all that wait give up; else only the
   tasks that wait at this one, which find it closed when they poll. */
static void close_end(end *e, ebb_lua_class class) {
  channel *c = e->c;
  bool sends = is_sender(class);
  assert(!e->closed && (sends ? c->senders : c->receivers) > 0);
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

/* What is left when the last receiver is collected cannot be received: it is
   dropped, as a sender may keep the channel for long. */
static int collect_receiver(lua_State *L) {
  channel_close(L);
  end *e = check(L, ebb_lua_state_raw(L), 1);
  if (e->c == NULL || e->collected) return 0;
  assert(e->c->readers > 0);
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
