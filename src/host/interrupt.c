/* SPDX-License-Identifier: MIT

   A signal handler can do next to nothing, but Lua lets it set a hook. The
   hook runs before the next instruction of the thread it is set for: the
   main thread, and that of the running task, in case it never waits. It
   leaves through os.exit, so no pcall of the script notices. A main thread
   that waits is woken for it by ebb_interrupt. */
#define _GNU_SOURCE
#include "interrupt.h"

#include <lauxlib.h>
#include <signal.h>

#include "ebb.h"

enum { EXIT_INTERRUPTED = 130 };

/* A signal has one handler in a process, so this is global. */
static lua_State *main_thread;
static ebb_runtime *runtime;

static void leave(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_checkstack(L, 4, NULL);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "os");
  lua_getfield(L, -1, "exit");
  lua_pushinteger(L, EXIT_INTERRUPTED);
  lua_pushboolean(L, 1);
  lua_call(L, 2, 0);
}

static void set_hook(lua_State *L) {
  int mask = LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT;
  lua_sethook(L, leave, mask, 1);
}

static void on_interrupt(int signal_number) {
  (void)signal_number;
  ebb_task *t = ebb_current(runtime);
  lua_State *thread = t != NULL ? ebb_lua_thread(t) : NULL;
  if (thread != NULL) set_hook(thread);
  set_hook(main_thread);
  ebb_interrupt(runtime);
}

void interrupt_arm(lua_State *L) {
  main_thread = L;
  runtime = ebb_lua_runtime(L);
  /* Once only: the second signal finds the default action. A system call
     must not go on as if nothing had been. */
  struct sigaction action = {.sa_handler = on_interrupt,
                             .sa_flags = (int)SA_RESETHAND};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
}

void interrupt_disarm(void) { signal(SIGINT, SIG_DFL); }
