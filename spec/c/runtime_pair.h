/* SPDX-License-Identifier: MIT
   Two runtimes on this thread, which drives them in turn by ticks, and tasks
   that one sends to the other. */
#ifndef EBB_SPEC_C_RUNTIME_PAIR_H
#define EBB_SPEC_C_RUNTIME_PAIR_H

#include "core/loop/handle.h"
#include "threads.h"

/* ---- two runtimes on this thread ---- */

typedef struct pair {
  ebb_runtime *here, *there;
  ebb_handle *handle; /* of there */
} pair;

static inline pair new_pair(void) {
  pair p = {new_runtime(), new_runtime(), NULL};
  p.handle = handle_of(p.there);
  return p;
}

static inline void free_pair(pair *p) {
  ebb_handle_free(p->handle);
  if (p->here != NULL) free_runtime(p->here);
  if (p->there != NULL) free_runtime(p->there);
}

static inline void drop_there(pair *p) {
  free_runtime(p->there);
  p->there = NULL;
}

static inline void drop_here(pair *p) {
  free_runtime(p->here);
  p->here = NULL;
}

static inline void tick(ebb_runtime *rt) {
  if (rt != NULL) CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
}

/* There and back. */
static inline void turn(pair *p) {
  tick(p->there);
  tick(p->here);
}

static inline ebb_task *send(pair *p, ebb_body b) {
  return start_on(p->here, (ebb_target){.handle = p->handle}, b);
}

/* ---- what is sent ---- */

typedef struct pack {
  ebb_runtime *seen_rt;
  ebb_id seen_id;
  int runs, ends, drops;
} pack;

static inline void drop(void *arg) { ((pack *)arg)->drops++; }

static inline void poll_events(pack *p, ebb_runtime *rt) {
  p->runs++;
  p->seen_rt = rt;
  p->seen_id = ebb_task_id(ebb_current(rt));
}

static inline void *look(ebb_runtime *rt, void *arg) {
  poll_events(arg, rt);
  ((pack *)arg)->ends++;
  return arg;
}

/* Its value tells that it was cut off. */
static inline void *park(ebb_runtime *rt, void *arg) {
  poll_events(arg, rt);
  int status = ebb_park(rt, EBB_NEVER);
  ((pack *)arg)->ends++;
  return status == -ECANCELED ? arg : NULL;
}

static inline void *park_then_clean_up(ebb_runtime *rt, void *arg) {
  poll_events(arg, rt);
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  CHECK(ebb_sleep(rt, SECOND) == 0);
  ((pack *)arg)->ends++;
  return arg;
}

static inline ebb_body of(void *(*run)(ebb_runtime *, void *), pack *p) {
  return (ebb_body){.run = run, .arg = p, .drop = drop};
}

static inline bool came_to(const pack *p, int runs, int ends, int drops) {
  return p->runs == runs && p->ends == ends && p->drops == drops;
}

static inline bool is(ebb_result result, ebb_outcome outcome, void *value) {
  return result.outcome == outcome && result.value == value;
}

#endif
