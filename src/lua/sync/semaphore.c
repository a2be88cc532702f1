/* SPDX-License-Identifier: MIT
   ebb.sync.Semaphore (Tokio: sync::Semaphore): permits, which tasks acquire and
   give back. The engine's semaphore lies in the userdata as it is. */
#include "lua/state/args.h"
#include "lua/state/parts.h"
#include "lua/sync/sync.h"

static ebb_semaphore *check(lua_State *L, ebb_lua *el, int most) {
  return ebb_lua_class_check_self(L, el, CLASS_SEMAPHORE, most);
}

static int semaphore_new(lua_State *L) {
  ebb_lua *el = ebb_lua_state_enter(L, 1);
  uint32_t permits = ebb_lua_permit_check_count(L, 1);
  ebb_lua_permit_new_semaphore(L, el, CLASS_SEMAPHORE, permits);
  return 1;
}

/* How many are asked for: one, unless a number is given. More than there ever
   will be is no error, since permits may be added. */
static uint32_t opt_permits(lua_State *L) {
  return lua_isnoneornil(L, 2) ? 1 : ebb_lua_permit_check_count(L, 2);
}

static int acquire(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_semaphore *s = check(L, el, 2);
  return ebb_lua_permit_acquire(L, el, s, opt_permits(L), "acquire");
}

static int try_acquire(lua_State *L) {
  ebb_lua *el = ebb_lua_state_checked(L);
  ebb_semaphore *s = check(L, el, 2);
  return ebb_lua_permit_try_acquire(L, el, s, opt_permits(L), "no permits");
}

/* The limit is one of the sum, not of the argument alone: it is an argument
   error even so, and nothing has been added then (R9). */
static int add_permits(lua_State *L) {
  ebb_semaphore *s = check(L, ebb_lua_state_checked(L), 2);
  uint32_t n = ebb_lua_permit_check_count(L, 2);
  luaL_argcheck(L, ebb_semaphore_add_permits(s, n) == 0, 2, "too many permits");
  return 0;
}

/* What a try_acquire could have: 0 while tasks wait. */
static int available_permits(lua_State *L) {
  ebb_semaphore *s = check(L, ebb_lua_state_checked(L), 1);
  lua_pushinteger(L, ebb_semaphore_available_permits(s));
  return 1;
}

/* Tasks that wait give up, and so does each acquire from now on. Permits that
   are held stay so, and can be released. */
static int semaphore_close(lua_State *L) {
  ebb_semaphore_close(check(L, ebb_lua_state_checked(L), 2));
  return 0;
}

static int is_closed(lua_State *L) {
  lua_pushboolean(
      L, ebb_semaphore_is_closed(check(L, ebb_lua_state_checked(L), 1)));
  return 1;
}

void ebb_lua_semaphore_define(lua_State *L, ebb_lua *el) {
  static const luaL_Reg methods[] = {{"acquire", acquire},
                                     {"add_permits", add_permits},
                                     {"available_permits", available_permits},
                                     {"close", semaphore_close},
                                     {"is_closed", is_closed},
                                     {"try_acquire", try_acquire},
                                     {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  ebb_lua_class_define(L, el, CLASS_SEMAPHORE, methods, none);
}

void ebb_lua_semaphore_open(lua_State *L, ebb_lua *el) {
  ebb_lua_sync_add_class(L, el, "Semaphore", semaphore_new);
}
