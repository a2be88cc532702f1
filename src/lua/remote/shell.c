/* SPDX-License-Identifier: MIT
   os.execute and io.popen for the states of other threads, where signals are
   blocked: see core/os/shell.h. Arguments and results are those of Lua's
   own. */
#include <assert.h>
#include <errno.h>
#include <lualib.h>
#include <stdio.h>
#include <unistd.h>

#include "core/os/shell.h"
#include "lua/remote/grant.h"

/* What a command came to, of which waitpid told, or that it did not: Lua's
   function looks at errno then. */
static int push_end(lua_State *L, int err, int status) {
  errno = -err;
  return luaL_execresult(L, err < 0 ? -1 : status);
}

/* Blocks its thread until the command has ended, as Lua's own: it is a thread
   of a pool or of a Runtime, not the one of the sender's loop. */
static int execute(lua_State *L) {
  const char *command = luaL_optstring(L, 1, NULL);
  pid_t pid;
  int status = 0;
  if (command == NULL) {
    lua_pushboolean(L, ebb_shell_exists());
    return 1;
  }
  int err = ebb_shell_start(command, -1, NULL, &pid);
  if (err == 0) err = ebb_shell_wait(pid, &status);
  return push_end(L, err, status);
}

/* A file of Lua's io library, which looks at its beginning, the stream, only.
   `closef` is NULL as long as there is no stream, which the library takes for a
   file that is closed; with close_process in it, both fields are right, until
   the library calls that, once. */
typedef struct process {
  luaL_Stream stream;
  pid_t pid;
} process;

/* The stream first: the command may be waiting for the end of its input. */
static int close_process(lua_State *L) {
  process *p = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  int status = 0;
  assert(p->stream.f != NULL && p->pid > 0);
  fclose(p->stream.f);
  int err = ebb_shell_wait(p->pid, &status);
  return push_end(L, err, status);
}

/* A child whose stream cannot be had ends when it finds its pipe closed. */
static int open_stream(process *p, int fd, const char *mode) {
  int status, err;
  p->stream.f = fdopen(fd, mode);
  if (p->stream.f != NULL) return 0;
  err = -errno;
  close(fd);
  (void)ebb_shell_wait(p->pid, &status);
  return err;
}

/* The object is made before the command starts, so that memory cannot fail in
   between. What this process has buffered is written before the command can
   write, as Lua's own does. */
static int popen_in(lua_State *L) {
  const char *command = luaL_checkstring(L, 1);
  const char *mode = luaL_optstring(L, 2, "r");
  bool reads = mode[0] == 'r';
  luaL_argcheck(L, (reads || mode[0] == 'w') && mode[1] == '\0', 2,
                "invalid mode");
  process *p = lua_newuserdatauv(L, sizeof *p, 0);
  p->stream.closef = NULL; /* closed, for now */
  luaL_setmetatable(L, LUA_FILEHANDLE);
  int fd, err;
  fflush(NULL);
  err = ebb_shell_start(command, reads ? STDOUT_FILENO : STDIN_FILENO, &fd,
                        &p->pid);
  if (err == 0) err = open_stream(p, fd, mode);
  if (err == 0) {
    p->stream.closef = close_process;
    return 1;
  }
  errno = -err;
  return luaL_fileresult(L, 0, command);
}

/* The table of libraries is at the top. What the state was not granted is not
   there, and does not come by this. */
static void replace(lua_State *L, const char *library, const char *name,
                    lua_CFunction f) {
  assert(lua_istable(L, -1));
  if (lua_getfield(L, -1, library) == LUA_TTABLE &&
      lua_getfield(L, -1, name) == LUA_TFUNCTION) {
    lua_pushcfunction(L, f);
    lua_setfield(L, -3, name);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void ebb_lua_shell_replace(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  replace(L, LUA_OSLIBNAME, "execute", execute);
  replace(L, LUA_IOLIBNAME, "popen", popen_in);
  lua_pop(L, 1);
}
