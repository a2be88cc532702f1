/* SPDX-License-Identifier: MIT
   Blocking work that is held until the test lets it go. */
#ifndef EBB_SPEC_C_HELD_WORK_H
#define EBB_SPEC_C_HELD_WORK_H

#include "threads.h"

static inline ebb_runtime *new_narrow_runtime(bool never_block) {
  ebb_options options = {.max_blocking_threads = 1, .never_block = never_block};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  return rt;
}

static const ebb_target on_pool = {.blocking = true};

typedef struct held {
  gate started, may_end, ended;
  pthread_t thread;
  atomic_int drops;
} held;

#define HELD \
  { GATE, GATE, GATE, 0, 0 }

static inline void hold(held *h) {
  h->thread = pthread_self();
  gate_pass(&h->started);
  gate_wait(&h->may_end, 1);
  gate_pass(&h->ended);
}

static inline void *run_held(ebb_runtime *rt, void *arg) {
  CHECK(rt == NULL);
  hold(arg);
  return arg;
}

static inline void drop_held(void *arg) {
  atomic_fetch_add(&((held *)arg)->drops, 1);
}

static inline ebb_body held_body(held *h) {
  return (ebb_body){.run = run_held, .arg = h, .drop = drop_held};
}

static inline ebb_task *start_held(ebb_runtime *rt, held *h) {
  return start_on(rt, on_pool, held_body(h));
}

static inline bool is(ebb_result result, ebb_outcome outcome, void *value) {
  return result.outcome == outcome && result.value == value;
}

static inline void tick(ebb_runtime *rt) {
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
}

static inline void tick_until_finished(ebb_runtime *rt, const ebb_task *t) {
  while (!ebb_task_is_finished(t)) {
    tick(rt);
    sched_yield();
  }
}

#endif
