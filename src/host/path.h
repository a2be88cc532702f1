/* SPDX-License-Identifier: MIT */
#ifndef EBB_HOST_PATH_H
#define EBB_HOST_PATH_H

#include <lua.h>

/* Lets `require` find what of ebb is written in Lua, wherever the host is and
   is started from. Does nothing when the system does not say where it is. */
void path_add(lua_State *L);

#endif
