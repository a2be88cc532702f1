/* SPDX-License-Identifier: MIT
   ebb.Builder (Tokio: task::Builder, JoinSet::build_task): gives a task a
   name, which is kept apart by its id, since few tasks have one. */
#include "lua/spawn/builder.h"

#include <assert.h>

#include "lua/remote/state_ref.h"
#include "lua/spawn/join_handle.h"
#include "lua/spawn/local_set.h"
#include "lua/spawn/spawn.h"
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/current_set.h"
#include "lua/task/detail.h"
#include "lua/task/key.h"
#include "lua/task/task.h"

/* User values of a Builder. */
enum {
  UV_NAME = 1,
  UV_TARGET, /* the map or set to spawn into, nil: the module's spawn */
  UV_COUNT = UV_TARGET
};

/* A Builder holds no task: it is a name, a target and the C function that makes
   tasks there. That function is the one behind the spawn methods of scripts. A
   Builder calls it as a closure of its own, with the name as third upvalue, so
   a task with a name is checked, made and waited for as any other is.

   That closure has no name, and other arguments than the Builder's method: an
   argument error of its own would mislead. Hence check_arguments looks first.

   A Builder can be used for many tasks. Each gets the name that the Builder
   has when it is spawned. */
typedef struct builder {
  lua_CFunction spawn;
  bool keyed; /* a key comes before the body */
} builder;

static builder *new_builder(lua_State *L, ebb_lua *el, lua_CFunction spawn) {
  builder *b = ebb_lua_class_new(L, el, CLASS_BUILDER, sizeof *b, UV_COUNT);
  b->spawn = spawn;
  return b;
}

/* Without a target: the tasks are the module's, each with a JoinHandle. */
static int builder_new(lua_State *L) {
  new_builder(L, ebb_lua_state_enter(L, 0), ebb_lua_spawn);
  return 1;
}

/* The Builder keeps the collection: while it can be used, the collection is
   not collected, and its tasks are not aborted. */
void ebb_lua_builder_for_collection(lua_State *L, ebb_lua *el,
                                    lua_CFunction spawn, bool keyed) {
  assert(lua_isuserdata(L, 1));
  new_builder(L, el, spawn)->keyed = keyed;
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, UV_TARGET);
}

/* The Builder itself is returned, so that calls can be chained as in Tokio. */
static int builder_name(lua_State *L) {
  ebb_lua_class_check_self(L, ebb_lua_state_checked(L), CLASS_BUILDER, 2);
  luaL_checktype(L, 2, LUA_TSTRING);
  lua_settop(L, 2);
  lua_setiuservalue(L, 1, UV_NAME);
  return 1;
}

/* stack: builder, [key,] body, [where,] arguments..., target
   `count` is how many values the script has given; the target on top of them
   must not pass for a missing one. What is checked here is checked again by
   the spawn itself, which has other callers. */
static void check_arguments(lua_State *L, ebb_lua *el, const builder *b,
                            ebb_lua_where where, int count) {
  bool keyed = b->keyed, anchored;
  bool on_handle = where == EBB_LUA_ON || where == EBB_LUA_BLOCKING_ON;
  int body = keyed + 2;
  bool placed = on_handle || where == EBB_LUA_LOCAL_ON;
  assert(lua_gettop(L) == 1 + count + 1);
  luaL_argcheck(L, count > 0, 2, "value expected");
  if (keyed) (void)ebb_lua_key(L, 2, &anchored);
  luaL_argcheck(L, count > keyed, body, "value expected");
  ebb_lua_task_check_body(L, el, body);
  luaL_argcheck(L, !placed || count > keyed + 1, body + 1, "value expected");
  if (on_handle)
    (void)ebb_lua_state_ref_check_handle(L, el, body + 1);
  else if (placed)
    (void)ebb_lua_current_set_check(L, el, body + 1);
}

/* The task that a spawn has just returned a handle or the id of. It has not had
   a turn, so it is unfinished and found by its id (R7). */
static ebb_lua_task *spawned(lua_State *L, ebb_lua *el) {
  assert(lua_isuserdata(L, -1) || lua_isinteger(L, -1));
  if (lua_isuserdata(L, -1)) return ebb_lua_join_handle_task(L, -1);
  ebb_id id = (ebb_id)lua_tointeger(L, -1);
  return (ebb_lua_task *)ebb_task_find(el->rt, id);
}

/* stack: builder, handle or id -> handle or id
   The continuation of a call that may have waited for a place in a JoinMap. A
   task that runs here has not had its first turn (R3), so it is never seen
   without its name; work for another thread has taken the name along. */
static int spawn_k(lua_State *L, int status, lua_KContext ctx) {
  assert(lua_gettop(L) >= 2 && lua_isuserdata(L, 1));
  (void)status;
  ebb_lua *el = (ebb_lua *)ctx;
  ebb_lua_task *lt = spawned(L, el);
  assert(lt != NULL && lt->task.state != EBB_FINISHED);
  if (lua_getiuservalue(L, 1, UV_NAME) != LUA_TNIL)
    ebb_lua_detail_set_name(L, el, lt);
  lua_settop(L, 2);
  return 1;
}

/* The target is at the top: pushes the spawn function, with the name, below it,
   and pops it if it is nil. The upvalues are those of all spawn functions, see
   spawn.h, and the name. */
static void push_spawn(lua_State *L, ebb_lua *el, const builder *b,
                       ebb_lua_where where) {
  assert(lua_isnil(L, -1) || lua_isuserdata(L, -1));
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushinteger(L, where);
  lua_getiuservalue(L, 1, UV_NAME);
  lua_pushcclosure(L, b->spawn, 3);
  lua_insert(L, -2);
  if (lua_isnil(L, -1)) lua_pop(L, 1);
}

/* stack: builder, [key,] body, [where,] arguments... -> handle or id
   Calls the spawn of the module, or of the map or set, which may wait. The
   function, and the target as its first argument, come to lie below what the
   script has given, which is passed on as it is. */
static int builder_spawn(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  const builder *b = ebb_lua_class_check(L, el, 1, CLASS_BUILDER);
  int count = lua_gettop(L) - 1;
  lua_getiuservalue(L, 1, UV_TARGET);
  ebb_lua_where where = ebb_lua_where_of(L);
  check_arguments(L, el, b, where, count);
  push_spawn(L, el, b, where);
  int pushed = lua_gettop(L) - count - 1;
  assert(pushed == 1 || pushed == 2);
  lua_rotate(L, 2, pushed);
  lua_callk(L, count + pushed - 1, 1, (lua_KContext)el, spawn_k);
  return spawn_k(L, LUA_OK, (lua_KContext)el);
}

/* The methods that spawn have the place as second upvalue: they are set apart
   from the others. */
void ebb_lua_builder_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"name", builder_name}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_BUILDER, methods, none);
  ebb_lua_slot_push(L, el, STORE_META_FIRST + CLASS_BUILDER);
  lua_getfield(L, -1, "__index");
  ebb_lua_spawn_set_functions(L, el, builder_spawn);
  lua_pop(L, 2);
}

void ebb_lua_builder_open(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushcclosure(L, builder_new, 1);
  lua_setfield(L, -2, "new");
  lua_setfield(L, -2, "Builder");
}
