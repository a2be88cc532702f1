/* SPDX-License-Identifier: MIT
   Lua values as keys of the engine's map, by the rules of Lua's tables: 1
   and 1.0 are one key, strings go by content, objects by identity. A string
   is its bytes; any other kind is a mark, an address that no string has,
   and 64 bits of value. */
#include "lua/task/key.h"

#include <assert.h>
#include <string.h>

#include "lua/state/slot.h"
#include "lua/task/task.h"

enum { FLOAT, BOOLEAN, LIGHT, OBJECT, PLACE, MARKS };

static const char marks[MARKS];

static ebb_key marked(int mark, uint64_t bits) {
  return (ebb_key){&marks[mark], bits};
}

/* An integer's key has no data, and is marked: its bits are the value. */
static bool is_marked(ebb_key key) {
  const char *p = key.data;
  return p == NULL || (p >= marks && p < marks + MARKS);
}

/* A float with an integer value is the integer's key, as in tables. NaN is no
   key: it equals nothing, so its task could never be found. */
static ebb_key number_key(lua_State *L, int arg) {
  assert(lua_type(L, arg) == LUA_TNUMBER);
  int is_integer;
  lua_Integer i = lua_tointegerx(L, arg, &is_integer);
  if (is_integer) return EBB_KEY_INT(i);
  lua_Number n = lua_tonumber(L, arg);
  luaL_argcheck(L, n == n, arg, "key is NaN");
  uint64_t bits = 0;
  memcpy(&bits, &n, sizeof n);
  return marked(FLOAT, bits);
}

/* A string's bytes are in Lua's memory, and an object's address may be used
   again once it is collected: the caller anchors both while the key is in
   use. */
ebb_key ebb_lua_key(lua_State *L, int arg, bool *anchored) {
  *anchored = false;
  switch (lua_type(L, arg)) {
    case LUA_TNUMBER:
      return number_key(L, arg);
    case LUA_TBOOLEAN:
      return marked(BOOLEAN, (uint64_t)lua_toboolean(L, arg));
    case LUA_TLIGHTUSERDATA:
      return marked(LIGHT, (uint64_t)(uintptr_t)lua_touserdata(L, arg));
    case LUA_TSTRING: {
      *anchored = true;
      size_t size;
      const char *bytes = lua_tolstring(L, arg, &size);
      return EBB_KEY_BYTES(bytes, size);
    }
    case LUA_TNIL:
    case LUA_TNONE:
      luaL_argerror(L, arg, "key is nil");
      break;
    default:
      break;
  }
  *anchored = true;
  return marked(OBJECT, (uint64_t)(uintptr_t)lua_topointer(L, arg));
}

ebb_key ebb_lua_key_by_place(int place) {
  assert(place >= 0);
  return marked(PLACE, (uint64_t)place);
}

/* Integers mostly come in sequence, and keep their order; bits of addresses and
   floats do not. */
uint32_t ebb_lua_key_hash(ebb_key key) {
  if (key.data == NULL) return ebb_hash_fold(ebb_hash_int(key.bits));
  if (is_marked(key)) return ebb_hash_fold(ebb_hash_bits(key.bits));
  return ebb_hash_fold(ebb_hash_bytes(key.data, key.bits));
}

/* Marks are addresses of bytes of ours, so no key of a string has one: the two
   kinds cannot be mistaken, whatever the bits are. */
int ebb_lua_key_equal(void *ctx, ebb_key a, ebb_key b) {
  (void)ctx;
  if (a.bits != b.bits) return 0;
  if (a.data == b.data) return 1;
  return !is_marked(a) && !is_marked(b) && memcmp(a.data, b.data, a.bits) == 0;
}

/* Strings and objects, and what a map with a hasher has: all but the marks of
   plain values, which come first. */
bool ebb_lua_key_is_anchored(ebb_key key) {
  const char *p = key.data;
  return p != NULL && (p < marks || p > &marks[LIGHT]);
}

/* The reverse of ebb_lua_key, where the value is in the bits. */
bool ebb_lua_key_push(lua_State *L, ebb_key key) {
  const char *p = key.data;
  lua_Number n = 0;
  if (p == NULL) {
    lua_pushinteger(L, (lua_Integer)key.bits);
  } else if (p == &marks[FLOAT]) {
    memcpy(&n, &key.bits, sizeof n);
    lua_pushnumber(L, n);
  } else if (p == &marks[BOOLEAN]) {
    lua_pushboolean(L, (int)key.bits);
  } else if (p == &marks[LIGHT]) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)key.bits);
  } else {
    return false;
  }
  return true;
}

/* Numbers stay as they are: lua_concat and luaL_Buffer take them for text. */
void ebb_lua_key_to_text(lua_State *L) {
  int type = lua_type(L, -1);
  if (type == LUA_TNIL || lua_isstring(L, -1)) return;
  if (type == LUA_TBOOLEAN)
    lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
  else
    lua_pushfstring(L, "%s: %p", lua_typename(L, type), lua_topointer(L, -1));
  lua_remove(L, -2);
}

/* An anchored value is in the store under the place of the task's thread: no
   two tasks share a place, and a place is found without hashing. */
void ebb_lua_key_push_task(lua_State *L, ebb_lua *el, const ebb_task *t) {
  const ebb_lua_task *lt = (const ebb_lua_task *)t;
  luaL_checkstack(L, 4, NULL);
  if (!ebb_lua_is_task(t) || lt->el != el || !lt->keyed || t->group == NULL) {
    lua_pushnil(L);
    return;
  }
  if (ebb_lua_key_push(L, ebb_table_key(&t->group->members, t->group_slot)))
    return;
  lua_rawgeti(el->store, STORE_KEYS, lt->place);
  lua_xmove(el->store, L, 1);
}

void ebb_lua_key_push_task_text(lua_State *L, ebb_lua *el, const ebb_task *t) {
  ebb_lua_key_push_task(L, el, t);
  if (lua_isnil(L, -1)) return;
  bool quoted = lua_type(L, -1) == LUA_TSTRING;
  lua_pushstring(L, quoted ? "\"" : "");
  luaL_tolstring(L, -2, NULL);
  lua_pushstring(L, quoted ? "\"" : "");
  lua_concat(L, 3);
  lua_replace(L, -2);
}
