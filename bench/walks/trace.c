/* SPDX-License-Identifier: MIT
   Records which functions of an ebb that was compiled with
   -finstrument-functions are entered. The program preloads this file, so that
   its hooks come before libc's, and then requires it as the module `trace`:

     trace.start()   forgets what was recorded, and records from now on
     trace.stop()    -> an array of {thread, address}, in the order of entry,
                     and the file that the addresses, which are offsets, are of

   Threads are counted from 1 in the order in which they are first seen. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define VISIBLE __attribute__((visibility("default")))

enum { MAX_ENTRIES = 1 << 20 };

typedef struct entry {
  int thread;
  void *function;
} entry;

static entry entries[MAX_ENTRIES];
static atomic_int count, threads;
static atomic_bool recording;
static _Thread_local int this_thread;

VISIBLE void __cyg_profile_func_enter(void *function, void *caller);
VISIBLE void __cyg_profile_func_exit(void *function, void *caller);
VISIBLE int luaopen_trace(lua_State *L);

void __cyg_profile_func_enter(void *function, void *caller) {
  (void)caller;
  if (!atomic_load(&recording)) return;
  if (this_thread == 0) this_thread = atomic_fetch_add(&threads, 1) + 1;
  int i = atomic_fetch_add(&count, 1);
  if (i < MAX_ENTRIES) entries[i] = (entry){this_thread, function};
}

void __cyg_profile_func_exit(void *function, void *caller) {
  (void)function;
  (void)caller;
}

static int start(lua_State *L) {
  (void)L;
  atomic_store(&count, 0);
  atomic_store(&recording, true);
  return 0;
}

static int stop(lua_State *L) {
  Dl_info info = {.dli_fname = ""};
  atomic_store(&recording, false);
  int n = atomic_load(&count);
  if (n > MAX_ENTRIES) return luaL_error(L, "too many calls to record");
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    if (dladdr(entries[i].function, &info) == 0)
      return luaL_error(L, "a function of no file");
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, entries[i].thread);
    lua_setfield(L, -2, "thread");
    lua_pushinteger(L, (lua_Integer)((uintptr_t)entries[i].function -
                                     (uintptr_t)info.dli_fbase));
    lua_setfield(L, -2, "address");
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushstring(L, info.dli_fname);
  return 2;
}

int luaopen_trace(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"start", start}, {"stop", stop}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
