/* SPDX-License-Identifier: MIT
   ebb.sync.broadcast (Tokio: sync::broadcast): each receiver gets each value
   that is sent from its making on. Of the last n values those are kept that a
   receiver has not got; one that is further behind is told how many it has
   missed. Each keeps the number of the value that it wants next, so a waiter
   that is aborted loses nothing. */
#include <assert.h>

#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/sync/sync.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

/* User values of both ends. */
enum { UV_VALUES = 1, UV_BROADCAST, UV_COUNT = UV_BROADCAST };

/* What both ends have in common, in a userdata that each of them refers to.
   `senders` and `receivers` say when the other side is closed: a send without
   a receiver fails, and a receiver that has got all is told so once there is
   no sender. */
typedef struct broadcast {
  ebb_list waiters;               /* in recv(); all are woken, and look again */
  uint64_t next;                  /* the number of the next value, from 0 */
  uint64_t limit;                 /* of the values that are kept */
  lua_Integer senders, receivers; /* that are not closed */
} broadcast;

/* One end. A receiver that is not closed has its share in each value from
   `next` on, as far as that is kept: see the table of values. It gives up its
   share when it gets the value, or is closed. A closed end stays closed, and
   counts in neither number. */
typedef struct end {
  broadcast *b;
  uint64_t next; /* meaningful in a receiver: what it gets next */
  bool closed;
} end;

static end *check(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_sync_check_shared_class(L, el, most);
}

static lua_Integer *ends_of(broadcast *b, ebb_lua_class class) {
  return class == CLASS_BROADCAST_SENDER ? &b->senders : &b->receivers;
}

/* Pushes one; the values are at index `arg`, the broadcast behind them. Making
   the object may run finalizers, which may send: the number of the next value
   is read after that, in one go with the count. */
static end *new_end(lua_State *L, ebb_lua *el, ebb_lua_class class, int arg) {
  assert(lua_istable(L, arg) && lua_isuserdata(L, arg + 1));
  end *e = ebb_lua_class_new(L, el, class, sizeof *e, UV_COUNT);
  lua_pushvalue(L, arg);
  lua_setiuservalue(L, -2, UV_VALUES);
  lua_pushvalue(L, arg + 1);
  lua_setiuservalue(L, -2, UV_BROADCAST);
  e->b = lua_touserdata(L, arg + 1);
  e->next = e->b->next;
  ++*ends_of(e->b, class);
  return e;
}

/* stack: -> values, broadcast, sender, receiver. The table grows with the
   first values: a large capacity costs nothing until it is used. */
static int new_broadcast(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 1, 1, "capacity is below 1");
  lua_settop(L, 0);
  lua_newtable(L);
  broadcast *b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = (broadcast){.limit = (uint64_t)n};
  ebb_list_init(&b->waiters);
  new_end(L, el, CLASS_BROADCAST_SENDER, 1);
  new_end(L, el, CLASS_BROADCAST_RECEIVER, 1);
  return 2;
}

/* ---- the table of values ---- */

/* A value has the place of its number, and behind it stands how many of the
   open receivers have not got it yet: at 0 it makes room for `false`. A place
   once taken is never empty again, so that only `send` allocates, and only
   where no older value is overwritten. */

static lua_Integer place_of(const broadcast *b, uint64_t number) {
  return (lua_Integer)(number % b->limit) * 2 + 1;
}

/* The table is on top, the next value below it. A receiver that has not got
   the value in this place loses it here, and learns of that by the numbers. */
static void put(lua_State *L, const broadcast *b) {
  lua_Integer place = place_of(b, b->next);
  assert(lua_istable(L, -1) && b->receivers > 0);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, place);
  lua_pushinteger(L, b->receivers);
  lua_rawseti(L, -2, place + 1);
}

/* One receiver less wants it. The table is on top. Without the last of them
   the value is garbage, though its place may not be written for long. */
static void let_go(lua_State *L, const broadcast *b, uint64_t number) {
  lua_Integer place = place_of(b, number);
  assert(lua_istable(L, -1) && number < b->next);
  lua_rawgeti(L, -1, place + 1);
  lua_Integer left = lua_tointeger(L, -1) - 1;
  assert(left >= 0);
  lua_pop(L, 1);
  lua_pushinteger(L, left);
  lua_rawseti(L, -2, place + 1);
  if (left > 0) return;
  lua_pushboolean(L, false);
  lua_rawseti(L, -2, place);
}

/* The number of the oldest value that is kept for the receiver. */
static uint64_t oldest_for(const end *e) {
  const broadcast *b = e->b;
  assert(e->next <= b->next);
  return b->next - e->next > b->limit ? b->next - b->limit : e->next;
}

/* Lets go of all that the receiver at index 1 has not got. */
static void let_go_of_all(lua_State *L, const end *e) {
  lua_getiuservalue(L, 1, UV_VALUES);
  for (uint64_t number = oldest_for(e); number != e->b->next; number++)
    let_go(L, e->b, number);
  lua_pop(L, 1);
}

/* ---- both ends ---- */

/* All that wait are woken, as any of them may wait at this end, or for a
   value of the last sender. */
static void close_end(end *e, ebb_lua_class class) {
  assert(!e->closed && *ends_of(e->b, class) > 0);
  e->closed = true;
  --*ends_of(e->b, class);
  ebb_wake_all(&e->b->waiters);
}

