/* SPDX-License-Identifier: MIT
   Lua values on their way from one state to another. They are copied: nil,
   booleans, numbers, strings, tables without their metatables, Lua functions
   with their upvalues, light userdata and ebb.Handles. What is one table,
   function or upvalue in a parcel is one on the other side. The table of
   globals, and whatever a function has as _ENV, becomes the other side's
   globals; the tables of the standard library and of ebb, which are full of C
   functions, become the other side's, too. */
#ifndef EBB_LUA_REMOTE_PACK_H
#define EBB_LUA_REMOTE_PACK_H

#include "lua/state/binding.h"

typedef struct ebb_parcel {
  char *data; /* from malloc, since threads of different states share it */
  size_t size;
  size_t capacity;
  struct ebb_lua_port_ref *ports; /* those of the Handles in it */
  size_t port_count;
} ebb_parcel;

/* Notes the module `ebb` at the top of the stack, which stays there, and the
   tables in it. Raises errors. */
void ebb_parcel_note_modules(lua_State *L, ebb_lua *el);

/* Fills an empty parcel with the values from index `first` to the top, which
   remain there. Raises an error that says what cannot be sent, and where it
   is: in an argument (the value at `first` is number `number`; 0 stands for
   the task's function), or in a result. The parcel is empty then. */
void ebb_parcel_pack(lua_State *L, ebb_parcel *p, int first,
                     const char *what, int number);

/* Pushes copies of the values and returns how many. Raises errors. */
int ebb_parcel_unpack(lua_State *L, const ebb_parcel *p);

/* Empties it. On any thread. */
void ebb_parcel_clear(ebb_parcel *p);

#endif
