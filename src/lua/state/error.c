/* SPDX-License-Identifier: MIT
   Lua errors of the binding: their position, and a text for each errno. */
#include "lua/state/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Level 1 is the caller of the running C function: the position in the message
   is that of the script. */
void ebb_lua_error(lua_State *L, const char *format, ...) {
  va_list args;
  va_start(args, format);
  luaL_where(L, 1);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_concat(L, 2);
  lua_error(L);
  abort(); /* lua_error does not return, but its type does not say so */
}

/* What the engine reports most gets a text that says what to do. */
void ebb_lua_error_raise(lua_State *L, int err) {
  assert(err < 0); /* R9 */
  if (err == -ENOMEM)
    ebb_lua_error(L, "not enough memory for a task or a stack");
  if (err == -EPERM)
    ebb_lua_error(L,
                  "cannot wait outside of a task: this runtime is driven "
                  "by ebb_tick; spawn a task that waits");
  ebb_lua_error(L, "ebb: %s", strerror(-err));
}
