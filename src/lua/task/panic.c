/* SPDX-License-Identifier: MIT
   Where a panic comes from.

   A task that waits for another gets the very value that the other raised, be
   it a string or nil: so where it was raised is kept beside it. A *trace* is
   what is known of that: the traceback of the task in which the value was
   raised first, a string; or, of a task that had the value from another, a
   link: a table with the trace that it came with, and a line about the task
   that it came to. A task keeps the link of the last value it was handed, and
   if that is the value it panics with, the link is its trace. All this is
   work for panics alone. */
#include "lua/task/panic.h"

#include <assert.h>
#include <string.h>

#include "lua/state/slot.h"
#include "lua/task/detail.h"
#include "lua/task/join_error.h"
#include "lua/task/key.h"
#include "lua/task/task.h"

/* Places in a link: the trace that the value came with; the line about the task
   that it came to; and, to tell that value from an equal one, its type and the
   function that handed it over. */
enum { LINK_CAUSE = 1, LINK_LINE, LINK_TYPE, LINK_RAISER };

/* ---- the line ---- */

/* Pushes "file:12", where the innermost Lua function from `level` on is, or
   nil. `at` NULL: not known. */
static void push_place(lua_State *L, lua_State *at, int level) {
  lua_Debug ar;
  for (; at != NULL && lua_getstack(at, level, &ar); level++) {
    lua_getinfo(at, "Sl", &ar);
    if (ar.currentline <= 0) continue;
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
    return;
  }
  lua_pushnil(L);
}

/* Pops a text and adds it to the list in the parentheses; nil is left out. */
static void add_to_list(luaL_Buffer *b, const char **separator) {
  lua_State *L = b->L;
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return;
  }
  lua_pushstring(L, *separator);
  lua_insert(L, -2);
  lua_concat(L, 2);
  luaL_addvalue(b);
  *separator = ", ";
}

/* Pushes "awaited by task 7 (name, key, file:12)", about the running task. */
static void push_line(lua_State *L, ebb_lua *el, lua_State *at, int level) {
  ebb_task *t = el->rt->tasks.current;
  bool is_main = ebb_task_is_root(t);
  const char *separator = " (";
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "awaited by ");
  if (is_main)
    lua_pushliteral(L, "the main chunk");
  else
    lua_pushfstring(L, "task %I", (lua_Integer)t->id);
  luaL_addvalue(&b);
  if (!is_main) {
    ebb_lua_detail_push_name(L, el, t);
    add_to_list(&b, &separator);
    ebb_lua_key_push_task(L, el, t);
    ebb_lua_key_to_text(L);
    add_to_list(&b, &separator);
  }
  push_place(L, at, level);
  add_to_list(&b, &separator);
  if (*separator == ',') luaL_addchar(&b, ')');
  luaL_pushresult(&b);
}

/* Pops a trace and pushes a link from the running task to it; what runs in it
   is at `level` of `at`. */
static void push_link(lua_State *L, ebb_lua *el, lua_State *at, int level) {
  assert(lua_gettop(L) > 0);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_createtable(L, 4, 0);
  lua_insert(L, -2);
  lua_rawseti(L, -2, LINK_CAUSE);
  push_line(L, el, at, level);
  lua_rawseti(L, -2, LINK_LINE);
}

/* ---- what a task was handed ---- */

/* The running task, by its id; 0 stands for all that is no Lua task. */
static lua_Integer holder(const ebb_lua *el) {
  const ebb_lua_task *lt = ebb_lua_current(el);
  return lt != NULL && lt->el == el ? (lua_Integer)lt->task.id : 0;
}

/* To put nil in a table allocates nothing, so the store may do it. */
static void forget(ebb_lua *el, lua_Integer id) {
  lua_pushnil(el->store);
  lua_rawseti(el->store, STORE_LINKS, id);
  lua_pushnil(el->store);
  lua_rawseti(el->store, STORE_HANDED, id);
}

void ebb_lua_panic_forget(ebb_lua *el, ebb_lua_task *lt) {
  if (lt->handed) forget(el, (lua_Integer)lt->task.id);
  lt->handed = false;
}

/* Pops a value into a place that belongs to the running task. */
static void keep(lua_State *L, ebb_lua *el, int table) {
  ebb_lua_slot_push(L, el, table);
  lua_insert(L, -2);
  lua_rawseti(L, -2, holder(el));
  lua_pop(L, 1);
}

/* stack: ebb_lua, value, its trace. Called by what hands the value over. */
static int note(lua_State *L) {
  ebb_lua *el = lua_touserdata(L, 1);
  assert(lua_gettop(L) == 3);
  lua_Debug ar;
  push_link(L, el, L, 1);
  lua_pushinteger(L, lua_type(L, 2));
  lua_rawseti(L, 3, LINK_TYPE);
  if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "f", &ar))
    lua_rawseti(L, 3, LINK_RAISER);
  forget(el, holder(el));
  if (holder(el) != 0) ebb_lua_current(el)->handed = true;
  lua_pushvalue(L, 2);
  keep(L, el, STORE_HANDED);
  keep(L, el, STORE_LINKS);
  return 0;
}

