/* SPDX-License-Identifier: MIT
   What Semaphore, Mutex and RwLock give out (Tokio: SemaphorePermit,
   MutexGuard, RwLockReadGuard, RwLockWriteGuard): all of them are a number
   of permits of a semaphore, which go back when the Permit is released,
   closed or collected. */
#include <assert.h>
#include <errno.h>

#include "lua/state/args.h"
#include "lua/sync/sync.h"
#include "lua/task/wait.h"

enum { UV_OWNER = 1 }; /* the userdata that the semaphore is in */

/* The semaphore is in another userdata, the owner, which is a user value: so
   it is there as long as the Permit, whose finalizer gives back what it holds.

   `held` is set when the permits are taken, and cleared before they go back:
   they go back once, whichever of release, __close and __gc comes first. While
   the task waits nothing is held. A grant that has not been taken is the
   task's, not the Permit's, and an abort gives it back by way of the queue
   (R11). */
typedef struct permit {
  ebb_semaphore *s;
  uint32_t count;
  bool held;        /* the permits are ours */
  const char *what; /* what its task waits for until then: static text */
} permit;

/* Made before it is waited for, so that nothing can fail afterwards. */
static permit *new_permit(lua_State *L, ebb_lua *el, ebb_semaphore *s,
                          uint32_t n, const char *what) {
  assert(lua_gettop(L) == 1);
  permit *p = ebb_lua_class_new(L, el, CLASS_PERMIT, sizeof *p, UV_OWNER);
  *p = (permit){.s = s, .count = n, .what = what};
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, UV_OWNER);
  return p;
}

/* stack: owner, permit -> permit */
static int got(lua_State *L, permit *p) {
  assert(!p->held && lua_touserdata(L, 2) == p);
  p->held = true;
  lua_settop(L, 2);
  return 1;
}

/* stack: owner, permit -> permit. One poll serves three classes, whose waits
   have different names: so the name is in the Permit. */
static int acquire_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  permit *p = lua_touserdata(L, 2);
  (void)el;
  assert(p != NULL && !p->held);
  w->what = p->what;
  int answer = ebb_semaphore_poll(p->s, p->count, w);
  if (answer == 0) return got(L, p);
  return answer == -EPIPE ? ebb_lua_sync_push_fail(L, "closed") : answer;
}

int ebb_lua_permit_acquire(lua_State *L, ebb_lua *el, ebb_semaphore *s,
                           uint32_t n, const char *what) {
  static const ebb_lua_op acquire = {"acquire", acquire_poll, false};
  lua_settop(L, 1);
  new_permit(L, el, s, n, what);
  return ebb_lua_await(L, el, &acquire);
}

/* The Permit that nothing was acquired for is garbage at once. It is made
   first nevertheless: made afterwards, it could fail with permits taken. */
int ebb_lua_permit_try_acquire(lua_State *L, ebb_lua *el, ebb_semaphore *s,
                               uint32_t n, const char *message) {
  lua_settop(L, 1);
  permit *p = new_permit(L, el, s, n, NULL);
  int err = ebb_semaphore_try_acquire(s, n);
  if (err == 0) return got(L, p);
  return ebb_lua_sync_push_fail(L, err == -EPIPE ? "closed" : message);
}

uint32_t ebb_lua_permit_check_count(lua_State *L, int arg) {
  lua_Integer n = ebb_lua_args_count(L, arg);
  luaL_argcheck(L, n <= (lua_Integer)EBB_PERMITS_MAX, arg, "too many permits");
  return (uint32_t)n;
}

/* It needs no finalizer: a task that waits has the userdata on its stack, so
   that no queue is freed in which a task still is. */
ebb_semaphore *ebb_lua_permit_new_semaphore(lua_State *L, ebb_lua *el,
                                            ebb_lua_class class,
                                            uint32_t permits) {
  ebb_semaphore *s = ebb_lua_class_new(L, el, class, sizeof *s, 0);
  ebb_semaphore_init(s, el->rt, permits);
  return s;
}

/* ---- the class ---- */

/* Also called by the clean-up of a task that was collected, and when the
   state is closed: without a runtime no task is left that could have the
   permits. Those that do not fit any more are gone, with an error. */
static int release(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  permit *p = ebb_lua_class_check_self(L, el, CLASS_PERMIT, 2);
  if (!p->held || el->rt == NULL) return 0;
  assert(p->s != NULL);
  if (ebb_semaphore_add_permits(p->s, p->count) < 0) /* they are kept (R9) */
    return luaL_error(L,
                      "permits were added while these were given out, and "
                      "there would be too many now");
  p->held = false;
  return 0;
}

void ebb_lua_permit_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"release", release}, {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__close", release}, {"__gc", release}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_PERMIT, methods, meta);
}
