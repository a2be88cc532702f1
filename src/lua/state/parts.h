/* SPDX-License-Identifier: MIT
   The functions that fill the module table, each at the top of the stack. */
#ifndef EBB_LUA_STATE_PARTS_H
#define EBB_LUA_STATE_PARTS_H

#include "lua/state/state.h"

void ebb_lua_builder_open(lua_State *L, ebb_lua *el);
void ebb_lua_handle_open(lua_State *L, ebb_lua *el);
void ebb_lua_inspect_open(lua_State *L, ebb_lua *el);
void ebb_lua_join_error_open(lua_State *L, ebb_lua *el);
void ebb_lua_coop_open(lua_State *L, ebb_lua *el);
void ebb_lua_join_map_open(lua_State *L, ebb_lua *el);
void ebb_lua_join_set_open(lua_State *L, ebb_lua *el);
void ebb_lua_local_set_open(lua_State *L, ebb_lua *el);
void ebb_lua_net_io_open(lua_State *L, ebb_lua *el);
void ebb_lua_net_io_select_open(lua_State *L, ebb_lua *el);
void ebb_lua_net_open(lua_State *L, ebb_lua *el);
void ebb_lua_runtime_open(lua_State *L, ebb_lua *el);
void ebb_lua_select_open(lua_State *L, ebb_lua *el);
void ebb_lua_sync_open(lua_State *L, ebb_lua *el);
void ebb_lua_task_local_open(lua_State *L, ebb_lua *el);
void ebb_lua_time_open(lua_State *L, ebb_lua *el);
void ebb_lua_unconstrained_open(lua_State *L, ebb_lua *el);

#endif
