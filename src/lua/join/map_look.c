/* SPDX-License-Identifier: MIT
   The methods of ebb.JoinMap that only look at the map, or see to its room:
   none waits, spawns or takes a task out. Looking a key up may run the user's
   hasher, and that may do anything: what is asked of the task is asked after.
   */
#include "lua/join/join_map.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/slot.h"
#include "lua/task/key.h"

#include <assert.h>

/* A finished task has its key until it is joined. */
static int map_contains_key(lua_State *L) {
  ebb_lua_map *map = ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  lua_pushboolean(L, ebb_lua_map_key_find(L, map, 2).task != NULL);
  return 1;
}

static int map_is_finished(lua_State *L) {
  ebb_lua_map *map = ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  ebb_task *t = ebb_lua_map_key_find(L, map, 2).task;
  lua_pushboolean(L, t != NULL && t->state == EBB_FINISHED);
  return 1;
}

/* stack: map, key -> id, or nil */
static int map_id(lua_State *L) {
  ebb_lua_map *map = ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  ebb_task *t = ebb_lua_map_key_find(L, map, 2).task;
  if (t != NULL)
    lua_pushinteger(L, (lua_Integer)t->id);
  else
    luaL_pushfail(L);
  return 1;
}

/* The iterator keeps the map's object and the cursor as upvalues, and no task:
   it gives each key that stays, whatever is done with the map between two
   calls. */
static int keys_next(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_map *map = *(ebb_lua_map **)lua_touserdata(L, lua_upvalueindex(2));
  if (map == NULL) return 0; /* finalized */
  ebb_table_cursor *c = lua_touserdata(L, lua_upvalueindex(3));
  assert(c != NULL);
  ebb_task *t = ebb_join_set_walk(&map->engine.set, c);
  if (t == NULL) {
    lua_pushnil(L);
    return 1;
  }
  lua_Integer id = (lua_Integer)t->id;
  assert(((const ebb_lua_task *)t)->keyed);
  ebb_lua_key_push_task(L, el, t);
  lua_pushinteger(L, id);
  return 2;
}

/* Not in the order of spawning: a table's order of hashes, as `pairs`. */
static int map_keys(lua_State *L) {
  ebb_lua_map *map = ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  ebb_table_cursor *c = lua_newuserdatauv(L, sizeof *c, 0);
  *c = ebb_join_set_begin_walk(&map->engine.set);
  lua_pushcclosure(L, keys_next, 3);
  return 1;
}

/* How many tasks fit in before the table grows. */
static int map_capacity(lua_State *L) {
  ebb_lua_map *map = ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 1);
  lua_pushinteger(L, (lua_Integer)ebb_join_map_capacity(&map->engine));
  return 1;
}

/* -ENOMEM, also for more than a table can have, leaves the map as it was. */
static int map_reserve(lua_State *L) {
  ebb_lua_map *map = ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  int err =
      ebb_join_map_reserve(&map->engine, (size_t)ebb_lua_args_count(L, 2));
  if (err < 0) ebb_lua_error_raise(L, err);
  return 0;
}

/* Slots are renumbered: walks that are under way go on by hashes, see table.h.
   */
static int map_shrink_to(lua_State *L) {
  ebb_lua_map *map = ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  int err =
      ebb_join_map_shrink_to(&map->engine, (size_t)ebb_lua_args_count(L, 2));
  if (err < 0) ebb_lua_error_raise(L, err);
  return 0;
}

/* To room for the tasks that there are. */
static int map_shrink_to_fit(lua_State *L) {
  (void)ebb_lua_join_map_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 1);
  lua_settop(L, 1);
  lua_pushinteger(L, 0);
  return map_shrink_to(L);
}

/* A key's own __tostring may do anything, and finalize the map: it is checked
   after each. */
static int map_tostring(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_map *map = ebb_lua_join_map_check(L, el);
  ebb_table_cursor c = ebb_join_set_begin_walk(&map->engine.set);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "JoinMap{");
  ebb_task *t = ebb_join_set_walk(&map->engine.set, &c);
  for (bool first = true; t != NULL; first = false) {
    lua_Integer id = (lua_Integer)t->id;
    ebb_lua_key_push_task_text(L, el, t);
    (void)ebb_lua_join_map_check(L, el);
    lua_pushstring(L, first ? "" : ", ");
    lua_insert(L, -2);
    lua_pushfstring(L, ": %I", id);
    lua_concat(L, 3);
    luaL_addvalue(&b);
    t = ebb_join_set_walk(&map->engine.set, &c);
  }
  luaL_addchar(&b, '}');
  luaL_pushresult(&b);
  return 1;
}

/* The class is there already: its two tables are added to. */
void ebb_lua_map_look_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"capacity", map_capacity},
                                     {"contains_key", map_contains_key},
                                     {"id", map_id},
                                     {"is_finished", map_is_finished},
                                     {"keys", map_keys},
                                     {"reserve", map_reserve},
                                     {"shrink_to", map_shrink_to},
                                     {"shrink_to_fit", map_shrink_to_fit},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", map_tostring}, {NULL, NULL}};
  ebb_lua_slot_push(L, el, STORE_META_FIRST + CLASS_JOIN_MAP);
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, meta, 1);
  lua_getfield(L, -1, "__index");
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, methods, 1);
  lua_pop(L, 2);
}
