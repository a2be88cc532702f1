/* SPDX-License-Identifier: MIT
   ebb.sync.watch (Tokio: sync::watch): one value, and receivers that learn
   that it has changed. Values before the last change are gone, so a task that
   is aborted while it waits loses nothing: each receiver keeps the version
   that it has seen. */
#include <assert.h>

#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/sync/sync.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

enum { UV_WATCH = 1 }; /* of both ends */
enum { UV_VALUE = 1 }; /* of the userdata that both have */

/* What both ends have in common, in a userdata that each of them refers to;
   the value is its user value. `version` is the number of values after the
   first. Without an open sender it does not grow any more. */
typedef struct watch {
  ebb_list waiters; /* in changed(); all are woken, and look again */
  uint64_t version;
  lua_Integer senders, receivers; /* that are not closed */
} watch;

/* One end. A receiver has a change to see while `seen` is not the version: one
   that it has not looked at, however many there were. A new receiver has seen
   the value of its making. A closed end counts in neither number of the watch,
   but can still borrow. */
typedef struct end {
  watch *w;
  uint64_t seen; /* meaningful in a receiver */
  bool closed;
} end;

static end *check(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_sync_check_shared_class(L, el, most);
}

static lua_Integer *ends_of(watch *w, ebb_lua_class class) {
  return class == CLASS_WATCH_SENDER ? &w->senders : &w->receivers;
}

/* Pushes one; the watch is at `arg`. Making the object may run finalizers,
   which may send: the version is read after that. */
static end *new_end(lua_State *L, ebb_lua *el, ebb_lua_class class, int arg) {
  assert(lua_isuserdata(L, arg));
  end *e = ebb_lua_class_new(L, el, class, sizeof *e, UV_WATCH);
  lua_pushvalue(L, arg);
  lua_setiuservalue(L, -2, UV_WATCH);
  e->w = lua_touserdata(L, arg);
  e->seen = e->w->version;
  ++*ends_of(e->w, class);
  return e;
}

/* stack: value -> watch, sender, receiver. nil is a value like any other:
   there is always one, so that it cannot be taken for none. */
static int new_watch(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  watch *w = lua_newuserdatauv(L, sizeof *w, UV_VALUE);
  *w = (watch){0};
  ebb_list_init(&w->waiters);
  lua_insert(L, 1);
  lua_setiuservalue(L, 1, UV_VALUE);
  new_end(L, el, CLASS_WATCH_SENDER, 1);
  new_end(L, el, CLASS_WATCH_RECEIVER, 1);
  return 2;
}

/* ---- both ends ---- */

/* Does not count as seen: see borrow_and_update. */
static int borrow(lua_State *L) {
  check(L, ebb_lua_state_checked(L), 1);
  lua_getiuservalue(L, 1, UV_WATCH);
  lua_getiuservalue(L, -1, UV_VALUE);
  return 1;
}

/* All that wait are woken, as any of them may wait at this end, or for a
   change by the last sender. */
static void close_end(end *e, ebb_lua_class class) {
  assert(!e->closed && *ends_of(e->w, class) > 0);
  e->closed = true;
  --*ends_of(e->w, class);
  ebb_wake_all(&e->w->waiters);
}

/* Also called by the clean-up of a task that was collected, and when the
   state is closed. */
static int watch_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  end *e = check(L, el, 2);
  if (e->w == NULL || e->closed || el->rt == NULL) return 0;
  close_end(e, ebb_lua_class_of(L));
  return 0;
}

/* It has seen what the other has seen, and is closed if that is. */
static int watch_clone(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_class class = ebb_lua_class_of(L);
  const end *e = check(L, el, 1);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, UV_WATCH);
  end *copy = new_end(L, el, class, 2);
  copy->seen = e->seen;
  if (e->closed) close_end(copy, class);
  return 1;
}

/* ---- sender ---- */

/* Puts the value at index 2 in, and leaves the old one on the stack. */
static void replace(lua_State *L, watch *w) {
  assert(lua_isuserdata(L, 1) && lua_gettop(L) >= 2);
  lua_getiuservalue(L, 1, UV_WATCH);
  lua_getiuservalue(L, -1, UV_VALUE);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -3, UV_VALUE);
  w->version++;
  ebb_wake_all(&w->waiters);
}

