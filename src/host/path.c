/* SPDX-License-Identifier: MIT
   Where the Lua files of ebb are: seen from the program, in `lua` where it was
   built, and in EBB_LUA_DIRECTORY where it was installed. */
#define _POSIX_C_SOURCE 200809L /* readlink */
#include "path.h"

#include <lauxlib.h>

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Some file that is there when the others are. */
#define SAMPLE "ebb/socket.lua"

/* False when the system does not say. */
static bool find_program(char directory[PATH_MAX]) {
  ssize_t n = readlink("/proc/self/exe", directory, PATH_MAX - 1);
  if (n <= 0) return false;
  directory[n] = '\0';
  char *slash = strrchr(directory, '/');
  if (slash == NULL) return false;
  *slash = '\0';
  return true;
}

static bool is_built_here(const char *directory) {
  char name[PATH_MAX + sizeof "/lua/" SAMPLE];
  snprintf(name, sizeof name, "%s/lua/" SAMPLE, directory);
  return access(name, R_OK) == 0;
}

/* A build's own files come first, lest it take those of another ebb that is
   installed. An installed one's are among those of other modules, which must
   not come before what LUA_PATH names. */
void path_add(lua_State *L) {
  char directory[PATH_MAX];
  if (!find_program(directory)) return;
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "path");
  const char *path = lua_tostring(L, -1);
  if (is_built_here(directory))
    lua_pushfstring(L, "%s/lua/?.lua;%s", directory, path);
  else
    lua_pushfstring(L, "%s;%s/" EBB_LUA_DIRECTORY "/?.lua", path, directory);
  lua_setfield(L, -3, "path");
  lua_pop(L, 2);
}
