/* SPDX-License-Identifier: MIT
   The binding's state: made at the first `require "ebb"` or by
   ebb_lua_attach, found again in the registry. */
#include "lua/state/state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lua/close.h"
#include "lua/net/net.h"
#include "lua/state/args.h"
#include "lua/state/compat.h"
#include "lua/state/error.h"
#include "lua/state/library.h"
#include "lua/state/slot.h"
#include "lua/task/task.h"

enum { ALL_PARTS = 2 * EBB_LUA_THREADS - 1 };

static const char registry_key;

ebb_lua *ebb_lua_state_checked(lua_State *L) {
  ebb_lua *el = ebb_lua_state_raw(L);
  if (el->rt == NULL) luaL_error(L, "the Lua state is being closed");
  return el;
}

void ebb_lua_args_refuse_surplus(lua_State *L, int most) {
  for (int i = most + 1, top = lua_gettop(L); i <= top; i++)
    if (!lua_isnil(L, i)) luaL_typeerror(L, i, "no value");
}

ebb_lua *ebb_lua_state_enter(lua_State *L, int most) {
  ebb_lua_args_check_surplus(L, most);
  return ebb_lua_state_checked(L);
}

void ebb_lua_slot_push(lua_State *L, ebb_lua *el, int place) {
  lua_pushvalue(el->store, place);
  lua_xmove(el->store, L, 1);
}

void ebb_lua_slot_set(lua_State *L, ebb_lua *el, int place) {
  lua_xmove(L, el->store, 1);
  lua_replace(el->store, place);
}

void *ebb_lua_class_new(lua_State *L, ebb_lua *el, ebb_lua_class class,
                        size_t size, int uservalues) {
  void *object = lua_newuserdatauv(L, size, uservalues);
  memset(object, 0, size);
  ebb_lua_slot_push(L, el, STORE_META_FIRST + (int)class);
  lua_setmetatable(L, -2);
  return object;
}

static const char *const class_names[CLASS_COUNT] = {
#define NAME(ID, name, define) [CLASS_##ID] = name,
    EBB_LUA_CLASSES(NAME)
#undef NAME
};

static void define_classes(lua_State *L, ebb_lua *el) {
#define DEFINE(ID, name, define) ebb_lua_##define(L, el);
  EBB_LUA_CLASSES(DEFINE)
#undef DEFINE
}

const char *ebb_lua_class_name(ebb_lua_class class) {
  return class_names[class];
}

void *ebb_lua_class_is(lua_State *L, ebb_lua *el, int arg,
                       ebb_lua_class class) {
  void *object = lua_touserdata(L, arg);
  if (object == NULL || !lua_getmetatable(L, arg)) return NULL;
  const void *meta = lua_topointer(L, -1);
  lua_pop(L, 1);
  return meta == el->metatables[class] ? object : NULL;
}

void *ebb_lua_class_check(lua_State *L, ebb_lua *el, int arg,
                          ebb_lua_class class) {
  void *object = ebb_lua_class_is(L, el, arg, class);
  if (object == NULL) luaL_typeerror(L, arg, class_names[class]);
  return object;
}

void *ebb_lua_class_check_self(lua_State *L, ebb_lua *el, ebb_lua_class class,
                               int most) {
  void *object = ebb_lua_class_check(L, el, 1, class);
  ebb_lua_args_check_surplus(L, most);
  return object;
}

void ebb_lua_class_define(lua_State *L, ebb_lua *el, ebb_lua_class class,
                          const luaL_Reg *methods,
                          const luaL_Reg *metamethods) {
  ebb_lua_slot_push(L, el, STORE_META_FIRST + (int)class);
  lua_pushstring(L, class_names[class]);
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, false);
  lua_setfield(L, -2, "__metatable");
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, metamethods, 1);
  lua_newtable(L);
  ebb_lua_slot_push(L, el, STORE_STATE);
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

/* Fills the table at the top of the stack, and pops it. */
static void set_shared_functions(lua_State *L, ebb_lua *el, ebb_lua_class class,
                                 const luaL_Reg *functions) {
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushinteger(L, class);
  luaL_setfuncs(L, functions, 2);
  lua_pop(L, 1);
}

