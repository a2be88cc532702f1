/* SPDX-License-Identifier: MIT
   What a task came to: its results, or a JoinError (Tokio: JoinError). */
#include "lua/task/join_error.h"

#include <assert.h>
#include <errno.h>

#include "core/spawn/join_set.h"
#include "lua/state/args.h"
#include "lua/state/error.h"
#include "lua/state/parts.h"
#include "lua/state/slot.h"
#include "lua/task/detail.h"
#include "lua/task/message.h"
#include "lua/task/panic.h"
#include "lua/task/task.h"

/* ---- from the task ---- */

/* A cancelled task without a reason needs no user values. */
static int uservalues_for(const ebb_lua_task *lt) {
  return lt->task.outcome == EBB_PANICKED ? 2 : lt->detailed;
}

/* Fills the new JoinError at the top of the stack. Cannot fail. */
static void fill_error(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  ebb_lua_join_error *e = lua_touserdata(L, -1);
  assert(e != NULL && lt->task.outcome != EBB_COMPLETED);
  bool panicked = lt->task.outcome == EBB_PANICKED;
  e->id = (lua_Integer)lt->task.id;
  e->outcome = (ebb_outcome)lt->task.outcome;
  if (panicked) {
    ebb_lua_detail_push_panic(L, lt);
    lua_setiuservalue(L, -2, UV_VALUE);
  }
  if (lt->detailed) {
    ebb_lua_detail_push(L, el, lt);
    lua_setiuservalue(L, -2, panicked ? UV_TRACE : UV_VALUE);
  }
}

/* Pushes it, unless it has to be made. The reference that is kept stays where
   it is, since every caller gets the same object. */
static bool push_made_error(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  assert(!lt->has_error || lt->task.state == EBB_FINISHED);
  assert(!lt->foretold || lt->detailed);
  if (lt->has_error) {
    lua_pushvalue(lt->L, -1);
    lua_xmove(lt->L, L, 1);
  } else if (lt->foretold) {
    ebb_lua_detail_push(L, el, lt);
  }
  return lt->has_error || lt->foretold;
}

/* Made when it is first asked for: most cancelled tasks are never asked. All
   callers get the same object, so that what one finds in it the others do (R6).
   It is kept on top of the task's thread, above the value it was made of. */
void ebb_lua_join_error_push(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  luaL_checkstack(L, 4, NULL);
  if (push_made_error(L, el, lt)) return;
  ebb_lua_class_new(L, el, CLASS_JOIN_ERROR, sizeof(ebb_lua_join_error),
                    uservalues_for(lt));
  fill_error(L, el, lt);
  lua_pushvalue(L, -1);
  lua_xmove(L, lt->L, 1);
  lt->has_error = true;
}

/* Making the object may run a finalizer, which may take the task away. When
   anything has changed the caller looks again. */
bool ebb_lua_join_error_push_last(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  assert(lt->task.state == EBB_FINISHED && lt->task.group != NULL);
  const ebb_table *members = &lt->task.group->members;
  uint32_t version = members->version;
  if (push_made_error(L, el, lt)) return true;
  ebb_lua_class_new(L, el, CLASS_JOIN_ERROR, sizeof(ebb_lua_join_error),
                    uservalues_for(lt));
  if (members->version == version) {
    fill_error(L, el, lt);
    return true;
  }
  lua_pop(L, 1);
  return false;
}

/* Results are copied: they stay on the task's thread, for the next caller (R6).
   Room comes first on both stacks, so that nothing fails once values move. */
int ebb_lua_join_error_push_result(lua_State *L, ebb_lua *el,
                                   ebb_lua_task *lt) {
  bool completed = lt->task.outcome == EBB_COMPLETED;
  assert(lt->task.state == EBB_FINISHED);
  luaL_checkstack(L, lt->count + 2, "too many results");
  lua_pushboolean(L, completed);
  if (!completed) {
    ebb_lua_join_error_push(L, el, lt);
  } else {
    if (!lua_checkstack(lt->L, lt->count)) ebb_lua_error_raise(L, -ENOMEM);
    for (int i = 1; i <= lt->count; i++) lua_pushvalue(lt->L, i);
    lua_xmove(lt->L, L, lt->count);
  }
  lt->seen = true;
  return completed ? 1 + lt->count : 2;
}

/* A panic is raised as the very value that the task raised, with its trace
   handed over, so that the next traceback shows where it came from. */
