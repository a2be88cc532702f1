/* SPDX-License-Identifier: MIT
   The binding's state, found in the registry. Its userdata is made first, with
   store and helper threads; classes and runtime come from module.c, and only
   when all is there the registry gets to know of it. */
#include "lua/state/state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "lua/state/args.h"
#include "lua/state/compat.h"
#include "lua/state/error.h"
#include "lua/state/slot.h"

/* Its address is the key: no other library can have it. */
static const char registry_key;

void ebb_lua_state_refuse(lua_State *L) {
  luaL_error(L, "the Lua state is being closed");
  abort(); /* luaL_error does not return, but its type does not say so */
}

/* Threads of the state share the registry: any of them will do. NULL, too,
   while the state is being made: an error then leaves garbage alone. */
ebb_lua *ebb_lua_state_find(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  ebb_lua *el = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return el;
}

/* ---- making it ---- */

/* Weak tables hold what others keep alive: an entry goes with its object. */
static void push_weak_table(lua_State *L, const char *mode) {
  assert(mode[0] == 'k' || mode[0] == 'v');
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushstring(L, mode);
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

/* Fills the store with the userdata at the top of L's stack, which stays
   there, and with empty tables. The room for what is pushed later, a value at a
   time, is made here too: on the store nothing may fail afterwards. */
static void fill_store(lua_State *L, ebb_lua *el) {
  assert(lua_isuserdata(L, -1) && lua_gettop(el->store) == 0);
  if (!lua_checkstack(el->store, STORE_META_FIRST + CLASS_COUNT + 20))
    ebb_lua_error_raise(L, -ENOMEM);
  lua_pushvalue(L, -1);                               /* STORE_STATE */
  lua_pushnil(L);                                     /* STORE_SENTINEL */
  lua_newtable(L);                                    /* STORE_DETAILS */
  push_weak_table(L, "k");                            /* STORE_EXPOSED */
  lua_newtable(L);                                    /* STORE_ANCHORS */
  lua_newtable(L);                                    /* STORE_KEYS */
  lua_pushnil(L);                                     /* STORE_UNHANDLED */
  if (luaL_loadstring(L, "") != LUA_OK) lua_error(L); /* STORE_NOOP */
  lua_pushnil(L);                                     /* STORE_EXIT */
  lua_newtable(L);                                    /* STORE_NAMES */
  push_weak_table(L, "v");                            /* STORE_TASK_VARS */
  lua_newtable(L);                                    /* STORE_MODULES */
  push_weak_table(L, "v");                            /* STORE_OBJECTS */
  lua_newtable(L);                                    /* STORE_RAISED */
  push_weak_table(L, "v");                            /* STORE_HANDED */
  lua_newtable(L);                                    /* STORE_LINKS */
  for (int i = 0; i < CLASS_COUNT; i++) lua_newtable(L);
  lua_xmove(L, el->store, STORE_META_FIRST - 1 + CLASS_COUNT);
  assert(lua_gettop(el->store) == STORE_META_FIRST - 1 + CLASS_COUNT);
  for (int i = 0; i < CLASS_COUNT; i++)
    el->metatables[i] = lua_topointer(el->store, STORE_META_FIRST + i);
}

/* The state's helper threads are user values of its userdata, which the
   registry keeps. */
static lua_State *new_helper(lua_State *L, int uservalue) {
  assert(lua_isuserdata(L, -1));
  lua_State *helper = lua_newthread(L);
  lua_setiuservalue(L, -2, uservalue);
  return helper;
}

/* The module may have been built for another release than runs it. A Lua that
   does not show its release is taken for the one of the build. */
#pragma weak lua_ident
static void check_release(lua_State *L) {
  luaL_checkversion(L);
  if (lua_ident == NULL) return;
  int release = ebb_lua_release_of(lua_ident);
  if (release != 0 && release < EBB_LUA_OLDEST)
    luaL_error(L, "ebb needs Lua 5.4.4 or later, not this %s.%d", LUA_VERSION,
               release % 100);
}

/* The userdata has no metatable yet: until it gets one, an error leaves nothing
   to finalize. */
ebb_lua *ebb_lua_state_new(lua_State *L, ebb_runtime *rt, unsigned parts) {
  assert(ebb_lua_state_find(L) == NULL);
  check_release(L);
  /* fill_store makes all of them here, before it moves them at once. */
  luaL_checkstack(L, STORE_META_FIRST + CLASS_COUNT + LUA_MINSTACK, NULL);
  ebb_lua *el = lua_newuserdatauv(L, sizeof *el, 2);
  *el = (ebb_lua){.rt = rt,
                  .owns_runtime = rt == NULL,
                  .parts = parts,
                  .shutdown_timeout = EBB_LUA_SHUTDOWN_TIMEOUT};
  ebb_list_init(&el->when_empty);
  ebb_list_init(&el->maps);
  ebb_list_init(&el->scopes);
  ebb_list_init(&el->local_sets);
  ebb_list_init(&el->loads);
  el->store = new_helper(L, 1);
  el->aux = new_helper(L, 2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  el->main = lua_tothread(L, -1);
  lua_pop(L, 1);
  assert(el->main != NULL && el->store != el->aux);
  fill_store(L, el);
  return el;
}

/* The registry keeps the userdata to the end of the Lua state, and its
   finalizer comes last: see close.c. */
void ebb_lua_state_register(lua_State *L) {
  assert(lua_isuserdata(L, -1));
  assert(((ebb_lua *)lua_touserdata(L, -1))->rt != NULL);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
}
