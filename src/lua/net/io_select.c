/* SPDX-License-Identifier: MIT
   The function ebb.io.select: one wait for any number of objects, with the
   arguments of LuaSocket's select. The task waits with poll(2), by way of
   core/loop/poller.h, not in the list of each fd: scripts hand over sockets by
   the hundred, of which few are ready. */
#include <assert.h>
#include <errno.h>
#include <poll.h>

#include "lua/net/pollable.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

/* ---- stack: readers, writers, deadline, entries. The lists are copies, since
   the caller's may change while the task waits ---- */

enum { READERS = 1, WRITERS = 2, DEADLINE = 3, ENTRIES = 4 };

/* An array in a userdata: first the entries of the readers, then those of the
   writers, each in the order of its list. */
static struct pollfd *entries(lua_State *L) {
  assert(lua_isuserdata(L, ENTRIES));
  return lua_touserdata(L, ENTRIES);
}

static size_t count(lua_State *L, int list) { return lua_rawlen(L, list); }

static size_t count_all(lua_State *L) {
  return count(L, READERS) + count(L, WRITERS);
}

/* As ipairs goes through it: up to the first nil, and by metamethods. nil is
   the empty list. */
static void copy_list(lua_State *L, int list) {
  assert(lua_gettop(L) == ENTRIES);
  if (!lua_isnil(L, list)) luaL_checktype(L, list, LUA_TTABLE);
  lua_newtable(L);
  for (int i = 1; !lua_isnil(L, list); i++) {
    if (lua_geti(L, list, i) == LUA_TNIL) break;
    lua_rawseti(L, -2, i);
  }
  lua_settop(L, ENTRIES + 1);
  lua_replace(L, list);
}

/* Asks the object on the top, item `i` of its list. One that is closed is no
   error: LuaSocket's select passes it over, and programs rely on that. */
static struct pollfd ask(lua_State *L, int list, int i) {
  bool pollable;
  int object = lua_gettop(L);
  short events = list == READERS ? POLLIN : POLLOUT;
  int fd = ebb_lua_net_pollable_fd(L, object, &pollable);
  if (fd == FD_UNKNOWN)
    luaL_argerror(L, list, lua_pushfstring(L, "no fd is at %d", i));
  assert(lua_gettop(L) == object);
  if (fd < 0) return (struct pollfd){FD_CLOSED, events, 0};
  if (list == READERS && ebb_lua_net_pollable_is_dirty(L, object))
    fd = FD_DIRTY;
  return (struct pollfd){fd, events, 0};
}

static void ask_list(lua_State *L, int list, struct pollfd *fds) {
  size_t n = count(L, list);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    fds[i] = ask(L, list, (int)i + 1);
    lua_pop(L, 1);
  }
}

/* An object may be closed, and read ahead, while the task waits: so its methods
   are called again for each look that follows a wait. */
static void ask_all(lua_State *L) {
  ask_list(L, READERS, entries(L));
  ask_list(L, WRITERS, entries(L) + count(L, READERS));
}

/* ---- the objects that are ready ---- */

/* Errors and hang-ups count as ready: the call that follows tells them. */
static bool is_ready(const struct pollfd *e) {
  return e->fd == FD_DIRTY || (e->fd >= 0 && e->revents != 0);
}

/* How many are. poll(2) passes over entries with an fd below 0; one that turns
   out to be closed becomes such an entry. */
static size_t look(lua_State *L) {
  struct pollfd *fds = entries(L);
  size_t ready = 0, n = count_all(L);
  int err = ebb_reactor_look_at(fds, n);
  if (err < 0) ebb_lua_error_raise(L, err);
  for (size_t i = 0; i < n; i++) {
    if (fds[i].fd >= 0 && (fds[i].revents & POLLNVAL)) fds[i].fd = FD_CLOSED;
    if (is_ready(&fds[i])) ready++;
  }
  return ready;
}

/* Appends those that are dirty, or the others, to the table at the top. Dirty
   ones come first in LuaSocket's results, too. */
static int append_ready(lua_State *L, int list, const struct pollfd *fds,
                        bool dirty, int place) {
  size_t n = count(L, list);
  for (size_t i = 0; i < n; i++) {
    if (!is_ready(&fds[i]) || (fds[i].fd == FD_DIRTY) != dirty) continue;
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    lua_rawseti(L, -2, ++place);
  }
  return place;
}

static void push_ready(lua_State *L, int list, const struct pollfd *fds) {
  lua_newtable(L);
  int place = append_ready(L, list, fds, true, 0);
  append_ready(L, list, fds, false, place);
}

/* LuaSocket gives empty lists as well when the time is over; here as in all of
   ebb it is nil and a message. */
static int push_results(lua_State *L, size_t ready) {
  if (ready > 0) {
    push_ready(L, READERS, entries(L));
    push_ready(L, WRITERS, entries(L) + count(L, READERS));
  } else {
    luaL_pushfail(L);
    lua_pushliteral(L, "timeout");
  }
  return 2;
}

/* ---- waiting ---- */

static bool is_over(lua_State *L, const ebb_lua *el) {
  return lua_tointeger(L, DEADLINE) <= ebb_now(el->rt);
}

/* After an event only the system is asked, as nothing but time has passed for
   the objects; if then nothing is ready, another task has taken the bytes, may
   have read ahead, and the objects are asked, too. The same after EBB_GONE, and
   where an fd has been closed since the look. At the end of the time the last
   look is the system's alone. */
static int select_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_list *list;
  assert(lua_gettop(L) >= ENTRIES);
  for (int status = w->status, err;; status = err < 0 ? EBB_GONE : 0) {
    bool has_event = status > 0 && status != EBB_GONE;
    if (!has_event && status != -ETIMEDOUT) ask_all(L);
    size_t ready = look(L);
    if (ready > 0 || is_over(L, el))
      return ebb_await_proceed(w) ? push_results(L, ready) : EBB_AWAIT_YIELD;
    err = 0;
    if (has_event) continue;
    err = ebb_poller_add(el->rt, entries(L), count_all(L), &list);
    if (err == -EBADF) continue;
    if (err < 0) ebb_lua_error_raise(L, err);
    return ebb_await_until(w, list, lua_tointeger(L, DEADLINE));
  }
}

/* stack: readers, writers, seconds */
static int io_select(lua_State *L) {
  static const ebb_lua_op op = {"fds", select_poll, false};
  ebb_lua *el = ebb_lua_state_enter(L, 3);
  lua_settop(L, ENTRIES);
  int64_t ns = EBB_NEVER;
  if (!lua_isnil(L, 3)) ns = ebb_lua_args_duration(L, 3);
  copy_list(L, READERS);
  copy_list(L, WRITERS);
  lua_pushinteger(L, ns == EBB_NEVER ? ns : ebb_time_add(ebb_now(el->rt), ns));
  lua_replace(L, DEADLINE);
  lua_newuserdatauv(L, count_all(L) * sizeof(struct pollfd), 0);
  lua_replace(L, ENTRIES);
  return ebb_lua_await(L, el, &op);
}

void ebb_lua_net_io_select_open(lua_State *L, ebb_lua *el) {
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, io_select, 1);
  lua_setfield(L, -2, "select");
}
