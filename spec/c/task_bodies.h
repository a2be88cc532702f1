/* SPDX-License-Identifier: MIT
   Tasks of a few kinds. */
#ifndef EBB_SPEC_C_TASK_BODIES_H
#define EBB_SPEC_C_TASK_BODIES_H

#include "test.h"

/* Notes its name and ends. */
static inline void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return arg;
}

/* Notes its name in three turns. */
static inline void *say_thrice(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 3; i++) {
    note(arg);
    if (ebb_yield_now(rt) < 0) break;
  }
  return arg;
}

/* Parks until somebody unparks it, and keeps how that ended. */
static inline void *park(ebb_runtime *rt, void *arg) {
  int *status = arg;
  *status = ebb_park(rt, EBB_NEVER);
  return status;
}

static inline void *park_unnoticed(ebb_runtime *rt, void *arg) {
  (void)ebb_park(rt, EBB_NEVER);
  return arg;
}

static inline void *sleep_second(ebb_runtime *rt, void *arg) {
  int *status = arg;
  *status = ebb_sleep(rt, SECOND);
  return status;
}

static inline void note_drop(void *arg) {
  note("drop");
  if (arg != NULL) note(arg);
}

/* Lets every task that is ready take a turn. */
static inline void turn(ebb_runtime *rt) { CHECK(ebb_yield_now(rt) == 0); }

static inline void *join_and_note(ebb_runtime *rt, void *arg) {
  (void)rt;
  ebb_result result;
  CHECK(ebb_task_join(arg, EBB_NEVER, &result) == 0);
  CHECK(ebb_task_is_finished(arg));
  note(result.value);
  return NULL;
}

static inline void *clean_up_slowly(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  note("begin");
  CHECK(ebb_sleep(rt, SECOND) == 0);
  CHECK(ebb_yield_now(rt) == 0);
  note("end");
  return arg;
}

typedef struct dreamer {
  const char *name;
  int64_t ns;
} dreamer;

static inline void *dream(ebb_runtime *rt, void *arg) {
  dreamer *d = arg;
  int64_t begin = ebb_now(rt);
  CHECK(ebb_sleep(rt, d->ns) == 0);
  CHECK(ebb_now(rt) == begin + (d->ns > 0 ? d->ns : 0));
  note(d->name);
  return NULL;
}

#endif
