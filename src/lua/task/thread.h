/* SPDX-License-Identifier: MIT
   Lua threads for tasks: anchored, exposed to scripts, used again. */
#ifndef EBB_LUA_TASK_THREAD_H
#define EBB_LUA_TASK_THREAD_H

#include "lua/task/task.h"

/* Sees to it that there is an idle thread. May run finalizers; raises
   errors. */
void ebb_lua_thread_reserve_new(lua_State *L, ebb_lua *el);
static inline void ebb_lua_thread_reserve(lua_State *L, ebb_lua *el) {
  if (el->idle_count == 0) ebb_lua_thread_reserve_new(L, el);
}

/* The thread that ebb_lua_thread_take will return: there must be one. */
static inline const ebb_lua_idle *ebb_lua_thread_next(const ebb_lua *el) {
  return &el->idle[el->idle_count - 1];
}

/* Takes an idle thread for a task. Cannot fail. */
ebb_lua_idle ebb_lua_thread_take(lua_State *L, ebb_lua *el);

/* Keeps the thread of a task that is no more for another, if it may. Cannot
   fail. */
void ebb_lua_thread_give(ebb_lua *el, const ebb_lua_task *lt);

/* Pops the thread at the top of the stack into a place that is in use.
   Cannot fail. */
void ebb_lua_thread_anchor_instead(lua_State *L, ebb_lua *el, int place);

void ebb_lua_thread_free_idle(ebb_lua *el);

/* Gives the thread at the top of the stack a shadow, unless it has one.
   Raises errors. */
void ebb_lua_thread_expose(lua_State *L, ebb_lua *el);

/* The shadow of the exposed thread at `arg`, or NULL. Until the task's first
   turn it holds the task's id at 1, and above it the arguments. */
lua_State *ebb_lua_thread_shadow(lua_State *L, ebb_lua *el, int arg);

/* A task with an exposed thread has finished with `count` values on its stack:
   moves them to the shadow, which becomes the task's thread. Cannot fail; for
   want of memory the thread remains the task's. */
void ebb_lua_thread_let_go(ebb_lua_task *lt, int count);

/* coroutine.running, which holds a task's thread. */
int ebb_lua_thread_running(lua_State *L);

/* The coroutine that L has resumed and that has not come back, or NULL. */
lua_State *ebb_lua_thread_resumed_by(lua_State *L);

/* Is it in the middle of a call, and has not yielded? */
static inline bool ebb_lua_thread_has_frames(lua_State *L) {
  lua_Debug ar;
  return lua_status(L) == LUA_OK && lua_getstack(L, 0, &ar);
}

#endif
