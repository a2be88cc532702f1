/* SPDX-License-Identifier: MIT
   ebb.io: waiting for file descriptors that others own (Tokio: io::unix::
   AsyncFd). They may close them at any time, so nothing is remembered of an
   fd from one call to the next. */
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

/* ---- r and w ---- */

static const char *const event_names[] = {"", "r", "w", "rw"};

/* 0 when the text is none of them. */
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

/* ---- what an object says of its wait; it is at index 1 ---- */

static int check_fd(lua_State *L, bool *pollable) {
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

/* What a pollable object waits for, and until when at the latest. */
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

static int push_answer(lua_State *L, int answer) {
  if (answer > 0) {
    lua_pushstring(L, event_names[answer]);
    return 1;
  }
  if (answer != -EBADF && answer != -ETIMEDOUT) ebb_lua_error_raise(L, answer);
  luaL_pushfail(L);
  lua_pushstring(L, answer == -EBADF ? "closed" : "timeout");
  return 2;
}

/* Until the deadline alone. */
static int poll_time(ebb_await *w) {
  if (w->status == -ETIMEDOUT) return w->status;
  if (w->deadline > ebb_now(w->rt))
    return ebb_await_until(w, NULL, w->deadline);
  return ebb_await_proceed(w) ? -ETIMEDOUT : EBB_AWAIT_YIELD;
}

/* stack: object, events, deadline, fd */
static int wait_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  int events = (int)lua_tointeger(L, 2), fd = (int)lua_tointeger(L, 4), answer;
  (void)el;
  w->deadline = lua_tointeger(L, 3);
  if (fd == FD_DIRTY)
    answer = ebb_await_proceed(w) ? EBB_READ : EBB_AWAIT_YIELD;
  else
    answer = fd == FD_NONE ? poll_time(w) : ebb_wait_fd_poll(fd, events, w);
  return answer <= EBB_AWAIT_YIELD ? answer : push_answer(L, answer);
}

/* stack: object, events, seconds */
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
  if (!pollable && events == 0) check_events(L, 2);
  if (events == 0) fd = FD_NONE;
  if ((events & EBB_READ) && ebb_lua_net_pollable_is_dirty(L, 1)) fd = FD_DIRTY;
  lua_settop(L, 1);
  lua_pushinteger(L, events);
  lua_pushinteger(L, ns == EBB_NEVER ? ns : ebb_time_add(ebb_now(el->rt), ns));
  lua_pushinteger(L, fd);
  return ebb_lua_await(L, el, &op);
}

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
