/* SPDX-License-Identifier: MIT
   Uncaught errors: as text, and the raising of them. */
#ifndef EBB_LUA_TASK_MESSAGE_H
#define EBB_LUA_TASK_MESSAGE_H

#include "lua/state/state.h"

/* Pushes the value at `arg` as text, if it is a string or a number, or has a
   __tostring that gives one; else false. */
bool ebb_lua_message_push_text(lua_State *L, int arg);

/* Raises the value at the top, as it is; unless only the stock interpreter
   will see it, which gets a text of it that says where it comes from. */
_Noreturn void ebb_lua_message_throw(lua_State *L, ebb_lua *el);

#endif
