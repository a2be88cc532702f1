/* SPDX-License-Identifier: MIT
   Tasks that end with the call that made them: those of ebb.block_on, which is
   here, of ebb.select and of ebb.time.timeout. Tokio polls such futures inside
   the task that waits for them, and drops them with it. Here they are tasks,
   and the scope sees to it that the rest is the same: they run only when their
   owner may, see its task-local values, and have no budget if it has none.

   A scope ends in one of three ways. Its call returns or raises an error, or
   its task is aborted: Lua closes it, which aborts the tasks that are left and
   waits for their clean-ups. That wait fails, in a deadlock or at the end of
   the state: it is abandoned, and its tasks go on alone. Or nothing closes it,
   as when the state ends: its finalizer abandons it. */
#include "lua/spawn/scope.h"

#include <assert.h>
#include <errno.h>

#include "core/spawn/local_set.h"
#include "lua/state/error.h"
#include "lua/task/join_error.h"
#include "lua/task/task.h"
#include "lua/task/wait.h"

/* The object at index 1 points to the scope; to nothing once it is closed. A
   poll looks there anew each time. */
static ebb_lua_scope **slot(lua_State *L) { return lua_touserdata(L, 1); }

/* ---- making one ---- */

/* The owner is retained: an end of the state may finalize the scope after its
   task has gone. */
static ebb_lua_scope *new_scope(lua_State *L, ebb_lua *el) {
  ebb_lua_scope *s = ebb_alloc_new(&el->rt->alloc, sizeof *s);
  if (s == NULL) ebb_lua_error_raise(L, -ENOMEM);
  *s = (ebb_lua_scope){.el = el};
  ebb_join_set_init(&s->set, el->rt);
  ebb_join_set_race(&s->set, el->rt->tasks.current);
  ebb_task_retain(s->set.owner);
  ebb_list_push(&el->scopes, &s->link);
  return s;
}

/* What may raise an error comes before the scope is to be closed, but for its
   room: closing an empty scope does nothing. Waiting is checked here, since in
   the close it would be too late. */
void ebb_lua_scope_new(lua_State *L, ebb_lua *el, size_t size) {
  assert(lua_gettop(L) >= 1 && size > 0);
  ebb_lua_wait_check(L, el);
  luaL_checkstack(L, 8, NULL);
  ebb_lua_class_new(L, el, CLASS_SCOPE, sizeof(ebb_lua_scope *), 0);
  lua_replace(L, 1);
  ebb_lua_scope *s = *slot(L) = new_scope(L, el);
  lua_toclose(L, 1);
  if (ebb_table_reserve(&s->set.group.members, size) < 0)
    ebb_lua_error_raise(L, -ENOMEM);
}

/* While a call waits the end of the state may finalize its scope. */
ebb_lua_scope *ebb_lua_scope_here(lua_State *L) {
  assert(lua_isuserdata(L, 1));
  ebb_lua_scope *s = *slot(L);
  if (s == NULL) luaL_error(L, "what this waits for has been finalized");
  return s;
}

/* stack: scope, ..., body, arguments... -> scope, ...
   It runs in the owner's LocalSet, if that is in one, and only while that is
   driven: a call must not run on where its caller could not. Room is made in
   the set before the task, which is in both collections when it starts. Room in
   the scope there is since its making. */
void ebb_lua_scope_spawn(lua_State *L, ebb_lua *el, int body, uint32_t key) {
  assert(body > 1 && key > 0);
  ebb_lua_task_prepare(L, el, body);
  ebb_lua_scope *s = ebb_lua_scope_here(L);
  ebb_local_set *in = ebb_local_set_of(s->set.owner);
  if (in != NULL && ebb_local_set_reserve(in) < 0)
    ebb_lua_error_raise(L, -ENOMEM);
  ebb_lua_task *lt = ebb_lua_task_new(L, el, body);
  ebb_budget_inherit(&lt->task, s->set.owner);
  if (in != NULL) ebb_local_set_put(in, &lt->task);
  ebb_join_set_put(&s->set, key, EBB_KEY_INT(key), &lt->task);
  assert(lua_gettop(L) == body - 1 && lt->task.state == EBB_NEW);
  ebb_lua_task_start(lt);
}

/* ---- what became of its tasks ---- */

/* A task that nothing waits for any more: a panic that no call has seen is
   reported, which runs Lua code. */
void ebb_lua_scope_let_go(ebb_lua_scope *s, ebb_task *t) {
  assert(t->group == &s->set.group);
  ebb_join_set_remove(&s->set, t);
  ebb_lua_join_error_check_unhandled((ebb_lua_task *)t);
  ebb_task_release(t);
}

/* The task stays in the scope: the results are on the stack by the time that
   the close lets go of it. */
int ebb_lua_scope_results(lua_State *L, ebb_lua_scope *s, ebb_task *t) {
  assert(t->state == EBB_FINISHED && t->group == &s->set.group);
  ebb_lua_task *lt = (ebb_lua_task *)t;
  int count = ebb_lua_join_error_push_result(L, s->el, lt);
  return ebb_lua_join_error_unwrap_result(L, s->el, lt, count);
}

