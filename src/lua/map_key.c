/* SPDX-License-Identifier: MIT
   The keys of ebb.JoinMap: which Lua value a task is under, and finding the
   task of a value, by the rules of Lua's tables (key.c) or by a hasher that
   the user has written. */
#include <errno.h>

#include "join_map.h"

lua_map *ebb_lua_check_map(lua_State *L, ebb_lua *el) {
  lua_map *map = ebb_lua_check(L, el, 1, CLASS_JOIN_MAP);
  if (map->m == NULL) luaL_error(L, "the JoinMap has been finalized");
  return map;
}

void ebb_lua_map_push_keys(lua_State *L) {
  lua_getiuservalue(L, 1, UV_ANCHORS);
  if (lua_rawgeti(L, -1, 0) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, 0);
  }
  lua_remove(L, -2);
}

void ebb_lua_push_key(lua_State *L, ebb_lua *el, ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  lua_State *store = el->store;
  luaL_checkstack(L, 4, NULL);
  if (!ebb_lua_is_task(t) || t->set == NULL || t->set->owner != NULL ||
      lt->group->el != el) {
    lua_pushnil(L);
    return;
  }
  ebb_join_map *m = ebb_container_of(t->set, ebb_join_map, set);
  if (ebb_lua_key_push(L, ebb_join_map_key(m, t))) return;
  if (ebb_lua_group_table(lt->group)) {
    lua_rawgeti(store, -1, 0);
    lua_rawgeti(store, -1, lt->anchor);
    lua_xmove(store, L, 1);
    lua_pop(store, 2);
  } else {
    lua_pop(store, 1);
    lua_pushnil(L);
  }
}

void ebb_lua_push_key_text(lua_State *L, ebb_lua *el, ebb_task *t) {
  ebb_lua_push_key(L, el, t);
  if (lua_isnil(L, -1)) return;
  const char *form = lua_type(L, -1) == LUA_TSTRING ? "\"%s\"" : "%s";
  lua_pushfstring(L, form, luaL_tolstring(L, -1, NULL));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* What a comparison in Lua needs to know. */
typedef struct probe {
  lua_State *L;
  int key; /* index of the key that is looked for */
} probe;

/* Called by the engine's find, so an error must not pass: it stays on the
   stack, and -EBADMSG says so. */
int ebb_lua_map_equal(void *ctx, ebb_key stored, ebb_key sought) {
  probe *p = ctx;
  lua_State *L = p->L;
  (void)sought;
  if (!lua_checkstack(L, 4)) return -ENOMEM;
  lua_getiuservalue(L, 1, UV_EQUAL);
  lua_getiuservalue(L, 1, UV_ANCHORS);
  lua_rawgeti(L, -1, 0);
  lua_rawgeti(L, -1, (lua_Integer)stored.bits);
  lua_replace(L, -3);
  lua_pop(L, 1);
  lua_pushvalue(L, p->key);
  if (lua_pcall(L, 2, 1, 0) != LUA_OK) return -EBADMSG;
  int same = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return same;
}

static uint32_t hash_in_lua(lua_State *L, int key) {
  int is_integer;
  lua_getiuservalue(L, 1, UV_HASH);
  lua_pushvalue(L, key);
  lua_call(L, 1, 1);
  lua_Integer hash = lua_tointegerx(L, -1, &is_integer);
  if (!is_integer) luaL_error(L, "hasher.hash did not return an integer");
  lua_pop(L, 1);
  return ebb_hash_fold(ebb_hash_bits((uint64_t)hash));
}

ebb_lua_place ebb_lua_map_find(lua_State *L, lua_map *map, int arg) {
  ebb_lua_place at = {.anchored = false};
  uint32_t slot;
  probe p = {L, arg};
  at.key = ebb_lua_key(L, arg, &at.anchored);
  at.hash = map->hasher ? hash_in_lua(L, arg) : ebb_lua_key_hash(at.key);
  if (map->hasher) at.anchored = true;
  int err = ebb_join_map_find(&map->engine, at.hash, at.key, &p, &slot);
  if (err == -EBADMSG) lua_error(L);
  if (map->m == NULL) luaL_error(L, "the JoinMap has been finalized");
  if (err < 0) ebb_lua_raise(L, err);
  if (slot != EBB_TABLE_NONE)
    at.task = ebb_table_item(&map->engine.set.members, slot);
  return at;
}

