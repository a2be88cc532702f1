/* SPDX-License-Identifier: MIT
   What is shown of an uncaught error: its message, and where it
   comes from. */
#include "lua/task/message.h"

#include <assert.h>
#include <stdlib.h>

#include "lua/task/panic.h"

static int to_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* The __tostring is a script's: it runs in a protected call, since its error
   must not take the place of the one that is shown. */
bool ebb_lua_message_push_text(lua_State *L, int arg) {
  luaL_checkstack(L, 4, NULL);
  bool is_text = lua_isstring(L, arg);
  if (!is_text && luaL_getmetafield(L, arg, "__tostring") == LUA_TNIL)
    return false;
  if (!is_text) lua_pop(L, 1);
  lua_pushcfunction(L, to_text);
  lua_pushvalue(L, arg < 0 ? arg - 1 : arg);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return true;
  lua_pop(L, 1);
  return false;
}

/* Pushes what an error object says, as lua5.4 shows it; false: it has nothing
   to say. Its __tostring must not wait: others may be in need of the place. */
static bool push_message(lua_State *L, ebb_lua *el, int arg) {
  const char *outer = el != NULL ? el->no_wait : NULL;
  if (el != NULL)
    el->no_wait = "the __tostring of an error that nobody has caught";
  bool is_text = ebb_lua_message_push_text(L, arg);
  if (el != NULL) el->no_wait = outer;
  if (!is_text)
    lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, arg));
  return is_text;
}

/* Pushes the trace of the error at 1, which was raised by the caller of this
   function, as text; false: it was raised right there. */
static bool push_own_trace(lua_State *L, ebb_lua *el) {
  if (el == NULL || el->rt == NULL || el->rt->tasks.current == NULL)
    return false;
  lua_pushvalue(L, 1);
  if (!ebb_lua_panic_push_origin(L, el, L, 1)) {
    lua_pop(L, 1);
    return false;
  }
  lua_remove(L, -2);
  ebb_lua_panic_trace_to_text(L);
  return true;
}

/* The trace of a task's panic says more than the traceback of the main chunk,
   which has only waited for it: so there is one or the other. An object that
   shows itself as text gets no traceback, as in lua5.4. */
int ebb_lua_message(lua_State *L) {
  ebb_lua *el = ebb_lua_state_find(L); /* NULL: without the module */
  lua_settop(L, 1);
  bool is_object = push_message(L, el, 1) && !lua_isstring(L, 1);
  if (push_own_trace(L, el)) {
    lua_pushliteral(L, "\n");
    lua_insert(L, -2);
    lua_concat(L, 3);
  } else if (!is_object) {
    luaL_traceback(L, L, NULL, 1);
    lua_pushliteral(L, "\n");
    lua_insert(L, -2);
    lua_concat(L, 3);
  }
  return 1;
}

/* ---- raising ---- */

/* The function on whose frame `ar` is does not catch errors: it is a Lua
   function, one of the binding, or one that runs a file. */
static bool lets_errors_pass(lua_State *L, ebb_lua *el, lua_Debug *ar) {
  static const char *const names[] = {"require", "dofile"};
  lua_getinfo(L, "Sf", ar);
  bool passes = *ar->what != 'C';
  if (!passes && lua_getupvalue(L, -1, 1) != NULL) {
    passes = lua_touserdata(L, -1) == el;
    lua_pop(L, 1);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  for (size_t i = 0; i < sizeof names / sizeof *names && !passes; i++) {
    lua_pushstring(L, names[i]);
    lua_rawget(L, -2);
    passes = lua_rawequal(L, -1, -3);
    /* Ours, which calls that of Lua: see ebb_lua_library_replace. */
    if (!passes && lua_iscfunction(L, -1) && lua_getupvalue(L, -1, 2)) {
      passes = lua_rawequal(L, -1, -4);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  return passes;
}

static bool is_local_of_type(lua_State *L, lua_Debug *ar, int n, int type) {
  if (lua_getlocal(L, ar, n) == NULL) return false;
  bool is_type = lua_type(L, -1) == type;
  lua_pop(L, 1);
  return is_type;
}

/* Will the stock interpreter show what is raised here, and no function catch it
   before? Its outermost function has argc and argv on its stack, and calls
   what it runs with a handler that makes a text of the error, to which only
   the main chunk's traceback is added. So the text can be made here. */
static bool is_for_interpreter(lua_State *L, ebb_lua *el) {
  lua_Debug ar, outer;
  int level = 1;
  if (L != el->main) return false;
  while (lua_getstack(L, level, &ar) && lets_errors_pass(L, el, &ar)) level++;
  return lua_getstack(L, level, &ar) && !lua_getstack(L, level + 1, &outer) &&
         is_local_of_type(L, &ar, 1, LUA_TNUMBER) &&
         is_local_of_type(L, &ar, 2, LUA_TLIGHTUSERDATA);
}

/* stack: value, ebb_lua -> the text for the interpreter, or the value */
static int final_value(lua_State *L) {
  assert(lua_gettop(L) == 2 && lua_islightuserdata(L, 2));
  ebb_lua *el = lua_touserdata(L, 2);
  lua_settop(L, 1);
  if (!push_own_trace(L, el)) return 1;
  (void)push_message(L, el, 1);
  lua_pushliteral(L, "\n");
  lua_rotate(L, 2, -1);
  lua_concat(L, 3);
  return 1;
}

/* In a protected call: without memory for the text, that error would be raised
   in the place of the value. */
void ebb_lua_message_throw(lua_State *L, ebb_lua *el) {
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (is_for_interpreter(L, el)) {
    lua_pushcfunction(L, final_value);
    lua_pushvalue(L, -2);
    lua_pushlightuserdata(L, el);
    if (lua_pcall(L, 2, 1, 0) != LUA_OK) lua_pop(L, 1);
  }
  lua_error(L);
  abort(); /* lua_error does not return, but its type does not say so */
}
