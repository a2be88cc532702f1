/* SPDX-License-Identifier: MIT
   Tasks that end with the call that made them. */
#ifndef EBB_LUA_SPAWN_SCOPE_H
#define EBB_LUA_SPAWN_SCOPE_H

#include "core/spawn/join_set.h"
#include "lua/task/task.h"

/* The tasks of a call that waits for them: a race of its caller. It is to be
   closed, and that aborts them and waits for their clean-ups; so, when the
   caller is aborted, theirs come before its own. It lies in the engine's
   memory, and the object that is to be closed points to it.

   The tasks are in `set` from their start until the call has taken them out;
   `set.owner` is the caller, to which the scope has a reference (R7). */
typedef struct ebb_lua_scope {
  ebb_list link; /* in el->scopes */
  ebb_join_set set;
  ebb_lua *el;
  int count;     /* of select: how many results are on the stack already */
  bool shielded; /* it has made its owner uncancellable, and will undo that */
} ebb_lua_scope;

/* Makes a scope for `size` tasks, pushes it and moves it to index 1, in the
   place of what was there. Raises errors. */
void ebb_lua_scope_new(lua_State *L, ebb_lua *el, size_t size);

/* Frees a scope that has no tasks. */
void ebb_lua_scope_free(ebb_lua_scope *s);

/* The scope at index 1. Raises an error when it has been finalized. */
ebb_lua_scope *ebb_lua_scope_here(lua_State *L);

/* Spawns into the scope at index 1 a task, under a number, with the body at
   `body` and the arguments above it up to the top; these are popped. */
void ebb_lua_scope_spawn(lua_State *L, ebb_lua *el, int body, uint32_t key);

/* Takes a task out, finished or not. May run Lua code: the report of a panic.
   */
void ebb_lua_scope_let_go(ebb_lua_scope *s, ebb_task *t);

/* From here until it is closed, no abort of its owner cuts off a wait: the
   owner has got what must not be lost. */
void ebb_lua_scope_shield(ebb_lua_scope *s);

/* Pushes what a finished task has returned, or raises what it has raised; a
   JoinError if it was cancelled. */
int ebb_lua_scope_results(lua_State *L, ebb_lua_scope *s, ebb_task *t);

/* Frees the scopes whose finalizers will not come. */
void ebb_lua_scope_free_all(ebb_lua *el);

/* The module's block_on. */
int ebb_lua_scope_block_on(lua_State *L);

#endif
