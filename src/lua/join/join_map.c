/* SPDX-License-Identifier: MIT
   ebb.JoinMap (tokio_util: task::JoinMap) over the engine's: what is done by
   key. collection.c has what it shares with JoinSet, map_key.c the keys,
   map_look.c what only looks.

   Finalizers may run wherever Lua allocates, and may call any method of the
   map. So each method gets what it needs first, then looks at the map and
   changes it without running Lua code in between. */
#include "lua/join/join_map.h"

#include <assert.h>

#include "core/loop/join.h"
#include "lua/spawn/builder.h"
#include "lua/spawn/spawn.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/budget.h"
#include "lua/task/join_error.h"
#include "lua/task/key.h"
#include "lua/task/task.h"
#include "lua/task/thread.h"
#include "lua/task/wait.h"

/* ---- making one ---- */

/* stack: ..., map. The table at `hasher`, which came in the argument `arg`. Its
   functions are read once, here: a map's keys must not be hashed in two ways.
   */
static void read_hasher(lua_State *L, ebb_lua_map *map, int hasher, int arg) {
  assert(lua_isuserdata(L, -1) && lua_istable(L, hasher));
  luaL_argcheck(L, lua_getfield(L, hasher, "hash") == LUA_TFUNCTION, arg,
                "hasher has no function `hash`");
  luaL_argcheck(L, lua_getfield(L, hasher, "equal") == LUA_TFUNCTION, arg,
                "hasher has no function `equal`");
  lua_setiuservalue(L, -3, UV_EQUAL);
  lua_setiuservalue(L, -2, UV_HASH);
  map->hasher = true;
}

/* Pushes a map. `hasher` is the index of its table, 0: there is none. An error
   leaves an empty map to the collector. */
static int new_map(lua_State *L, lua_Integer capacity, int hasher, int arg) {
  ebb_lua *el = ebb_lua_state_checked(L);
  if (hasher != 0) luaL_checktype(L, hasher, LUA_TTABLE);
  ebb_lua_map *map = ebb_lua_collection_new(
      L, el, CLASS_JOIN_MAP,
      hasher ? ebb_lua_map_key_equal : ebb_lua_key_equal);
  if (hasher != 0) read_hasher(L, map, hasher, arg);
  if (capacity > 0) {
    int err = ebb_join_map_reserve(&map->engine, (size_t)capacity);
    if (err < 0) ebb_lua_error_raise(L, err);
  }
  return 1;
}

/* stack: [options] -> map. A limit of 0 is none to the engine; a script that
   gives it means something else, and is refused. */
static int map_new(lua_State *L) {
  ebb_lua_args_check_surplus(L, 1);
  static const char *const names[] = {"max_tasks", "capacity", "hasher", NULL};
  enum { MOST = INT_MAX };
  if (lua_isnoneornil(L, 1)) return new_map(L, 0, 0, 0);
  ebb_lua_args_check_options(L, 1, names);
  lua_settop(L, 1);
  lua_Integer max_tasks = ebb_lua_args_count_option(L, 1, "max_tasks", 1, MOST);
  lua_Integer capacity = ebb_lua_args_count_option(L, 1, "capacity", 0, MOST);
  bool hasher = ebb_lua_args_push_option(L, 1, "hasher", LUA_TTABLE);
  new_map(L, capacity, hasher ? 2 : 0, 1);
  ebb_lua_map *map = *(ebb_lua_map **)lua_touserdata(L, -1);
  ebb_join_map_set_max_tasks(&map->engine, (size_t)max_tasks);
  return 1;
}

static int map_with_capacity(lua_State *L) {
  ebb_lua_args_check_surplus(L, 1);
  return new_map(L, ebb_lua_args_count(L, 1), 0, 0);
}

static int map_with_hasher(lua_State *L) {
  ebb_lua_args_check_surplus(L, 1);
  return new_map(L, 0, 1, 1);
}

static int map_with_capacity_and_hasher(lua_State *L) {
  ebb_lua_args_check_surplus(L, 2);
  return new_map(L, ebb_lua_args_count(L, 1), 2, 2);
}

/* ---- spawning ---- */

/* Before the task is made, since it may fail; under the place that its thread
   will have. If the task is not made, the next with that place replaces it. */
static void keep_key(lua_State *L, ebb_lua *el, int place) {
  assert(place > 0 && place <= el->places);
  ebb_lua_slot_push(L, el, STORE_KEYS);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, place);
  lua_pop(L, 1);
}

