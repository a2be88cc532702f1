/* SPDX-License-Identifier: MIT

   What is unpacked and packed here is on `aux`, the state's helper thread,
   since no task of the call runs: before its Lua task there is none, and after
   that it has finished. */
#include "lua/remote/call.h"

#include <assert.h>

#include "lua/remote/pack.h"
#include "lua/remote/paths.h"
#include "lua/task/detail.h"
#include "lua/task/join_error.h"
#include "lua/task/panic.h"
#include "lua/task/task.h"

/* ---- what came of it ---- */

static int to_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* stack: job, error, trace. What cannot be sent is sent as text; its
   __tostring may fail. */
static int pack_text(lua_State *L) {
  ebb_lua_job *j = lua_touserdata(L, 1);
  assert(lua_gettop(L) == 3);
  ebb_lua_panic_trace_to_text(L);
  const char *type = luaL_typename(L, 2);
  lua_pushcfunction(L, to_text);
  lua_pushvalue(L, 2);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK)
    lua_pushfstring(L, "(error object is a %s value)", type);
  lua_replace(L, 2);
  lua_settop(L, 3);
  ebb_lua_pack_values(L, &j->result, 2, "error", 1);
  return 0;
}

/* stack: job, values... The pack is empty here, or an earlier try has failed
   and left it empty. */
static int pack_values(lua_State *L) {
  ebb_lua_job *j = lua_touserdata(L, 1);
  assert(j->result.data == NULL);
  ebb_lua_pack_values(L, &j->result, 2, "result", 1);
  return 0;
}

/* stack: job, error, trace. The trace may be a table, of a panic that came from
   another task: as text it means something in any state. */
static int pack_error(lua_State *L) {
  ebb_lua_panic_trace_to_text(L);
  return pack_values(L);
}

/* Calls f(job, ...) with the values above `base` on aux, which it pops. True
   when it went well; else the error is left. Other tasks use aux as well, so
   that nothing that is called here may wait. */
static bool call(ebb_lua_call *c, lua_CFunction f, int base) {
  ebb_lua *el = c->el;
  lua_State *aux = el->aux;
  assert(lua_gettop(aux) >= base);
  const char *outer = el->no_wait;
  el->no_wait = "the __tostring of an error for another thread";
  lua_pushcfunction(aux, f);
  lua_pushlightuserdata(aux, c->job);
  lua_rotate(aux, base + 1, 2);
  bool ok = lua_pcall(aux, lua_gettop(aux) - base - 1, 0, 0) == LUA_OK;
  el->no_wait = outer;
  assert(lua_gettop(aux) == (ok ? base : base + 1));
  return ok;
}

/* The error and the traceback are above `base`. The first try is with copies:
   if the error cannot be sent, its text is, with the same traceback. Without
   memory even for the text the pack stays empty, which says so. */
static void send_panic(ebb_lua_call *c, int base) {
  lua_State *aux = c->el->aux;
  assert(lua_gettop(aux) == base + 2);
  lua_pushvalue(aux, base + 1);
  lua_pushvalue(aux, base + 2);
  if (!call(c, pack_error, base + 2)) {
    lua_settop(aux, base + 2);
    (void)call(c, pack_text, base);
  }
  lua_settop(aux, base);
  ebb_job_set_outcome(&c->job->job, EBB_PANICKED);
}

/* The one value above `base` is an error of ours: it has no traceback, as the
   function has not raised it. */
static void send_own_error(ebb_lua_call *c, int base) {
  lua_pushnil(c->el->aux);
  send_panic(c, base);
}

/* The results leave the task's stack for good. Results that cannot be sent
   are a panic of the task there, though its body has returned. */
static void send_results(ebb_lua_call *c, int base) {
  lua_State *L = c->lt->L, *aux = c->el->aux;
  assert(lua_gettop(L) >= c->lt->count);
  if (!lua_checkstack(aux, c->lt->count + 4)) {
    lua_pushliteral(aux, "too many results");
    send_own_error(c, base);
    return;
  }
  lua_xmove(L, aux, c->lt->count);
  if (call(c, pack_values, base))
    ebb_job_set_outcome(&c->job->job, EBB_COMPLETED);
  else
    send_own_error(c, base);
}

/* What is packed may run code that ends the process, and the task with it: so
   the job counts as cancelled until that is done. */
void ebb_lua_call_send(ebb_lua_call *c) {
  lua_State *aux = c->el->aux;
  ebb_lua_task *lt = c->lt;
  int base = lua_gettop(aux);
  assert(ebb_task_is_finished(&lt->task)); /* R6 */
  ebb_job_set_outcome(&c->job->job, EBB_CANCELLED);
  if (lt->task.outcome == EBB_PANICKED) {
    ebb_lua_detail_push_panic(aux, lt);
    ebb_lua_detail_push(aux, c->el, lt);
    send_panic(c, base);
  } else if (lt->task.outcome == EBB_COMPLETED) {
    send_results(c, base);
  }
}

/* ---- the beginning ---- */

/* stack: call -> ; then: call, [path, cpath,] function, arguments...
   Only work for a pool's thread brings the paths: its state serves the jobs of
   one state after another, and a Runtime's has paths of its own. An error after
   the start, of memory for the name, is not the job's: the task runs without
   one. It counts as seen, because its panic is told at home. */
static int begin(lua_State *L) {
  ebb_lua_call *c = lua_touserdata(L, 1);
  ebb_lua *el = c->el;
  assert(lua_gettop(L) == 1 && c->lt == NULL);
  ebb_lua_unpack_values(L, &c->job->call);
  if (c->job->job.blocking) {
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    ebb_lua_paths_set(L);
    lua_remove(L, 2);
    lua_remove(L, 2);
  }
  if (!lua_isfunction(L, 2)) return luaL_error(L, "a function was expected");
  ebb_lua_task_prepare(L, el, 2);
  ebb_lua_task *lt = ebb_lua_task_new(L, el, 2);
  ebb_task_set_id(&lt->task, c->job->job.id);
  ebb_task_retain(&lt->task);
  lt->seen = true;
  c->lt = lt;
  ebb_lua_task_start(lt);
  if (c->job->name != NULL) {
    lua_pushstring(L, c->job->name);
    ebb_lua_detail_set_name(L, el, lt);
  }
  return 0;
}

void ebb_lua_call_begin(ebb_lua_call *c) {
  lua_State *aux = c->el->aux;
  int base = lua_gettop(aux);
  assert(c->lt == NULL);
  lua_pushcfunction(aux, begin);
  lua_pushlightuserdata(aux, c);
  if (lua_pcall(aux, 1, 0, 0) != LUA_OK && c->lt == NULL)
    send_own_error(c, base);
  lua_settop(aux, base);
}
