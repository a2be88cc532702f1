/* SPDX-License-Identifier: MIT
   The few tables that the binding needs, out of the registry's way.

   They lie on the stack of `store`, a Lua thread on which nothing ever runs:
   they are read and written there, or pushed to the caller's stack, by index.
   On `store` only calls that cannot raise an error are made: reading, and
   writing into a place that exists. */
#ifndef EBB_LUA_STATE_SLOT_H
#define EBB_LUA_STATE_SLOT_H

#include "lua/state/state.h"

/* Places on the stack of `store`. */
enum {
  STORE_STATE = 1,  /* the userdata that is this ebb_lua */
  STORE_SENTINEL,   /* see close.c */
  STORE_DETAILS,    /* task id -> abort reason, or trace of a panic */
  STORE_EXPOSED,    /* weak keys: a thread that scripts know -> its shadow */
  STORE_ANCHORS,    /* the threads of all tasks, by their places */
  STORE_KEYS,       /* keys that the collector would free, by the place of the
                       task under them in a map */
  STORE_UNHANDLED,  /* the function of set_unhandled, or nil */
  STORE_NOOP,       /* a Lua function that does nothing, for pending hooks */
  STORE_EXIT,       /* the os.exit that was there before ours */
  STORE_NAMES,      /* task id -> name */
  STORE_TASK_VARS,  /* weak: a coroutine's address -> see task_vars.c */
  STORE_MODULES,    /* table of the standard library or of ebb -> its name */
  STORE_OBJECTS,    /* weak: what is in the engine's memory -> its object */
  STORE_RAISED,     /* task id -> what its body raised, while its clean-up
                       runs */
  STORE_HANDED,     /* weak: task id -> see panic.c */
  STORE_LINKS,      /* task id -> see panic.c */
  STORE_META_FIRST, /* metatables, in the order of class.h */
};

/* Pushes what is at a place of the store. */
static inline void ebb_lua_slot_push(lua_State *L, ebb_lua *el, int place) {
  lua_pushvalue(el->store, place);
  lua_xmove(el->store, L, 1);
}

/* Pops a value into a place of the store. */
static inline void ebb_lua_slot_set(lua_State *L, ebb_lua *el, int place) {
  lua_xmove(L, el->store, 1);
  lua_replace(el->store, place);
}

#endif
