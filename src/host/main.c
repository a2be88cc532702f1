/* SPDX-License-Identifier: MIT

   The interpreter `ebb`: the command line of lua5.4, with the module `ebb`
   at hand. The whole session runs inside one protected call, so that every
   way out of it, an error without memory to report it included, comes back
   to main and closes the state: that is what aborts the tasks that are left
   and runs their clean-up. */

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ebb.h"
#include "interrupt.h"
#include "path.h"

/* Messages begin with it: argv[0], as with lua5.4. */
static const char *program = "ebb";

/* What the command line asks for. It is read once before anything runs,
   since -E and a misspelt option matter from the start; the arguments of -e
   and -l are then taken from argv in a second pass. */
typedef struct options {
  int argc;
  char **argv;
  int script;    /* index of the script in argv, argc when there is none */
  bool is_stdin; /* the script is `-`, which behind `--` would be a file */
  bool has_code; /* there is an -e, so that stdin is not read */
  bool help, version, ignore_env, warnings;
  bool version_only;
  bool wrong; /* a complaint was made, nothing else has a meaning */
} options;

static const char usage_text[] =
    "usage: ebb [options] [script [args]]\n"
    "\n"
    "  -e stat    run the string 'stat'\n"
    "  -l mod     require 'mod' into the global 'mod'\n"
    "  -l g=mod   require 'mod' into the global 'g'\n"
    "  -v         show the versions of ebb and Lua\n"
    "  -E         ignore the environment variables of Lua\n"
    "  -W         turn warnings on\n"
    "  -h, --help show this text\n"
    "  --version  show the versions and do nothing else\n"
    "  --         end of the options\n"
    "  -          end of the options, run the script on stdin\n"
    "\n"
    "With neither a script nor -e or -v, the script on stdin is run.\n";

/* ---- the command line ------------------------------------------------- */

static bool complain(const char *before, const char *word, const char *after) {
  fprintf(stderr, "%s: %s'%s'%s\n%s", program, before, word, after, usage_text);
  return false;
}

/* -e and -l take the rest of their word or else the next one, which may not
   look like an option. Moves *i to the last word that was used. Returns NULL
   when there is no argument. */
static const char *option_argument(char **argv, int *i) {
  if (argv[*i][2] != '\0') return argv[*i] + 2;
  const char *next = argv[*i + 1];
  if (next == NULL || next[0] == '-') return NULL;
  ++*i;
  return next;
}

/* Options without an argument stand alone in their word. */
static bool read_flag(options *o, const char *word) {
  if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
    o->help = true;
  } else if (strcmp(word, "-v") == 0) {
    o->version = true;
  } else if (strcmp(word, "--version") == 0) {
    o->version_only = true;
  } else if (strcmp(word, "-E") == 0) {
    o->ignore_env = true;
  } else if (strcmp(word, "-W") == 0) {
    o->warnings = true;
  } else if (strcmp(word, "-i") == 0) {
    return complain("", word, " is not supported: ebb has no prompt yet");
  } else {
    return complain("unrecognized option ", word, "");
  }
  return true;
}

static bool read_option(options *o, int *i) {
  const char *word = o->argv[*i];
  if (word[1] != 'e' && word[1] != 'l') return read_flag(o, word);
  if (option_argument(o->argv, i) == NULL)
    return complain("", word, " needs argument");
  if (word[1] == 'e') o->has_code = true;
  return true;
}

static options read_options(int argc, char **argv) {
  options o = {.argc = argc, .argv = argv, .script = argc};
  int i = 1;
  for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
    if (strcmp(argv[i], "--") == 0) {
      o.script = i + 1;
      return o;
    }
    if (!read_option(&o, &i)) {
      o.wrong = true;
      return o;
    }
  }
  if (i < argc) o.is_stdin = strcmp(argv[i], "-") == 0;
  o.script = i;
  return o;
}

/* ---- messages --------------------------------------------------------- */

/* There may be zeros in it. */
static void report_text(const char *message, size_t size) {
  fflush(stdout);
  fprintf(stderr, "%s: ", program);
  fwrite(message, 1, size, stderr);
  fputc('\n', stderr);
}

static void report(const char *message) {
  report_text(message, strlen(message));
}

/* Reports the error object on the top of the stack and pops it. It is not a
   string when the message handler itself failed. */
static void report_error(lua_State *L) {
  size_t size;
  const char *message = lua_tolstring(L, -1, &size);
  if (message != NULL)
    report_text(message, size);
  else
    report("(error object is not a string)");
  lua_pop(L, 1);
}

static void show_versions(void) {
  puts("ebb " EBB_VERSION "\n" LUA_COPYRIGHT);
  fflush(stdout);
}

/* ---- running chunks --------------------------------------------------- */

/* Calls the function below its `nargs` arguments and keeps no results. False
   when an error was reported. */
static bool call(lua_State *L, int nargs) {
  int handler = lua_gettop(L) - nargs;
  lua_pushcfunction(L, ebb_lua_message);
  lua_insert(L, handler);
  bool ok = lua_pcall(L, nargs, 0, handler) == LUA_OK;
  if (!ok) report_error(L);
  lua_remove(L, handler);
  return ok;
}

/* Calls the chunk that luaL_load... has left, or reports why it left none. */
static bool call_loaded(lua_State *L, int status) {
  if (status == LUA_OK) return call(L, 0);
  report_error(L);
  return false;
}

static bool run_string(lua_State *L, const char *code, const char *name) {
  return call_loaded(L, luaL_loadbuffer(L, code, strlen(code), name));
}

