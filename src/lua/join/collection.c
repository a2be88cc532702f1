/* SPDX-License-Identifier: MIT
   The common part of JoinMap and JoinSet. A JoinSet is a map in which each task
   is under its id.

   A task is in a collection from its spawn until it is joined, detached or
   replaced. Its end moves it to the list of those that can be joined, in the
   order of finishing, and wakes the tasks that wait for one; so several can
   wait in one collection, and each result is one waiter's. Results are moved,
   not copied: after a join the task has nothing that could be asked for.

   Finalizers may run wherever Lua allocates, and may call any method of the
   collection. So each method gets what it needs first, then looks at it and
   changes it without running Lua code in between. */
#include "lua/join/join_map.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/slot.h"
#include "lua/task/join_error.h"
#include "lua/task/key.h"
#include "lua/task/task.h"
#include "lua/task/wait.h"

#include <assert.h>

/* The functions that both classes have know by their second upvalue for which
   they were made; the others, which have none, have checked before they come
   here. */
ebb_lua_map *ebb_lua_collection_check(lua_State *L, ebb_lua *el) {
  lua_Integer class = lua_tointeger(L, lua_upvalueindex(2));
  if (class != 0) (void)ebb_lua_class_check(L, el, 1, (ebb_lua_class) class);
  ebb_lua_map *map = ebb_lua_collection_at(L);
  if (map == NULL) luaL_error(L, "the collection has been finalized");
  return map;
}

/* The object comes first, and points to nothing until all is done: an error in
   between leaves it empty for its finalizer. */
ebb_lua_map *ebb_lua_collection_new(lua_State *L, ebb_lua *el,
                                    ebb_lua_class class,
                                    int (*equal)(void *, ebb_key, ebb_key)) {
  ebb_lua_map **object =
      ebb_lua_class_new(L, el, class, sizeof *object, UV_COUNT);
  ebb_lua_map *map = ebb_alloc_new(&el->rt->alloc, sizeof *map);
  if (map == NULL) ebb_lua_error_raise(L, -ENOMEM);
  assert(*object == NULL && equal != NULL);
  ebb_key_ops ops = {.equal = equal};
  ebb_join_map_init(&map->engine, el->rt, &ops);
  map->el = el;
  map->hasher = false;
  ebb_list_push(&el->maps, &map->link);
  return *object = map;
}

/* No task is in it. */
static void free_map(ebb_lua_map *map) {
  assert(ebb_join_map_len(&map->engine) == 0);
  ebb_list_remove(&map->link);
  ebb_join_map_destroy(&map->engine);
  ebb_alloc_free(&map->el->rt->alloc, map, sizeof *map);
}

/* ---- leaving ---- */

/* The value is in the store under the place of the task's thread (key.c). nil
   in a field that is there needs no memory. */
void ebb_lua_collection_forget_key(const ebb_task *t, ebb_key key) {
  if (!ebb_lua_key_is_anchored(key)) return;
  const ebb_lua_task *lt = (const ebb_lua_task *)t;
  assert(ebb_lua_is_task(t) && lt->place > 0);
  lua_pushnil(lt->el->store);
  lua_rawseti(lt->el->store, STORE_KEYS, lt->place);
}

/* Out of the collection first: a task that is in one could still be joined, and
   would not be reported. The report may run Lua code, and do anything with the
   map, but the reference, which is ours now, keeps the task until then (R7). */
void ebb_lua_collection_let_go(ebb_lua_map *map, ebb_task *t) {
  assert(t->group == &map->engine.set.group);
  ebb_lua_collection_forget_key(t, ebb_join_map_remove(&map->engine, t));
  ebb_lua_join_error_check_unhandled(lua_task(t));
  ebb_task_release(t);
}

/* stack: ... -> ..., [key,] ok, values...
   What may fail or run a finalizer comes first: room on the stack, and the
   object of an error. If that has changed the collection, the task may be gone,
   and the answer is to look again. From the key on nothing can fail:
   so a result is either the caller's, or still in the collection (R9). */