void ebb_lua_class_define_shared(lua_State *L, ebb_lua *el, ebb_lua_class class,
                                 const luaL_Reg *methods,
                                 const luaL_Reg *metamethods) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  ebb_lua_class_define(L, el, class, none, none);
  ebb_lua_slot_push(L, el, STORE_META_FIRST + (int)class);
  lua_getfield(L, -1, "__index");
  set_shared_functions(L, el, class, methods);
  set_shared_functions(L, el, class, metamethods);
}

void ebb_lua_library_replace(lua_State *L, ebb_lua *el, const char *library,
                             const char *name, lua_CFunction f) {
  int top = lua_gettop(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, library) == LUA_TTABLE &&
      lua_getfield(L, -1, name) == LUA_TFUNCTION &&
      lua_tocfunction(L, -1) != f) {
    ebb_lua_slot_push(L, el, STORE_STATE);
    lua_insert(L, -2);
    lua_pushcclosure(L, f, 2);
    lua_setfield(L, -2, name);
  }
  lua_settop(L, top);
}

void ebb_lua_error(lua_State *L, const char *format, ...) {
  va_list args;
  va_start(args, format);
  luaL_where(L, 1);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_concat(L, 2);
  lua_error(L);
  abort(); /* lua_error does not return, but its type does not say so */
}

void ebb_lua_error_raise(lua_State *L, int err) {
  if (err == -ENOMEM)
    ebb_lua_error(L, "not enough memory for a task or a stack");
  if (err == -EPERM)
    ebb_lua_error(L,
                  "cannot wait outside of a task: this runtime is driven "
                  "by ebb_tick; spawn a task that waits");
  ebb_lua_error(L, "ebb: %s", strerror(-err));
}

lua_Integer ebb_lua_args_count(lua_State *L, int arg) {
  lua_Integer n = luaL_checkinteger(L, arg);
  luaL_argcheck(L, n >= 0, arg, "count is negative");
  return n;
}

/* ---- making it ---- */

static void push_weak_table(lua_State *L, const char *mode) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushstring(L, mode);
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

/* Fills the store with the userdata at the top of L's stack, which stays
   there, and with empty tables. */
static void fill_store(lua_State *L, ebb_lua *el) {
  if (!lua_checkstack(el->store, STORE_META_FIRST + CLASS_COUNT + 20))
    ebb_lua_error_raise(L, -ENOMEM);
  lua_pushvalue(L, -1);                               /* STORE_STATE */
  lua_pushnil(L);                                     /* STORE_SENTINEL */
  lua_newtable(L);                                    /* STORE_DETAILS */
  push_weak_table(L, "k");                            /* STORE_EXPOSED */
  lua_newtable(L);                                    /* STORE_ANCHORS */
  lua_newtable(L);                                    /* STORE_KEYS */
  lua_pushnil(L);                                     /* STORE_UNHANDLED */
  if (luaL_loadstring(L, "") != LUA_OK) lua_error(L); /* STORE_NOOP */
  lua_pushnil(L);                                     /* STORE_EXIT */
  lua_newtable(L);                                    /* STORE_NAMES */
  push_weak_table(L, "v");                            /* STORE_TASK_VARS */
  lua_newtable(L);                                    /* STORE_MODULES */
  push_weak_table(L, "v");                            /* STORE_OBJECTS */
  lua_newtable(L);                                    /* STORE_RAISED */
  push_weak_table(L, "v");                            /* STORE_HANDED */
  lua_newtable(L);                                    /* STORE_LINKS */
  for (int i = 0; i < CLASS_COUNT; i++) lua_newtable(L);
  lua_xmove(L, el->store, STORE_META_FIRST - 1 + CLASS_COUNT);
  for (int i = 0; i < CLASS_COUNT; i++)
    el->metatables[i] = lua_topointer(el->store, STORE_META_FIRST + i);
}

/* The state's helper threads are user values of its userdata, which the
   registry keeps. */
