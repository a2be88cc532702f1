/* SPDX-License-Identifier: MIT
   What is in a pack: the values, and then the contents of the objects
   (tables and functions) in the order in which they first occurred; each
   object is announced where it first occurs and numbered there. So nothing
   recurs, and a list of any length can be sent.

   A table's contents are keys and values up to TAG_END, a function's its
   upvalues. */
#ifndef EBB_LUA_REMOTE_PACK_FORMAT_H
#define EBB_LUA_REMOTE_PACK_FORMAT_H

typedef enum ebb_lua_pack_tag {
  TAG_END, /* of a table */
  TAG_NIL,
  TAG_FALSE,
  TAG_TRUE,
  TAG_INTEGER,
  TAG_FLOAT,
  TAG_STRING, /* size, bytes */
  TAG_LIGHT,  /* pointer */
  TAG_HANDLE, /* index in `refs` */
  TAG_GLOBALS,
  TAG_MODULE,   /* size and bytes of its name */
  TAG_OBJECT,   /* number of an object that has been announced */
  TAG_TABLE,    /* announces one: its border */
  TAG_FUNCTION, /* announces one: size and bytes of the code */
  TAG_NEXT,     /* as a key: the integer after the one before */
  TAG_SHARED    /* as an upvalue: the same as that of an earlier function */
} ebb_lua_pack_tag;

/* An upvalue's place, as one integer. */
enum { EBB_LUA_PACK_UPVALUES = 256 };

#endif
