/* SPDX-License-Identifier: MIT
   The end of the state's tasks: every one that is left is aborted and its
   clean-up run, as when Tokio's main returns. A clean-up may spawn tasks and
   wait for them: these run until all that were aborted have ended, and are
   aborted in their turn. All of it takes the time of set_shutdown_timeout at
   the most. */
#ifndef EBB_LUA_TASK_SHUTDOWN_H
#define EBB_LUA_TASK_SHUTDOWN_H

#include "lua/state/state.h"

/* Ends the tasks of a state that is being closed, for the last time. True when
   it was called in the task of a coroutine, which is closed now. */
bool ebb_lua_shutdown(ebb_lua *el);

/* Aborts every task, and runs their clean-up; new ones can be made after. False
   when one was left behind. */
bool ebb_lua_shutdown_end_tasks(ebb_lua *el);

/* Ends what is left of them without a clean-up. */
void ebb_lua_shutdown_kill_tasks(ebb_lua *el);

/* Lets go of tasks whose objects are not finalized any more. */
void ebb_lua_shutdown_drop_strays(ebb_lua *el);

/* Reports what has outlasted the end: `text` says what it is. */
void ebb_lua_shutdown_tell_stuck(ebb_lua *el, const char *text);

/* Has the end of the state taken all the time it may? */
static inline bool ebb_lua_shutdown_is_time_up(const ebb_lua *el) {
  return ebb_clock_system() >= el->end_by;
}

#endif
