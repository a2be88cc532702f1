/* SPDX-License-Identifier: MIT
   The filling of packs; pack_format.h says what is in one. */
#include "lua/remote/pack.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/remote/pack_format.h"
#include "lua/remote/state_ref.h"
#include "lua/state/slot.h"

/* ---- modules ---- */

/* Notes the table at the top, which it pops, under a name. The table is the
   key: what is sent is compared with it, and not its name. A value that is no
   table is popped, too. */
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

/* Also each table in it, as "ebb.sync": their functions are C functions, which
   could not be sent. What is no table is passed over by `note`. */
void ebb_lua_pack_note_modules(lua_State *L, ebb_lua *el) {
  assert(lua_istable(L, -1));
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

/* One call of ebb_lua_pack_values. Its stack: the packer, the values, and the
   two tables; above these what is just being packed. The values come first,
   then the contents of the objects in the order of their numbers. Contents may
   announce further objects, which are then appended to the list that is being
   worked off; so neither depth nor length of what is sent takes C stack.

   `numbers` tells by the object whether it has been announced. It has light
   userdata among its keys, the ids of upvalues, which are no values that could
   be sent as objects. `place` and the fields beside it are for the message
   alone, and right only when a value is about to be packed. */
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

/* Doubling, so that each byte costs the same over time. The error is ours, as
   the memory is not the state's. The pack keeps what it has, which
   ebb_lua_pack_values clears. */
static void grow(lua_State *L, ebb_lua_pack *p, size_t size) {
  size_t capacity = p->capacity * 2;
  if (capacity < p->size + size) capacity = p->size + size + 64;
  char *data = realloc(p->data, capacity);
  if (data == NULL) luaL_error(L, "not enough memory");
  p->data = data;
  p->capacity = capacity;
  assert(p->capacity - p->size >= size);
}

static void put(lua_State *L, ebb_lua_pack *p, const void *data, size_t size) {
  if (p->capacity - p->size < size) grow(L, p, size);
  if (size > 0) memcpy(p->data + p->size, data, size);
  p->size += size;
}

/* A tag and a word in one go: most of what is sent is numbers. Words are as
   they are in memory, and at any address: both sides are the same program. */
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

/* Not for numbers, which lua_tolstring would make strings of, in place. */
static void put_string(lua_State *L, ebb_lua_pack *p, ebb_lua_pack_tag tag,
                       int arg) {
  assert(lua_type(L, arg) == LUA_TSTRING);
  size_t size;
  const char *s = lua_tolstring(L, arg, &size);
  put_integer(L, p, tag, (lua_Integer)size);
  put(L, p, s, size);
}

/* By concatenation: with lua_pushfstring a key would end at its first NUL. */
static void push_field(lua_State *L, int name) {
  lua_pushliteral(L, "field '");
  lua_pushvalue(L, name);
  lua_pushliteral(L, "'");
  lua_concat(L, 3);
}

/* Pushes where the packer is: of a table only the field, as by the time that
   its contents are packed the way to the table has been forgotten. */
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

/* Nothing is left out or replaced in silence: the script is to see at once what
   its function would miss on the other side. */
static void refuse(lua_State *L, const packer *k, const char *type) {
  luaL_where(L, 1);
  lua_pushfstring(L, "cannot send a %s (", type);
  push_place(L, k);
  lua_pushliteral(L, ")");
  lua_concat(L, 4);
  lua_error(L);
}

/* True when the object at the top has been announced; else numbers it. Each
   table and function is compared by identity, so that a cycle, or a table that
   is met twice, is one on the other side. */
static bool is_announced(lua_State *L, packer *k) {
  assert(lua_istable(L, -1) || lua_isfunction(L, -1));
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

/* A C function has no code that could be sent. The size of the code comes to
   stand before it, where room has been left: lua_dump tells it only by its
   end. Line numbers go along, as errors of the function are to show them. */
static void announce_function(lua_State *L, packer *k) {
  if (lua_iscfunction(L, -1)) refuse(L, k, "C function");
  if (is_announced(L, k)) return;
  put_integer(L, k->p, TAG_FUNCTION, 0);
  size_t start = k->p->size;
  lua_dump(L, write_code, k->p, 0);
  int64_t size = (int64_t)(k->p->size - start);
  assert(start >= sizeof size && size > 0);
  memcpy(k->p->data + start - sizeof size, &size, sizeof size);
}

/* Is the table at the top one of the standard library, or of ebb? By identity:
   a script's own table with the name of a library is sent like any other. */
static bool is_module(lua_State *L, packer *k) {
  assert(lua_istable(L, -1));
  ebb_lua_slot_push(L, k->el, STORE_MODULES);
  lua_pushvalue(L, -2);
  bool found = lua_rawget(L, -2) == LUA_TSTRING;
  if (found) put_string(L, k->p, TAG_MODULE, -1);
  lua_pop(L, 2);
  return found;
}

/* The border is a hint of the size; metatables are left behind, and with them
   what they would have said of the length. */
static void announce_table(lua_State *L, packer *k) {
  if (lua_topointer(L, -1) == k->globals)
    put_tag(L, k->p, TAG_GLOBALS);
  else if (!is_module(L, k) && !is_announced(L, k))
    put_integer(L, k->p, TAG_TABLE, (lua_Integer)lua_rawlen(L, -1));
}

/* The pack has a reference of its own, since the Handle here may be collected
   while it is under way. It is counted last: until then nothing is there that
   ebb_lua_pack_clear would have to forget. */
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

/* An integer stays one, and so does a float: 1 and 1.0 differ in scripts. */
static void pack_number(lua_State *L, packer *k) {
  if (lua_isinteger(L, -1)) {
    put_integer(L, k->p, TAG_INTEGER, lua_tointeger(L, -1));
  } else {
    lua_Number n = lua_tonumber(L, -1);
    put_word(L, k->p, TAG_FLOAT, &n);
  }
}

/* As a number: an address means the same to all threads of the process. */
static void pack_light(lua_State *L, packer *k) {
  int64_t word = (int64_t)(intptr_t)lua_touserdata(L, -1);
  put_word(L, k->p, TAG_LIGHT, &word);
}

/* The value at the top, which stays there. Of tables and functions only what
   announces them: their contents come later. Coroutines are refused, as are
   all userdata but Handles: they belong to this state. */
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
   told. Metamethods are not called: what is sent is what is in the table. */
static void pack_table(lua_State *L, packer *k) {
  int table = lua_gettop(L);
  assert(lua_istable(L, table));
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
    assert(lua_gettop(L) == table + 1);
  }
  put_tag(L, k->p, TAG_END); /* no value has this tag */
}

/* The function is below the upvalue at the top. True when an earlier function
   has the same one, or this one has it twice; else its place is noted. So
   functions that share a variable share one there, but not with those that
   stay here. */
static bool is_shared(lua_State *L, packer *k, lua_Integer function, int n) {
  const void *id = lua_upvalueid(L, -2, n);
  if (lua_rawgetp(L, k->numbers, id) != LUA_TNIL) {
    put_integer(L, k->p, TAG_SHARED, lua_tointeger(L, -1));
    lua_pop(L, 1);
    return true;
  }
  lua_pop(L, 1);
  lua_pushinteger(L, function * EBB_LUA_PACK_UPVALUES + n);
  lua_rawsetp(L, k->numbers, id);
  return false;
}

/* The function is at the top. _ENV is told by its name, whatever it refers to:
   a function from a sandbox gets the globals of the other side. */
static void pack_upvalues(lua_State *L, packer *k, lua_Integer function) {
  assert(lua_isfunction(L, -1) && !lua_iscfunction(L, -1));
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

/* How many there are comes first. `number` counts along for the message. */
static void pack_values(lua_State *L, packer *k) {
  put_integer(L, k->p, TAG_INTEGER, k->last - k->first + 1);
  for (int i = k->first; i <= k->last; i++) {
    lua_pushvalue(L, i);
    pack_value(L, k);
    lua_pop(L, 1);
    k->number++;
  }
}

/* `count` may grow in the loop. */
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
  assert(lua_gettop(L) == k->numbers);
  return 0;
}

/* Protected, since the bytes are from malloc and would leak with an error. The
   message gets the place of the caller's call in front, like any of a C
   function's. */
void ebb_lua_pack_values(lua_State *L, ebb_lua_pack *p, int first,
                         const char *what, int number) {
  packer k = {
      .el = ebb_lua_state_find(L), .p = p, .what = what, .number = number};
  int count = lua_gettop(L) - first + 1;
  luaL_checkstack(L, count + 3, "too many values to send");
  assert(count >= 0 && p->data == NULL);
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

/* An empty pack stays empty. The thread may be neither side's own, as the last
   reference of a job may go on any. */
void ebb_lua_pack_clear(ebb_lua_pack *p) {
  assert(p->size <= p->capacity);
  for (size_t i = 0; i < p->ref_count; i++)
    ebb_lua_state_ref_forget(&p->refs[i]);
  free(p->refs);
  free(p->data);
  *p = (ebb_lua_pack){0};
}
