/* SPDX-License-Identifier: MIT
   The common ground of ebb.JoinMap and ebb.JoinSet. The engine's map knows
   which task has which key; the Lua object points to it, and is what its user
   keeps: when the object is collected, its tasks are aborted. */
#ifndef EBB_LUA_JOIN_JOIN_MAP_H
#define EBB_LUA_JOIN_JOIN_MAP_H

#include "core/spawn/join_map.h"
#include "lua/task/task.h"

/* User values of both. */
enum { UV_HASH = 1, UV_EQUAL, UV_COUNT = UV_EQUAL };

/* In the engine's memory: it outlives its object if Lua has no memory to call
   the finalizer of that. Lua code may finalize it at any call, and then the
   object points to nothing.

   A JoinMap's keys are Lua values as key.h has them; with a hasher, the places
   of the tasks' threads, since only the user's functions can compare the
   values. A value that the collector could free is in STORE_KEYS while its task
   is in the map. */
typedef struct ebb_lua_map {
  ebb_join_map engine; /* a JoinSet's keys are ids */
  ebb_list link;       /* in el->maps */
  ebb_lua *el;
  bool hasher; /* keys are hashed and compared by the user's functions */
} ebb_lua_map;

static inline ebb_lua_map *ebb_lua_map_of(const ebb_task *t) {
  ebb_join_set *set = ebb_join_set_of(t);
  return set == NULL || set->owner != NULL ? NULL : (ebb_lua_map *)set;
}

static inline ebb_lua_task *lua_task(ebb_task *t) { return (ebb_lua_task *)t; }

/* The map or set whose object is at index 1; NULL once it is finalized. */
static inline ebb_lua_map *ebb_lua_collection_at(lua_State *L) {
  return *(ebb_lua_map **)lua_touserdata(L, 1);
}

/* The same, when it was checked to be a JoinMap before. */
static inline ebb_lua_map *ebb_lua_join_map_at(lua_State *L) {
  ebb_lua_map *map = ebb_lua_collection_at(L);
  if (map == NULL) luaL_error(L, "the JoinMap has been finalized");
  return map;
}

/* The JoinMap at index 1, where these functions all expect it. */
static inline ebb_lua_map *ebb_lua_join_map_check(lua_State *L, ebb_lua *el) {
  (void)ebb_lua_class_check(L, el, 1, CLASS_JOIN_MAP);
  return ebb_lua_join_map_at(L);
}

/* ---- collection.c ---- */

/* The JoinMap or JoinSet at index 1, of the class that the caller is for. */
ebb_lua_map *ebb_lua_collection_check(lua_State *L, ebb_lua *el);

/* A new one, pushed. Raises errors. */
ebb_lua_map *ebb_lua_collection_new(lua_State *L, ebb_lua *el,
                                    ebb_lua_class class,
                                    int (*equal)(void *, ebb_key, ebb_key));

/* A task that was under `key` has left the collection: what is kept for the
   key is forgotten. Cannot fail. */
void ebb_lua_collection_forget_key(const ebb_task *t, ebb_key key);

/* Takes a task out, and lets go of it. May run Lua code. */
void ebb_lua_collection_let_go(ebb_lua_map *map, ebb_task *t);

/* Lets go of all tasks of the map or set at index 1. */
void ebb_lua_collection_detach_all(lua_State *L);

/* Takes a finished task out and pushes what it came to: its key, if asked
   for, ok, and the values. Returns how many, 0 when the collection has changed
   before it could be taken: look again. */
int ebb_lua_collection_join_task(lua_State *L, ebb_lua *el, ebb_lua_map *map,
                                 ebb_task *t, bool with_key);

/* The methods, for the collection at index 1. */
int ebb_lua_collection_join_next(lua_State *L, bool with_key);
int ebb_lua_collection_try_join_next(lua_State *L, bool with_key);

/* Defines the class: `methods`, and those that both have. */
void ebb_lua_collection_define(lua_State *L, ebb_lua *el, ebb_lua_class class,
                               const luaL_Reg *methods);

/* ---- map_key.c ---- */

/* The `equal` of a map with a hasher. */
int ebb_lua_map_key_equal(void *ctx, ebb_key stored, ebb_key sought);

typedef struct ebb_lua_place {
  ebb_key key; /* of the value that was looked up */
  uint32_t hash;
  bool anchored;  /* the value must be kept while the key is in use */
  ebb_task *task; /* that is under it, or NULL */
} ebb_lua_place;

/* Looks up the value at `arg`. May run the user's hasher; raises errors. */
ebb_lua_place ebb_lua_map_key_find(lua_State *L, ebb_lua_map *map, int arg);

/* ---- map_look.c ---- */

/* Adds the methods that only look to the class. */
void ebb_lua_map_look_define(lua_State *L, ebb_lua *el);

/* Frees the maps and sets whose finalizers will not come. */
void ebb_lua_collection_free_all(ebb_lua *el);

#endif
