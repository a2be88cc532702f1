/* SPDX-License-Identifier: MIT
   What a person wants to know of the tasks: ebb.tasks(), ebb.traceback(),
   and the list in a deadlock's message. */
#include "lua/task/inspect.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/detail.h"
#include "lua/task/key.h"
#include "lua/task/panic.h"
#include "lua/task/task.h"

enum { DEADLOCK_LIST_MAX = 20 };

/* A task that has not been started is a ready one to people (R3). */
static const char *state_name(const ebb_task *t) {
  static const char *const names[] = {
      [EBB_NEW] = "ready",         [EBB_READY] = "ready",
      [EBB_RUNNING] = "running",   [EBB_WAITING] = "waiting",
      [EBB_FINISHED] = "finished",
  };
  return names[t->state];
}

/* ---- ebb.tasks ---- */

static void set_number(lua_State *L, const char *field, lua_Number value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, field);
}

static void set_integer(lua_State *L, const char *field, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, field);
}

static void set_string(lua_State *L, const char *field, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

/* Times are seconds of the runtime's clock; `busy` is counted from the first
   call of ebb.tasks on, since two looks at the clock for each turn cost
   something. */
static void push_task(lua_State *L, ebb_lua *el, ebb_task *t) {
  assert(t->refs > 0);
  lua_createtable(L, 0, 8);
  set_integer(L, "id", t->id);
  set_string(L, "state", state_name(t));
  if (t->state == EBB_WAITING) set_string(L, "waiting_for", t->what);
  set_number(L, "spawned_at", (lua_Number)t->spawned_at / 1e9);
  set_integer(L, "polls", t->polls);
  set_number(L, "busy", (lua_Number)t->busy / 1e9);
  ebb_lua_key_push_task(L, el, t);
  lua_setfield(L, -2, "key");
  ebb_lua_detail_push_name(L, el, t);
  lua_setfield(L, -2, "name");
}

/* A task that has finished and been joined is there only for its handle; and
   there are some that only the binding knows of. */
static bool is_hidden(const ebb_task *t) {
  if ((t->ops->traits & EBB_LUA_IS_INNER) != 0) return true;
  if (!ebb_lua_is_task(t)) return false;
  const ebb_lua_task *lt = (const ebb_lua_task *)t;
  return lt->hidden || (t->state == EBB_FINISHED && lt->seen);
}

/* Pushing may run finalizers, which may free tasks: each is looked up by
   its slot, at its turn. */
static int tasks(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  ebb_table *all = &el->rt->tasks.by_id;
  ebb_runtime_measure(el->rt);
  lua_newtable(L);
  uint32_t slot = ebb_table_scan(all, 0);
  for (int n = 0; slot != EBB_TABLE_NONE;
       slot = ebb_table_scan(all, slot + 1)) {
    ebb_task *t = ebb_table_item(all, slot);
    if (is_hidden(t)) continue;
    ebb_task_retain(t);
    push_task(L, el, t);
    ebb_task_release(t);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

/* Of a task that has panicked the frames are gone: its trace is kept as its
   detail. */
static void push_trace(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  ebb_lua_detail_push(L, el, lt);
  ebb_lua_panic_trace_to_text(L);
}

/* The task of this state with that id, or NULL. */
static ebb_lua_task *find_own(ebb_lua *el, ebb_id id) {
  ebb_task *t = ebb_task_find(el->rt, id);
  ebb_lua_task *lt = (ebb_lua_task *)t;
  return t != NULL && ebb_lua_is_task(t) && lt->el == el ? lt : NULL;
}

/* stack: ..., name. Of a task that waits, its frames are on its thread; of the
   running one they are the caller's own. */
static void push_traceback(lua_State *L, ebb_lua_task *lt) {
  assert(lt->task.state != EBB_FINISHED);
  luaL_traceback(L, lt->L, NULL, 0);
  if (lua_isnil(L, -2)) return;
  lua_pushliteral(L, "\n");
  lua_insert(L, -2);
  lua_concat(L, 3);
}

/* Pushing the name may run finalizers, which may free a task that has
   finished. */
static int traceback(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  ebb_id id = (ebb_id)luaL_checkinteger(L, 1);
  ebb_lua_task *lt = find_own(el, id);
  if (lt != NULL) ebb_lua_detail_push_name(L, el, &lt->task);
  lt = find_own(el, id);
  if (lt != NULL && lt->task.state != EBB_FINISHED)
    push_traceback(L, lt);
  else if (lt != NULL && lt->task.outcome == EBB_PANICKED)
    push_trace(L, el, lt);
  else
    luaL_pushfail(L);
  return 1;
}

/* ---- deadlock ---- */

/* Pushes three pieces of a line, the value at `index` in the middle, unless
   that is nil. */
static void push_between(lua_State *L, const char *before, int index,
                         const char *after) {
  if (lua_isnil(L, index)) return;
  lua_pushstring(L, before);
  lua_pushvalue(L, index);
  lua_pushstring(L, after);
}

/* Pushes a text. The task is not touched once something has been allocated,
   when a finalizer may have run. */
static void describe_wait(lua_State *L, ebb_lua *el, ebb_task *t,
                          const char *verb) {
  lua_Integer id = (lua_Integer)t->id;
  const char *what = t->gated ? "its LocalSet to be driven" : t->what;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  ebb_lua_detail_push_name(L, el, t);
  ebb_lua_key_push_task(L, el, t);
  int name = lua_gettop(L) - 1, key = name + 1;
  bool quoted = lua_type(L, key) == LUA_TSTRING;
  ebb_lua_key_to_text(L);
  lua_pushfstring(L, "task %I", id);
  push_between(L, " \"", name, "\"");
  push_between(L, quoted ? " (key \"" : " (key ", key, quoted ? "\")" : ")");
  lua_pushfstring(L, " %s %s", verb, what);
  lua_concat(L, lua_gettop(L) - key);
  lua_replace(L, name);
  lua_settop(L, name);
}

/* A ready task behind a gate is stuck, too: its LocalSet is not driven. */
static bool is_stuck(const ebb_task *t) {
  if (is_hidden(t)) return false;
  return t->state == EBB_WAITING || t->gated;
}

/* Tasks are listed in the order of the table, twenty at most: a message of a
   thousand lines helps no reader, and the first ones tell the kind. */
void ebb_lua_inspect_raise_deadlock(lua_State *L, ebb_lua *el) {
  ebb_runtime *rt = el->rt;
  ebb_table *all = &rt->tasks.by_id;
  luaL_Buffer b;
  int listed = 0;
  luaL_where(L, 1);
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "deadlock: every task waits and nothing can wake one");
  luaL_addstring(&b, "\n  the main chunk waits for ");
  luaL_addstring(&b, rt->root.what != NULL ? rt->root.what : "?");
  uint32_t slot = ebb_table_scan(all, 0);
  for (; slot != EBB_TABLE_NONE; slot = ebb_table_scan(all, slot + 1)) {
    ebb_task *t = ebb_table_item(all, slot);
    if (!is_stuck(t) || ++listed > DEADLOCK_LIST_MAX) continue;
    luaL_addstring(&b, "\n  ");
    describe_wait(L, el, t, "waits for");
    luaL_addvalue(&b);
  }
  if (listed > DEADLOCK_LIST_MAX) {
    lua_pushfstring(L, "\n  and %d more", listed - DEADLOCK_LIST_MAX);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  lua_concat(L, 2);
  lua_error(L);
  abort(); /* lua_error does not return, but its type does not say so */
}

/* stack: task -> text */
static int describe_stuck(lua_State *L) {
  assert(lua_gettop(L) == 1);
  ebb_lua_task *lt = lua_touserdata(L, 1);
  describe_wait(L, lt->el, &lt->task, "still waits for");
  return 1;
}

/* Into memory of the caller, and in a protected call: this is told while the
   state ends, perhaps for want of memory. The id is read first, since the call
   may run finalizers, which may free the task. */
void ebb_lua_inspect_describe_stuck(ebb_lua_task *lt, char *text, size_t size) {
  lua_State *aux = lt->el->aux;
  unsigned long long id = lt->task.id;
  lua_pushcfunction(aux, describe_stuck);
  lua_pushlightuserdata(aux, lt);
  if (lua_pcall(aux, 1, 1, 0) == LUA_OK)
    snprintf(text, size, "%s", lua_tostring(aux, -1));
  else
    snprintf(text, size, "task %llu still waits", id);
  lua_pop(aux, 1);
}

void ebb_lua_inspect_open(lua_State *L, ebb_lua *el) {
  static const luaL_Reg functions[] = {
      {"tasks", tasks}, {"traceback", traceback}, {NULL, NULL}};
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
}
