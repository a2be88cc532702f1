/* SPDX-License-Identifier: MIT
   A JoinSet whose tasks have keys. Public contracts are in ebb.h; these are
   for the binding, whose hash may run Lua code and is computed before. */
#ifndef EBB_CORE_SPAWN_JOIN_MAP_H
#define EBB_CORE_SPAWN_JOIN_MAP_H

#include <assert.h>

#include "core/base/hash.h"
#include "core/spawn/join_set.h"

/* The key of a task, and its hash, are those of its entry in the members. A
   key is the map's from the spawn until the task leaves: then it goes to the
   call that takes the task out, or to `drop`. One key has one task, finished
   or not, which is the one that a spawn under an equal key replaces. */
struct ebb_join_map {
  ebb_join_set set;
  ebb_key_ops ops;
  bool copies; /* byte keys are the map's own copies */
};

/* A map in place. Destroying aborts and lets go of all tasks, and leaves an
   empty map. */
void ebb_join_map_init(ebb_join_map *m, ebb_runtime *rt,
                       const ebb_key_ops *ops);
void ebb_join_map_destroy(ebb_join_map *m);

/* The slot of a key, EBB_TABLE_NONE in *slot when it is not there. `equal`
   is called with `ctx`. 0, or an error of `equal`. */
int ebb_join_map_find(ebb_join_map *m, uint32_t hash, ebb_key key, void *ctx,
                      uint32_t *slot);

static inline ebb_key ebb_join_map_key(const ebb_join_map *m,
                                       const ebb_task *t) {
  assert(t->group == &m->set.group);
  return ebb_table_key(&m->set.group.members, t->group_slot);
}

/* Puts a new task in under a key that is not there. There must be room. */
static inline void ebb_join_map_put(ebb_join_map *m, uint32_t hash, ebb_key key,
                                    ebb_task *t) {
  ebb_join_set_put(&m->set, hash, key, t);
}

/* Takes a task out; the caller gets the set's reference, and the key. */
static inline ebb_key ebb_join_map_remove(ebb_join_map *m, ebb_task *t) {
  ebb_key key = ebb_join_map_key(m, t);
  ebb_join_set_remove(&m->set, t);
  return key;
}

/* Puts a new task under an equal key in the place of another; the caller gets
   the old one's reference, and its key. */
ebb_key ebb_join_map_replace(ebb_join_map *m, ebb_task *old, ebb_key key,
                             ebb_task *t);

/* Waits for a free place: a poll, see await.h. 0. A task in the place of `old`
   (may be NULL) needs none while that is unfinished. */
static inline int ebb_join_map_poll_place(ebb_join_map *m, const ebb_task *old,
                                          ebb_await *w) {
  if (!ebb_join_set_is_full(&m->set)) return 0;
  if (old != NULL && old->state != EBB_FINISHED) return 0;
  return ebb_await_in_list(w, &m->set.waiters);
}

#endif
