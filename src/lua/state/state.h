/* SPDX-License-Identifier: MIT
   What the binding keeps for one Lua state. Every function of the module has
   the state's ebb_lua as its first upvalue. */
#ifndef EBB_LUA_STATE_STATE_H
#define EBB_LUA_STATE_STATE_H

#include "core/loop/scheduler.h"
#include "core/loop/wait.h"
#include "lua/state/class.h"
#include "lua/state/compat.h"

/* `text` tells which task or work it is, and what it does. */
typedef void ebb_stuck_fn(void *ctx, const char *text);

/* Pushes the module in a state, and makes its ebb_lua with these parts if there
   is none. Raises errors. */
typedef void ebb_lua_open_fn(lua_State *L, unsigned parts);

/* A finished thread to use again, and its place among the anchors. */
typedef struct ebb_lua_idle {
  lua_State *L;
  int place;
} ebb_lua_idle;

/* What a state has for its end at first, ns. */
#define EBB_LUA_SHUTDOWN_TIMEOUT INT64_C(5000000000)

/* A Lua state has one ebb_lua, in a userdata, from when the module is opened to
   the end of the Lua state. What must hold:
   - `rt` is NULL until the runtime is made, and again once the state is closed:
     what needs it enters by ebb_lua_state_checked.
   - `main` is kept by Lua itself; `store` and `aux` are user values of the
     userdata. No code runs on `store`. On `aux` protected calls run, in which
     nothing may wait; each user pops what it has pushed.
   - A place among the anchors, 1 to `places`, holds a thread or the number of
     the next free place. Threads in `idle` have places, and no task.
   - The end has begun when `end_by` is not 0. `refusing` comes only while
     `closing`.
   - What is in `maps`, `scopes`, `local_sets` and `loads` lies in the engine's
     memory, and may outlast its object, whose finalizer takes it out; what is
     left at the end of the state, state_gc frees. */
struct ebb_lua {
  ebb_runtime *rt; /* NULL once the state is closed */
  lua_State *main;
  lua_State *store;
  lua_State *aux; /* for protected calls that have no caller of their own */
  ebb_lua_idle *idle;
  int idle_count, idle_size;
  int places;     /* in STORE_ANCHORS */
  int free_place; /* the first, 0: none; see thread.c */
  bool owns_runtime;
  unsigned parts;        /* of the module: EBB_LUA_TASKS... */
  ebb_lua_open_fn *open; /* the module, in other states */
  unsigned libraries; /* those of Lua, see grant.h; 0 until `ebb` is opened */
  bool closing;       /* the end has begun, see close.c */
  bool refusing;      /* a task is aborted as it is started */
  int rounds;         /* in which all tasks have been aborted */
  uint32_t deadlock_turn; /* of the root: see is_deadlock in wait.c */
  const char *no_wait;    /* not NULL: where waiting is refused just now */
  const void *sentinel;
  struct ebb_lua_state_ref *ref; /* see handle.h; NULL until it is asked for */
  struct ebb_lua_state_ref
      *requester;           /* not NULL: the state is a pool thread's, and
                                    works for this one */
  bool has_external;        /* there may be Handles of other states */
  int64_t shutdown_timeout; /* ns that the end may take */
  int64_t end_by;           /* on the system's clock; 0: it has not begun */
  ebb_stuck_fn *stuck;      /* told of what outlasts it */
  void *stuck_ctx;
  uint32_t unconstrained; /* calls of it in generators */
  uint32_t resting;       /* calls of run_until in generators */
  unsigned wants;         /* in a row, of memory to close a thread in */
  ebb_list when_empty;    /* while closing: waits for a task to finish */
  uint32_t ended;         /* and how many have */
  ebb_list maps;          /* every JoinMap that has not been finalized */
  ebb_list scopes;     /* every scope that has not been closed or finalized */
  ebb_list local_sets; /* every LocalSet, likewise */
  ebb_list loads;      /* of modules, under way: see require.c */
  const void *metatables[CLASS_COUNT]; /* to tell the classes apart */
};

static inline ebb_lua *ebb_lua_state_raw(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

_Noreturn void ebb_lua_state_refuse(lua_State *L);

/* As ebb_lua_state_raw; an error when the state is being closed and the runtime
   is gone. */
static inline ebb_lua *ebb_lua_state_checked(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  if (el->rt == NULL) ebb_lua_state_refuse(L);
  return el;
}

/* The ebb_lua of a state; NULL when there is none. */
ebb_lua *ebb_lua_state_find(lua_State *L);

/* A new one, without classes, for a runtime or, if that is NULL, for one of its
   own to come; pushes its userdata. Raises errors. */
ebb_lua *ebb_lua_state_new(lua_State *L, ebb_runtime *rt, unsigned parts);

/* The userdata at the top is found from here on. Raises errors. */
void ebb_lua_state_register(lua_State *L);

#endif
