/* SPDX-License-Identifier: MIT
   What a task came to: its results, or its JoinError. */
#ifndef EBB_LUA_TASK_JOIN_ERROR_H
#define EBB_LUA_TASK_JOIN_ERROR_H

#include "lua/state/class.h"
#include "lua/task/task.h"

/* Pushes `true, values...` or `false, JoinError` and returns how many. The
   task must have finished; it keeps what it has. Raises errors. */
int ebb_lua_join_error_push_result(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Turns that into the values alone: returns how many of `count` are left, or
   raises what the task has raised; a JoinError if it was cancelled. */
int ebb_lua_join_error_unwrap_result(lua_State *L, ebb_lua *el,
                                     ebb_lua_task *lt, int count);

/* Pushes a task's JoinError, the same one each time. Raises errors. */
void ebb_lua_join_error_push(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Pushes a JoinError of a task in a map that no other caller will ask; false,
   with nothing pushed, when the map has changed meanwhile. Raises errors. */
bool ebb_lua_join_error_push_last(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Reports a panic that was not seen, and cannot be seen any more. Runs Lua
   code, which cannot wait. */
void ebb_lua_join_error_report_unhandled(ebb_lua_task *lt);

static inline bool ebb_lua_join_error_is_unhandled(const ebb_lua_task *lt) {
  const ebb_task *t = &lt->task;
  return t->state == EBB_FINISHED && t->outcome == EBB_PANICKED && !lt->seen &&
         lt->handles == 0 && t->group == NULL;
}

/* Reports a task that has panicked if it has not been joined and cannot be any
   more: it has no JoinHandle and is in no collection. Called when it
   finishes, and when it loses one of those. Runs Lua code, which cannot
   wait. */
static inline void ebb_lua_join_error_check_unhandled(ebb_lua_task *lt) {
  if (ebb_lua_join_error_is_unhandled(lt))
    ebb_lua_join_error_report_unhandled(lt);
}

typedef struct ebb_lua_join_error {
  lua_Integer id;
  ebb_outcome outcome;
} ebb_lua_join_error;

/* User values of a JoinError. */
enum {
  UV_VALUE = 1, /* raised value, or reason */
  UV_TRACE
};

static inline bool ebb_lua_join_error_is_panic(lua_State *L, ebb_lua *el,
                                               int arg) {
  const ebb_lua_join_error *e = ebb_lua_class_is(L, el, arg, CLASS_JOIN_ERROR);
  return e != NULL && e->outcome == EBB_PANICKED;
}

/* Pushes the trace of the JoinError at `arg` false: it is no JoinError of a
   panic. */
static inline bool ebb_lua_join_error_push_trace(lua_State *L, ebb_lua *el,
                                                 int arg) {
  if (!ebb_lua_join_error_is_panic(L, el, arg)) return false;
  lua_getiuservalue(L, arg, UV_TRACE);
  return true;
}

#endif