/* Of either kind. Also called by the clean-up of a task that was collected,
   and when the state is closed. A receiver's share is given up before it
   counts as closed: `closed` says that there is none left. */
static int broadcast_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  end *e = check(L, el, 2);
  if (e->b == NULL || e->closed || el->rt == NULL) return 0;
  ebb_lua_class class = ebb_lua_class_of(L);
  if (class == CLASS_BROADCAST_RECEIVER) let_go_of_all(L, e);
  close_end(e, class);
  return 0;
}

/* Pushes an end of the class, for what the one at index 1 is for. */
static end *push_end(lua_State *L, ebb_lua *el, ebb_lua_class class) {
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, UV_VALUES);
  lua_getiuservalue(L, 1, UV_BROADCAST);
  return new_end(L, el, class, 2);
}

/* A new receiver, of what is sent from now on. */
static int subscribe(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  check(L, el, 1);
  push_end(L, el, CLASS_BROADCAST_RECEIVER);
  return 1;
}

/* Of a sender. The clone of a closed one is closed. Receivers have
   resubscribe in its place: a clone would need a share in each old value. */
static int broadcast_clone(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  const end *e = check(L, el, 1);
  end *copy = push_end(L, el, CLASS_BROADCAST_SENDER);
  if (e->closed) close_end(copy, CLASS_BROADCAST_SENDER);
  return 1;
}

/* ---- sender ---- */

/* Never waits: a receiver that is slow loses values, and does not hold up the
   sender. The table is written before the number grows, since only the write
   may fail. */
static int broadcast_send(lua_State *L) {
  end *e = check(L, ebb_lua_state_checked(L), 2);
  broadcast *b = e->b;
  ebb_lua_sync_check_value(L);
  if (e->closed || b->receivers == 0)
    return ebb_lua_sync_push_fail(L, "closed");
  lua_getiuservalue(L, 1, UV_VALUES);
  put(L, b);
  b->next++;
  ebb_wake_all(&b->waiters);
  lua_pushinteger(L, b->receivers);
  return 1;
}

static int receiver_count(lua_State *L) {
  lua_pushinteger(L, check(L, ebb_lua_state_checked(L), 1)->b->receivers);
  return 1;
}

/* ---- receiver ---- */

/* Is there anything to tell? Values that have been sent are told before the
   end of the last sender. */
static bool has_news(const end *e) {
  return e->closed || e->b->senders == 0 || e->next != e->b->next;
}

/* Pushes the next value, or nil and why there is none; `none` when there may
   be one later. A receiver that has lagged is told how much it has missed,
   once, and goes on with the oldest value that is kept. */
static int push_news(lua_State *L, end *e, const char *none) {
  broadcast *b = e->b;
  uint64_t behind = b->next - e->next;
  if (e->closed || behind == 0)
    return ebb_lua_sync_push_fail(
        L, e->closed || b->senders == 0 ? "closed" : none);
  if (behind > b->limit) {
    e->next = oldest_for(e);
    ebb_lua_sync_push_fail(L, "lagged");
    lua_pushinteger(L, (lua_Integer)(behind - b->limit));
    return 3;
  }
  lua_getiuservalue(L, 1, UV_VALUES); /* then: value, values */
  lua_rawgeti(L, -1, place_of(b, e->next));
  lua_insert(L, -2);
  let_go(L, b, e->next++);
  lua_pop(L, 1);
  return 1;
}

/* stack: receiver -> news. It waits in a list, not in a queue: nothing is
   granted, each receiver has a share of its own. */
static int recv_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  end *e = ebb_lua_await_self(L, w);
  (void)el;
  assert(lua_isuserdata(L, 1) && e->b != NULL);
  if (!has_news(e)) return ebb_await_in_list(w, &e->b->waiters);
  if (!ebb_await_proceed(w)) return EBB_AWAIT_YIELD;
  return push_news(L, e, NULL);
}

static int broadcast_recv(lua_State *L) {
  static const ebb_lua_op op = {"recv", recv_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_await_method(L, el, &op, check(L, el, 2));
}

static int try_recv(lua_State *L) {
  return push_news(L, check(L, ebb_lua_state_checked(L), 2), "empty");
}

static const luaL_Reg meta[] = {
    {"__close", broadcast_close}, {"__gc", broadcast_close}, {NULL, NULL}};

void ebb_lua_broadcast_define_sender(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {
      {"clone", broadcast_clone},         {"close", broadcast_close},
      {"receiver_count", receiver_count}, {"send", broadcast_send},
      {"subscribe", subscribe},           {NULL, NULL}};
  ebb_lua_class_define_shared(L, el, CLASS_BROADCAST_SENDER, methods, meta);
}

void ebb_lua_broadcast_define_receiver(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"close", broadcast_close},
                                     {"recv", broadcast_recv},
                                     {"resubscribe", subscribe},
                                     {"try_recv", try_recv},
                                     {NULL, NULL}};
  ebb_lua_class_define_shared(L, el, CLASS_BROADCAST_RECEIVER, methods, meta);
}

void ebb_lua_broadcast_open(lua_State *L, ebb_lua *el) {
  ebb_lua_sync_add_function(L, el, "broadcast", new_broadcast);
}