/* `file` NULL is stdin. */
static bool run_file(lua_State *L, const char *file) {
  return call_loaded(L, luaL_loadfile(L, file));
}

/* LUA_INIT holds code, or the name of a file behind an `@`. The one with the
   version in its name goes first, and then the other one is not read. */
static bool run_init(lua_State *L) {
  const char *name = "=LUA_INIT" LUA_VERSUFFIX;
  const char *init = getenv(name + 1);
  if (init == NULL) {
    name = "=LUA_INIT";
    init = getenv(name + 1);
  }
  if (init == NULL) return true;
  if (init[0] == '@') return run_file(L, init + 1);
  return run_string(L, init, name);
}

static int require_into_global(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushvalue(L, 2);
  lua_call(L, 1, 1);
  lua_setglobal(L, lua_tostring(L, 1));
  return 0;
}

/* `spec` is `mod` or `global=mod`. */
static bool run_require(lua_State *L, const char *spec) {
  const char *equals = strchr(spec, '=');
  lua_pushcfunction(L, require_into_global);
  if (equals != NULL) {
    lua_pushlstring(L, spec, (size_t)(equals - spec));
    lua_pushstring(L, equals + 1);
  } else {
    lua_pushstring(L, spec);
    lua_pushstring(L, spec);
  }
  return call(L, 2);
}

/* Runs every -e and -l, in the order they are given in. */
static bool run_options(lua_State *L, const options *o) {
  for (int i = 1; i < o->script; i++) {
    char kind = o->argv[i][1];
    if (kind != 'e' && kind != 'l') continue;
    const char *argument = option_argument(o->argv, &i);
    bool ok = kind == 'e' ? run_string(L, argument, "=(command line)")
                          : run_require(L, argument);
    if (!ok) return false;
  }
  return true;
}

/* The script's arguments come from the table `arg`, not from argv, since
   LUA_INIT and -e may have changed it. Returns how many were pushed. */
static int push_script_arguments(lua_State *L) {
  if (lua_getglobal(L, "arg") != LUA_TTABLE)
    luaL_error(L, "'arg' is not a table");
  int table = lua_gettop(L);
  lua_Integer n = luaL_len(L, table);
  if (n >= INT_MAX) n = INT_MAX - 1;
  luaL_checkstack(L, (int)n + 1, "too many arguments to script");
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, table, i);
  lua_remove(L, table);
  return (int)n;
}

static bool run_script(lua_State *L, const options *o) {
  const char *file = o->is_stdin ? NULL : o->argv[o->script];
  if (luaL_loadfile(L, file) != LUA_OK) {
    report_error(L);
    return false;
  }
  return call(L, push_script_arguments(L));
}

static bool run_default(lua_State *L, const options *o) {
  if (o->has_code || o->version) return true;
  if (!isatty(STDIN_FILENO)) return run_file(L, NULL);
  fputs(usage_text, stdout);
  return true;
}

/* ---- the state -------------------------------------------------------- */

/* `arg` holds the whole command line: the script at 0, its arguments from 1
   on, the host and its options below. Without a script the host is at 0. */
static void create_arg_table(lua_State *L, const options *o) {
  int origin = o->script < o->argc ? o->script : 0;
  lua_createtable(L, o->argc - origin, origin + 1);
  for (int i = 0; i < o->argc; i++) {
    lua_pushstring(L, o->argv[i]);
    lua_rawseti(L, -2, i - origin);
  }
  lua_setglobal(L, "arg");
}

/* `require "ebb"` finds the module here. It is opened once already now, for
   what it does to the standard library: then no script can get hold of a
   coroutine.running that ebb does not know of. */
static void preload_ebb(lua_State *L) {
  lua_pushcfunction(L, luaopen_ebb);
  lua_call(L, 0, 0);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_ebb);
  lua_setfield(L, -2, "ebb");
  lua_pop(L, 1);
}

static void prepare_state(lua_State *L, const options *o) {
  luaL_checkversion(L);
  if (o->ignore_env) {
    /* The package library looks for this before it reads LUA_PATH. */
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  path_add(L);
  preload_ebb(L);
  create_arg_table(L, o);
  lua_warning(L, o->warnings ? "@on" : "@off", 0);
  lua_gc(L, LUA_GCGEN, 0, 0);
}

static bool run(lua_State *L, const options *o) {
  if (!o->ignore_env && !run_init(L)) return false;
  if (!run_options(L, o)) return false;
  return o->script < o->argc ? run_script(L, o) : run_default(L, o);
}

/* The session, inside main's protected call: takes the options as light
   userdata, returns whether all went well. */
static int session(lua_State *L) {
  const options *o = lua_touserdata(L, 1);
  prepare_state(L, o);
  interrupt_arm(L);
  lua_pushboolean(L, run(L, o));
  return 1;
}

static int run_session(options *o) {
  lua_State *L = luaL_newstate();
  if (L == NULL) {
    report("cannot create a state: not enough memory");
    return EXIT_FAILURE;
  }
  lua_pushcfunction(L, session);
  lua_pushlightuserdata(L, o);
  bool ok = lua_pcall(L, 1, 1, 0) == LUA_OK;
  if (ok)
    ok = lua_toboolean(L, -1);
  else
    report_error(L);
  interrupt_disarm();
  lua_close(L);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
  if (argc > 0 && argv[0][0] != '\0') program = argv[0];
  options o = read_options(argc, argv);
  if (o.wrong) return EXIT_FAILURE;
  if (o.help) {
    fputs(usage_text, stdout);
    return EXIT_SUCCESS;
  }
  if (o.version || o.version_only) show_versions();
  if (o.version_only) return EXIT_SUCCESS;
  return run_session(&o);
}
