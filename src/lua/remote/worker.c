/* SPDX-License-Identifier: MIT
   Lua states for other threads. A thread of a pool makes one when it first
   has Lua code to run, and keeps it for what comes after. */
#include <assert.h>
#include <errno.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "lua/remote/call.h"
#include "lua/remote/grant.h"
#include "lua/remote/job.h"
#include "lua/remote/pack.h"
#include "lua/state/slot.h"
#include "lua/task/shutdown.h"

/* ---- states ---- */

static void drop_local(void *local) { lua_close(local); }

/* The thread's state may be to another measure than the job's sender's. Then it
   is closed before the other is made: a thread has one at a time. NULL: there
   is no memory; the thread's next job tries again. */
static lua_State *state_for(ebb_worker *worker, const ebb_lua_grant *g) {
  lua_State *L = worker->local;
  if (L != NULL && ebb_lua_grant_has(ebb_lua_state_find(L), g)) return L;
  if (L != NULL) lua_close(L);
  ebb_worker_set_local(worker, ebb_lua_grant_state(g), drop_local);
  return worker->local;
}

/* ---- a job ---- */

/* What the job leaves behind it is aborted, as at the end of a main chunk;
   the next job finds neither its paused clock nor what it has set. A state
   that has grown does not keep the garbage, nor Handles, which keep the
   runtimes of other states waiting. False: a task that did not end is still in
   the state. */
static bool tidy_up(lua_State *L, ebb_lua *el) {
  enum { KEEP_KB = 1024 };
  if (!ebb_lua_shutdown_end_tasks(el)) return false;
  (void)ebb_clock_resume(el->rt);
  el->shutdown_timeout = EBB_LUA_SHUTDOWN_TIMEOUT;
  el->end_by = 0;
  lua_pushnil(L);
  ebb_lua_slot_set(L, el, STORE_UNHANDLED);
  if (el->has_external || lua_gc(L, LUA_GCCOUNT) > KEEP_KB)
    lua_gc(L, LUA_GCCOLLECT);
  el->has_external = false;
  return true;
}

/* The loop of this thread's runtime runs until the job's task and those it has
   made are done. When nothing can end their waits, the job is told, as a main
   chunk would be. */
static void drive(ebb_lua *el, ebb_task *t) {
  while (!ebb_task_is_finished(t)) {
    int err = ebb_task_join(t, EBB_NEVER, NULL);
    if (err == -EDEADLK) ebb_scheduler_break_waits(el->rt);
    if (err == -ENOMEM) ebb_wait_briefly(el->rt);
  }
}

/* The outcome is set before each step that may fail, or from which there is no
   return: a job that calls os.exit never comes back here. A state that could
   not be tidied is closed; the next job gets another. */
void ebb_lua_worker_run(ebb_job *job, ebb_worker *worker) {
  ebb_lua_job *j = (ebb_lua_job *)job;
  assert(job->blocking && j->to.ref != NULL);
  lua_State *L = state_for(worker, &j->grant);
  ebb_job_set_outcome(job, EBB_PANICKED); /* for want of memory */
  if (L == NULL) return;
  ebb_lua *el = ebb_lua_state_find(L);
  ebb_lua_call call = {.job = j, .el = el};
  ebb_job_set_outcome(job, EBB_CANCELLED);
  assert(el->requester == NULL);
  el->requester = j->to.ref;
  ebb_lua_call_begin(&call);
  if (call.lt != NULL) {
    drive(el, &call.lt->task);
    ebb_lua_call_send(&call);
    ebb_task_release(&call.lt->task);
  }
  ebb_lua_pack_clear(&j->call);
  bool tidy = tidy_up(L, el);
  el->requester = NULL;
  if (tidy) return;
  lua_close(L);
  ebb_worker_set_local(worker, NULL, NULL);
}
