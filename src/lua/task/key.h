/* SPDX-License-Identifier: MIT
   Lua values as keys of the engine's maps. */
#ifndef EBB_LUA_TASK_KEY_H
#define EBB_LUA_TASK_KEY_H

#include "core/spawn/join_map.h"
#include "lua/state/state.h"

/* The engine's key for the Lua value at `arg`; nil and NaN are argument
   errors. *anchored tells whether the value must be kept from the collector
   while the key is in use. */
ebb_key ebb_lua_key(lua_State *L, int arg, bool *anchored);

uint32_t ebb_lua_key_hash(ebb_key key);
int ebb_lua_key_equal(void *ctx, ebb_key a, ebb_key b);

/* Must the key's value be kept from the collector? */
bool ebb_lua_key_is_anchored(ebb_key key);

/* Pushes the value of a key that is not anchored; false when it is. */
bool ebb_lua_key_push(lua_State *L, ebb_key key);

/* The key of a map whose hasher is in Lua: a task's key by its place among
   the anchors, 0 for the key that is looked for. */
ebb_key ebb_lua_key_by_place(int place);

/* Pops a key and pushes it as text, or nil. An object is not asked how it is
   shown, since it could do anything. Raises errors. */
void ebb_lua_key_to_text(lua_State *L);

/* Pushes the key of a task in a JoinMap, nil if it has none; and as text for
   people, the string in quotes. */
void ebb_lua_key_push_task(lua_State *L, ebb_lua *el, const ebb_task *t);
void ebb_lua_key_push_task_text(lua_State *L, ebb_lua *el, const ebb_task *t);

#endif
