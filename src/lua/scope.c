/* SPDX-License-Identifier: MIT
   Tasks that end with the call that made them: ebb.block_on here, ebb.select
   and ebb.time.timeout elsewhere. Tokio polls such futures inside the task
   that waits for them, and drops them with it. Here they are tasks, and the
   scope sees to it that the rest is the same: they run only when their owner
   may, and see its task-local values. */
#include <errno.h>

#include "../core/local_set.h"
#include "binding.h"

/* ---- making one ---- */

void ebb_lua_scope_new(lua_State *L, ebb_lua *el, size_t size) {
  ebb_lua_check_may_wait(L, el);
  luaL_checkstack(L, 8, NULL);
  ebb_lua_scope *s =
      ebb_lua_new_object(L, el, CLASS_SCOPE, sizeof *s, 0);
  s->el = el;
  ebb_lua_stored(L, el, STORE_ANCHORS);
  lua_pushvalue(L, -2);
  s->anchor = ebb_lua_anchor(L, &el->own, lua_gettop(L) - 1);
  lua_pop(L, 2);
  s->open = true;
  ebb_join_set_init(&s->set, el->rt);
  ebb_join_set_race(&s->set, el->rt->current);
  ebb_task_retain(s->set.owner);
  ebb_list_push(&el->scopes, &s->link);
  lua_replace(L, 1);
  lua_toclose(L, 1);
  if (ebb_table_reserve(&s->set.members, size) < 0)
    ebb_lua_raise(L, -ENOMEM);
}

ebb_lua_scope *ebb_lua_scope_here(lua_State *L) {
  ebb_lua_scope *s = lua_touserdata(L, 1);
  if (!s->open) luaL_error(L, "what this waits for has been finalized");
  return s;
}

/* stack: scope, ..., body, arguments... -> scope, ... */
void ebb_lua_scope_spawn(lua_State *L, ebb_lua *el, int body, uint32_t key) {
  ebb_lua_stored(L, el, STORE_ANCHORS);
  ebb_lua_task_thread(L, el, body);
  lua_rotate(L, body, 2);
  ebb_lua_scope *s = ebb_lua_scope_here(L);
  const ebb_member *in = s->set.owner->local;
  if (in != NULL && ebb_local_set_reserve(in->set) < 0)
    ebb_lua_raise(L, -ENOMEM);
  ebb_lua_task *lt =
      ebb_lua_task_new(L, &el->own, body, body + 1, body + 2);
  if (in != NULL) ebb_local_set_put(in->set, &lt->task);
  ebb_join_set_put(&s->set, key, EBB_KEY_INT(key), &lt->task);
  ebb_lua_task_start(lt);
  lua_settop(L, body - 1);
}

/* ---- what became of its tasks ---- */

void ebb_lua_scope_let_go(ebb_lua_scope *s, ebb_task *t) {
  ebb_join_set_remove(&s->set, t);
  ebb_lua_check_unhandled((ebb_lua_task *)t);
  ebb_task_release(t);
}

int ebb_lua_scope_results(lua_State *L, ebb_lua_scope *s, ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  int count = ebb_lua_push_result(L, s->el, lt);
  return ebb_lua_unwrap_result(L, s->el, lt, count);
}

void ebb_lua_scope_shield(ebb_lua_scope *s) {
  s->shielded = !s->set.owner->closing;
  s->set.owner->closing = true;
}

/* ---- its end ---- */

/* The set is empty. */
static void close_scope(ebb_lua_scope *s) {
  ebb_task *owner = s->set.owner;
  s->open = false;
  owner->racing = false;
  if (s->shielded) owner->closing = false;
  ebb_join_set_destroy(&s->set);
  ebb_list_remove(&s->link);
  ebb_lua_unanchor(&s->el->own, s->anchor);
  ebb_task_release(owner);
}

static int close_k(lua_State *L, int status, lua_KContext ctx);

/* stack: scope */
static int close_on(lua_State *L, ebb_lua *el) {
  ebb_lua_scope *s = lua_touserdata(L, 1);
  while (s->open) {
    ebb_task *t = ebb_join_set_peek(&s->set);
    if (t != NULL)
      ebb_lua_scope_let_go(s, t);
    else if (s->set.members.len == 0)
      close_scope(s);
    else
      ebb_lua_wait(L, el, &s->set.waiters, EBB_NEVER, "a clean-up", close_k);
  }
  return 0;
}

static int close_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  ebb_lua *el = (ebb_lua *)ctx;
  ebb_lua_wait_over(L, el, close_k);
  return close_on(L, el);
}

/* In the end of the state, after its finalizer perhaps. */
static int scope_close(lua_State *L) {
  ebb_lua *el = ebb_lua_self(L);
  ebb_lua_scope *s = ebb_lua_check(L, el, 1, CLASS_SCOPE);
  lua_settop(L, 1);
  if (el->rt == NULL || !s->open) return 0;
  ebb_join_set_call_off(&s->set);
  return close_on(L, el);
}

/* The state is being closed, and its call will not come to its end. */
static int scope_gc(lua_State *L) {
  ebb_lua *el = ebb_lua_self(L);
  ebb_lua_scope *s = ebb_lua_check(L, el, 1, CLASS_SCOPE);
  if (el->rt == NULL || !s->open) return 0;
  ebb_table *members = &s->set.members;
  ebb_join_set_abort_all(&s->set);
  uint32_t slot = ebb_table_scan(members, 0);
  for (; slot != EBB_TABLE_NONE; slot = ebb_table_scan(members, slot + 1))
    ebb_lua_scope_let_go(s, ebb_table_item(members, slot));
  close_scope(s);
  return 0;
}

/* Their tasks are gone already. */
void ebb_lua_free_scopes(ebb_lua *el) {
  while (!ebb_list_is_empty(&el->scopes)) {
    ebb_lua_scope *s =
        ebb_container_of(el->scopes.next, ebb_lua_scope, link);
    ebb_list_remove(&s->link);
    s->open = false;
    ebb_join_set_destroy(&s->set);
  }
}

void ebb_lua_define_scope(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__close", scope_close}, {"__gc", scope_gc}, {NULL, NULL}};
  ebb_lua_define_class(L, el, CLASS_SCOPE, "ebb.scope", none, meta);
}

/* ---- ebb.block_on ---- */

static int block_on_k(lua_State *L, int status, lua_KContext ctx);

/* stack: scope -> values... */
static int block_on_on(lua_State *L, ebb_lua *el) {
  for (;;) {
    ebb_lua_scope *s = ebb_lua_scope_here(L);
    ebb_task *t = ebb_join_set_peek(&s->set);
    if (t != NULL) return ebb_lua_scope_results(L, s, t);
    ebb_lua_wait(L, el, &s->set.waiters, EBB_NEVER, "block_on", block_on_k);
  }
}

static int block_on_k(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  ebb_lua *el = (ebb_lua *)ctx;
  ebb_lua_wait_over(L, el, block_on_k);
  return block_on_on(L, el);
}

int ebb_lua_block_on(lua_State *L) {
  ebb_lua *el = ebb_lua_open(L);
  ebb_lua_check_body(L, el, 1);
  lua_pushnil(L); /* a place for the scope */
  lua_insert(L, 1);
  ebb_lua_scope_new(L, el, 1);
  ebb_lua_scope_spawn(L, el, 2, 1);
  return block_on_on(L, el);
}
