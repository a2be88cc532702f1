/* SPDX-License-Identifier: MIT
   Tasks that run only while somebody drives their set (Tokio:
   task::LocalSet). Public contracts are in ebb.h. */
#ifndef EBB_CORE_SPAWN_LOCAL_SET_H
#define EBB_CORE_SPAWN_LOCAL_SET_H

#include "core/task/task.h"

/* A task's place in a set. Few tasks have one, so it is not in the task. */
typedef struct ebb_member {
  ebb_list link; /* in set->members */
  ebb_local_set *set;
  ebb_task *task;
} ebb_member;

struct ebb_local_set {
  ebb_runtime *rt;
  ebb_list members;    /* places of its unfinished tasks */
  ebb_list ready;      /* tasks that could run, if it were driven */
  ebb_member *spare;   /* for the next task, or NULL */
  ebb_list when_empty; /* waits for the last member to finish */
  uint32_t drivers;    /* calls that drive it now */
};

void ebb_local_set_init(ebb_local_set *s, ebb_runtime *rt);

/* Takes every task out, and calls `with` for each; frees all but the set. */
void ebb_local_set_destroy(ebb_local_set *s, void (*with)(ebb_task *t));

/* Makes room for one more task. 0 or -ENOMEM. */
int ebb_local_set_reserve(ebb_local_set *s);

/* Puts a new task in, before it is started. There must be room. */
void ebb_local_set_put(ebb_local_set *s, ebb_task *t);

/* Takes a task out, which then runs as any other. */
void ebb_local_set_remove(ebb_task *t);

/* Puts a task that is ready in its set into the queue that is for it now. */
void ebb_local_set_unpark(ebb_task *t);

/* From begin to end, its tasks run. Both may be nested. */
void ebb_local_set_begin(ebb_local_set *s);
void ebb_local_set_end(ebb_local_set *s);

/* May the task run? It may if it is in no set, and when the runtime goes,
   since nobody may come to drive the set any more. */
static inline bool ebb_is_driven(const ebb_task *t) {
  return t->local == NULL || t->local->set->drivers > 0 || t->rt->closing;
}

#endif
