/* SPDX-License-Identifier: MIT
   ebb.JoinSet (Tokio: task::JoinSet): tasks that are joined in the order of
   finishing. collection.c has most of it.

   It is a map whose keys are the ids of its tasks. So its tasks need no key of
   their own, there is no old task under a key, and there is no limit to wait
   for: a spawn never waits. */
#include "lua/join/join_map.h"
#include "lua/spawn/builder.h"
#include "lua/spawn/join_handle.h"
#include "lua/spawn/spawn.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/budget.h"
#include "lua/task/key.h"
#include "lua/task/message.h"
#include "lua/task/task.h"
#include "lua/task/wait.h"

#include <assert.h>

/* The JoinSet at index 1. The end of the state may finalize it during a wait.
   */
static ebb_lua_map *check_set(lua_State *L, ebb_lua *el) {
  (void)ebb_lua_class_check(L, el, 1, CLASS_JOIN_SET);
  ebb_lua_map *set = ebb_lua_collection_at(L);
  if (set == NULL) luaL_error(L, "the JoinSet has been finalized");
  return set;
}

static int set_new(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  ebb_lua_collection_new(L, el, CLASS_JOIN_SET, ebb_lua_key_equal);
  return 1;
}

/* stack: set, body, [where,] arguments... -> AbortHandle
   As the module's spawn, see spawn.c; the handle is one that has no claim to
   the result, which is the set's. The set is checked again once all that may
   run finalizers is done. */
static int set_spawn(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  (void)check_set(L, el);
  ebb_lua_spawn_choose_target(L, el, ebb_lua_where_of(L), 2);
  ebb_lua_join_handle_new_abort(L, el);
  ebb_lua_task_prepare(L, el, 2);
  lua_rotate(L, 2, 2); /* set, target, handle, body, ... */
  assert(lua_isuserdata(L, 3));
  /* No Lua code runs from here on. */
  ebb_lua_map *set = check_set(L, el);
  int err = ebb_join_map_reserve(&set->engine, 1);
  if (err < 0) ebb_lua_error_raise(L, err);
  ebb_lua_task *lt = ebb_lua_spawn_task(L, el, 2, 4);
  ebb_lua_join_handle_fill(L, 3, lt);
  ebb_key key = EBB_KEY_INT(lt->task.id);
  assert(!lt->keyed && lt->task.group == NULL);
  ebb_join_map_put(&set->engine, ebb_lua_key_hash(key), key, &lt->task);
  ebb_lua_task_start(lt);
  lua_settop(L, 3);
  return 1;
}

static int set_join_next(lua_State *L) {
  check_set(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  return ebb_lua_collection_join_next(L, false);
}

static int set_join_next_with_id(lua_State *L) {
  check_set(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  return ebb_lua_collection_join_next(L, true);
}

static int set_try_join_next(lua_State *L) {
  check_set(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  return ebb_lua_collection_try_join_next(L, false);
}

static int set_try_join_next_with_id(lua_State *L) {
  check_set(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  return ebb_lua_collection_try_join_next(L, true);
}

/* The first failure ends it, as in Tokio: the others are aborted and let go of,
   and its value is raised. Letting go may run Lua code: the set is not touched
   after. */
static int fail_all(lua_State *L, ebb_lua *el, ebb_lua_map *set) {
  assert(lua_gettop(L) > 3); /* the error is at the top */
  ebb_join_map_abort_all(&set->engine);
  ebb_lua_collection_detach_all(L);
  ebb_lua_message_throw(L, el);
}

/* stack: set, results, how many there are -> results
   The first value of each task, in the order of finishing; a task without one
   leaves a hole. The count is on the stack beside the list, whose length would
   not tell of holes. */
static int join_all_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  assert(lua_gettop(L) >= 3 && lua_istable(L, 2));
  for (;;) {
    ebb_lua_map *set = check_set(L, el);
    int answer = ebb_join_set_poll_next(&set->engine.set, w);
    if (answer < 0) return answer;
    if (answer == 0) break;
    ebb_task *t = ebb_join_set_peek(&set->engine.set);
    int count = ebb_lua_collection_join_task(L, el, set, t, false);
    if (count == 0) continue;
    assert(count > 0 && lua_isboolean(L, -count));
    bool ok = lua_toboolean(L, -count);
    lua_settop(L, lua_gettop(L) - count + 2); /* ok and the first value */
    if (!ok) return fail_all(L, el, set);
    lua_Integer n = lua_tointeger(L, 3) + 1;
    lua_rawseti(L, 2, n);
    lua_settop(L, 2);
    lua_pushinteger(L, n);
  }
  lua_settop(L, 2);
  return 1;
}

/* stack: set -> results */
static int set_join_all(lua_State *L) {
  static const ebb_lua_op op = {"join_all", join_all_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  check_set(L, el);
  ebb_lua_args_check_surplus(L, 1);
  lua_settop(L, 1);
  lua_newtable(L);
  lua_pushinteger(L, 0);
  return ebb_lua_await(L, el, &op);
}

/* "JoinSet{4, 7}", in the order of the table's slots. Ids are numbers: no code
   of the user's is asked. */
static int set_tostring(lua_State *L) {
  ebb_lua_map *set = check_set(L, ebb_lua_state_checked(L));
  ebb_table *members = &set->engine.set.group.members;
  const char *separator = "";
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "JoinSet{");
  uint32_t slot = ebb_table_scan(members, 0);
  for (; slot != EBB_TABLE_NONE; slot = ebb_table_scan(members, slot + 1)) {
    ebb_id id = ((ebb_task *)ebb_table_item(members, slot))->id;
    lua_pushfstring(L, "%s%I", separator, (lua_Integer)id);
    luaL_addvalue(&b);
    separator = ", ";
  }
  luaL_addchar(&b, '}');
  luaL_pushresult(&b);
  return 1;
}

static int set_build_task(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_class_check_self(L, el, CLASS_JOIN_SET, 1);
  ebb_lua_builder_for_collection(L, el, set_spawn, false);
  return 1;
}

void ebb_lua_join_set_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {
      {"build_task", set_build_task},
      {"join_all", set_join_all},
      {"join_next", set_join_next},
      {"join_next_with_id", set_join_next_with_id},
      {"try_join_next", set_try_join_next},
      {"try_join_next_with_id", set_try_join_next_with_id},
      {NULL, NULL}};
  ebb_lua_collection_define(L, el, CLASS_JOIN_SET, methods);
  ebb_lua_slot_push(L, el, STORE_META_FIRST + CLASS_JOIN_SET);
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, set_tostring, 1);
  lua_setfield(L, -2, "__tostring");
  lua_getfield(L, -1, "__index");
  ebb_lua_spawn_set_functions(L, el, set_spawn);
  lua_pop(L, 2);
}

void ebb_lua_join_set_open(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, set_new, 1);
  lua_setfield(L, -2, "new");
  lua_setfield(L, -2, "JoinSet");
}
