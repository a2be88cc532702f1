/* SPDX-License-Identifier: MIT
   Lua threads for tasks: kept from the collector, and used again.

   Every thread has a *place* in the state's table of anchors, from when it is
   made until it is let go of: the collector sees a task's stack for as long
   as there is the task, whatever else refers to it. Finalizers of what lies
   there come after the task's clean-up. A free place holds the number of the
   next free one.

   Making a thread and collecting it costs ten times what using one again
   does. A thread whose body has returned stays in its place, idle, unless a
   script has got hold of it or it has a hook. One that was closed in the
   middle of its body, or ended with an error, is left to the collector: it
   may remember the message handler of an xpcall that is no more (Lua 5.4.4
   does not clear it), that hooks were off, or frames to jump to on an
   error. */
#include "lua/task/thread.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lua/state/error.h"
#include "lua/state/slot.h"
#include "lua/task/task.h"

enum { IDLE_MIN = 16, IDLE_MAX = 1024 };

/* ---- places ---- */

/* Puts the thread at the top of the stack of L, which it pops, into a free
   place. Raises errors. */
static int take_place(lua_State *L, ebb_lua *el) {
  int place = el->free_place, next = 0;
  assert(lua_isthread(L, -1) && place <= el->places);
  ebb_lua_slot_push(L, el, STORE_ANCHORS);
  if (place != 0) {
    lua_rawgeti(L, -1, place);
    next = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
  } else {
    place = el->places + 1;
  }
  lua_insert(L, -2);
  lua_rawseti(L, -2, place);
  lua_pop(L, 1);
  el->free_place = next;
  if (place > el->places) el->places = place;
  return place;
}

/* The number in the place lets go of the thread: what no script refers to is
   garbage from here on. Writing into a place that exists allocates nothing. */
static void give_place(ebb_lua *el, int place) {
  assert(place > 0 && place <= el->places);
  lua_pushinteger(el->store, el->free_place);
  lua_rawseti(el->store, STORE_ANCHORS, place);
  el->free_place = place;
}

/* The thread that was there is an idle one: nothing is lost with it. */
void ebb_lua_thread_anchor_instead(lua_State *L, ebb_lua *el, int place) {
  assert(lua_isthread(L, -1) && place > 0 && place <= el->places);
  lua_xmove(L, el->store, 1);
  lua_rawseti(el->store, STORE_ANCHORS, place);
}

/* ---- idle threads ---- */

/* Beyond IDLE_MAX threads are left to the collector: a crowd that has gone
   should not keep its memory. */
static bool has_room(ebb_lua *el) {
  assert(el->idle_count >= 0 && el->idle_count <= el->idle_size);
  if (el->idle_count < el->idle_size) return true;
  int size = el->idle_size == 0 ? IDLE_MIN : 2 * el->idle_size;
  if (size > IDLE_MAX) return false;
  ebb_lua_idle *idle = ebb_alloc_resize(&el->rt->alloc, el->idle,
                                        (size_t)el->idle_size * sizeof *idle,
                                        (size_t)size * sizeof *idle);
  if (idle == NULL) return false;
  el->idle = idle;
  el->idle_size = size;
  return true;
}

void ebb_lua_thread_free_idle(ebb_lua *el) {
  ebb_alloc_free(&el->rt->alloc, el->idle,
                 (size_t)el->idle_size * sizeof *el->idle);
  el->idle = NULL;
  el->idle_count = el->idle_size = 0;
}

/* Without room the place is given up, and with it the thread. That is no
   failure: the next task makes a new one. */
static void give(ebb_lua *el, ebb_lua_idle thread) {
  if (has_room(el))
    el->idle[el->idle_count++] = thread;
  else
    give_place(el, thread.place);
}

/* Finalizers run before the thread is made, if at all, and may take the one
   that was there. */
void ebb_lua_thread_reserve_new(lua_State *L, ebb_lua *el) {
  while (el->idle_count == 0) {
    luaL_checkstack(L, 4, NULL);
    if (!has_room(el)) ebb_lua_error_raise(L, -ENOMEM);
    lua_State *thread = lua_newthread(L);
    give(el, (ebb_lua_idle){thread, take_place(L, el)});
  }
}

/* An idle thread starts out as a new one would: with the hook and the extra
   space that lua_newthread copies. */
ebb_lua_idle ebb_lua_thread_take(lua_State *L, ebb_lua *el) {
  assert(el->idle_count > 0);
  ebb_lua_idle taken = el->idle[--el->idle_count];
  if (lua_gethook(L) != NULL)
    lua_sethook(taken.L, lua_gethook(L), lua_gethookmask(L),
                lua_gethookcount(L));
  memcpy(lua_getextraspace(taken.L), lua_getextraspace(el->main),
         LUA_EXTRASPACE);
  return taken;
}

