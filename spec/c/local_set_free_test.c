/* SPDX-License-Identifier: MIT
   LocalSet: sets that are freed, in tests and at random. */
#include "local_sets.h"

/* ---- tasks ---- */

static void *clean_up(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  CHECK(ebb_sleep(rt, SECOND) == 0);
  note(arg);
  return arg;
}

/* ---- freeing ---- */

static void say_dropped(void *arg) { note(arg); }

TEST(a_set_that_is_freed_aborts_its_tasks) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  ebb_target target = {.local_set = s};
  ebb_task *t = start_in(s, clean_up, "cleaned"), *u;
  CHECK(ebb_local_set_run_until(s, yield_here, NULL) == NULL);
  ebb_body b = {.run = say, .arg = "dropped", .drop = say_dropped};
  CHECK(ebb_spawn_on(rt, &target, b, &u) == 0);
  ebb_local_set_free(s);
  CHECK(noted(""));
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("dropped cleaned"));
  CHECK(finish(t).outcome == EBB_CANCELLED);
  CHECK(finish(u).outcome == EBB_CANCELLED);
  free_runtime(rt);
}

static void *own_a_set(ebb_runtime *rt, void *arg) {
  ebb_local_set *s = new_set(rt);
  put(s, park, "started");
  CHECK(ebb_local_set_run_until(s, yield_here, NULL) == NULL);
  put(s, say, "never");
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  put(s, say, "never");
  ebb_local_set_free(s);
  note(arg);
  return NULL;
}

TEST(a_task_may_free_its_set_at_the_end_of_the_runtime) {
  for (int never_block = 0; never_block < 2; never_block++) {
    ebb_options options = {.never_block = never_block};
    ebb_runtime *rt;
    CHECK(ebb_runtime_new(&options, &rt) == 0);
    start_detached(rt, own_a_set, "owner");
    settle(rt);
    free_runtime(rt);
    CHECK(noted("owner started"));
  }
}

/* Frees it when nobody is in it any more. */
static void *free_when_empty(ebb_runtime *rt, void *arg) {
  ebb_local_set *s = arg;
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  while (!ebb_list_is_empty(&s->members)) CHECK(ebb_yield_now(rt) == 0);
  ebb_local_set_free(s);
  note("freed");
  return NULL;
}

TEST(a_runtime_may_go_while_a_set_is_paused) {
  for (int never_block = 0; never_block < 2; never_block++) {
    ebb_options options = {.never_block = never_block};
    ebb_runtime *rt;
    CHECK(ebb_runtime_new(&options, &rt) == 0);
    ebb_local_set *s = new_set(rt);
    put(s, park, "parked");
    ebb_local_set_begin(s);
    settle(rt);
    ebb_local_set_end(s);
    put(s, say, "never");
    ebb_body b = {.run = say, .arg = "dropped", .drop = say_dropped};
    ebb_target target = {.local_set = s};
    CHECK(ebb_spawn_on(rt, &target, b, NULL) == 0);
    ebb_task_release(start(rt, free_when_empty, s));
    settle(rt);
    free_runtime(rt);
    CHECK(noted("parked dropped freed"));
  }
}

static void *wait_for_own_set(ebb_runtime *rt, void *arg) {
  ebb_local_set *s = arg;
  CHECK(ebb_local_set_await(s, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  CHECK(ebb_local_set_await(s, EBB_NEVER) == 0);
  ebb_local_set_free(s);
  note("freed");
  return NULL;
}

TEST(a_clean_up_at_the_end_may_wait_for_a_set) {
  ebb_runtime *rt = new_runtime();
  ebb_local_set *s = new_set(rt);
  put(s, clean_up, "cleaned");
  start_detached(rt, wait_for_own_set, s);
  settle(rt);
  free_runtime(rt);
  CHECK(noted("cleaned freed"));
}

/* ---- chance ---- */

/* Tasks in many sets that are driven, paused and freed at random: each ends,
   and none runs while its set is paused. */
enum { SETS = 5, STEPS = 20000 };

static ebb_local_set *sets[SETS];
static int unfinished;

static void *run_in_set(ebb_runtime *rt, void *arg) {
  ebb_local_set *s = ebb_local_set_current(rt);
  uint64_t state = (uint64_t)(uintptr_t)arg;
  CHECK(s != NULL);
  for (int i = 0; i < 10; i++) {
    CHECK(ebb_current(rt)->local == NULL || s->gate.drivers > 0);
    int status = chance(&state, 2) ? ebb_yield_now(rt)
                                   : ebb_sleep(rt, chance(&state, 5));
    if (status < 0) break;
  }
  unfinished--;
  return NULL;
}

static void drop_one(void *arg) {
  (void)arg;
  unfinished--;
}

static void put_one(ebb_runtime *rt, ebb_local_set *s, uint64_t seed) {
  ebb_target target = {.local_set = s};
  ebb_body b = {
      .run = run_in_set, .arg = (void *)(uintptr_t)seed, .drop = drop_one};
  CHECK(ebb_spawn_on(rt, &target, b, NULL) == 0);
  unfinished++;
}

static void step(ebb_runtime *rt, uint64_t *state) {
  uint32_t i = chance(state, SETS), what = chance(state, 20);
  if (what < 8) {
    put_one(rt, sets[i], *state);
  } else if (what < 12) {
    ebb_local_set_begin(sets[i]);
    CHECK(ebb_sleep(rt, chance(state, 8)) == 0);
    ebb_local_set_end(sets[i]);
  } else if (what < 16) {
    CHECK(ebb_sleep(rt, chance(state, 3)) == 0);
  } else if (what < 19) {
    CHECK(ebb_local_set_await(sets[i], EBB_NEVER) == 0);
    CHECK(ebb_list_is_empty(&sets[i]->gate.ready));
  } else {
    ebb_local_set_free(sets[i]);
    sets[i] = new_set(rt);
  }
}

TEST(sets_may_be_paused_at_any_time) {
  ebb_runtime *rt = new_runtime();
  uint64_t state = 1;
  for (int i = 0; i < SETS; i++) sets[i] = new_set(rt);
  for (int i = 0; i < STEPS; i++) step(rt, &state);
  for (int i = 0; i < SETS; i++) ebb_local_set_free(sets[i]);
  CHECK(ebb_run(rt) == 0);
  CHECK(unfinished == 0);
  free_runtime(rt);
}
