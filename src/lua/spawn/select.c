/* SPDX-License-Identifier: MIT
   ebb.select (Tokio: select!). Its branches are tasks of a scope, each under
   its number; the branches' keys stay on the stack of the caller.

   A key can be any value, and the caller wants that very value back: on the
   stack it needs no table, and is safe from the collector. Its task is in the
   scope under the number, which leads back to the key. */
#include "core/spawn/join_map.h"
#include "lua/spawn/scope.h"
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/join_error.h"
#include "lua/task/panic.h"
#include "lua/task/task.h"
#include "lua/task/wait.h"

#include <assert.h>

/* Where on the stack the key of a branch is, by its number from 1; the body is
   above it. Index 1 is the scope's. */
static int key_index(uint32_t number) { return 2 * (int)number; }

/* stack: ..., key, body. As ebb_lua_task_check_body has it, but for the error,
   which names the branch. Whether a coroutine can be a task is found out when
   it is spawned. */
static void check_branch(lua_State *L) {
  assert(lua_gettop(L) >= 3);
  int type = lua_type(L, -1);
  if (type == LUA_TFUNCTION || type == LUA_TTHREAD) return;
  if (luaL_getmetafield(L, -1, "__call") != LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  const char *got = luaL_typename(L, -1);
  const char *key = luaL_tolstring(L, -2, NULL);
  luaL_argerror(
      L, 1,
      lua_pushfstring(L, "branch '%s' is a %s, not a function", key, got));
}

/* stack: branches -> branches, key, body, key, body... How many there are. The
   key that lua_next needs is a copy on top of the pair that stays. */
static uint32_t push_branches(lua_State *L) {
  assert(lua_gettop(L) == 1 && lua_istable(L, 1));
  uint32_t n = 0;
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    check_branch(L);
    luaL_checkstack(L, LUA_MINSTACK, "too many branches");
    lua_pushvalue(L, -2);
    n++;
  }
  assert(lua_gettop(L) == key_index(n) + 1);
  return n;
}

/* Both halves of a branch, the key and the body. */
static void swap_branches(lua_State *L, uint32_t a, uint32_t b) {
  assert(lua_gettop(L) >= key_index(a) + 1 &&
         lua_gettop(L) >= key_index(b) + 1);
  for (int half = 0; half < 2; half++) {
    lua_pushvalue(L, key_index(a) + half);
    lua_copy(L, key_index(b) + half, key_index(a) + half);
    lua_replace(L, key_index(b) + half);
  }
}

/* In random order, since the first that is ready at once wins: a branch that
   always is must not keep the others from ever winning. Each is drawn from
   those that are left (Fisher and Yates). The last id is another one each time,
   and its hash is as good as random. */
static void spawn_branches(lua_State *L, ebb_lua *el, uint32_t n) {
  for (uint32_t i = n; i > 0; i--) {
    uint64_t random = ebb_hash_bits(el->rt->tasks.last_id);
    swap_branches(L, i, 1 + (uint32_t)(random % i));
    lua_pushvalue(L, key_index(i) + 1);
    assert(lua_gettop(L) == key_index(n) + 2);
    ebb_lua_scope_spawn(L, el, lua_gettop(L), i);
  }
}

/* Pushes the result: the key, whether the branch has completed, and its values;
   of a panic the value that was raised, with its trace handed over. The
   clean-ups of the others may take a while, in which it must not be lost: so no
   abort cuts the owner's waits until the scope is closed (R5). */
static void take_winner(lua_State *L, ebb_lua *el, ebb_lua_scope *s,
                        ebb_task *t) {
  assert(s->count == 0 && t->state == EBB_FINISHED);
  ebb_key number = ebb_table_key(&s->set.group.members, t->group_slot);
  assert(number.bits > 0 && key_index((uint32_t)number.bits) < lua_gettop(L));
  lua_pushvalue(L, key_index((uint32_t)number.bits));
  s->count = 1 + ebb_lua_join_error_push_result(L, el, (ebb_lua_task *)t);
  if (t->outcome == EBB_PANICKED) {
    lua_pop(L, 1);
    ebb_lua_panic_push_handed(L, el, (ebb_lua_task *)t);
  }
  ebb_lua_scope_let_go(s, t);
  ebb_lua_scope_shield(s);
}

/* stack: scope, key, body, key, body... -> key, ok, values...
   The first finished task is the winner. The others have been aborted by then,
   and are waited for: no branch outlives the call.
   Nothing is taken of the budget: each branch takes its own. */
static int select_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_scope *s;
  for (ebb_task *t;;) {
    s = ebb_lua_scope_here(L);
    t = ebb_join_set_peek(&s->set);
    if (t == NULL) break;
    if (s->count == 0)
      take_winner(L, el, s, t);
    else
      ebb_lua_scope_let_go(s, t);
  }
  assert(s->count == 0 || s->set.owner->uncancellable);
  if (s->set.group.members.len == 0) return s->count;
  return ebb_await_in_list(w, &s->set.waiters);
}

/* stack: branches -> key, ok, values... The scope takes the place of the table,
   which is not needed once its pairs are on the stack. */
static int ebb_select(lua_State *L) {
  static const ebb_lua_op op = {"select", select_poll, false};
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  uint32_t n = push_branches(L);
  luaL_argcheck(L, n > 0, 1, "no branches");
  ebb_lua_scope_new(L, el, n);
  spawn_branches(L, el, n);
  return ebb_lua_await(L, el, &op);
}

void ebb_lua_select_open(lua_State *L, ebb_lua *el) {
  static const luaL_Reg functions[] = {{"select", ebb_select}, {NULL, NULL}};
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
}
