/* SPDX-License-Identifier: MIT
   The table ebb.io: waits for file descriptors that other libraries own (Tokio:
   io::unix::AsyncFd). These may close them at any time, so nothing is
   remembered of an fd from one call to the next: each call asks the object, and
   the system. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/loop/wait_fd.h"
#include "lua/net/pollable.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/budget.h"
#include "lua/task/wait.h"

/* The call's places on the Lua stack once it has been understood. */
enum { AT_OBJECT = 1, AT_EVENTS, AT_DEADLINE, AT_FD };

/* ---- r and w ---- */

/* By their bits: EBB_READ is 1, EBB_WRITE 2. */
static const char *const event_names[] = {"", "r", "w", "rw"};

/* 0 when the text is none of them. Both may be named in either order. */
static int events_of(const char *text) {
  if (text == NULL) return 0;
  if (strcmp(text, "wr") == 0) return EBB_READ | EBB_WRITE;
  for (int events = EBB_READ; events <= (EBB_READ | EBB_WRITE); events++)
    if (strcmp(text, event_names[events]) == 0) return events;
  return 0;
}

static int check_events(lua_State *L, int arg) {
  int events = events_of(luaL_checkstring(L, arg));
  luaL_argcheck(L, events != 0, arg, "expected \"r\", \"w\" or \"rw\"");
  return events;
}

/* ---- the wait that an object asks for; it is at index 1 ---- */

static int check_fd(lua_State *L, bool *pollable) {
  assert(lua_gettop(L) >= AT_OBJECT);
  int fd = ebb_lua_net_pollable_fd(L, 1, pollable);
  if (fd == FD_UNKNOWN)
    luaL_typeerror(L, 1, "fd, file, or object with getfd or pollfd");
  return fd;
}

/* The time that an object of cqueues has left, which is negative when it has
   run out long ago. */
static int64_t own_timeout(lua_State *L) {
  if (lua_isnil(L, -1)) return EBB_NEVER;
  return lua_tonumber(L, -1) < 0 ? 0 : ebb_lua_args_duration(L, -1);
}

/* Asks a pollable object for the events that it waits for, unless the caller
   names some, and for its time; the shorter of both times counts. A wait that
   ends by the object's time is a timeout, too: its library finds out itself. */
static void ask_pollable(lua_State *L, int *events, int64_t *ns) {
  if (*events == 0 && ebb_lua_net_pollable_call(L, 1, "events")) {
    *events = events_of(lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  if (ebb_lua_net_pollable_call(L, 1, "timeout")) {
    int64_t own = own_timeout(L);
    if (own < *ns) *ns = own;
    lua_pop(L, 1);
  }
}

/* ---- waiting ---- */

/* An fd that is closed, and the end of the time, are results; the rest are
   errors: of memory, or of an fd that cannot be waited for. */
static int push_answer(lua_State *L, int answer) {
  assert(answer != 0 && answer <= (EBB_READ | EBB_WRITE));
  if (answer > 0) {
    lua_pushstring(L, event_names[answer]);
    return 1;
  }
  if (answer != -EBADF && answer != -ETIMEDOUT) ebb_lua_error_raise(L, answer);
  luaL_pushfail(L);
  lua_pushstring(L, answer == -EBADF ? "closed" : "timeout");
  return 2;
}

/* Until the deadline alone, for an object that waits for no fd just now.
   Without a deadline either, only an abort ends it. */
static int poll_time(ebb_await *w) {
  if (w->status == -ETIMEDOUT) return w->status;
  if (w->deadline > ebb_now(w->rt))
    return ebb_await_until(w, NULL, w->deadline);
  return ebb_await_proceed(w) ? -ETIMEDOUT : EBB_AWAIT_YIELD;
}

/* stack: object, events, deadline, fd. The object is not asked again: a wait is
   for the fd that it had at first. The poll of an fd is ebb_wait_fd's. Bytes
   that the owner has read ahead are there until its caller takes them, so that
   only the budget can make such a call wait. */
static int wait_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  int events = (int)lua_tointeger(L, AT_EVENTS);
  int fd = (int)lua_tointeger(L, AT_FD), answer;
  (void)el;
  assert(lua_gettop(L) >= AT_FD);
  w->deadline = lua_tointeger(L, AT_DEADLINE);
  if (fd == FD_DIRTY)
    answer = ebb_await_proceed(w) ? EBB_READ : EBB_AWAIT_YIELD;
  else
    answer = fd == FD_NONE ? poll_time(w) : ebb_wait_fd_poll(fd, events, w);
  return answer <= EBB_AWAIT_YIELD ? answer : push_answer(L, answer);
}

/* stack: object, events, seconds. The methods of the object may do anything,
   and may wait, too; so the time counts from the end of the last one. */
static int io_wait(lua_State *L) {
  static const ebb_lua_op op = {"an fd", wait_poll, false};
  ebb_lua *el = ebb_lua_state_enter(L, 3);
  bool pollable;
  luaL_checkany(L, 1);
  lua_settop(L, 3);
  int64_t ns = EBB_NEVER;
  if (!lua_isnil(L, 3)) ns = ebb_lua_args_duration(L, 3);
  int events = lua_isnil(L, 2) ? 0 : check_events(L, 2);
  int fd = check_fd(L, &pollable);
  if (pollable) ask_pollable(L, &events, &ns);
  if (!pollable && events == 0) check_events(L, 2); /* it raises an error */
  if (events == 0) fd = FD_NONE;
  if ((events & EBB_READ) && ebb_lua_net_pollable_is_dirty(L, 1)) fd = FD_DIRTY;
  lua_settop(L, 1);
  lua_pushinteger(L, events);
  lua_pushinteger(L, ns == EBB_NEVER ? ns : ebb_time_add(ebb_now(el->rt), ns));
  lua_pushinteger(L, fd);
  return ebb_lua_await(L, el, &op);
}

/* For an owner that closes its fd: tasks that wait for it are told at once. The
   kernel would say nothing of a file that is gone. */
static int io_forget(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  bool pollable;
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  int fd = check_fd(L, &pollable);
  if (fd >= 0) ebb_forget_fd(el->rt, fd);
  return 0;
}

void ebb_lua_net_io_open(lua_State *L, ebb_lua *el) {
  static const luaL_Reg functions[] = {
      {"forget", io_forget}, {"wait", io_wait}, {NULL, NULL}};
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
  ebb_lua_net_io_select_open(L, el);
  lua_setfield(L, -2, "io");
}
