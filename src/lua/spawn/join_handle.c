/* SPDX-License-Identifier: MIT
   JoinHandle and AbortHandle (Tokio: task::JoinHandle, task::AbortHandle):
   what scripts have of a task. */
#include "lua/spawn/join_handle.h"

#include <assert.h>

#include "core/loop/join.h"
#include "lua/spawn/scope.h"
#include "lua/spawn/spawn.h"
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/task/budget.h"
#include "lua/task/join_error.h"
#include "lua/task/task.h"
#include "lua/task/wait.h"

/* The userdata of both classes: a reference of the task (R7), so that it can be
   asked long after it has finished.

   They differ in what they claim. A JoinHandle may ask for the result, and is
   counted in the task's `handles`: while there is one, or the task is in a
   collection, a panic can still be seen and is not reported. An AbortHandle is
   not counted.

   Any number of JoinHandles' calls may wait for one task, and each gets the
   same result (R6): it is copied from the task's thread and stays there.

   `lt` is NULL from the making of the handle until the task is made, and again
   once the handle has been finalized. The end of the state may do that while a
   call still has the handle on its stack, so each poll looks anew. */
typedef struct handle {
  ebb_lua_task *lt; /* NULL once collected; the handle has a reference */
} handle;

void ebb_lua_join_handle_new_abort(lua_State *L, ebb_lua *el) {
  ebb_lua_class_new(L, el, CLASS_ABORT_HANDLE, sizeof(handle), 0);
}

/* A handle is made empty and filled afterwards: making it may fail, and the
   task must not be there yet then. */
void ebb_lua_join_handle_fill(lua_State *L, int arg, ebb_lua_task *lt) {
  handle *h = lua_touserdata(L, arg);
  assert(h != NULL && h->lt == NULL && lt->task.refs > 0); /* R7 */
  ebb_task_retain(&lt->task);
  h->lt = lt;
}

ebb_lua_task *ebb_lua_join_handle_task(lua_State *L, int arg) {
  assert(lua_isuserdata(L, arg));
  return ((handle *)lua_touserdata(L, arg))->lt;
}

void ebb_lua_join_handle_new(lua_State *L, ebb_lua *el) {
  ebb_lua_class_new(L, el, CLASS_JOIN_HANDLE, sizeof(handle), 0);
}

/* ---- methods of both ---- */

/* The end of the state may finalize the handle during the wait. */
static ebb_lua_task *task_of(lua_State *L, const handle *h) {
  if (h->lt == NULL) luaL_error(L, "the handle has been finalized");
  return h->lt;
}

/* The handle at 1, of the class and with a task. */
static handle *check_handle(lua_State *L, ebb_lua_class class) {
  handle *h = ebb_lua_class_check(L, ebb_lua_state_checked(L), 1, class);
  (void)task_of(L, h);
  return h;
}

/* The task of the handle at 1, in a method that both classes have: its second
   upvalue is the class. */
static ebb_lua_task *check_either(lua_State *L, int most) {
  ebb_lua_task *lt = check_handle(L, ebb_lua_class_of(L))->lt;
  ebb_lua_args_check_surplus(L, most);
  return lt;
}

/* stack: handle [, reason]. A request (R5): it returns at once, and the task
   comes to its end in turns of its own. */
static int handle_abort(lua_State *L) {
  ebb_lua_task_abort(L, check_either(L, 2), 2);
  return 0;
}

/* Aborts, so that a variable's scope can bound a task's life. The end of
   the state may finalize the handle before the clean-up that closes it. */
static int handle_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  const handle *h = ebb_lua_class_check_self(L, el, ebb_lua_class_of(L), 2);
  if (h->lt != NULL && el->rt != NULL) ebb_task_abort(&h->lt->task);
  return 0;
}

static int handle_is_finished(lua_State *L) {
  lua_pushboolean(L, ebb_task_is_finished(&check_either(L, 1)->task));
  return 1;
}

static int handle_id(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_either(L, 1)->task.id);
  return 1;
}

/* "JoinHandle(7)": the class is that of the function. */
static int handle_tostring(lua_State *L) {
  lua_Integer id = (lua_Integer)check_either(L, 1)->task.id;
  lua_pushfstring(L, "%s(%I)", ebb_lua_class_name(ebb_lua_class_of(L)), id);
  return 1;
}

