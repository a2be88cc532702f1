/* SPDX-License-Identifier: MIT
   A collection of tasks: finished ones are taken out in the order of
   finishing. Public contracts are in ebb.h; these are for JoinMap, which
   stands on it, and for the binding. */
#ifndef EBB_CORE_SPAWN_JOIN_SET_H
#define EBB_CORE_SPAWN_JOIN_SET_H

#include <assert.h>

#include "core/loop/await.h"

/* Invariants: a task is in group.members iff its `group` is this set's, at its
   group_slot, and the set has one reference to it. Its link is in `finished`
   iff it has finished; `unfinished` counts the others. A task in `waiters`
   waits for any change, and looks anew when woken.

   With an owner it is a race: its first task to finish decides it, and then
   the others are aborted, once. */
struct ebb_join_set {
  ebb_group group;
  ebb_runtime *rt;
  ebb_list finished; /* in the order of finishing */
  ebb_list waiters;  /* woken, all, when a task finishes, an unfinished one
                        leaves, or the last leaves */
  size_t max_tasks;  /* that may be unfinished; 0: no limit. Its owner's
                        affair: whoever puts tasks in must see to it */
  uint32_t unfinished;
  ebb_task *owner; /* not NULL: it is a race, see ebb_join_set_race */
  bool decided;    /* in a race: its tasks have been aborted */
};

/* The set that the task is in, or NULL. */
static inline ebb_join_set *ebb_join_set_of(const ebb_task *t) {
  if (t->group == NULL) return NULL;
  return ebb_container_of(t->group, ebb_join_set, group);
}

void ebb_join_set_init(ebb_join_set *s, ebb_runtime *rt);

/* Aborts and removes all tasks. */
void ebb_join_set_destroy(ebb_join_set *s);

/* Puts a new task in, under a hash and a key, which are its owner's affair;
   there must be room in `members`. */
void ebb_join_set_put(ebb_join_set *s, uint32_t hash, ebb_key key, ebb_task *t);

/* Takes a task out and gives the set's reference to the caller. */
void ebb_join_set_remove(ebb_join_set *s, ebb_task *t);

/* Puts a new task in the place of another, with an equal key: one that walks
   the members sees one of them. The caller gets the old one's reference. */
void ebb_join_set_replace(ebb_join_set *s, ebb_task *old, ebb_key key,
                          ebb_task *t);

static inline bool ebb_join_set_is_full(const ebb_join_set *s) {
  return s->max_tasks > 0 && s->unfinished >= s->max_tasks;
}

/* Makes a new set a race, whose results `owner` alone waits for. The first
   task to finish aborts the others; their clean-ups, and then the owner, go on
   before anything else does. So no other task can take what is the winner's,
   nor abort the owner between the end of a task and the owner's seeing it.
   An owner that is aborted goes on before the tasks do, to abort them.

   The owner must outlive the tasks, and end the race then. */
static inline void ebb_join_set_race(ebb_join_set *s, ebb_task *owner) {
  assert(s->group.members.len == 0 && !s->decided);
  s->owner = owner;
  owner->racing = true;
}

static inline void ebb_join_set_end_race(ebb_join_set *s) {
  assert(s->owner != NULL);
  s->owner->racing = false;
}

/* The owner of the race that the task is in, or NULL. */
static inline ebb_task *ebb_join_set_race_owner(const ebb_task *t) {
  const ebb_join_set *s = ebb_join_set_of(t);
  return s != NULL ? s->owner : NULL;
}

/* Ends a race that nobody has won yet: as when somebody has. */
void ebb_join_set_cancel_rest(ebb_join_set *s);

/* A walk over the members during which anything may be done with the set. Each
   task that stays is met once; one that comes meanwhile is met or not. */
static inline ebb_table_cursor ebb_join_set_begin_walk(const ebb_join_set *s) {
  return (ebb_table_cursor){.last = s->rt->tasks.last_id};
}

/* The next task, or NULL. */
ebb_task *ebb_join_set_walk(const ebb_join_set *s, ebb_table_cursor *c);

/* The task that finished first, still in the set, or NULL. */
static inline ebb_task *ebb_join_set_peek(const ebb_join_set *s) {
  if (ebb_list_is_empty(&s->finished)) return NULL;
  return ebb_container_of(s->finished.next, ebb_task, link);
}

/* Waits for a finished task, which stays in the set: a poll, see await.h. 1, or
   0 when the set is empty. */
int ebb_join_set_poll_next(ebb_join_set *s, ebb_await *w);

/* The same for C. 1, 0, or what a wait returns. */
int ebb_join_set_wait_next(ebb_join_set *s, int64_t deadline);

/* Makes room for n more tasks. 0 or -ENOMEM. */
static inline int ebb_join_set_reserve(ebb_join_set *s, size_t n) {
  return ebb_table_reserve(&s->group.members, n);
}

#endif
