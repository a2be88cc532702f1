/* SPDX-License-Identifier: MIT */
#include "lua/spawn/spawn.h"

#include <assert.h>
#include <errno.h>

#include "lua/remote/job.h"
#include "lua/remote/state_ref.h"
#include "lua/spawn/join_handle.h"
#include "lua/spawn/local_set.h"
#include "lua/state/error.h"
#include "lua/state/slot.h"
#include "lua/task/current_set.h"
#include "lua/task/task.h"

/* What a spawn does: it checks the body; finds out where the task
   is to run, and pushes that as the target; makes the handle, or room in the
   collection; has a thread ready; makes the task by the target; and starts it.
   All that can fail or run Lua code comes before the task is made (R9).

   The target is on the stack, so that the collector keeps it, and frees with it
   what was packed for another thread if an error comes in between. It is

     nil               the task runs here
     a LocalSet        here, while that is driven
     an ebb.target     the job in it is done on another thread; body and
                       arguments are in the job, and on the stack no more */
static const char *const spawn_names[] = {
    [EBB_LUA_HERE] = "spawn",
    [EBB_LUA_ON] = "spawn_on",
    [EBB_LUA_LOCAL] = "spawn_local",
    [EBB_LUA_LOCAL_ON] = "spawn_local_on",
    [EBB_LUA_BLOCKING] = "spawn_blocking",
    [EBB_LUA_BLOCKING_ON] = "spawn_blocking_on",
};

/* One C function serves all places: it asks its upvalue. */
void ebb_lua_spawn_set_functions(lua_State *L, ebb_lua *el, lua_CFunction f) {
  assert(lua_istable(L, -1));
  for (int where = EBB_LUA_HERE; where <= EBB_LUA_BLOCKING_ON; where++) {
    ebb_lua_slot_push(L, el, STORE_STATE);
    lua_pushinteger(L, where);
    lua_pushcclosure(L, f, 2);
    lua_setfield(L, -2, spawn_names[where]);
  }
}

/* ---- the target ---- */

/* Takes the argument that says where out of the call, to the top. */
static void lift(lua_State *L, int arg) {
  assert(arg > 0 && arg <= lua_gettop(L));
  lua_pushvalue(L, arg);
  lua_remove(L, arg);
}

/* Everything is checked and packed before a task is made, so that nothing that
   fails leaves one behind (R9). A Handle of the state's own runtime is no other
   place: the task is an ordinary one. Coroutines and callable tables have no
   form that could be sent. */
static void target_elsewhere(lua_State *L, ebb_lua *el, ebb_lua_where where,
                             int body) {
  assert(where != EBB_LUA_HERE && where != EBB_LUA_LOCAL);
  bool on = where == EBB_LUA_ON || where == EBB_LUA_BLOCKING_ON;
  bool blocking = where != EBB_LUA_ON;
  int err = 0;
  ebb_lua_state_ref *ref = on ? ebb_lua_state_ref_check_handle(L, el, body + 1)
                              : ebb_lua_state_ref_get(el, &err);
  if (ref == NULL) ebb_lua_error_raise(L, err);
  if (on) {
    lift(L, body + 1);
    lua_insert(L, body++); /* so that it is kept */
  }
  if (ref == el->ref && !blocking) {
    lua_pushnil(L);
  } else {
    luaL_argcheck(L, lua_isfunction(L, body), on ? body - 1 : body,
                  "only a function can be sent to another thread");
    ebb_lua_job_push(L, el, ref, blocking, ebb_lua_name_of(L), body);
  }
  assert(lua_gettop(L) >= body);
  if (on) lua_remove(L, body - 1);
}

/* The set that was given, or the one that is current for the running task. */
static void target_local(lua_State *L, ebb_lua *el, bool on, int body) {
  if (on) {
    ebb_lua_current_set_check(L, el, body + 1);
    lift(L, body + 1);
  } else if (!ebb_lua_current_set_push(L, el)) {
    luaL_error(L, "`spawn_local` called from outside of a LocalSet");
  }
}

void ebb_lua_spawn_choose_target(lua_State *L, ebb_lua *el, ebb_lua_where where,
                                 int body) {
  assert(where <= EBB_LUA_BLOCKING_ON);
  ebb_lua_task_check_body(L, el, body);
  if (where == EBB_LUA_HERE)
    lua_pushnil(L);
  else if (where == EBB_LUA_LOCAL || where == EBB_LUA_LOCAL_ON)
    target_local(L, el, where == EBB_LUA_LOCAL_ON, body);
  else
    target_elsewhere(L, el, where, body);
  assert(lua_isnil(L, -1) || lua_isuserdata(L, -1));
}

/* ---- the task ---- */

/* Room in the set first: from the task on nothing can fail (R9). */
static ebb_lua_task *local_task(lua_State *L, ebb_lua *el, ebb_local_set *set,
                                int body) {
  if (ebb_local_set_reserve(set) < 0) ebb_lua_error_raise(L, -ENOMEM);
  ebb_lua_task *lt = ebb_lua_task_new(L, el, body);
  ebb_local_set_put(set, &lt->task);
  return lt;
}

/* The task of a job has a thread as well: the results are unpacked on it, so
   that a join finds them as those of any other task. */
ebb_lua_task *ebb_lua_spawn_task(lua_State *L, ebb_lua *el, int target,
                                 int body) {
  assert(target > 0 && el->idle_count > 0);
  if (lua_isnil(L, target)) return ebb_lua_task_new(L, el, body);
  ebb_local_set *set = ebb_lua_current_set_carried(L, el, target);
  if (set != NULL) return local_task(L, el, set, body);
  ebb_lua_task *lt = ebb_lua_task_create(L, el, &ebb_lua_job_proxy_ops);
  lt->job = ebb_lua_job_carried(L, el, target);
  assert(lt->job != NULL);
  return lt;
}

/* ---- the module's spawn ---- */

/* stack: body, [where,] arguments... -> JoinHandle
   The methods of Handle and LocalSet come here, too, by ebb_lua_spawn_by. */
int ebb_lua_spawn_at(lua_State *L, ebb_lua_where where) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_spawn_choose_target(L, el, where, 1);
  /* The handle first, since the task must not be left without one. */
  ebb_lua_join_handle_new(L, el);
  ebb_lua_task_prepare(L, el, 1);
  lua_rotate(L, 1, 2); /* target, handle, body, ... */
  ebb_lua_task *lt = ebb_lua_spawn_task(L, el, 1, 3);
  assert(lt->task.state == EBB_NEW && !lua_isnil(L, 2));
  ebb_lua_join_handle_fill(L, 2, lt);
  assert(lt->handles == 0);
  lt->handles = 1;
  ebb_lua_task_start(lt);
  lua_settop(L, 2);
  return 1;
}

/* The object that says where becomes the argument after the body, as it is of
   the module's functions: there is one way to spawn. */
int ebb_lua_spawn_by(lua_State *L, ebb_lua_where where) {
  ebb_lua_task_check_body(L, ebb_lua_state_checked(L), 2);
  lua_pushvalue(L, 1);
  lua_insert(L, 3);
  lua_remove(L, 1);
  return ebb_lua_spawn_at(L, where);
}

int ebb_lua_spawn(lua_State *L) {
  return ebb_lua_spawn_at(L, ebb_lua_where_of(L));
}
