/* SPDX-License-Identifier: MIT
   Names, details and raised values of tasks, by their ids. */
#include "lua/task/detail.h"

#include <assert.h>

#include "lua/state/slot.h"

/* Four tables of the store have values by the ids of tasks: names, details,
   raised values, and in panic.c links. Bits of the task say whether there is
   an entry, so that a task without any costs no look-up, and the entries go
   when the task does: an id is never used again. */

/* Pops the value from L's stack. Raises errors. */
static void keep(lua_State *L, ebb_lua *el, int table, ebb_lua_task *lt) {
  assert(lua_gettop(L) > 0);
  ebb_lua_slot_push(L, el, table);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lt->task.id);
  lua_pop(L, 1);
}

/* Reads on the store, where nothing can fail, and moves the value over. */
static void push_kept(lua_State *L, ebb_lua *el, int table, ebb_lua_task *lt) {
  lua_rawgeti(el->store, table, (lua_Integer)lt->task.id);
  lua_xmove(el->store, L, 1);
}

/* The entry exists: to put nil there allocates nothing. */
static void forget(ebb_lua *el, int table, ebb_lua_task *lt) {
  lua_pushnil(el->store);
  lua_rawseti(el->store, table, (lua_Integer)lt->task.id);
}

/* ---- names ---- */

void ebb_lua_detail_set_name(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  assert(lua_isstring(L, -1) && lt->el == el);
  keep(L, el, STORE_NAMES, lt);
  lt->named = true;
}

/* A task of C, or of another state, may have a name of the engine's. */
void ebb_lua_detail_push_name(lua_State *L, ebb_lua *el, ebb_task *t) {
  ebb_lua_task *lt = (ebb_lua_task *)t;
  if (ebb_lua_is_task(t) && lt->el == el && lt->named)
    push_kept(L, el, STORE_NAMES, lt);
  else
    lua_pushstring(L, ebb_task_name(t));
}

/* ---- details ---- */

/* A detail is an abort's reason, or the trace of a panic. */
void ebb_lua_detail_set(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  keep(L, el, STORE_DETAILS, lt);
  lt->detailed = true;
  lt->foretold = false;
}

/* ebb.cancelled has been asked for the JoinError in a clean-up: the task must
   end with that very object, if it ends cancelled. */
void ebb_lua_detail_keep_foretold(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  assert(lt->cancelling || lt->cut);
  ebb_lua_detail_set(L, el, lt);
  lt->foretold = true;
}

void ebb_lua_detail_push(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  if (lt->detailed)
    push_kept(L, el, STORE_DETAILS, lt);
  else
    lua_pushnil(L);
}

/* Also when it turns out to be the detail of an end that did not come: an
   abort's reason, when the clean-up raises an error. */
void ebb_lua_detail_forget(ebb_lua *el, ebb_lua_task *lt) {
  if (lt->detailed) forget(el, STORE_DETAILS, lt);
  lt->detailed = lt->foretold = false;
}

/* stack: task, place, value -> */
static int keep_value(lua_State *L) {
  ebb_lua_task *lt = lua_touserdata(L, 1);
  keep(L, lt->el, (int)lua_tointeger(L, 2), lt);
  return 0;
}

/* Pops a value of `from` into a table of the store; false: there is no memory
   for it. */
static bool keep_from(lua_State *from, int table, ebb_lua_task *lt) {
  lua_State *aux = lt->el->aux;
  assert(lua_gettop(from) > 0 && from != aux);
  lua_pushcfunction(aux, keep_value);
  lua_pushlightuserdata(aux, lt);
  lua_pushinteger(aux, table);
  lua_xmove(from, aux, 1);
  if (lua_pcall(aux, 3, 0, 0) == LUA_OK) return true;
  lua_pop(aux, 1);
  return false;
}

/* For results of other threads, where no error may be raised. */
void ebb_lua_detail_keep(ebb_lua_task *lt, lua_State *from) {
  ebb_lua_detail_forget(lt->el, lt);
  lt->detailed = keep_from(from, STORE_DETAILS, lt);
}

/* ---- what a task has raised ---- */

/* The end of the task has left it at 1; a JoinError may be above it. */
void ebb_lua_detail_push_panic(lua_State *L, ebb_lua_task *lt) {
  assert(lt->task.outcome == EBB_PANICKED && lua_gettop(lt->L) >= 1);
  lua_pushvalue(lt->L, 1);
  lua_xmove(lt->L, L, 1);
}

void ebb_lua_detail_set_raised(lua_State *L, ebb_lua_task *lt) {
  keep(L, lt->el, STORE_RAISED, lt);
}

bool ebb_lua_detail_keep_raised(ebb_lua_task *lt, lua_State *from) {
  return keep_from(from, STORE_RAISED, lt);
}

/* Is the error at the top of the task's stack still the one that its body has
   raised, after its clean-up? */
bool ebb_lua_detail_is_still_raised(ebb_lua_task *lt) {
  lua_State *store = lt->el->store;
  assert(lua_gettop(lt->L) > 0);
  lua_pushvalue(lt->L, -1);
  lua_xmove(lt->L, store, 1);
  lua_rawgeti(store, STORE_RAISED, (lua_Integer)lt->task.id);
  bool still = lua_rawequal(store, -1, -2);
  lua_pop(store, 2);
  forget(lt->el, STORE_RAISED, lt);
  return still;
}

void ebb_lua_detail_forget_all(ebb_lua_task *lt) {
  ebb_lua_detail_forget(lt->el, lt);
  if (lt->named) forget(lt->el, STORE_NAMES, lt);
}

void ebb_lua_detail_push_raised(ebb_lua_task *lt) {
  push_kept(lt->L, lt->el, STORE_RAISED, lt);
}

void ebb_lua_detail_forget_raised(ebb_lua_task *lt) {
  forget(lt->el, STORE_RAISED, lt);
}