/* With the last JoinHandle a panic that was not seen cannot be seen any more:
   it is reported. An AbortHandle sees nothing. */
static int handle_gc(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  handle *h = ebb_lua_class_check(L, el, 1, ebb_lua_class_of(L));
  ebb_lua_task *lt = h->lt;
  if (lt == NULL || el->rt == NULL) return 0;
  h->lt = NULL;
  if (ebb_lua_class_of(L) == CLASS_JOIN_HANDLE) {
    assert(lt->handles > 0);
    lt->handles--;
    ebb_lua_join_error_check_unhandled(lt);
  }
  ebb_task_release(&lt->task);
  return 0;
}

/* ---- JoinHandle ---- */

/* stack: handle -> ok, values...
   The first poll has the handle that was checked a moment ago; each later one
   takes it from the stack, and checks again whether it has a task. */
static int join_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_task *lt = task_of(L, ebb_lua_await_self(L, w));
  int answer = ebb_join_poll(&lt->task, w);
  return answer < 0 ? answer : ebb_lua_join_error_push_result(L, el, lt);
}

/* stack: handle -> values...
   `true` stays on the stack below the values: a function's results are the
   topmost ones. Of a task that has not completed the error is raised. */
static int await_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  assert(lua_gettop(L) >= 1);
  int count = join_poll(L, el, w);
  if (count < 0) return count;
  assert(count > 0 && lua_isboolean(L, -count));
  if (lua_toboolean(L, -count)) return count - 1;
  ebb_lua_task *lt = task_of(L, ebb_lua_await_self(L, w));
  return ebb_lua_join_error_unwrap_result(L, el, lt, count);
}

static const ebb_lua_op join = {"join", join_poll, false};
static const ebb_lua_op await = {"join", await_poll, false};

/* A task that waited for its own end would wait for good. In a circle of
   several it is not noticed: when nothing else can run, that is a deadlock,
   and reported as such. */
static handle *check_not_self(lua_State *L, const ebb_lua *el) {
  handle *h = check_handle(L, CLASS_JOIN_HANDLE);
  if (&h->lt->task == el->rt->tasks.current)
    luaL_error(L, "a task cannot join itself");
  ebb_lua_args_check_surplus(L, 1);
  lua_settop(L, 1);
  return h;
}

static int handle_join(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_await_method(L, el, &join, check_not_self(L, el));
}

static int handle_await(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  return ebb_lua_await_method(L, el, &await, check_not_self(L, el));
}

/* Making the object may run finalizers; the JoinHandle at 1 keeps the task
   meanwhile. */
static int handle_abort_handle(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_task *lt = check_handle(L, CLASS_JOIN_HANDLE)->lt;
  ebb_lua_args_check_surplus(L, 1);
  ebb_lua_join_handle_new_abort(L, el);
  ebb_lua_join_handle_fill(L, -1, lt);
  return 1;
}

/* `methods` has what only the one class can do. What both can is one function
   for both. */
static void define_handle(lua_State *L, ebb_lua *el, ebb_lua_class class,
                          const luaL_Reg *methods) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg both[] = {{"abort", handle_abort},
                                  {"id", handle_id},
                                  {"is_finished", handle_is_finished},
                                  {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", handle_close},
                                  {"__gc", handle_gc},
                                  {"__tostring", handle_tostring},
                                  {NULL, NULL}};
  ebb_lua_class_define(L, el, class, methods, none);
  ebb_lua_class_add_shared(L, el, class, both, meta);
}

void ebb_lua_join_handle_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"abort_handle", handle_abort_handle},
                                     {"await", handle_await},
                                     {"join", handle_join},
                                     {NULL, NULL}};
  define_handle(L, el, CLASS_JOIN_HANDLE, methods);
}

void ebb_lua_join_handle_define_abort(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  define_handle(L, el, CLASS_ABORT_HANDLE, none);
}

/* Where the handle comes from the binding itself: nothing is to be checked. */
int ebb_lua_join_handle_await(lua_State *L) {
  assert(lua_gettop(L) == 1 && lua_isuserdata(L, 1));
  return ebb_lua_await(L, ebb_lua_state_checked(L), &await);
}
