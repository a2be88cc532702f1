/* SPDX-License-Identifier: MIT
   Tasks that run only while their set is driven (Tokio: task::LocalSet).
   Public contracts are in ebb.h. */
#ifndef EBB_CORE_SPAWN_LOCAL_SET_H
#define EBB_CORE_SPAWN_LOCAL_SET_H

#include "core/loop/await.h"
#include "core/loop/runtime.h"

/* Invariants: a task is behind the gate iff its place is in `members`, from
   before its start until it finishes or is taken out. While the gate is closed
   its ready tasks are in gate.ready, or on their way there in the run queue;
   while it is open gate.ready is empty. `spare` is the place that the next task
   will have: made before the task, so that putting it in cannot fail. */
struct ebb_local_set {
  ebb_gate gate;
  ebb_runtime *rt;
  ebb_list members;    /* places of its unfinished tasks */
  ebb_member *spare;   /* for the next task, or NULL */
  ebb_list when_empty; /* waits for the last member to finish */
};

/* The set that the task is in, or NULL. */
static inline ebb_local_set *ebb_local_set_of(const ebb_task *t) {
  if (t->local == NULL) return NULL;
  return ebb_container_of(t->local->gate, ebb_local_set, gate);
}

void ebb_local_set_init(ebb_local_set *s, ebb_runtime *rt);

/* Takes every task out, and calls `with` for each; frees all but the set. */
void ebb_local_set_destroy(ebb_local_set *s, void (*with)(ebb_task *t));

/* Makes room for one more task. 0 or -ENOMEM. */
int ebb_local_set_reserve(ebb_local_set *s);

/* Puts a new task in, before it is started. There must be room. */
void ebb_local_set_put(ebb_local_set *s, ebb_task *t);

/* Takes a task out, which then runs as any other. */
void ebb_local_set_remove(ebb_task *t);

/* From begin to end, its tasks run. Both may be nested. */
void ebb_local_set_begin(ebb_local_set *s);
void ebb_local_set_end(ebb_local_set *s);

/* Waits until no task is left: a poll, see await.h. 0. */
int ebb_local_set_poll_empty(ebb_local_set *s, ebb_await *w);

#endif
