/* SPDX-License-Identifier: MIT
   Closing chaos: random programs (spec/support/chaos) that act in finalizers,
   clean-ups, hashers, handlers and on other threads while their state closes.
   Each runs in a process of its own, which must neither crash nor hang.

     chaos_test               some fixed seeds
     chaos_test FIRST LAST    these

   The program of a seed that fails is made smaller, and printed. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

enum { FIXED_SEEDS = 100 };

/* ---- in the process of a program ---- */

/* What the stock interpreter does: an error of the chunk is no failure. */
static int main_chunk(lua_State *L) {
  const char *text = lua_touserdata(L, 1);
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_ebb);
  lua_setfield(L, -2, "ebb");
  if (luaL_loadbufferx(L, text, strlen(text), "=main", "t") != LUA_OK)
    test_fail(__FILE__, __LINE__, lua_tostring(L, -1));
  lua_pcall(L, 0, 0, 0);
  return 0;
}

static lua_State *start_program(const char *text, ebb_runtime *rt) {
  lua_State *L = luaL_newstate();
  CHECK(L != NULL);
  if (rt != NULL) CHECK(ebb_lua_attach(L, rt) == 0);
  lua_pushcfunction(L, main_chunk);
  lua_pushlightuserdata(L, (void *)text);
  lua_pcall(L, 1, 0, 0);
  return L;
}

static void some_ticks(ebb_runtime *rt) {
  for (int i = 0; i < 50; i++) CHECK(ebb_tick(rt, 0, NULL) == 0);
}

static void in_a_state_of_its_own(const char *text) {
  lua_close(start_program(text, NULL));
}

static void in_a_runtime_that_is_given(const char *text) {
  ebb_runtime *rt = new_runtime();
  lua_close(start_program(text, rt));
  free_runtime(rt);
}

static void in_a_runtime_that_never_blocks(const char *text) {
  const ebb_options options = {.never_block = true};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  lua_State *L = start_program(text, rt);
  some_ticks(rt);
  lua_close(L);
  free_runtime(rt);
}

static void beside_its_twin(const char *text) {
  ebb_runtime *rt = new_runtime();
  lua_State *one = start_program(text, rt), *two = start_program(text, rt);
  lua_close(one);
  some_ticks(rt);
  lua_close(two);
  free_runtime(rt);
}

/* ---- in the process that watches ---- */

static FILE *output;
static bool came_to_its_end;

/* Asked by LeakSanitizer. A program that leaves by os.exit leaves behind what
   the frames below it would have freed. */
EBB_API int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return !came_to_its_end; }

static _Noreturn void be_the_program(const char *text, int way, int seconds) {
  static void (*const ways[])(const char *) = {
      in_a_state_of_its_own, in_a_runtime_that_is_given,
      in_a_runtime_that_never_blocks, beside_its_twin};
  alarm((unsigned)seconds);
  dup2(fileno(output), STDOUT_FILENO);
  dup2(fileno(output), STDERR_FILENO);
  ways[way](text);
  came_to_its_end = true;
  exit(0);
}

static void push_status(lua_State *L, int status) {
  if (!WIFSIGNALED(status))
    lua_pushfstring(L, "exit code %d", WEXITSTATUS(status));
  else if (WTERMSIG(status) == SIGALRM)
    lua_pushliteral(L, "it hangs");
  else
    lua_pushfstring(L, "signal %d", WTERMSIG(status));
}

static void push_output(lua_State *L) {
  static char text[20000];
  ssize_t size = pread(fileno(output), text, sizeof text, 0);
  lua_pushlstring(L, text, size > 0 ? (size_t)size : 0);
}

static int try(lua_State *L) {
  const char *text = luaL_checkstring(L, 1);
  int way = (int)luaL_checkinteger(L, 2);
  int seconds = (int)luaL_checkinteger(L, 3);
  CHECK(ftruncate(fileno(output), 0) == 0);
  CHECK(lseek(fileno(output), 0, SEEK_SET) == 0);
  fflush(NULL);
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) be_the_program(text, way, seconds);
  int status;
  while (waitpid(pid, &status, 0) < 0) CHECK(errno == EINTR);
  if (status == 0) return 0;
  push_status(L, status);
  push_output(L);
  return 2;
}

static int usage(const char *program, int code) {
  fprintf(code == 0 ? stdout : stderr,
          "usage: %s [FIRST LAST]   programs of these seeds, else of %d\n",
          program, FIXED_SEEDS);
  return code;
}

static bool is_seed(const char *text) {
  return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--help") == 0) return usage(argv[0], 0);
  if (argc != 1 && (argc != 3 || !is_seed(argv[1]) || !is_seed(argv[2])))
    return usage(argv[0], 2);
  lua_State *L = luaL_newstate();
  CHECK(L != NULL && (output = tmpfile()) != NULL);
  luaL_openlibs(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "chaos.run");
  lua_call(L, 1, 1);
  lua_pushcfunction(L, try);
  lua_pushinteger(L, argc > 1 ? atol(argv[1]) : 1);
  lua_pushinteger(L, argc > 1 ? atol(argv[2]) : FIXED_SEEDS);
  lua_call(L, 3, 1);
  int failures = (int)lua_tointeger(L, -1);
  lua_close(L);
  return failures > 0;
}
