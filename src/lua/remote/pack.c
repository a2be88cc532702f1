/* SPDX-License-Identifier: MIT
   Filling packs; pack_format.h says what is in one. */
#include "lua/remote/pack.h"

#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/remote/pack_format.h"
#include "lua/remote/state_ref.h"
#include "lua/state/slot.h"

/* ---- modules ---- */

/* Notes the table at the top, which it pops, under a name. */
static void note(lua_State *L, ebb_lua *el, const char *name) {
  if (lua_istable(L, -1)) {
    ebb_lua_slot_push(L, el, STORE_MODULES);
    lua_pushvalue(L, -2);
    lua_pushstring(L, name);
    lua_rawset(L, -3);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void ebb_lua_pack_note_modules(lua_State *L, ebb_lua *el) {
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    const char *name = lua_pushfstring(L, "ebb.%s", lua_tostring(L, -2));
    lua_insert(L, -2);
    note(L, el, name);
  }
  lua_pushvalue(L, -1);
  note(L, el, "ebb");
}

/* ---- packing ---- */

/* Where the value is that is being packed, for the message. */
typedef enum spot { AT_TOP, AT_UPVALUE, AT_FIELD, AT_KEY } spot;

typedef struct packer {
  ebb_lua *el;
  ebb_lua_pack *p;
  const char *what; /* AT_TOP: "argument" or "result" */
  int number;       /* AT_TOP: its number */
  spot place;
  const char *name;  /* AT_UPVALUE: its name */
  int key;           /* AT_FIELD: index of the key */
  int first, last;   /* indices of the values */
  int objects;       /* index of a table: number -> object */
  int numbers;       /* index of a table: object -> number, upvalue -> place */
  lua_Integer count; /* of objects */
  const void *globals;
} packer;

static void grow(lua_State *L, ebb_lua_pack *p, size_t size) {
  size_t capacity = p->capacity * 2;
  if (capacity < p->size + size) capacity = p->size + size + 64;
  char *data = realloc(p->data, capacity);
  if (data == NULL) luaL_error(L, "not enough memory");
  p->data = data;
  p->capacity = capacity;
}

static void put(lua_State *L, ebb_lua_pack *p, const void *data, size_t size) {
  if (p->capacity - p->size < size) grow(L, p, size);
  if (size > 0) memcpy(p->data + p->size, data, size);
  p->size += size;
}

/* A tag and a word in one go. */
static void put_word(lua_State *L, ebb_lua_pack *p, ebb_lua_pack_tag tag,
                     const void *word) {
  if (p->capacity - p->size < 9) grow(L, p, 9);
  p->data[p->size] = (char)tag;
  memcpy(p->data + p->size + 1, word, 8);
  p->size += 9;
}

static void put_tag(lua_State *L, ebb_lua_pack *p, ebb_lua_pack_tag tag) {
  char byte = (char)tag;
  put(L, p, &byte, 1);
}

static void put_integer(lua_State *L, ebb_lua_pack *p, ebb_lua_pack_tag tag,
                        lua_Integer i) {
  int64_t word = i;
  put_word(L, p, tag, &word);
}

static void put_string(lua_State *L, ebb_lua_pack *p, ebb_lua_pack_tag tag,
                       int arg) {
  size_t size;
  const char *s = lua_tolstring(L, arg, &size);
  put_integer(L, p, tag, (lua_Integer)size);
  put(L, p, s, size);
}

static void push_field(lua_State *L, int name) {
  lua_pushliteral(L, "field '");
  lua_pushvalue(L, name);
  lua_pushliteral(L, "'");
  lua_concat(L, 3);
}

/* Pushes where the packer is. */
static void push_place(lua_State *L, const packer *k) {
  if (k->place == AT_UPVALUE)
    lua_pushfstring(L, "upvalue '%s'", k->name);
  else if (k->place == AT_KEY)
    lua_pushliteral(L, "key of a table");
  else if (k->place == AT_TOP && k->number == 0)
    lua_pushliteral(L, "the function");
  else if (k->place == AT_TOP)
    lua_pushfstring(L, "%s %d", k->what, k->number);
  else if (lua_type(L, k->key) == LUA_TSTRING)
    push_field(L, k->key);
  else if (lua_isinteger(L, k->key))
    lua_pushfstring(L, "field [%I]", lua_tointeger(L, k->key));
  else
    lua_pushliteral(L, "field of a table");
}

static void refuse(lua_State *L, const packer *k, const char *type) {
  luaL_where(L, 1);
  lua_pushfstring(L, "cannot send a %s (", type);
  push_place(L, k);
  lua_pushliteral(L, ")");
  lua_concat(L, 4);
  lua_error(L);
}

/* True when the object at the top has been announced; else numbers it. */
static bool is_announced(lua_State *L, packer *k) {
  lua_pushvalue(L, -1);
  if (lua_rawget(L, k->numbers) != LUA_TNIL) {
    put_integer(L, k->p, TAG_OBJECT, lua_tointeger(L, -1));
    lua_pop(L, 1);
    return true;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_rawseti(L, k->objects, ++k->count);
  lua_pushvalue(L, -1);
  lua_pushinteger(L, k->count);
  lua_rawset(L, k->numbers);
  return false;
}

static int write_code(lua_State *L, const void *data, size_t size, void *p) {
  put(L, p, data, size);
  return 0;
}

/* The size of the code comes to stand before it. */
static void announce_function(lua_State *L, packer *k) {
  if (lua_iscfunction(L, -1)) refuse(L, k, "C function");
  if (is_announced(L, k)) return;
  put_integer(L, k->p, TAG_FUNCTION, 0);
  size_t start = k->p->size;
  lua_dump(L, write_code, k->p, 0);
  int64_t size = (int64_t)(k->p->size - start);
  memcpy(k->p->data + start - sizeof size, &size, sizeof size);
}

/* Is the table at the top one of the standard library, or of ebb? */
static bool is_module(lua_State *L, packer *k) {
  ebb_lua_slot_push(L, k->el, STORE_MODULES);
  lua_pushvalue(L, -2);
  bool found = lua_rawget(L, -2) == LUA_TSTRING;
  if (found) put_string(L, k->p, TAG_MODULE, -1);
  lua_pop(L, 2);
  return found;
}

static void announce_table(lua_State *L, packer *k) {
  if (lua_topointer(L, -1) == k->globals)
    put_tag(L, k->p, TAG_GLOBALS);
  else if (!is_module(L, k) && !is_announced(L, k))
    put_integer(L, k->p, TAG_TABLE, (lua_Integer)lua_rawlen(L, -1));
}

static void pack_handle(lua_State *L, packer *k) {
  ebb_lua_pack *p = k->p;
  ebb_lua_state_ref *ref = ebb_lua_state_ref_of_handle(L, -1);
  if (ref == NULL) refuse(L, k, "userdata");
  struct ebb_lua_state_link *refs =
      realloc(p->refs, (p->ref_count + 1) * sizeof *refs);
  if (refs == NULL) luaL_error(L, "not enough memory");
  p->refs = refs;
  put_integer(L, p, TAG_HANDLE, (lua_Integer)p->ref_count);
  p->refs[p->ref_count++] = ebb_lua_state_ref_refer(k->el, ref);
}

static void pack_number(lua_State *L, packer *k) {
  if (lua_isinteger(L, -1)) {
    put_integer(L, k->p, TAG_INTEGER, lua_tointeger(L, -1));
  } else {
    lua_Number n = lua_tonumber(L, -1);
    put_word(L, k->p, TAG_FLOAT, &n);
  }
}

static void pack_light(lua_State *L, packer *k) {
  int64_t word = (int64_t)(intptr_t)lua_touserdata(L, -1);
  put_word(L, k->p, TAG_LIGHT, &word);
}

/* The value at the top, which stays there. */
static void pack_value(lua_State *L, packer *k) {
  switch (lua_type(L, -1)) {
    case LUA_TNIL:
      put_tag(L, k->p, TAG_NIL);
      break;
    case LUA_TBOOLEAN:
      put_tag(L, k->p, lua_toboolean(L, -1) ? TAG_TRUE : TAG_FALSE);
      break;
    case LUA_TNUMBER:
      pack_number(L, k);
      break;
    case LUA_TSTRING:
      put_string(L, k->p, TAG_STRING, -1);
      break;
    case LUA_TTABLE:
      announce_table(L, k);
      break;
    case LUA_TFUNCTION:
      announce_function(L, k);
      break;
    case LUA_TUSERDATA:
      pack_handle(L, k);
      break;
    case LUA_TLIGHTUSERDATA:
      pack_light(L, k);
      break;
    default:
      refuse(L, k, luaL_typename(L, -1));
  }
}

/* The table is at the top. Where the keys are 1, 2, 3... they need not be
   told. */
static void pack_table(lua_State *L, packer *k) {
  int table = lua_gettop(L);
  lua_Integer next = 1;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    if (lua_isinteger(L, -2) && lua_tointeger(L, -2) == next) {
      put_tag(L, k->p, TAG_NEXT);
      next++;
    } else {
      k->place = AT_KEY;
      lua_pushvalue(L, -2);
      pack_value(L, k);
      lua_pop(L, 1);
    }
    k->place = AT_FIELD;
    k->key = table + 1;
    pack_value(L, k);
    lua_pop(L, 1);
  }
  put_tag(L, k->p, TAG_END);
}

/* The function is below the upvalue at the top. True when an earlier function
   has the same one. */
static bool is_shared(lua_State *L, packer *k, lua_Integer function, int n) {
  const void *id = lua_upvalueid(L, -2, n);
  if (lua_rawgetp(L, k->numbers, id) != LUA_TNIL) {
    put_integer(L, k->p, TAG_SHARED, lua_tointeger(L, -1));
    lua_pop(L, 1);
    return true;
  }
  lua_pop(L, 1);
  lua_pushinteger(L, function * EBB_PARCEL_UPVALUES + n);
  lua_rawsetp(L, k->numbers, id);
  return false;
}

static void pack_upvalues(lua_State *L, packer *k, lua_Integer function) {
  const char *name;
  k->place = AT_UPVALUE;
  for (int n = 1; (name = lua_getupvalue(L, -1, n)) != NULL; n++) {
    k->name = name;
    if (strcmp(name, "_ENV") == 0)
      put_tag(L, k->p, TAG_GLOBALS);
    else if (!is_shared(L, k, function, n))
      pack_value(L, k);
    lua_pop(L, 1);
  }
}

static void pack_values(lua_State *L, packer *k) {
  put_integer(L, k->p, TAG_INTEGER, k->last - k->first + 1);
  for (int i = k->first; i <= k->last; i++) {
    lua_pushvalue(L, i);
    pack_value(L, k);
    lua_pop(L, 1);
    k->number++;
  }
}

static void pack_objects(lua_State *L, packer *k) {
  for (lua_Integer i = 1; i <= k->count; i++) {
    if (lua_rawgeti(L, k->objects, i) == LUA_TTABLE)
      pack_table(L, k);
    else
      pack_upvalues(L, k, i);
    lua_pop(L, 1);
  }
}

/* stack: packer, values... */
static int pack(lua_State *L) {
  packer *k = lua_touserdata(L, 1);
  k->first = 2;
  k->last = lua_gettop(L);
  luaL_checkstack(L, 16, NULL);
  lua_pushglobaltable(L);
  k->globals = lua_topointer(L, -1);
  lua_newtable(L);
  k->objects = lua_gettop(L);
  lua_newtable(L);
  k->numbers = lua_gettop(L);
  pack_values(L, k);
  pack_objects(L, k);
  return 0;
}

void ebb_lua_pack_values(lua_State *L, ebb_lua_pack *p, int first,
                         const char *what, int number) {
  packer k = {
      .el = ebb_lua_state_find(L), .p = p, .what = what, .number = number};
  int count = lua_gettop(L) - first + 1;
  luaL_checkstack(L, count + 3, "too many values to send");
  *p = (ebb_lua_pack){0};
  lua_pushcfunction(L, pack);
  lua_pushlightuserdata(L, &k);
  for (int i = 0; i < count; i++) lua_pushvalue(L, first + i);
  if (lua_pcall(L, count + 1, 0, 0) == LUA_OK) return;
  ebb_lua_pack_clear(p);
  luaL_where(L, 1);
  lua_insert(L, -2);
  lua_concat(L, 2);
  lua_error(L);
}

void ebb_lua_pack_clear(ebb_lua_pack *p) {
  for (size_t i = 0; i < p->ref_count; i++)
    ebb_lua_state_ref_forget(&p->refs[i]);
  free(p->refs);
  free(p->data);
  *p = (ebb_lua_pack){0};
}
