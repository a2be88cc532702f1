/* SPDX-License-Identifier: MIT
   JoinMaps and their tasks. */
#ifndef EBB_SPEC_C_JOIN_MAPS_H
#define EBB_SPEC_C_JOIN_MAPS_H

#include "core/spawn/join_map.h"
#include "test.h"

static inline ebb_join_map *new_map(ebb_runtime *rt) {
  ebb_join_map *m;
  CHECK(ebb_join_map_new(rt, NULL, &m) == 0);
  return m;
}

static inline ebb_key text(const char *s) {
  return EBB_KEY_BYTES(s, strlen(s));
}

static inline ebb_id spawn(ebb_join_map *m, ebb_key key,
                           void *(*run)(ebb_runtime *, void *), void *arg) {
  ebb_id id = 0;
  CHECK(ebb_join_map_spawn(m, key, body(run, arg), &id) == 0);
  CHECK(id > 0 && ebb_join_map_contains_task(m, id));
  CHECK(ebb_join_map_contains_key(m, key) == 1);
  return id;
}

static inline void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return arg;
}

static inline void *return_at_once(ebb_runtime *rt, void *arg) {
  (void)rt;
  return arg;
}

static inline void *wait_for_ever(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  return arg;
}

/* Sleeps for so many seconds as its name has letters. */
static inline void *sleep_then_say(ebb_runtime *rt, void *arg) {
  int status = ebb_sleep(rt, (int64_t)strlen(arg) * SECOND);
  note(status == 0 ? arg : "cut");
  return arg;
}

/* Lets the tasks run, joins all that have finished, and tells how many of
   them were cancelled. */
static inline int count_cancelled(ebb_join_map *m) {
  ebb_result result;
  int n = 0;
  CHECK(ebb_yield_now(m->set.rt) == 0);
  while (ebb_join_map_try_join_next(m, NULL, &result) == 1)
    n += result.outcome == EBB_CANCELLED;
  return n;
}

static inline void check_no_more(ebb_join_map *m) {
  ebb_key key = EBB_KEY_INT(77);
  ebb_result result = {.id = 77};
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, &result) == 0);
  CHECK(ebb_join_map_try_join_next(m, &key, &result) == 0);
  CHECK(key.bits == 77 && result.id == 77);
  CHECK(ebb_join_map_len(m) == 0);
}

#endif
