/* SPDX-License-Identifier: MIT
   JoinHandle and AbortHandle, for what makes tasks. */
#ifndef EBB_LUA_SPAWN_JOIN_HANDLE_H
#define EBB_LUA_SPAWN_JOIN_HANDLE_H

#include "lua/task/task.h"

/* Pushes a JoinHandle for a task to come. */
void ebb_lua_join_handle_new(lua_State *L, ebb_lua *el);

/* Pushes an AbortHandle for a task to come; fills the handle at `arg`. */
void ebb_lua_join_handle_new_abort(lua_State *L, ebb_lua *el);
void ebb_lua_join_handle_fill(lua_State *L, int arg, ebb_lua_task *lt);

/* The task of the handle, of either class, at `arg`. */
ebb_lua_task *ebb_lua_join_handle_task(lua_State *L, int arg);

/* Waits for the task of the JoinHandle at 1, alone on the stack, and returns
   its values or raises what it has raised. */
int ebb_lua_join_handle_await(lua_State *L);

#endif