/* Without a receiver nothing is replaced: the sender learns that it can
   stop. */
static int watch_send(lua_State *L) {
  end *e = check(L, ebb_lua_state_checked(L), 2);
  luaL_checkany(L, 2);
  if (e->closed || e->w->receivers == 0)
    return ebb_lua_sync_push_fail(L, "closed");
  replace(L, e->w);
  lua_pushboolean(L, true);
  return 1;
}

/* Also without a receiver: for values that later receivers are to find. The
   old value is the result, so that a failure is an error. */
static int send_replace(lua_State *L) {
  end *e = check(L, ebb_lua_state_checked(L), 2);
  luaL_checkany(L, 2);
  if (e->closed) return luaL_error(L, "the sender is closed");
  replace(L, e->w);
  return 1;
}

/* It has seen the value that there is, also where the sender is closed. */
static int subscribe(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  check(L, el, 1);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, UV_WATCH);
  new_end(L, el, CLASS_WATCH_RECEIVER, 2);
  return 1;
}

static int receiver_count(lua_State *L) {
  lua_pushinteger(L, check(L, ebb_lua_state_checked(L), 1)->w->receivers);
  return 1;
}

static int is_closed(lua_State *L) {
  end *e = check(L, ebb_lua_state_checked(L), 1);
  lua_pushboolean(L, e->closed || e->w->receivers == 0);
  return 1;
}

/* ---- receiver ---- */

/* stack: receiver -> true, or nil, "closed". A change that has not been seen
   is told before the end of the last sender. It counts as seen only with the
   result: an abort before that leaves it to the next call. */
static int changed_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  end *e = ebb_lua_await_self(L, w);
  watch *of = e->w;
  (void)el;
  assert(lua_isuserdata(L, 1) && e->seen <= of->version);
  bool changed = !e->closed && e->seen != of->version;
  if (!changed && !e->closed && of->senders > 0)
    return ebb_await_in_list(w, &of->waiters);
  if (!ebb_await_proceed(w)) return EBB_AWAIT_YIELD;
  if (!changed) return ebb_lua_sync_push_fail(L, "closed");
  e->seen = of->version;
  lua_pushboolean(L, true);
  return 1;
}

static int changed(lua_State *L) {
  static const ebb_lua_op op = {"changed", changed_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_await_method(L, el, &op, check(L, el, 2));
}

/* Other than in changed, the end of the last sender comes first (as in
   Tokio). */
static int has_changed(lua_State *L) {
  end *e = check(L, ebb_lua_state_checked(L), 1);
  if (e->closed || e->w->senders == 0)
    return ebb_lua_sync_push_fail(L, "closed");
  lua_pushboolean(L, e->seen != e->w->version);
  return 1;
}

static int borrow_and_update(lua_State *L) {
  end *e = check(L, ebb_lua_state_checked(L), 1);
  e->seen = e->w->version;
  return borrow(L);
}

static const luaL_Reg meta[] = {
    {"__close", watch_close}, {"__gc", watch_close}, {NULL, NULL}};

void ebb_lua_watch_define_sender(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"borrow", borrow},
                                     {"clone", watch_clone},
                                     {"close", watch_close},
                                     {"is_closed", is_closed},
                                     {"receiver_count", receiver_count},
                                     {"send", watch_send},
                                     {"send_replace", send_replace},
                                     {"subscribe", subscribe},
                                     {NULL, NULL}};
  ebb_lua_class_define_shared(L, el, CLASS_WATCH_SENDER, methods, meta);
}

void ebb_lua_watch_define_receiver(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"borrow", borrow},
                                     {"borrow_and_update", borrow_and_update},
                                     {"changed", changed},
                                     {"clone", watch_clone},
                                     {"close", watch_close},
                                     {"has_changed", has_changed},
                                     {NULL, NULL}};
  ebb_lua_class_define_shared(L, el, CLASS_WATCH_RECEIVER, methods, meta);
}

void ebb_lua_watch_open(lua_State *L, ebb_lua *el) {
  ebb_lua_sync_add_function(L, el, "watch", new_watch);
}
