/* SPDX-License-Identifier: MIT
   Which Lua runs the module. */
#include "lua/state/compat.h"
#include "test.h"

TEST(the_release_is_read_from_the_interpreters_own_text) {
  CHECK(ebb_lua_release_of("$LuaVersion: Lua 5.4.3  Copyright (C) $") == 50403);
  CHECK(ebb_lua_release_of("$LuaVersion: Lua 5.4.12  Copyright") == 50412);
  CHECK(ebb_lua_release_of(lua_ident) / 100 == LUA_VERSION_NUM);
}

TEST(a_text_without_a_release_names_none) {
  CHECK(ebb_lua_release_of("") == 0);
  CHECK(ebb_lua_release_of("$Lua: a fork of mine $") == 0);
}
