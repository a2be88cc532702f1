/* SPDX-License-Identifier: MIT
   Local sets and their tasks. */
#ifndef EBB_SPEC_C_LOCAL_SETS_H
#define EBB_SPEC_C_LOCAL_SETS_H

#include "core/spawn/local_set.h"
#include "test.h"

static inline ebb_local_set *new_set(ebb_runtime *rt) {
  ebb_local_set *s;
  CHECK(ebb_local_set_new(rt, &s) == 0);
  return s;
}

static inline ebb_task *start_in(ebb_local_set *s,
                                 void *(*run)(ebb_runtime *, void *),
                                 void *arg) {
  ebb_target target = {.local_set = s};
  ebb_task *t;
  CHECK(ebb_spawn_on(s->rt, &target, body(run, arg), &t) == 0);
  return t;
}

static inline void put(ebb_local_set *s, void *(*run)(ebb_runtime *, void *),
                       void *arg) {
  ebb_task_release(start_in(s, run, arg));
}

/* Everything that can run does. */
static inline void settle(ebb_runtime *rt) {
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
}

static inline void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return arg;
}

static inline void *park(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  note(arg);
  return arg;
}

static inline void *yield_here(ebb_runtime *rt, void *arg) {
  CHECK(ebb_yield_now(rt) == 0);
  return arg;
}

#endif
