/* SPDX-License-Identifier: MIT
   ebb.io: waiting for file descriptors that others own (Tokio: io::unix::
   AsyncFd). They may close them at any time, so nothing is remembered of an
   fd from one call to the next. */
#define _POSIX_C_SOURCE 200809L /* fileno */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "binding.h"

/* Instead of an fd: it is closed; there is none, only time to wait for; or
   its owner knows that there is something to read. */
enum { FD_CLOSED = -1, FD_NONE = -2, FD_DIRTY = -3 };

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

/* ---- objects; the one that is waited for is at index 1 ---- */

/* Pushes the first result of a method of the object; false, with nothing
   pushed, when it has no such method. */
static bool call_method(lua_State *L, const char *name) {
  if (!lua_istable(L, 1)) {
    if (luaL_getmetafield(L, 1, "__index") == LUA_TNIL) return false;
    lua_pop(L, 1);
  }
  bool found = lua_getfield(L, 1, name) == LUA_TFUNCTION;
  if (found) {
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
  } else {
    lua_pop(L, 1);
  }
  return found;
}

/* Pops what a method gave as its fd. */
static int pop_fd(lua_State *L) {
  int ok;
  lua_Integer fd = lua_tointegerx(L, -1, &ok);
  lua_pop(L, 1);
  return ok && fd >= 0 && fd <= INT_MAX ? (int)fd : FD_CLOSED;
}

/* The fd of the object. *pollable: it follows the protocol of cqueues, and
   can say itself what it waits for. */
static int find_fd(lua_State *L, bool *pollable) {
  const luaL_Stream *file = luaL_testudata(L, 1, LUA_FILEHANDLE);
  *pollable = false;
  if (file != NULL) return file->closef == NULL ? FD_CLOSED : fileno(file->f);
  if (lua_type(L, 1) == LUA_TNUMBER) {
    lua_pushinteger(L, luaL_checkinteger(L, 1));
  } else if (call_method(L, "pollfd")) {
    *pollable = true;
    if (lua_isnil(L, -1)) return FD_NONE;
  } else if (!call_method(L, "getfd")) {
    luaL_typeerror(L, 1, "fd, file, or object with getfd or pollfd");
  }
  return pop_fd(L);
}

/* The time that an object of cqueues has left, which is negative when it has
   run out long ago. */
static int64_t own_timeout(lua_State *L) {
  if (lua_isnil(L, -1)) return EBB_NEVER;
  return lua_tonumber(L, -1) < 0 ? 0 : ebb_lua_check_duration(L, -1);
}

/* What a pollable object waits for, and until when at the latest. */
static void ask_pollable(lua_State *L, int *events, int64_t *ns) {
  if (*events == 0 && call_method(L, "events")) {
    *events = events_of(lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  if (call_method(L, "timeout")) {
    int64_t own = own_timeout(L);
    if (own < *ns) *ns = own;
    lua_pop(L, 1);
  }
}

/* Has the object read ahead, so that its fd does not tell? (As sockets of
   LuaSocket say.) */
static bool is_dirty(lua_State *L) {
  if (lua_type(L, 1) == LUA_TNUMBER || luaL_testudata(L, 1, LUA_FILEHANDLE))
    return false;
  bool dirty = call_method(L, "dirty") && lua_toboolean(L, -1);
  lua_settop(L, 3);
  return dirty;
}

/* ---- waiting ---- */

/* What can be told at once: events, EBB_GONE or -ETIMEDOUT; 0: nothing. */
static int look(ebb_lua *el, int fd, int events, int64_t deadline) {
  if (fd == FD_DIRTY) return EBB_READ;
  int ready = fd == FD_NONE ? 0 : ebb_reactor_look(fd, events);
  if (ready < 0) return EBB_GONE;
  if (ready > 0) return ready;
  return deadline <= ebb_now(el->rt) ? -ETIMEDOUT : 0;
}

static int wait_once(lua_State *L, ebb_lua *el, int fd, int events,
                     lua_KFunction k) {
  int64_t deadline = lua_tointeger(L, 3);
  if (fd == FD_NONE) return ebb_lua_wait(L, el, NULL, deadline, "an fd", k);
  ebb_fd *f;
  int err = ebb_fd_watch(el->rt, fd, &f);
  if (err == -EBADF) return EBB_GONE;
  if (err < 0) ebb_lua_raise(L, err);
  return ebb_lua_wait(L, el, ebb_fd_waiters(f, events), deadline, "an fd", k);
}

static int push_status(lua_State *L, int status) {
  if (status != -ETIMEDOUT && status != EBB_GONE) {
    lua_pushstring(L, event_names[status]);
    return 1;
  }
  luaL_pushfail(L);
  lua_pushstring(L, status == EBB_GONE ? "closed" : "timeout");
  return 2;
}

static int wait_k(lua_State *L, int status, lua_KContext ctx);

/* stack: object, events, deadline, fd */
static int wait_on(lua_State *L, ebb_lua *el, int status) {
  int events = (int)lua_tointeger(L, 2), fd = (int)lua_tointeger(L, 4);
  while (status <= 0 && status != -ETIMEDOUT) {
    status = look(el, fd, events, lua_tointeger(L, 3));
    if (status == 0) {
      status = wait_once(L, el, fd, events, wait_k);
    } else if (!ebb_lua_take_budget(L, el)) {
      ebb_lua_yield(L, el, wait_k);
      status = 0;
    }
  }
  return push_status(L, status);
}

static int wait_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  ebb_lua *el = (ebb_lua *)ctx;
  return wait_on(L, el, ebb_lua_wait_over(L, el, wait_k));
}

/* stack: object, events, seconds */
static int io_wait(lua_State *L) {
  ebb_lua *el = ebb_lua_enter(L, 3);
  bool pollable;
  luaL_checkany(L, 1);
  lua_settop(L, 3);
  int64_t ns = EBB_NEVER;
  if (!lua_isnil(L, 3)) ns = ebb_lua_check_duration(L, 3);
  int events = lua_isnil(L, 2) ? 0 : check_events(L, 2);
  int fd = find_fd(L, &pollable);
  if (pollable) ask_pollable(L, &events, &ns);
  if (!pollable && events == 0) check_events(L, 2);
  if (events == 0) fd = FD_NONE;
  if ((events & EBB_READ) && is_dirty(L)) fd = FD_DIRTY;
  lua_settop(L, 1);
  lua_pushinteger(L, events);
  lua_pushinteger(L, ns == EBB_NEVER ? ns : ebb_time_add(ebb_now(el->rt), ns));
  lua_pushinteger(L, fd);
  return wait_on(L, el, 0);
}

static int io_forget(lua_State *L) {
  ebb_lua *el = ebb_lua_enter(L, 1);
  bool pollable;
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  int fd = find_fd(L, &pollable);
  if (fd >= 0) ebb_forget_fd(el->rt, fd);
  return 0;
}

void ebb_lua_open_io(lua_State *L, ebb_lua *el) {
  static const luaL_Reg functions[] = {
      {"forget", io_forget}, {"wait", io_wait}, {NULL, NULL}};
  lua_newtable(L);
  ebb_lua_stored(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
  lua_setfield(L, -2, "io");
}