int ebb_lua_collection_join_task(lua_State *L, ebb_lua *el, ebb_lua_map *map,
                                 ebb_task *t, bool with_key) {
  ebb_lua_task *lt = lua_task(t);
  assert(t->state == EBB_FINISHED); /* R6 */
  assert(t->group == &map->engine.set.group);
  bool completed = t->outcome == EBB_COMPLETED;
  int count = completed ? lt->count : 1;
  luaL_checkstack(L, count + 8, "too many results");
  if (!completed && !ebb_lua_join_error_push_last(L, el, lt)) return 0;
  if (with_key && lt->keyed)
    ebb_lua_key_push_task(L, el, t);
  else if (with_key) /* in a JoinSet */
    lua_pushinteger(L, (lua_Integer)t->id);
  lua_pushboolean(L, completed);
  assert(!completed || lua_gettop(lt->L) >= count);
  if (completed)
    lua_xmove(lt->L, L, count);
  else
    lua_pushvalue(L, with_key ? -3 : -2);
  lt->seen = true;
  ebb_lua_collection_let_go(map, t);
  return with_key + 1 + count;
}

/* ---- joining ---- */

/* stack: collection, with the key? -> [key,] ok, values...
   The collection is checked in each round, as the end of the state may finalize
   it during a wait. An empty one is an answer, nil, which no wait could change.
   */
static int join_next_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  assert(lua_gettop(L) >= 2 && lua_isboolean(L, 2));
  bool with_key = lua_toboolean(L, 2);
  for (int count;;) {
    ebb_lua_map *map = ebb_lua_collection_check(L, el);
    ebb_join_set *set = &map->engine.set;
    int answer = ebb_join_set_poll_next(set, w);
    if (answer < 0) return answer;
    if (answer == 0) break;
    ebb_task *t = ebb_join_set_peek(set);
    count = ebb_lua_collection_join_task(L, el, map, t, with_key);
    if (count > 0) return count;
  }
  lua_pushnil(L);
  return 1;
}

/* Other arguments are dropped: it may be the iterator of a generic `for`. */
int ebb_lua_collection_join_next(lua_State *L, bool with_key) {
  static const ebb_lua_op op = {"join_next", join_next_poll, false};
  lua_settop(L, 1);
  lua_pushboolean(L, with_key);
  return ebb_lua_await(L, ebb_lua_state_checked(L), &op);
}

/* The same without a wait. nil tells that none has finished, or that there is
   none. */
int ebb_lua_collection_try_join_next(lua_State *L, bool with_key) {
  ebb_lua *el = ebb_lua_state_checked(L);
  lua_settop(L, 1);
  ebb_lua_map *map = ebb_lua_collection_check(L, el);
  ebb_task *t;
  while ((t = ebb_join_set_peek(&map->engine.set)) != NULL) {
    int count = ebb_lua_collection_join_task(L, el, map, t, with_key);
    if (count > 0) return count;
  }
  lua_pushnil(L);
  return 1;
}

/* stack: collection, the last id that was given when all were aborted. A task
   that a clean-up has spawned into it meanwhile has a later one: so all are
   aborted again. What they come to is thrown away, panics included; letting go
   runs no Lua code then, so the map stays valid. */
static int shutdown_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  assert(lua_gettop(L) >= 2 && lua_isinteger(L, 2));
  ebb_lua_map *map = ebb_lua_collection_check(L, el);
  ebb_join_set *set = &map->engine.set;
  ebb_task *t;
  if (lua_tointeger(L, 2) != (lua_Integer)el->rt->tasks.last_id) {
    ebb_join_map_abort_all(&map->engine);
    lua_pushinteger(L, (lua_Integer)el->rt->tasks.last_id);
    lua_replace(L, 2);
  }
  while ((t = ebb_join_set_peek(set)) != NULL) {
    lua_task(t)->seen = true;
    ebb_lua_collection_let_go(map, t);
  }
  if (ebb_join_map_len(&map->engine) == 0) return 0;
  return ebb_await_in_list(w, &set->waiters);
}

