/* SPDX-License-Identifier: MIT
   A `require` for modules whose body waits. Lua's looks whether the module is
   loaded, and if not, loads it; without waits no other task could come between.
   So a load is on record until it ends, however it does, and another task
   that requires the module waits for that; then it looks again.

   A task that waited for a load that waits for the task would wait for good,
   so that is an error, unless the module has put something into
   package.loaded already: Lua's `require` gives that, too. */
#include "lua/library/require.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/spawn/join_set.h"
#include "lua/state/error.h"
#include "lua/state/library.h"
#include "lua/state/slot.h"
#include "lua/task/wait.h"

/* The load of a module, under way: at most one of a name that has not failed.
   It lies in the engine's memory, where tasks can wait in its list whatever
   becomes of the call. It ends with its guard. */
typedef struct load_record {
  ebb_list link;        /* in el->loads */
  ebb_list waiters;     /* tasks that require the module, too */
  const ebb_task *task; /* whose call it is */
  lua_State *coroutine; /* that it is in, which the guard keeps */
  size_t length;        /* of the name, which comes next */
  char name[];
} load_record;

/* On the stack of the call, to be closed: it ends the load. Its user value is
   the coroutine, which so is not collected before it. STORE_OBJECTS, which is
   weak, leads from the load to it: a load whose guard is not there has been
   lost. */
typedef struct load_guard {
  load_record *load; /* NULL: it has ended */
} load_guard;

static load_record *record_of(ebb_list *link) {
  return ebb_container_of(link, load_record, link);
}

/* An error has ended the coroutine, which was not closed; or it has been
   collected since. Either way its guard has not ended the load yet. */
static bool has_failed(ebb_lua *el, const load_record *r) {
  assert(r->coroutine != NULL);
  bool lost = lua_rawgetp(el->store, STORE_OBJECTS, r) == LUA_TNIL;
  lua_pop(el->store, 1);
  return lost || lua_status(r->coroutine) > LUA_YIELD;
}

/* The load of the module whose name is at 1, or NULL. Tasks that wait for one
   that has failed are woken, and look for another. */
static load_record *find_load(lua_State *L, ebb_lua *el) {
  assert(lua_type(L, 1) == LUA_TSTRING);
  size_t length;
  const char *name = lua_tolstring(L, 1, &length);
  ebb_list *link = el->loads.next;
  for (; link != &el->loads; link = link->next) {
    load_record *r = record_of(link);
    if (r->length != length || memcmp(r->name, name, length) != 0) continue;
    if (!has_failed(el, r)) return r;
    ebb_wake_all(&r->waiters);
  }
  return NULL;
}

/* ---- circles ---- */

static bool waits_for(const ebb_task *t, const load_record *r) {
  const ebb_list *link = r->waiters.next;
  for (; link != &r->waiters; link = link->next)
    if (ebb_container_of(link, ebb_task, link) == t) return true;
  return false;
}

/* The load that the task waits for, or NULL. */
static const load_record *waited_for(ebb_lua *el, const ebb_task *t) {
  ebb_list *link = el->loads.next;
  for (; link != &el->loads; link = link->next)
    if (waits_for(t, record_of(link))) return record_of(link);
  return NULL;
}

/* The running task, or one that waits for it in a scope? */
static bool is_ours(const ebb_lua *el, const ebb_task *t) {
  for (const ebb_task *own = el->rt->tasks.current; own != NULL;
       own = ebb_join_set_race_owner(own))
    if (own == t) return true;
  return false;
}

/* Does the load wait for us? No other circle can be met on the way, since
   none of its tasks would have begun to wait. */
static bool is_circular(ebb_lua *el, const load_record *r) {
  for (; r != NULL; r = waited_for(el, r->task))
    if (is_ours(el, r->task)) return true;
  return false;
}

/* ---- loading ---- */

static void free_load(ebb_lua *el, load_record *r) {
  assert(ebb_list_is_empty(&r->waiters));
  ebb_list_remove(&r->link);
  ebb_alloc_free(&el->rt->alloc, r, sizeof *r + r->length);
}

