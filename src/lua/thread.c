/* SPDX-License-Identifier: MIT
   Lua threads for tasks: kept from the collector by groups, and used again.

   Making a thread and collecting it costs ten times what using one again
   does. A thread whose body has returned goes to `idle`, unless a script has
   got hold of it or it has a hook. One that was closed in the middle of its
   body, or ended with an error, is left to the collector: it may remember
   the message handler of an xpcall that is no more (Lua 5.4.4 does not clear
   it), that hooks were off, or frames to jump to on an error. */
#include <errno.h>
#include <string.h>

#include "binding.h"

enum { IDLE_MAX = 1024 };

/* ---- groups ---- */

ebb_lua_group *ebb_lua_group_new(lua_State *L, ebb_lua *el) {
  lua_newtable(L);
  ebb_lua_stored(L, el, STORE_GROUPS);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, ++el->last_group);
  lua_pop(L, 1);
  ebb_lua_group *group = ebb_alloc_new(&el->rt->alloc, sizeof *group);
  if (group == NULL) ebb_lua_raise(L, -ENOMEM);
  *group = (ebb_lua_group){.el = el, .index = el->last_group};
  return group;
}

void ebb_lua_group_free(ebb_lua_group *group) {
  group->el->grouped -= group->count;
  ebb_alloc_free(&group->el->rt->alloc, group, sizeof *group);
}

bool ebb_lua_group_table(ebb_lua_group *group) {
  lua_State *store = group->el->store;
  if (group->index == 0)
    lua_pushvalue(store, STORE_ANCHORS);
  else
    lua_rawgeti(store, STORE_GROUPS, group->index);
  return lua_istable(store, -1);
}

/* ---- anchors ---- */

int ebb_lua_anchor_next(const ebb_lua_group *group) {
  return group->free != 0 ? group->free : group->size + 1;
}

/* Sees to it that the state's own group has a free place for every task of
   the others, and one more. */
static void reserve_own(lua_State *L, ebb_lua *el) {
  ebb_lua_group *own = &el->own;
  while ((uint32_t)own->size - own->count <= el->grouped) {
    ebb_lua_stored(L, el, STORE_ANCHORS);
    lua_pushinteger(L, own->free);
    lua_rawseti(L, -2, own->size + 1);
    lua_pop(L, 1);
    own->free = ++own->size;
  }
}

/* Puts the thread at the top of the stack of L, which it pops, into the next
   place; the table is at `table`. */