/* stack: collection. -1 is no id: the first poll aborts all. */
static int collection_shutdown(lua_State *L) {
  static const ebb_lua_op op = {"shutdown", shutdown_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  (void)ebb_lua_collection_check(L, el);
  ebb_lua_args_check_surplus(L, 1);
  lua_settop(L, 1);
  lua_pushinteger(L, -1);
  return ebb_lua_await(L, el, &op);
}

/* ---- aborting and detaching ---- */

/* The tasks stay in the collection, and are joined as cancelled ones (R5). */
static int abort_all(lua_State *L) {
  ebb_lua_map *map = ebb_lua_collection_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 1);
  ebb_join_map_abort_all(&map->engine);
  return 0;
}

/* Letting go of a panic reports it, which runs Lua code: that may do anything
   with the map, and finalize it. */
void ebb_lua_collection_detach_all(lua_State *L) {
  ebb_lua_map *map = ebb_lua_collection_at(L);
  ebb_table_cursor c = ebb_join_set_begin_walk(&map->engine.set);
  for (; map != NULL; map = ebb_lua_collection_at(L)) {
    ebb_task *t = ebb_join_set_walk(&map->engine.set, &c);
    if (t == NULL) return;
    ebb_lua_collection_let_go(map, t);
  }
}

/* The tasks run on to their end without the collection. */
static int detach_all(lua_State *L) {
  (void)ebb_lua_collection_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 1);
  ebb_lua_collection_detach_all(L);
  return 0;
}

/* Aborts all tasks of the object at index 1 and lets go of them: also of those
   that the report of a panic has spawned into it. False when the object has
   been finalized. */
static bool empty(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  (void)ebb_lua_class_check(L, el, 1, ebb_lua_class_of(L));
  ebb_lua_map *map = ebb_lua_collection_at(L);
  while (el->rt != NULL && map != NULL) {
    if (ebb_join_map_len(&map->engine) == 0) return true;
    ebb_join_map_abort_all(&map->engine);
    ebb_lua_collection_detach_all(L);
    map = ebb_lua_collection_at(L);
  }
  return false;
}

/* An end of the state may finalize it before the clean-up that closes it. */
static int close_it(lua_State *L) {
  (void)empty(L);
  return 0;
}

/* The finalizer. The map goes only when it is empty: what a report has put in
   meanwhile is let go of, too. */
static int collect(lua_State *L) {
  if (!empty(L)) return 0;
  ebb_lua_map **object = lua_touserdata(L, 1);
  ebb_lua_map *map = *object;
  assert(map != NULL && ebb_join_map_len(&map->engine) == 0);
  *object = NULL;
  free_map(map);
  return 0;
}

/* Their tasks have been let go of as strays: see shutdown.c. */
void ebb_lua_collection_free_all(ebb_lua *el) {
  while (!ebb_list_is_empty(&el->maps))
    free_map(ebb_container_of(el->maps.next, ebb_lua_map, link));
}

/* Finished tasks that have not been joined count. The second argument is that
   of Lua, which calls __len with the object twice. */
static int len(lua_State *L) {
  ebb_lua_map *map = ebb_lua_collection_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  lua_pushinteger(L, (lua_Integer)ebb_join_map_len(&map->engine));
  return 1;
}

static int is_empty(lua_State *L) {
  ebb_lua_map *map = ebb_lua_collection_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 1);
  lua_pushboolean(L, ebb_join_map_len(&map->engine) == 0);
  return 1;
}

/* Any integer is asked for: an id that no task has is in no collection. */
static int contains_task(lua_State *L) {
  ebb_lua_map *map = ebb_lua_collection_check(L, ebb_lua_state_checked(L));
  ebb_lua_args_check_surplus(L, 2);
  ebb_id id = (ebb_id)luaL_checkinteger(L, 2);
  lua_pushboolean(L, ebb_join_map_contains_task(&map->engine, id));
  return 1;
}

void ebb_lua_collection_define(lua_State *L, ebb_lua *el, ebb_lua_class class,
                               const luaL_Reg *methods) {
  static const luaL_Reg shared[] = {{"abort_all", abort_all},
                                    {"contains_task", contains_task},
                                    {"detach_all", detach_all},
                                    {"is_empty", is_empty},
                                    {"len", len},
                                    {"shutdown", collection_shutdown},
                                    {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__close", close_it}, {"__gc", collect}, {"__len", len}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  ebb_lua_class_define(L, el, class, methods, none);
  ebb_lua_class_add_shared(L, el, class, shared, meta);
}