int ebb_lua_join_error_unwrap_result(lua_State *L, ebb_lua *el,
                                     ebb_lua_task *lt, int count) {
  if (lt->task.outcome == EBB_COMPLETED) return count - 1;
  if (lt->task.outcome == EBB_PANICKED) ebb_lua_panic_push_handed(L, el, lt);
  ebb_lua_message_throw(L, el);
}

/* A task that is being cancelled will end with this one, unless a variable
   raises an error. */
static void foretell_error(lua_State *L, ebb_lua *el, ebb_lua_task *lt) {
  assert(lt->task.state == EBB_RUNNING && (lt->cancelling || lt->cut));
  if (push_made_error(L, el, lt)) return;
  ebb_task_set_outcome(&lt->task, EBB_CANCELLED);
  ebb_lua_class_new(L, el, CLASS_JOIN_ERROR, sizeof(ebb_lua_join_error),
                    uservalues_for(lt));
  fill_error(L, el, lt);
  lua_pushvalue(L, -1);
  ebb_lua_detail_keep_foretold(L, el, lt);
}

/* stack: -> JoinError or nil. A C function whose wait was cut off may raise an
   error, which closes variables before the task gets to its end. */
static int cancelled(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 0);
  ebb_lua_task *lt = ebb_lua_current(el);
  if (lt != NULL && lt->el == el && (lt->cancelling || lt->cut))
    foretell_error(L, el, lt);
  else
    lua_pushnil(L);
  return 1;
}

/* ---- the class ---- */

static ebb_lua_join_error *check_error(lua_State *L) {
  return ebb_lua_class_check_self(L, ebb_lua_state_raw(L), CLASS_JOIN_ERROR, 1);
}

/* Methods need no runtime: all that a JoinError tells is in the object, and
   stays when its task, and the state's runtime, are gone. */
static int is_cancelled(lua_State *L) {
  lua_pushboolean(L, check_error(L)->outcome == EBB_CANCELLED);
  return 1;
}

static int is_panic(lua_State *L) {
  lua_pushboolean(L, check_error(L)->outcome == EBB_PANICKED);
  return 1;
}

/* The caller may raise it again: so the running task is handed its trace,
   unless the state is closed, when there is no task. */
static void push_value(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  lua_getiuservalue(L, 1, UV_VALUE);
  lua_getiuservalue(L, 1, UV_TRACE);
  if (el->rt != NULL)
    ebb_lua_panic_hand_over(L, el);
  else
    lua_pop(L, 1);
}

/* To ask a cancelled task for its panic is misuse, so it is an error; a caller
   that does not know asks try_into_panic. */
static int into_panic(lua_State *L) {
  ebb_lua_join_error *e = check_error(L);
  if (e->outcome != EBB_PANICKED)
    return luaL_error(L, "task %I was cancelled, it did not panic", e->id);
  push_value(L);
  return 1;
}

static int try_into_panic(lua_State *L) {
  bool panicked = check_error(L)->outcome == EBB_PANICKED;
  lua_pushboolean(L, panicked);
  if (panicked)
    push_value(L);
  else
    lua_pushvalue(L, 1);
  return 2;
}

static int error_id(lua_State *L) {
  lua_pushinteger(L, check_error(L)->id);
  return 1;
}

/* The same place of a panic holds the raised value, which is no reason. */
static int reason(lua_State *L) {
  if (check_error(L)->outcome == EBB_CANCELLED)
    lua_getiuservalue(L, 1, UV_VALUE);
  else
    lua_pushnil(L);
  return 1;
}

/* Made into text here: most traces are never read. Of a cancelled task there is
   none, and the text of that is nil. */
static int traceback(lua_State *L) {
  check_error(L);
  lua_getiuservalue(L, 1, UV_TRACE);
  ebb_lua_panic_trace_to_text(L);
  return 1;
}

/* As Tokio: the message is shown when it is text. A table that says how it
   is shown as text counts as such in Lua. Of a task that has raised another's
   JoinError it is that other's. */
