/* SPDX-License-Identifier: MIT
   References to Lua states, which other states may have; and Handles, which are
   one each. */
#ifndef EBB_LUA_REMOTE_STATE_REF_H
#define EBB_LUA_REMOTE_STATE_REF_H

#include "core/loop/mailbox.h"
#include "lua/state/state.h"

/* Counted. `el` is touched on the thread of its runtime only. */
typedef struct ebb_lua_state_ref {
  atomic_uint refs;
  ebb_handle *handle; /* of the runtime; a reference */
  ebb_lua *el;        /* NULL once the state is closed */
} ebb_lua_state_ref;

/* The ref of a state, made if there is none; the reference remains the
   state's. NULL, and the errno in *err. */
ebb_lua_state_ref *ebb_lua_state_ref_get(ebb_lua *el, int *err);

ebb_lua_state_ref *ebb_lua_state_ref_retain(ebb_lua_state_ref *ref);
void ebb_lua_state_ref_release(ebb_lua_state_ref *ref);

/* A reference that another state may have, too. One from outside of the ref's
   own state is external: while there is one, no wait of its runtime is a
   deadlock. */
typedef struct ebb_lua_state_link {
  ebb_lua_state_ref *ref; /* NULL: none */
  bool external;
} ebb_lua_state_link;

/* A reference of the state `el`, and of what it sends: while that is under way
   the sender's runtime knows of it without being told. */
ebb_lua_state_link ebb_lua_state_ref_refer(const ebb_lua *el,
                                           ebb_lua_state_ref *ref);

/* Lets go of it, if there is one. On any thread. */
void ebb_lua_state_ref_forget(ebb_lua_state_link *link);

/* The state is being closed. */
void ebb_lua_state_ref_close(ebb_lua *el);

/* The ref of the Handle at `arg`, or NULL. */
ebb_lua_state_ref *ebb_lua_state_ref_of_handle(lua_State *L, int arg);

/* The ref of the Handle at `arg`, which must be one. */
ebb_lua_state_ref *ebb_lua_state_ref_check_handle(lua_State *L, ebb_lua *el,
                                                  int arg);

/* Pushes a Handle. Raises errors. */
void ebb_lua_state_ref_push_handle(lua_State *L, ebb_lua_state_ref *ref);

/* The userdata of a Handle. */
typedef struct ebb_lua_handle {
  ebb_lua_state_link to; /* none once it is collected */
} ebb_lua_handle;

#endif
