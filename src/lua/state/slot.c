/* SPDX-License-Identifier: MIT */
#include "lua/state/slot.h"

void ebb_lua_slot_push(lua_State *L, ebb_lua *el, int place) {
  lua_pushvalue(el->store, place);
  lua_xmove(el->store, L, 1);
}

void ebb_lua_slot_set(lua_State *L, ebb_lua *el, int place) {
  lua_xmove(L, el->store, 1);
  lua_replace(el->store, place);
}