static lua_State *new_helper(lua_State *L, int uservalue) {
  lua_State *helper = lua_newthread(L);
  lua_setiuservalue(L, -2, uservalue);
  return helper;
}

/* The module may have been built for another release than runs it. A Lua that
   does not show its release is taken for the one of the build. */
#pragma weak lua_ident
static void check_release(lua_State *L) {
  luaL_checkversion(L);
  if (lua_ident == NULL) return;
  int release = ebb_lua_release_of(lua_ident);
  if (release != 0 && release < EBB_LUA_OLDEST)
    luaL_error(L, "ebb needs Lua 5.4.4 or later, not this %s.%d", LUA_VERSION,
               release % 100);
}

/* Makes the ebb_lua and leaves it on the stack. Without an engine's runtime
   it makes its own, in the allocator of the Lua state. */
ebb_lua *ebb_lua_state_new(lua_State *L, ebb_runtime *rt, unsigned parts) {
  check_release(L);
  luaL_checkstack(L, STORE_META_FIRST + CLASS_COUNT + LUA_MINSTACK, NULL);
  ebb_lua *el = lua_newuserdatauv(L, sizeof *el, 2);
  *el = (ebb_lua){.rt = rt,
                  .owns_runtime = rt == NULL,
                  .parts = parts,
                  .shutdown_timeout = EBB_LUA_SHUTDOWN_TIMEOUT};
  ebb_list_init(&el->when_empty);
  ebb_list_init(&el->maps);
  ebb_list_init(&el->scopes);
  ebb_list_init(&el->local_sets);
  ebb_list_init(&el->loads);
  el->store = new_helper(L, 1);
  el->aux = new_helper(L, 2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  el->main = lua_tothread(L, -1);
  lua_pop(L, 1);
  fill_store(L, el);
  define_classes(L, el);
  if (rt == NULL) {
    ebb_options options = {0};
    options.alloc = lua_getallocf(L, &options.alloc_ctx);
    int err = ebb_runtime_new(&options, &el->rt);
    if (err < 0) ebb_lua_error_raise(L, err);
  }
  /* From here on its __gc frees the runtime. */
  ebb_lua_slot_push(L, el, STORE_META_FIRST + CLASS_STATE);
  lua_setmetatable(L, -2);
  ebb_lua_close_renew_sentinel(L, el);
  /* The last step: a state that is only half made is not found again. */
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  return el;
}

ebb_lua *ebb_lua_state_ensure(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key) == LUA_TUSERDATA)
    return lua_touserdata(L, -1);
  lua_pop(L, 1);
  return ebb_lua_state_new(L, NULL, ALL_PARTS);
}

ebb_lua *ebb_lua_state_find(lua_State *L) {
  ebb_lua *el = ebb_lua_state_ensure(L);
  lua_pop(L, 1);
  return el;
}

static int attach(lua_State *L) {
  ebb_lua_state_new(L, lua_touserdata(L, 1), (unsigned)lua_tointeger(L, 2));
  return 0;
}

int ebb_lua_attach(lua_State *L, ebb_runtime *rt) {
  return ebb_lua_attach_with(L, rt, NULL);
}

int ebb_lua_attach_with(lua_State *L, ebb_runtime *rt,
                        const ebb_lua_options *options) {
  unsigned parts = options != NULL ? options->parts : 0;
  if (parts > ALL_PARTS) return -EINVAL;
  int type = lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_pop(L, 1);
  if (type == LUA_TUSERDATA) return -EALREADY;
  lua_pushcfunction(L, attach);
  lua_pushlightuserdata(L, rt);
  lua_pushinteger(L, parts != 0 ? parts : ALL_PARTS);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) return 0;
  lua_pop(L, 1);
  return -ENOMEM;
}

ebb_runtime *ebb_lua_runtime(lua_State *L) { return ebb_lua_state_find(L)->rt; }

lua_State *ebb_lua_thread(const ebb_task *t) {
  return ebb_lua_is_coroutine(t) ? ((const ebb_lua_task *)t)->L : NULL;
}
