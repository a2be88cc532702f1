/* SPDX-License-Identifier: MIT
   Tasks that run only while somebody drives their set (Tokio:
   task::LocalSet). Public contracts are in ebb.h. */
#ifndef EBB_CORE_LOCAL_SET_H
#define EBB_CORE_LOCAL_SET_H

#include "task.h"

struct ebb_local_set {
  ebb_runtime *rt;
  ebb_list members; /* its unfinished tasks */
  ebb_list ready;   /* those that could run, if it were driven */
  ebb_list drained; /* waits for the last member to finish */
  uint32_t drivers; /* calls that drive it now */
};

void ebb_local_set_init(ebb_local_set *s, ebb_runtime *rt);

/* Puts a new task in, before it is started. */
void ebb_local_set_put(ebb_local_set *s, ebb_task *t);

/* Takes a task out, which then runs as any other. */
void ebb_local_set_remove(ebb_task *t);

/* Takes every task out, and calls `with` for each. */
void ebb_local_set_disband(ebb_local_set *s, void (*with)(ebb_task *t));

/* From begin to end, its tasks run. Both may be nested. */
void ebb_local_set_begin(ebb_local_set *s);
void ebb_local_set_end(ebb_local_set *s);

#endif