/* An owner that is in its clean-up is uncancellable already (R5), and must be
   so after the scope. */
void ebb_lua_scope_shield(ebb_lua_scope *s) {
  assert(!s->shielded);
  s->shielded = !s->set.owner->uncancellable;
  ebb_task_set_uncancellable(s->set.owner, true);
}

/* ---- its end ---- */

/* The scope at index 1, whose set is empty. An abort cuts the owner's waits
   again from here on, unless it does not for another reason. */
static void close_scope(lua_State *L) {
  ebb_lua_scope *s = *slot(L);
  ebb_task *owner = s->set.owner;
  assert(s->set.group.members.len == 0 && owner != NULL);
  *slot(L) = NULL;
  ebb_join_set_end_race(&s->set);
  if (s->shielded) ebb_task_set_uncancellable(owner, false);
  ebb_task_release(owner);
  ebb_lua_scope_free(s);
}

/* Its call does not come to its end: its tasks go on alone to theirs. Letting
   go of one may run Lua code, but none that puts a task into this scope: so
   the scan meets all. */
static void abandon(lua_State *L) {
  ebb_lua_scope *s = *slot(L);
  ebb_table *members = &s->set.group.members;
  ebb_join_set_abort_all(&s->set);
  uint32_t at = ebb_table_scan(members, 0);
  for (; at != EBB_TABLE_NONE; at = ebb_table_scan(members, at + 1))
    ebb_lua_scope_let_go(s, ebb_table_item(members, at));
  close_scope(L);
}

/* stack: scope. It waits until all of the scope's tasks have ended, and takes
   them out as they do. A wait that cannot go on raises an error, as any does;
   the scope is abandoned before, since no call would come for its tasks. */
static int close_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  assert(lua_gettop(L) >= 1);
  ebb_lua_scope *s;
  if (ebb_lua_wait_failed(w->status)) {
    if (*slot(L) != NULL) abandon(L);
    ebb_lua_wait_raise(L, el, w->status);
  }
  while ((s = *slot(L)) != NULL) {
    ebb_task *t = ebb_join_set_peek(&s->set);
    if (t != NULL)
      ebb_lua_scope_let_go(s, t);
    else if (s->set.group.members.len == 0)
      close_scope(L);
    else
      return ebb_await_in_list(w, &s->set.waiters);
  }
  return 0;
}

/* The end of the call. Those of its tasks that have not ended are aborted, and
   run before anything else: their clean-ups come before the owner's. At the end
   of the state it may come after the finalizer. */
static int scope_close(lua_State *L) {
  static const ebb_lua_op op = {"a clean-up", close_poll, true};
  ebb_lua *el = ebb_lua_state_raw(L);
  ebb_lua_class_check(L, el, 1, CLASS_SCOPE);
  lua_settop(L, 1);
  if (el->rt == NULL || *slot(L) == NULL) return 0;
  ebb_join_set_cancel_rest(&(*slot(L))->set);
  return ebb_lua_await(L, el, &op);
}

/* The state is being closed, or an error has ended the call's coroutine, which
   was dropped without being closed. */
static int scope_gc(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  ebb_lua_class_check(L, el, 1, CLASS_SCOPE);
  if (el->rt != NULL && *slot(L) != NULL) abandon(L);
  return 0;
}

void ebb_lua_scope_free(ebb_lua_scope *s) {
  assert(s->set.group.members.len == 0);
  ebb_list_remove(&s->link);
  ebb_join_set_destroy(&s->set);
  ebb_alloc_free(&s->el->rt->alloc, s, sizeof *s);
}

/* At the end of the state, of scopes whose finalizer has not come for
   want of memory. Their tasks are gone already. */
void ebb_lua_scope_free_all(ebb_lua *el) {
  while (!ebb_list_is_empty(&el->scopes))
    ebb_lua_scope_free(ebb_container_of(el->scopes.next, ebb_lua_scope, link));
}

void ebb_lua_scope_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__close", scope_close}, {"__gc", scope_gc}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_SCOPE, none, meta);
}

/* ---- ebb.block_on ---- */

/* stack: scope -> values...
   No budget is taken for the result: the task that has it has spent its own. It
   stays in the scope until that is closed, when this returns. */
static int block_on_poll(lua_State *L, ebb_lua *el, ebb_await *w) {
  ebb_lua_scope *s = ebb_lua_scope_here(L);
  ebb_task *t = ebb_join_set_peek(&s->set);
  (void)el;
  if (t == NULL) return ebb_await_in_list(w, &s->set.waiters);
  return ebb_lua_scope_results(L, s, t);
}

/* stack: body, arguments... -> values... In a task it is a wait as any other;
   in the main chunk the loop runs meanwhile. */
int ebb_lua_scope_block_on(lua_State *L) {
  static const ebb_lua_op op = {"block_on", block_on_poll, false};
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_lua_task_check_body(L, el, 1);
  lua_pushnil(L); /* a place for the scope */
  lua_insert(L, 1);
  ebb_lua_scope_new(L, el, 1);
  ebb_lua_scope_spawn(L, el, 2, 1);
  assert(lua_gettop(L) == 1);
  return ebb_lua_await(L, el, &op);
}