/* stack: map, key, target, body, arguments... -> id
   Nothing here runs Lua code until the task is in its place, so `at` is right
   until then. Room in the map, the key's place in the store and the task are
   what can fail, in this order: before the task is made the map has not
   changed (R9).

   Of a task that has the key already, the new one takes the place in the table
   in one step, so that there is no moment at which the key is not there. The
   old one is aborted, and let go of last: the report of its panic runs Lua
   code. */
static int spawn_in(lua_State *L, ebb_lua_map *map, ebb_lua_place at) {
  assert(map->el->idle_count > 0 && lua_gettop(L) >= 3);
  int err = ebb_join_set_reserve(&map->engine.set, 1);
  if (err < 0) ebb_lua_error_raise(L, err);
  int place = ebb_lua_thread_next(map->el)->place;
  if (at.anchored) keep_key(L, map->el, place);
  if (map->hasher) at.key = ebb_lua_key_by_place(place);
  ebb_lua_task *lt = ebb_lua_spawn_task(L, map->el, 3, 4);
  ebb_task *old = at.task;
  assert(lt->place == place && lt->task.group == NULL);
  assert(old == NULL || old->group == &map->engine.set.group);
  lt->keyed = true;
  if (old == NULL) {
    ebb_join_map_put(&map->engine, at.hash, at.key, &lt->task);
  } else {
    ebb_task_abort(old);
    ebb_lua_collection_forget_key(
        old, ebb_join_map_replace(&map->engine, old, at.key, &lt->task));
  }
  lua_pushinteger(L, (lua_Integer)lt->task.id);
  ebb_lua_task_start(lt);
  if (old != NULL) {
    ebb_lua_join_error_check_unhandled(lua_task(old));
    ebb_task_release(old);
  }
  return 1;
}

/* The second upvalue says where, or that a task that is there stays. */
enum { IF_ABSENT = -1 };

/* stack: map, key, target, body, arguments... -> id, or nil
   Each poll looks the key up anew: while it waited for a place, the task under
   it may have gone, or another have come. A thread is made ready before, as
   that may run finalizers. The user's hasher runs after, and may spawn and so
   take the thread: then another is made ready and the key looked up again,
   until the last thing that has run is a look-up. */
static int spawn_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  assert(lua_gettop(L) >= 3);
  ebb_lua_map *map;
  ebb_lua_place at;
  do {
    ebb_lua_task_prepare(L, el, 4);
    map = ebb_lua_join_map_at(L);
    at = ebb_lua_map_key_find(L, map, 2);
  } while (el->idle_count == 0); /* the hasher has spawned */
  assert(el->idle_count > 0 && map->el == el);
  if (at.task != NULL && lua_tointeger(L, lua_upvalueindex(2)) == IF_ABSENT) {
    luaL_pushfail(L);
    return 1;
  }
  int answer = ebb_join_map_poll_place(&map->engine, at.task, w);
  return answer < 0 ? answer : spawn_in(L, map, at);
}

/* stack: map, key, body, [where,] arguments... -> id, or nil when the key is
   there and its task is to stay
   The target goes below the body, where it stays during the wait. A key that
   cannot be one is an error at once. */
static int map_spawn(lua_State *L) {
  static const ebb_lua_op op = {"a free place", spawn_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  (void)ebb_lua_join_map_check(L, el);
  lua_Integer where = lua_tointeger(L, lua_upvalueindex(2));
  bool anchored;
  luaL_checkany(L, 2);
  (void)ebb_lua_key(L, 2, &anchored);
  ebb_lua_spawn_choose_target(
      L, el, where == IF_ABSENT ? EBB_LUA_HERE : (ebb_lua_where)where, 3);
  lua_insert(L, 3);
  return ebb_lua_await(L, el, &op);
}

/* ---- joining ---- */

static int map_join_next(lua_State *L) {
  ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  return ebb_lua_collection_join_next(L, true);
}

static int map_try_join_next(lua_State *L) {
  ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  return ebb_lua_collection_try_join_next(L, true);
}

/* stack: map, id of the task -> ok, values...
   It waits for a task, not for a key. Another may have joined the task, or a
   spawn replaced it: it is not in the map then, and there is nothing to join.
   That wakes the tasks in `joiners`, too. */
static int join_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_id id = (ebb_id)lua_tointeger(L, 2);
  assert(lua_gettop(L) >= 2 && id != 0);
  for (;;) {
    ebb_lua_map *map = ebb_lua_join_map_at(L);
    ebb_task *t = ebb_task_find(el->rt, id);
    if (t == NULL || ebb_join_set_of(t) != &map->engine.set) {
      lua_pushnil(L);
      return 1;
    }
    int answer = ebb_join_poll(t, w);
    if (answer < 0) return answer;
    int count = ebb_lua_collection_join_task(L, el, map, t, false);
    if (count > 0) return count;
  }
}