/* In a protected call: it makes tables, and the value must come in any case. */
void ebb_lua_panic_hand_over(lua_State *L, ebb_lua *el) {
  assert(lua_gettop(L) >= 2);
  luaL_checkstack(L, 4, NULL);
  lua_pushcfunction(L, note);
  lua_pushlightuserdata(L, el);
  lua_pushvalue(L, -4);
  lua_rotate(L, -4, -1); /* value, note, ebb_lua, value, trace */
  /* Without memory for it the value comes without its trace. */
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) lua_pop(L, 1);
}

void ebb_lua_panic_push_handed(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  luaL_checkstack(L, 2, NULL);
  ebb_lua_detail_push_panic(L, lt);
  ebb_lua_detail_push(L, el, lt);
  ebb_lua_panic_hand_over(L, el);
}

/* ---- what a task has raised ---- */

/* Does the text say where it was raised, as "file:12: " does? */
static bool has_position(const char *text) {
  while ((text = strchr(text, ':')) != NULL) {
    text++;
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && strncmp(text + digits, ": ", 2) == 0) return true;
  }
  return false;
}

/* A position comes before a message: the end of the text is what was raised. */
static bool ends_with(lua_State *L, int text, int end) {
  size_t whole, part;
  const char *a = lua_tolstring(L, text, &whole);
  const char *b = lua_tolstring(L, end, &part);
  return part <= whole && memcmp(a + whole - part, b, part) == 0;
}

/* Was the C function, which is at the top, given the value at `handed`? A
   generator of coroutine.wrap, which has its thread as upvalue, was if the
   value ended it. */
static bool was_given(lua_State *L, lua_State *at, lua_Debug *ar, int handed) {
  bool given = false;
  if (lua_getupvalue(L, -1, 1) != NULL) {
    given = lua_isthread(L, -1);
    lua_pop(L, 1);
  }
  if (given || lua_getlocal(at, ar, 1) == NULL) return given;
  lua_xmove(at, L, 1);
  given = lua_rawequal(L, -1, handed);
  lua_pop(L, 1);
  return given;
}

/* An equal string may have been raised anew. It was passed on if the function
   that raised it is the one that handed it over, or one that was given it;
   and `error` may have put a position before it, which tells enough only if
   it had one already.
   stack from `value` on: value, link, what was handed over */
static bool is_passed_on(lua_State *L, int value, lua_State *at, int level) {
  assert(lua_type(L, value) == LUA_TSTRING);
  lua_Debug ar;
  bool equal = lua_rawequal(L, value, value + 2);
  if (at == NULL) return equal;
  if (!lua_checkstack(at, 4) || !lua_getstack(at, level, &ar)) return false;
  lua_getinfo(at, "Sf", &ar);
  lua_xmove(at, L, 1);
  if (*ar.what != 'C') return false;
  lua_rawgeti(L, value + 1, LINK_RAISER);
  bool same_function = lua_rawequal(L, -1, -2);
  lua_pop(L, 1);
  if (same_function && equal) return true;
  return was_given(L, at, &ar, value + 2) && ends_with(L, value, value + 2) &&
         (equal || has_position(lua_tostring(L, value + 2)));
}

/* Objects are told apart by identity; numbers and booleans cannot be, and an
   equal one counts as the same.
   stack from `value` on: value, link, what was handed over */
static bool is_from_link(lua_State *L, int value, lua_State *at, int level) {
  lua_rawgeti(L, value + 1, LINK_TYPE);
  int type = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (type != lua_type(L, value)) return false;
  if (type == LUA_TSTRING) return is_passed_on(L, value, at, level);
  return lua_rawequal(L, value, value + 2);
}

bool ebb_lua_panic_push_origin(lua_State *L, ebb_lua *el, lua_State *at,
                               int level) {
  int value = lua_gettop(L);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_rawgeti(el->store, STORE_LINKS, holder(el));
  lua_rawgeti(el->store, STORE_HANDED, holder(el));
  lua_xmove(el->store, L, 2);
  bool found = lua_istable(L, value + 1) && is_from_link(L, value, at, level);
  lua_settop(L, found ? value + 1 : value);
  if (!found && ebb_lua_join_error_push_trace(L, el, value)) {
    push_link(L, el, at, level);
    found = true;
  }
  return found;
}

/* ---- as text ---- */

/* Pops a trace, and pushes its lines, the last first, in a table, and the
   traceback, or nil, where it begins. How many lines there are. */
static lua_Integer push_lines(lua_State *L) {
  lua_Integer n = 0;
  lua_newtable(L);
  lua_insert(L, -2);
  while (lua_istable(L, -1)) {
    lua_rawgeti(L, -1, LINK_LINE);
    lua_rawseti(L, -3, ++n);
    lua_rawgeti(L, -1, LINK_CAUSE);
    lua_remove(L, -2);
  }
  return n;
}

void ebb_lua_panic_trace_to_text(lua_State *L) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_Integer n = push_lines(L);
  int lines = lua_gettop(L) - 1;
  bool known = lua_isstring(L, -1);
  if (known || n > 0) {
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    if (known) {
      lua_pushvalue(L, lines + 1);
      luaL_addvalue(&b);
    }
    for (; n > 0; n--) {
      if (luaL_bufflen(&b) > 0) luaL_addchar(&b, '\n');
      lua_rawgeti(L, lines, n);
      luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
  } else {
    lua_pushnil(L);
  }
  lua_replace(L, lines);
  lua_settop(L, lines);
}