static int take_place(lua_State *L, ebb_lua_group *group, int table) {
  int place = ebb_lua_anchor_next(group), next = 0;
  if (place == group->free) {
    lua_rawgeti(L, table, place);
    next = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  lua_rawseti(L, table, place);
  if (place == group->free)
    group->free = next;
  else
    group->size = place;
  group->count++;
  return place;
}

int ebb_lua_anchor(lua_State *L, ebb_lua_group *group, int table) {
  reserve_own(L, group->el);
  lua_pushvalue(L, -1);
  int place = take_place(L, group, table);
  if (group->index != 0) group->el->grouped++;
  return place;
}

/* The table is at the top of the stack of L. */
static void give_place(lua_State *L, ebb_lua_group *group, int place) {
  lua_pushinteger(L, group->free);
  lua_rawseti(L, -2, place);
  group->free = place;
  group->count--;
  if (group->index != 0) group->el->grouped--;
}

void ebb_lua_unanchor(ebb_lua_group *group, int place) {
  if (ebb_lua_group_table(group)) {
    give_place(group->el->store, group, place);
  } else {
    group->count--;
    group->el->grouped--;
  }
  lua_pop(group->el->store, 1);
}

void ebb_lua_adopt(lua_State *L, ebb_lua_task *lt, int table) {
  ebb_lua *el = lt->group->el;
  lua_pushvalue(L, table);
  lua_rawgeti(L, -1, lt->anchor);
  lua_xmove(L, el->store, 1);
  give_place(L, lt->group, lt->anchor);
  lua_pop(L, 1);
  lt->anchor = take_place(el->store, &el->own, STORE_ANCHORS);
  lt->group = &el->own;
}

void ebb_lua_run_begin(ebb_lua_task *lt) {
  if (lt->group->index == 0) return;
  lua_pushthread(lt->L);
  lua_xmove(lt->L, lt->group->el->store, 1);
  lt->on_store = true;
}

void ebb_lua_run_end(ebb_lua_task *lt) {
  if (!lt->on_store) return;
  lua_pop(lt->group->el->store, 1);
  lt->on_store = false;
}

/* ---- threads ---- */

/* A recycled thread starts out as a new one would: with the hook and the
   extra space that lua_newthread copies. */
static void renew(lua_State *L, lua_State *thread, lua_State *main) {
  if (lua_gethook(L) != NULL)
    lua_sethook(thread, lua_gethook(L), lua_gethookmask(L),
                lua_gethookcount(L));
  memcpy(lua_getextraspace(thread), lua_getextraspace(main),
         LUA_EXTRASPACE);
}

lua_State *ebb_lua_thread_take(lua_State *L, ebb_lua *el) {
  if (el->idle_count == 0) return lua_newthread(L);
  el->idle_count--;
  lua_xmove(el->idle, L, 1);
  lua_State *thread = lua_tothread(L, -1);
  renew(L, thread, el->main);
  return thread;
}

void ebb_lua_thread_give(ebb_lua *el, lua_State *thread) {
  if (lua_gethook(thread) != NULL || el->idle_count >= IDLE_MAX) return;
  if (!lua_checkstack(el->idle, 1)) return;
  lua_settop(thread, 0);
  lua_pushthread(thread);
  lua_xmove(thread, el->idle, 1);
  el->idle_count++;
}

/* ---- threads that scripts know ---- */

/* Pops a thread from the store and pushes its spare, or nil. */
static lua_State *push_spare(lua_State *store) {
  lua_rawget(store, STORE_HELD);
  return lua_tothread(store, -1);
}

lua_State *ebb_lua_spare(lua_State *L, ebb_lua *el, int arg) {
  lua_pushvalue(L, arg);
  lua_xmove(L, el->store, 1);
  lua_State *spare = push_spare(el->store);
  lua_pop(el->store, 1);
  return spare;
}

void ebb_lua_hold(lua_State *L, ebb_lua *el) {
  luaL_checkstack(L, 4, NULL);
  if (ebb_lua_spare(L, el, -1) != NULL) return;
  ebb_lua_stored(L, el, STORE_HELD);
  lua_pushvalue(L, -2);
  ebb_lua_thread_take(L, el);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* Puts the thread at the top of the store, which it pops, into the place of
   the task's own. */
static void replace_anchor(ebb_lua_task *lt) {
  lua_State *store = lt->group->el->store;
  if (ebb_lua_group_table(lt->group)) {
    lua_pushvalue(store, -2);
    lua_rawseti(store, -2, lt->anchor);
  }
  lua_pop(store, 2);
}

void ebb_lua_let_thread_go(ebb_lua_task *lt, int count) {
  lua_State *L = lt->L, *store = lt->group->el->store;
  if (!lua_checkstack(L, 2)) return;
  lua_pushthread(L);
  lua_pushvalue(L, -1);
  lua_xmove(L, store, 2);
  lua_State *spare = push_spare(store);
  if (!lua_checkstack(spare, count)) {
    lua_pop(store, 2);
    return;
  }
  lua_settop(spare, 0);
  lua_xmove(L, spare, count);
  lua_settop(L, 0);
  lt->L = spare;
  lt->held = lt->unclean = false;
  lua_insert(store, -2); /* spare, thread */
  lua_pushnil(store);
  lua_rawset(store, STORE_HELD);
  replace_anchor(lt);
}

int ebb_lua_running(lua_State *L) {
  ebb_lua *el = ebb_lua_self(L);
  int is_main = lua_pushthread(L);
  if (el->rt != NULL) {
    ebb_lua_task *lt = ebb_lua_current(el);
    if (lt != NULL && lt->L == L && !lt->held) {
      ebb_lua_hold(L, el);
      lua_pushinteger(ebb_lua_spare(L, el, -1), (lua_Integer)lt->task.id);
      lt->held = true;
    }
  }
  lua_pushboolean(L, is_main);
  return 2;
}
