/* SPDX-License-Identifier: MIT
   What a state lets code have that it sends to another thread: a state there
   is made to this measure, so that no script gets by way of a thread what its
   own state does not have. */
#ifndef EBB_LUA_REMOTE_GRANT_H
#define EBB_LUA_REMOTE_GRANT_H

#include "lua/state/state.h"

/* A value that travels with the job: the other thread must not look into the
   sender's state. It is taken when the work is sent, so that a library which
   the script has taken out of package.loaded by then is not granted. */
typedef struct ebb_lua_grant {
  unsigned parts; /* of `ebb` */
  ebb_lua_open_fn *open;
  unsigned libraries; /* of Lua, a bit each */
  ebb_alloc alloc;    /* for the state; its function NULL: malloc's */
} ebb_lua_grant;

/* Notes the tables of the libraries that the state has, once: scripts may put
   others in package.loaded later. Raises errors. */
void ebb_lua_grant_note_libraries(lua_State *L, ebb_lua *el);

/* Raises an error when the state may have no work done on other threads. */
ebb_lua_grant ebb_lua_grant_get(lua_State *L, ebb_lua *el);

/* What was granted to a state that ebb_lua_grant_state has made. */
bool ebb_lua_grant_has(ebb_lua *el, const ebb_lua_grant *g);

/* Makes a state, with `ebb` opened and a runtime of its own. NULL: no memory.
   */
lua_State *ebb_lua_grant_state(const ebb_lua_grant *g);

/* Puts functions of ours in the place of os.execute and io.popen, where they
   are. Raises errors. shell.c. */
void ebb_lua_shell_replace(lua_State *L);

#endif