/* A hook is the script's, and would go on in the next task. */
void ebb_lua_thread_give(ebb_lua *el, const ebb_lua_task *lt) {
  lua_State *thread = lt->L;
  assert(lt->task.state == EBB_FINISHED && lt->task.refs == 0); /* R7 */
  if (lt->exposed || lt->unclean || lua_gethook(thread) != NULL) {
    give_place(el, lt->place);
    return;
  }
  lua_settop(thread, 0);
  give(el, (ebb_lua_idle){thread, lt->place});
}

/* ---- threads that scripts know ----

   A thread becomes *exposed* when a script can get it: by coroutine.running in
   the task, or because the script has made it and gave it as a body. From then
   on it has a *shadow*, a second thread, in the table of exposed ones. While
   the task runs the shadow's stack holds the task's id; at its end the results
   go there, and the shadow takes the exposed thread's place as the task's. So
   the script's thread is dead and empty, as any coroutine that has ended, and
   what the script still holds of it never becomes another task. */

/* Pops a thread from the store and pushes its shadow, or nil. */
static lua_State *push_shadow(lua_State *store) {
  lua_rawget(store, STORE_EXPOSED);
  return lua_tothread(store, -1);
}

lua_State *ebb_lua_thread_shadow(lua_State *L, ebb_lua *el, int arg) {
  assert(lua_isthread(L, arg));
  lua_pushvalue(L, arg);
  lua_xmove(L, el->store, 1);
  lua_State *shadow = push_shadow(el->store);
  lua_pop(el->store, 1);
  return shadow;
}

/* Making the shadow may run finalizers, but the entry is made after that, and
   one that they made for the same thread is only replaced by another. */
void ebb_lua_thread_expose(lua_State *L, ebb_lua *el) {
  assert(lua_isthread(L, -1));
  luaL_checkstack(L, 4, NULL);
  if (ebb_lua_thread_shadow(L, el, -1) != NULL) return;
  ebb_lua_slot_push(L, el, STORE_EXPOSED);
  lua_pushvalue(L, -2);
  (void)lua_newthread(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* Without memory for the results on the shadow's stack they stay where they
   are: the thread remains the task's, and exposed, and is not used again. */
void ebb_lua_thread_let_go(ebb_lua_task *lt, int count) {
  lua_State *L = lt->L, *store = lt->el->store;
  assert(lt->exposed && lt->task.state == EBB_FINISHED);
  assert(count >= 0 && count <= lua_gettop(L));
  if (!lua_checkstack(L, 2)) return;
  lua_pushthread(L);
  lua_pushvalue(L, -1);
  lua_xmove(L, store, 2);
  lua_State *shadow = push_shadow(store);
  if (!lua_checkstack(shadow, count)) {
    lua_pop(store, 2);
    return;
  }
  lua_settop(shadow, 0);
  lua_xmove(L, shadow, count);
  lua_settop(L, 0);
  lt->L = shadow;
  lt->exposed = lt->unclean = false;
  lua_insert(store, -2); /* shadow, thread */
  lua_pushnil(store);
  lua_rawset(store, STORE_EXPOSED);
  lua_rawseti(store, STORE_ANCHORS, lt->place);
}

/* The task's own thread alone is noted: a coroutine that the script has made
   and resumed is the script's, and never used for a task. */
int ebb_lua_thread_running(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  int is_main = lua_pushthread(L);
  if (el->rt != NULL) {
    ebb_lua_task *lt = ebb_lua_current(el);
    if (lt != NULL && lt->L == L && !lt->exposed) {
      ebb_lua_thread_expose(L, el);
      lua_pushinteger(ebb_lua_thread_shadow(L, el, -1),
                      (lua_Integer)lt->task.id);
      lt->exposed = true;
    }
  }
  lua_pushboolean(L, is_main);
  return 2;
}

/* ---- what runs on them ---- */

lua_State *ebb_lua_thread(const ebb_task *t) {
  return ebb_lua_is_coroutine(t) ? ((const ebb_lua_task *)t)->L : NULL;
}

static bool runs(lua_State *L, lua_State *candidate) {
  return candidate != NULL && candidate != L &&
         ebb_lua_thread_has_frames(candidate);
}

/* Lua does not tell; but L's innermost frame is the C function that resumed
   it, and in coroutine.resume and close the thread is the first argument, in a
   coroutine.wrap function the first upvalue. */
lua_State *ebb_lua_thread_resumed_by(lua_State *L) {
  if (!ebb_lua_thread_has_frames(L)) return NULL;
  lua_State *candidate = lua_tothread(L, lua_upvalueindex(1));
  if (runs(L, candidate)) return candidate;
  candidate = lua_tothread(L, 1);
  return runs(L, candidate) ? candidate : NULL;
}