/* stack: map, key -> ok, values..., or nil. The hasher runs during the look-up,
   and only there: so the task is the one that the key has now. */
static int map_join(lua_State *L) {
  static const ebb_lua_op op = {"join", join_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  (void)ebb_lua_join_map_check(L, el);
  ebb_lua_args_check_surplus(L, 2);
  lua_settop(L, 2);
  ebb_lua_place at = ebb_lua_map_key_find(L, ebb_lua_join_map_check(L, el), 2);
  if (at.task == NULL) {
    lua_pushnil(L);
    return 1;
  }
  if (at.task == el->rt->tasks.current)
    return luaL_error(L, "a task cannot join itself");
  lua_pushinteger(L, (lua_Integer)at.task->id);
  lua_replace(L, 2);
  return ebb_lua_await(L, el, &op);
}

/* ---- aborting and detaching ---- */

/* stack: map, key [, reason] -> whether there was a task. Of a finished one the
   answer is true, too, and nothing is done (R5). */
static int map_abort(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_map *map = ebb_lua_join_map_check(L, el);
  ebb_lua_args_check_surplus(L, 3);
  ebb_lua_place at = ebb_lua_map_key_find(L, map, 2);
  if (at.task != NULL) ebb_lua_task_abort(L, lua_task(at.task), 3);
  lua_pushboolean(L, at.task != NULL);
  return 1;
}

/* stack: map, predicate of a key
   The predicate may do anything with the map, and wait: each task is looked at
   when its turn has come, and aborted only if it is still there after. Its id
   tells that: memory of a task that has gone may be another's. */
static int map_abort_matching(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  (void)ebb_lua_join_map_check(L, el);
  ebb_lua_args_check_surplus(L, 2);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  ebb_table_cursor c =
      ebb_join_set_begin_walk(&ebb_lua_join_map_check(L, el)->engine.set);
  for (;;) {
    ebb_lua_map *map = ebb_lua_join_map_check(L, el);
    ebb_task *t = ebb_join_set_walk(&map->engine.set, &c);
    if (t == NULL) return 0;
    ebb_id id = t->id;
    lua_pushvalue(L, 2);
    ebb_lua_key_push_task(L, el, t);
    lua_call(L, 1, 1);
    map = ebb_lua_join_map_check(L, el);
    if (lua_toboolean(L, -1) && ebb_join_map_contains_task(&map->engine, id))
      ebb_task_abort(t);
    lua_pop(L, 1);
  }
}

/* The task runs on without the map, and without a key. */
static int map_detach(lua_State *L) {
  ebb_lua_map *map = ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  ebb_lua_place at = ebb_lua_map_key_find(L, map, 2);
  if (at.task != NULL) ebb_lua_collection_let_go(map, at.task);
  lua_pushboolean(L, at.task != NULL);
  return 1;
}

static int map_build_task(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_class_check_self(L, el, CLASS_JOIN_MAP, 1);
  ebb_lua_builder_for_collection(L, el, map_spawn, true);
  return 1;
}

/* Of three parts: these methods and those of both classes; those of map_look.c;
   and those that spawn, whose second upvalue is the place. */
void ebb_lua_join_map_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"abort", map_abort},
                                     {"abort_matching", map_abort_matching},
                                     {"build_task", map_build_task},
                                     {"detach", map_detach},
                                     {"join", map_join},
                                     {"join_next", map_join_next},
                                     {"try_join_next", map_try_join_next},
                                     {NULL, NULL}};
  ebb_lua_collection_define(L, el, CLASS_JOIN_MAP, methods);
  ebb_lua_map_look_define(L, el);
  ebb_lua_slot_push(L, el, STORE_META_FIRST + CLASS_JOIN_MAP);
  lua_getfield(L, -1, "__index");
  ebb_lua_spawn_set_functions(L, el, map_spawn);
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushinteger(L, IF_ABSENT);
  lua_pushcclosure(L, map_spawn, 2);
  lua_setfield(L, -2, "spawn_if_absent");
  lua_pop(L, 2);
}

void ebb_lua_join_map_open(lua_State *L, ebb_lua *el) {
  static const luaL_Reg functions[] = {
      {"new", map_new},
      {"with_capacity", map_with_capacity},
      {"with_capacity_and_hasher", map_with_capacity_and_hasher},
      {"with_hasher", map_with_hasher},
      {NULL, NULL}};
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
  lua_setfield(L, -2, "JoinMap");
}
