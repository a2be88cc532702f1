/* SPDX-License-Identifier: MIT
   The classes: their metatables, and their objects. */
#include "lua/state/class.h"

#include <assert.h>
#include <string.h>

#include "lua/state/args.h"
#include "lua/state/slot.h"

static const char *const class_names[CLASS_COUNT] = {
#define NAME(ID, name, define) [CLASS_##ID] = name,
    EBB_LUA_CLASSES(NAME)
#undef NAME
};

/* Zeros first: a finalizer may come before the caller has filled it in. The
   metatable comes last, since from then on the object has a finalizer. */
void *ebb_lua_class_new(lua_State *L, ebb_lua *el, ebb_lua_class class,
                        size_t size, int uservalues) {
  assert(class < CLASS_COUNT && uservalues >= 0);
  void *object = lua_newuserdatauv(L, size, uservalues);
  memset(object, 0, size);
  ebb_lua_slot_push(L, el, STORE_META_FIRST + (int)class);
  lua_setmetatable(L, -2);
  return object;
}

const char *ebb_lua_class_name(ebb_lua_class class) {
  assert(class < CLASS_COUNT);
  return class_names[class];
}

/* Every method begins with it: in line, it is a tenth of a short one. By the
   address of the metatable, which scripts cannot set: no look-up by name, and
   nothing that a script could forge. */
static inline void *object_at(lua_State *L, const ebb_lua *el, int arg,
                              ebb_lua_class class) {
  void *object = lua_touserdata(L, arg);
  if (object == NULL || !lua_getmetatable(L, arg)) return NULL;
  const void *meta = lua_topointer(L, -1);
  lua_pop(L, 1);
  return meta == el->metatables[class] ? object : NULL;
}

void *ebb_lua_class_is(lua_State *L, ebb_lua *el, int arg,
                       ebb_lua_class class) {
  return object_at(L, el, arg, class);
}

void *ebb_lua_class_check(lua_State *L, ebb_lua *el, int arg,
                          ebb_lua_class class) {
  void *object = object_at(L, el, arg, class);
  if (object == NULL) luaL_typeerror(L, arg, class_names[class]);
  return object;
}

/* The object comes first: where a call lacks it, the error is about that, not
   about the number of arguments. */
void *ebb_lua_class_check_self(lua_State *L, ebb_lua *el, ebb_lua_class class,
                               int most) {
  void *object = object_at(L, el, 1, class);
  if (object == NULL) luaL_typeerror(L, 1, class_names[class]);
  ebb_lua_args_check_surplus(L, most);
  return object;
}

/* Methods lie in a table of their own: by an object, scripts reach these, and
   no metamethod. To getmetatable the class shows `false`.
   stack: metatable, methods */
void ebb_lua_class_define(lua_State *L, ebb_lua *el, ebb_lua_class class,
                          const luaL_Reg *methods,
                          const luaL_Reg *metamethods) {
  assert(class < CLASS_COUNT && class_names[class] != NULL);
  ebb_lua_slot_push(L, el, STORE_META_FIRST + (int)class);
  assert(lua_topointer(L, -1) == el->metatables[class]);
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
  assert(lua_istable(L, -1));
  ebb_lua_slot_push(L, el, STORE_STATE);
  lua_pushinteger(L, class);
  luaL_setfuncs(L, functions, 2);
  lua_pop(L, 1);
}

/* stack: metatable, methods */
void ebb_lua_class_add_shared(lua_State *L, ebb_lua *el, ebb_lua_class class,
                              const luaL_Reg *methods,
                              const luaL_Reg *metamethods) {
  ebb_lua_slot_push(L, el, STORE_META_FIRST + (int)class);
  lua_getfield(L, -1, "__index");
  set_shared_functions(L, el, class, methods);
  set_shared_functions(L, el, class, metamethods);
}

void ebb_lua_class_define_shared(lua_State *L, ebb_lua *el, ebb_lua_class class,
                                 const luaL_Reg *methods,
                                 const luaL_Reg *metamethods) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  ebb_lua_class_define(L, el, class, none, none);
  ebb_lua_class_add_shared(L, el, class, methods, metamethods);
}
