/* SPDX-License-Identifier: MIT
   Lua values on their way from one state to another. They are copied: nil,
   booleans, numbers, strings, tables without their metatables, Lua functions
   with their upvalues, light userdata and ebb.Handles. What is one table,
   function or upvalue in a pack is one on the other side. The table of
   globals, and whatever a function has as _ENV, becomes the other side's
   globals; the tables of the standard library and of ebb, which are full of C
   functions, become the other side's, too. */
#ifndef EBB_LUA_REMOTE_PACK_H
#define EBB_LUA_REMOTE_PACK_H

#include "lua/remote/state_ref.h"
#include "lua/state/state.h"

/* Bytes, and what cannot be bytes: references to states, which are counted. It
   belongs to one thread at a time, and changes hands with the job that it is
   in. An empty one is all zeros. */
typedef struct ebb_lua_pack {
  char *data; /* from malloc, since threads of different states share it */
  size_t size;
  size_t capacity;
  struct ebb_lua_state_link *refs; /* those of the Handles in it */
  size_t ref_count;
} ebb_lua_pack;

/* Notes the module `ebb` at the top of the stack, which stays there, and the
   tables in it. Raises errors. */
void ebb_lua_pack_note_modules(lua_State *L, ebb_lua *el);

/* Fills an empty pack with the values from index `first` to the top, which
   remain there. Raises an error that says what cannot be sent, and where it
   is: in an argument (the value at `first` is number `number`; 0 stands for
   the task's function), or in a result. The pack is empty then. */
void ebb_lua_pack_values(lua_State *L, ebb_lua_pack *p, int first,
                         const char *what, int number);

/* Pushes copies of the values and returns how many. Raises errors. */
int ebb_lua_unpack_values(lua_State *L, const ebb_lua_pack *p);

/* Empties it. On any thread. */
void ebb_lua_pack_clear(ebb_lua_pack *p);

#endif