/* However the load ends: those that wait look for the module, and if it is not
   there the first of them loads it. */
static int guard_close(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  load_guard *g = ebb_lua_class_check(L, el, 1, CLASS_LOAD);
  load_record *r = g->load;
  g->load = NULL;
  if (r == NULL || el->rt == NULL) return 0;
  ebb_wake_all(&r->waiters);
  free_load(el, r);
  return 0;
}

/* At the end of the state: of guards whose finalizers have not come. Their
   tasks are gone. */
void ebb_lua_require_free_loads(ebb_lua *el) {
  while (!ebb_list_is_empty(&el->loads))
    free_load(el, record_of(el->loads.next));
}

/* stack: name -> name, guard. The guard is to be closed. */
static void begin_load(lua_State *L, ebb_lua *el) {
  assert(lua_gettop(L) == 1);
  size_t length;
  const char *name = lua_tolstring(L, 1, &length);
  load_guard *g = ebb_lua_class_new(L, el, CLASS_LOAD, sizeof *g, 1);
  lua_pushthread(L);
  lua_setiuservalue(L, 2, 1);
  load_record *r = ebb_alloc_new(&el->rt->alloc, sizeof *r + length);
  if (r == NULL) ebb_lua_error_raise(L, -ENOMEM);
  *r = (load_record){
      .task = el->rt->tasks.current, .coroutine = L, .length = length};
  memcpy(r->name, name, length);
  ebb_list_init(&r->waiters);
  ebb_list_push(&el->loads, &r->link);
  g->load = r;
  ebb_lua_slot_push(L, el, STORE_OBJECTS);
  lua_pushvalue(L, 2);
  lua_rawsetp(L, -2, r);
  lua_pop(L, 1);
  lua_toclose(L, 2);
}

/* Name and guard are below; everything above them is results. */
static int loaded_k(lua_State *L, int status, lua_KContext ctx) {
  assert(lua_gettop(L) >= 2 && lua_isuserdata(L, 2));
  (void)status, (void)ctx;
  return lua_gettop(L) - 2;
}

/* stack: name -> what Lua's `require`, the second upvalue, returns */
static int load_module(lua_State *L, ebb_lua *el) {
  begin_load(L, el);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  lua_callk(L, 1, LUA_MULTRET, 0, loaded_k);
  return loaded_k(L, LUA_OK, 0);
}

/* ---- require ---- */

/* Pushes what package.loaded has for the name at 1; false, with the name alone
   on the stack: nothing. */
static bool push_loaded(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushvalue(L, 1);
  lua_gettable(L, -2);
  if (lua_toboolean(L, -1)) return true;
  lua_settop(L, 1);
  return false;
}

static int circular(lua_State *L) {
  if (push_loaded(L)) return 1;
  return luaL_error(L,
                    "circular require: the load of module '%s' is under way, "
                    "and waits for this",
                    lua_tostring(L, 1));
}

/* stack: name -> what is loaded. The load, a call that may wait, ends the
   poll. */
static int require_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  load_record *r = find_load(L, el);
  if (r != NULL && is_circular(el, r)) return circular(L);
  if (r != NULL) return ebb_await_in_list(w, &r->waiters);
  return push_loaded(L) ? 1 : load_module(L, el);
}

/* stack: name */
static int require(lua_State *L) {
  static const ebb_lua_op op = {"a module that another task loads",
                                require_poll, false};
  ebb_lua *el = ebb_lua_state_raw(L);
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  if (el->rt != NULL) return ebb_lua_await(L, el, &op);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_call(L, 1, LUA_MULTRET);
  return lua_gettop(L);
}

void ebb_lua_require_define_load(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__close", guard_close}, {"__gc", guard_close}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_LOAD, none, meta);
}

void ebb_lua_require_replace(lua_State *L, ebb_lua *el) {
  ebb_lua_library_replace(L, el, LUA_GNAME, "require", require);
}
