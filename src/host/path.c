/* SPDX-License-Identifier: MIT
   Where the Lua files of ebb are: seen from the program, in `lua` where it was
   built, and in EBB_LUA_DIRECTORY where it was installed. */
#define _POSIX_C_SOURCE 200809L /* readlink */
#include "path.h"

#include <lauxlib.h>
#include <lualib.h>

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

/* LUA_PATH, or NULL; the one with the version in its name goes first. */
static const char *user_path(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  bool ignored = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (ignored) return NULL;
  const char *path = getenv("LUA_PATH" LUA_VERSUFFIX);
  return path != NULL ? path : getenv("LUA_PATH");
}

/* Where in package.path the default begins, which LUA_PATH replaces, or has in
   the place of a ";;". NULL: there is none. */
static const char *find_default(lua_State *L, const char *path) {
  const char *user = user_path(L);
  if (user == NULL) return path;
  const char *mark = strstr(user, ";;");
  if (mark == NULL) return NULL;
  return path + (mark - user) + (mark > user);
}

/* A build's own files come before those of another ebb that is installed, but
   not before what LUA_PATH names. */
static void push_before_default(lua_State *L, const char *path,
                                const char *directory) {
  const char *rest = find_default(L, path);
  if (rest == NULL) {
    lua_pushfstring(L, "%s;%s/lua/?.lua", path, directory);
    return;
  }
  lua_pushlstring(L, path, (size_t)(rest - path));
  lua_pushfstring(L, "%s/lua/?.lua;%s", directory, rest);
  lua_concat(L, 2);
}

/* The files of an installed ebb are among those of other modules. */
void path_add(lua_State *L) {
  char directory[PATH_MAX];
  if (!find_program(directory)) return;
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "path");
  const char *path = lua_tostring(L, -1);
  if (is_built_here(directory))
    push_before_default(L, path, directory);
  else
    lua_pushfstring(L, "%s;%s/" EBB_LUA_DIRECTORY "/?.lua", path, directory);
  lua_setfield(L, -3, "path");
  lua_pop(L, 2);
}
