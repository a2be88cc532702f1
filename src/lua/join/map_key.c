/* SPDX-License-Identifier: MIT
   The keys of ebb.JoinMap: which Lua value a task is under, and finding the
   task of a value, by the rules of Lua's tables (key.c) or by a hasher that
   the user has written. */
#include <assert.h>
#include <errno.h>

#include "lua/join/join_map.h"
#include "lua/state/error.h"
#include "lua/state/slot.h"
#include "lua/task/key.h"
#include "lua/task/task.h"

/* The context of a comparison in Lua. */
typedef struct probe {
  lua_State *L;
  const ebb_lua_map *map; /* whose object is at index 1 */
  int key;                /* index of the key that is looked for */
} probe;

/* Called by the engine's find, so an error must not pass: it stays on the
   stack, and -EBADMSG says so. -ESTALE: the map is no more. If the function has
   changed the map, the engine begins its search anew. The key of the task is
   its place in the store; the key that is looked for is on the stack, so
   `sought` tells nothing. */
int ebb_lua_map_key_equal(void *ctx, ebb_key stored, ebb_key sought) {
  probe *p = ctx;
  lua_State *L = p->L;
  assert(p->map->hasher);
  (void)sought;
  if (!lua_checkstack(L, 4)) return -ENOMEM;
  lua_getiuservalue(L, 1, UV_EQUAL);
  assert(stored.bits > 0 && stored.bits <= (uint64_t)p->map->el->places);
  lua_rawgeti(p->map->el->store, STORE_KEYS, (lua_Integer)stored.bits);
  lua_xmove(p->map->el->store, L, 1);
  lua_pushvalue(L, p->key);
  if (lua_pcall(L, 2, 1, 0) != LUA_OK) return -EBADMSG;
  if (ebb_lua_collection_at(L) != p->map) return -ESTALE;
  int same = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return same;
}

/* The user's hash is mixed with the seed as ours are: a hasher may well return
   small integers. */
static uint32_t hash_in_lua(lua_State *L, int key) {
  assert(lua_isuserdata(L, 1) && key > 1);
  int is_integer;
  lua_getiuservalue(L, 1, UV_HASH);
  lua_pushvalue(L, key);
  lua_call(L, 1, 1);
  lua_Integer hash = lua_tointegerx(L, -1, &is_integer);
  if (!is_integer) luaL_error(L, "hasher.hash did not return an integer");
  lua_pop(L, 1);
  return ebb_hash_fold(ebb_hash_bits((uint64_t)hash));
}

/* What the user's functions do to the map shows in the object at 1: it points
   to nothing once they have finalized it. */
static void check_again(lua_State *L, const ebb_lua_map *map) {
  if (ebb_lua_collection_at(L) != map)
    luaL_error(L, "the JoinMap has been finalized");
}

/* Only the user's functions can change the map meanwhile; without them nothing
   here runs Lua code. */
ebb_lua_place ebb_lua_map_key_find(lua_State *L, ebb_lua_map *map, int arg) {
  ebb_lua_place at = {.anchored = false};
  at.key = ebb_lua_key(L, arg, &at.anchored);
  at.hash = map->hasher ? hash_in_lua(L, arg) : ebb_lua_key_hash(at.key);
  if (map->hasher) {
    check_again(L, map);
    at.anchored = true;
  }
  uint32_t slot;
  probe p = {L, map, arg};
  int err = ebb_join_map_find(&map->engine, at.hash, at.key, &p, &slot);
  if (err == -EBADMSG) lua_error(L);
  if (map->hasher) check_again(L, map);
  if (err < 0) ebb_lua_error_raise(L, err);
  if (slot != EBB_TABLE_NONE)
    at.task = ebb_table_item(&map->engine.set.group.members, slot);
  assert(at.task == NULL || at.task->group == &map->engine.set.group);
  return at;
}
