/* SPDX-License-Identifier: MIT
   The unpacking of packs; pack_format.h says what is in one. A pack comes from
   this very program, complete: its form is asserted, not checked. */
#include <assert.h>
#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "lua/remote/pack.h"
#include "lua/remote/pack_format.h"
#include "lua/remote/state_ref.h"

/* One call of ebb_lua_unpack_values, which goes through the pack once. An
   object gets its number and its place on the stack, or in another object,
   where it is announced, and is empty until its contents come. Objects that
   refer to each other thus find each other, whichever came first. */
typedef struct unpacker {
  const ebb_lua_pack *p;
  size_t at;
  int objects; /* index of a table: number -> object */
  lua_Integer count;
} unpacker;

/* The bytes stay the pack's, which outlives the call. */
static const char *take(unpacker *u, size_t size) {
  assert(u->at <= u->p->size && size <= u->p->size - u->at);
  const char *data = u->p->data + u->at;
  u->at += size;
  return data;
}

/* By memcpy: words lie at any address. */
static lua_Integer take_integer(unpacker *u) {
  int64_t word;
  memcpy(&word, take(u, sizeof word), sizeof word);
  return word;
}

static lua_Number take_float(unpacker *u) {
  lua_Number n;
  memcpy(&n, take(u, sizeof n), sizeof n);
  return n;
}

/* The object at the top gets the next number. */
static void number_object(lua_State *L, unpacker *u) {
  assert(lua_istable(L, -1) || lua_isfunction(L, -1));
  lua_pushvalue(L, -1);
  lua_rawseti(L, u->objects, ++u->count);
}

typedef struct code {
  const char *data;
  size_t size;
} code;

/* All of it at once; size 0 is the end. */
static const char *read_code(lua_State *L, void *data, size_t *size) {
  code *c = data;
  (void)L;
  *size = c->size;
  c->size = 0;
  return c->data;
}

/* Binary code only: what lua_dump has written. A message of the loader has no
   use for a name, as the code brings the name of its source. */
static void unpack_function(lua_State *L, unpacker *u) {
  code c;
  c.size = (size_t)take_integer(u);
  c.data = take(u, c.size);
  if (lua_load(L, read_code, &c, "=?", "b") != LUA_OK) lua_error(L);
  number_object(L, u);
}

/* `name` is that of a module, or of a table in ebb. Other than a library of
   Lua's, ebb is opened if package.loaded does not have it. What the state does
   not have is nil. */