static int error_tostring(lua_State *L) {
  const ebb_lua_join_error *e = check_error(L);
  lua_settop(L, 1);
  if (e->outcome == EBB_CANCELLED) {
    lua_pushfstring(L, "task %I was cancelled", e->id);
    return 1;
  }
  lua_pushfstring(L, "task %I panicked", e->id);
  lua_pushliteral(L, " with message \"");
  lua_getiuservalue(L, 1, UV_VALUE);
  while (ebb_lua_join_error_is_panic(L, ebb_lua_state_raw(L), 4)) {
    lua_getiuservalue(L, 4, UV_VALUE);
    lua_replace(L, 4);
  }
  if (!ebb_lua_message_push_text(L, 4)) {
    lua_settop(L, 2);
    return 1;
  }
  lua_replace(L, 4);
  lua_pushliteral(L, "\"");
  lua_concat(L, 4);
  return 1;
}

void ebb_lua_join_error_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"id", error_id},
                                     {"into_panic", into_panic},
                                     {"is_cancelled", is_cancelled},
                                     {"is_panic", is_panic},
                                     {"reason", reason},
                                     {"traceback", traceback},
                                     {"try_into_panic", try_into_panic},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", error_tostring}, {NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_JOIN_ERROR, methods, meta);
}

/* ---- panics that cannot be seen any more ---- */

/* Writes the text at `arg`, zeros and all. */
static void write_text(lua_State *L, const char *before, int arg) {
  size_t size;
  const char *text = lua_tolstring(L, arg, &size);
  fputs(before, stderr);
  fwrite(text, 1, size, stderr);
  fputc('\n', stderr);
  fflush(stderr);
}

/* stack: task -> . On stderr, where a script's own messages go: the text of the
   JoinError, the name, and the traceback of the task. */
static int report(lua_State *L) {
  assert(lua_gettop(L) == 1);
  ebb_lua_task *lt = lua_touserdata(L, 1);
  ebb_lua *el = lt->el;
  ebb_lua_detail_push_name(L, el, &lt->task);
  ebb_lua_join_error_push(L, el, lt);
  lua_getiuservalue(L, 3, UV_TRACE);
  ebb_lua_panic_trace_to_text(L);
  luaL_tolstring(L, 3, NULL);
  write_text(L, "ebb: ", 5);
  if (lua_isstring(L, 2)) write_text(L, "  name: ", 2);
  if (lua_isstring(L, 4)) write_text(L, "", 4);
  return 0;
}

/* stack: task -> . The JoinError is made here, in a protected call, since there
   may be no memory for it. */
static int call_handler(lua_State *L) {
  ebb_lua_task *lt = lua_touserdata(L, 1);
  ebb_lua *el = lt->el;
  ebb_lua_slot_push(L, el, STORE_UNHANDLED);
  assert(lua_gettop(L) == 2 && lua_isfunction(L, 2));
  ebb_lua_join_error_push(L, el, lt);
  lua_call(L, 1, 0);
  return 0;
}

/* False when it failed, which is told: an error must not pass on into the
   scheduler, nor be swallowed. */
static bool call_with(ebb_lua_task *lt, lua_CFunction f) {
  lua_State *aux = lt->el->aux;
  lua_pushcfunction(aux, f);
  lua_pushlightuserdata(aux, lt);
  if (lua_pcall(aux, 1, 0, 0) == LUA_OK) return true;
  if (!lua_isstring(aux, -1)) {
    lua_pop(aux, 1);
    lua_pushliteral(aux, "(no message)");
  }
  write_text(aux, "ebb: cannot report a panic: ", -1);
  lua_pop(aux, 1);
  return false;
}

/* `seen` first: the handler may do anything, and is called once. It must
   not wait: it may run in the scheduler or in a finalizer. Where it fails, the
   panic itself is still told on stderr. */
void ebb_lua_join_error_report_unhandled(ebb_lua_task *lt) {
  assert(lt->task.outcome == EBB_PANICKED && !lt->seen);
  lt->seen = true;
  ebb_lua *el = lt->el;
  const char *outer = el->no_wait;
  el->no_wait = "the function of set_unhandled";
  bool own = !lua_isnil(el->store, STORE_UNHANDLED);
  if (!own || !call_with(lt, call_handler)) (void)call_with(lt, report);
  el->no_wait = outer;
}

/* stack: function or nil -> the one before */
static int set_unhandled(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  ebb_lua_slot_push(L, el, STORE_UNHANDLED);
  lua_insert(L, 1);
  ebb_lua_slot_set(L, el, STORE_UNHANDLED);
  return 1;
}

void ebb_lua_join_error_open(lua_State *L, ebb_lua *el) {
  static const luaL_Reg functions[] = {
      {"cancelled", cancelled}, {"set_unhandled", set_unhandled}, {NULL, NULL}};
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, functions, 1);
}
