/* SPDX-License-Identifier: MIT
   Interval, for its maker. */
#ifndef EBB_LUA_TIME_INTERVAL_H
#define EBB_LUA_TIME_INTERVAL_H

#include "lua/state/state.h"

/* Pushes an Interval. */
void ebb_lua_interval_new(lua_State *L, ebb_lua *el, int64_t period);

#endif