static void push_module(lua_State *L, const char *bytes, size_t size) {
  const char *name = lua_pushlstring(L, bytes, size);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (strncmp(name, "ebb", 3) == 0) {
    ebb_lua *el = ebb_lua_state_find(L);
    el->open(L, el->parts);
    if (name[3] == '.') {
      lua_getfield(L, -1, name + 4);
      lua_remove(L, -2);
    }
  } else {
    lua_getfield(L, -1, name);
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* A table's border may be far beyond its elements, each of which takes two
   bytes at least. */
static int length_hint(const unpacker *u, lua_Integer border) {
  size_t most = (u->p->size - u->at) / 2;
  if (most > INT_MAX / 2) most = INT_MAX / 2;
  return border < (lua_Integer)most ? (int)border : (int)most;
}

/* Pushes one value. TAG_END, TAG_NEXT and TAG_SHARED stand in the place of a
   value, and have been dealt with. */
static void unpack_value(lua_State *L, unpacker *u, ebb_lua_pack_tag tag) {
  size_t size;
  switch (tag) {
    case TAG_FALSE:
      lua_pushboolean(L, 0);
      break;
    case TAG_TRUE:
      lua_pushboolean(L, 1);
      break;
    case TAG_INTEGER:
      lua_pushinteger(L, take_integer(u));
      break;
    case TAG_FLOAT:
      lua_pushnumber(L, take_float(u));
      break;
    case TAG_STRING:
      size = (size_t)take_integer(u);
      lua_pushlstring(L, take(u, size), size);
      break;
    case TAG_LIGHT:
      lua_pushlightuserdata(L, (void *)(intptr_t)take_integer(u));
      break;
    case TAG_HANDLE:
      ebb_lua_state_ref_push_handle(L, u->p->refs[take_integer(u)].ref);
      break;
    case TAG_GLOBALS:
      lua_pushglobaltable(L);
      break;
    case TAG_MODULE:
      size = (size_t)take_integer(u);
      push_module(L, take(u, size), size);
      break;
    case TAG_OBJECT:
      lua_rawgeti(L, u->objects, take_integer(u));
      break;
    case TAG_TABLE:
      lua_createtable(L, length_hint(u, take_integer(u)), 0);
      number_object(L, u);
      break;
    case TAG_FUNCTION:
      unpack_function(L, u);
      break;
    default:
      assert(tag == TAG_NIL);
      lua_pushnil(L);
  }
}

/* A tag is one byte. */
static ebb_lua_pack_tag take_tag(unpacker *u) {
  return (ebb_lua_pack_tag)*take(u, 1);
}

/* The table is at the top. It has no metatable, and raw writes are all that
   it needs. `next` counts as in pack_table: an element behind TAG_NEXT has its
   key from there. */
static void unpack_table(lua_State *L, unpacker *u) {
  lua_Integer next = 1;
  assert(lua_istable(L, -1));
  for (ebb_lua_pack_tag tag; (tag = take_tag(u)) != TAG_END;) {
    if (tag == TAG_NEXT) {
      unpack_value(L, u, take_tag(u));
      lua_rawseti(L, -2, next++);
    } else {
      unpack_value(L, u, tag);
      unpack_value(L, u, take_tag(u));
      lua_rawset(L, -3);
    }
  }
}

/* Upvalue n of the function at the top is one of an earlier function, which has
   had it since it was loaded, and has it filled by now. A function may also be
   joined with itself. */
static void share_upvalue(lua_State *L, unpacker *u, int n) {
  lua_Integer place = take_integer(u);
  lua_rawgeti(L, u->objects, place / EBB_LUA_PACK_UPVALUES);
  assert(lua_isfunction(L, -1) && lua_isfunction(L, -2));
  lua_upvaluejoin(L, -2, n, -1, (int)(place % EBB_LUA_PACK_UPVALUES));
  lua_pop(L, 1);
}

/* The function is at the top. The loader has given it as many upvalues as it
   had, each new, and nil but for the first. */
static void unpack_upvalues(lua_State *L, unpacker *u) {
  for (int n = 1; lua_getupvalue(L, -1, n) != NULL; n++) {
    lua_pop(L, 1);
    ebb_lua_pack_tag tag = take_tag(u);
    if (tag == TAG_SHARED) {
      share_upvalue(L, u, n);
    } else {
      unpack_value(L, u, tag);
      lua_setupvalue(L, -2, n);
    }
  }
}

/* stack: ... -> ..., values. The table of objects lies below the values while
   it is needed. The tag of the count is passed over. The pack is only read: its
   owner clears it, also after an error. */
int ebb_lua_unpack_values(lua_State *L, const ebb_lua_pack *p) {
  unpacker u = {.p = p};
  assert(p->data != NULL && p->data[0] == TAG_INTEGER);
  u.at = 1;
  int count = (int)take_integer(&u);
  luaL_checkstack(L, count + 8, "too many values");
  lua_newtable(L);
  u.objects = lua_gettop(L);
  for (int i = 0; i < count; i++) unpack_value(L, &u, take_tag(&u));
  for (lua_Integer i = 1; i <= u.count; i++) { /* contents announce more */
    if (lua_rawgeti(L, u.objects, i) == LUA_TTABLE)
      unpack_table(L, &u);
    else
      unpack_upvalues(L, &u);
    lua_pop(L, 1);
  }
  assert(u.at == p->size && lua_gettop(L) == u.objects + count);
  lua_remove(L, u.objects);
  return count;
}
