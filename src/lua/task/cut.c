/* SPDX-License-Identifier: MIT
   C functions of an engine, called in a Lua task, may wait by ebb.h. When the
   task is aborted such a wait gives -ECANCELED to the function, which returns
   to Lua: but no other line of the body may run. So each thread of the task
   gets a hook then, which Lua calls before its next instruction, and the task
   is shut down there, as in the middle of any call. A hook that is left on a
   thread takes itself away. */
#include "lua/task/cut.h"

#include <assert.h>

#include "lua/task/task.h"
#include "lua/task/unwind.h"

/* The first hook of the innermost thread to come ends the task; a thread that
   is resumed later, by another task, finds nothing to end. */
static void end_here(lua_State *L, lua_Debug *ar) {
  ebb_lua *el = ebb_lua_state_find(L);
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  if (el->rt == NULL || el->rt->tasks.current == NULL) return;
  ebb_lua_task *lt = ebb_lua_current(el);
  if (lt != NULL && lt->cut) ebb_lua_unwind_here(lt, L);
}

static bool is_running(lua_State *L) {
  lua_Debug ar;
  return lua_status(L) == LUA_OK && lua_getstack(L, 0, &ar);
}

/* The thread that L has resumed and that has not come back. Lua does not tell;
   but L's innermost frame is the C function that resumed it, and has it on its
   stack, or as its upvalue. To find a wrong one does no harm. */
static lua_State *resumed_by(lua_State *L) {
  for (int i = lua_gettop(L); i >= 0; i--) {
    int index = i > 0 ? i : lua_upvalueindex(1);
    lua_State *thread = lua_tothread(L, index);
    if (thread != NULL && is_running(thread) && lua_gethook(thread) != end_here)
      return thread;
  }
  return NULL;
}

void ebb_lua_cut(ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  assert(ebb_lua_is_coroutine(t) && t->aborted);
  if (lt->waits) return;
  lt->cut = true;
  for (lua_State *L = lt->L; L != NULL; L = resumed_by(L))
    lua_sethook(L, end_here, LUA_MASKCOUNT, 1);
}
