/* SPDX-License-Identifier: MIT
   R9 under a hostile allocator: tasks that do anything to each other. */
#include "retries.h"

/* Tasks that do anything to each other, while any request may fail. What
   they do is of no interest, but that nothing breaks and nothing is left. */
enum { ACTORS = 30, ACTIONS = 40, ROUNDS = 300 };

typedef struct stage {
  ebb_runtime *rt;
  ebb_task *handles[ACTORS];
  ebb_join_set *set;
  ebb_join_map *map;
  uint64_t state;
} stage;

static uint32_t pick(stage *s, uint32_t limit) {
  return chance(&s->state, limit);
}

static void *act(ebb_runtime *rt, void *arg);

static ebb_body actor(stage *s) { return body(act, s); }

static ebb_key any_key(stage *s) {
  static const char bytes[16] = "0123456789abcdef";
  uint32_t n = pick(s, 16);
  return n % 2 ? EBB_KEY_INT(n) : EBB_KEY_BYTES(bytes, n);
}

/* Takes a handle out of the stage, or NULL. */
static ebb_task *take_handle(stage *s) {
  uint32_t i = pick(s, ACTORS);
  ebb_task *t = s->handles[i];
  s->handles[i] = NULL;
  return t;
}

static void put_handle(stage *s, ebb_task *t) {
  ebb_task **place = &s->handles[pick(s, ACTORS)];
  if (*place != NULL) ebb_task_release(*place);
  *place = t;
}

static int64_t any_deadline(stage *s) {
  return ebb_now(s->rt) + pick(s, 10) - 2;
}

static void use_handle(stage *s, uint32_t what) {
  ebb_task *t = take_handle(s);
  if (t == NULL) return;
  if (what == 0) ebb_task_abort(t);
  if (what == 1) ebb_unpark(t);
  if (what == 2) (void)ebb_task_join(t, any_deadline(s), NULL);
  put_handle(s, t);
}

static void use_collection(stage *s, uint32_t what) {
  ebb_task *t;
  if (what == 0 && ebb_spawn(s->rt, actor(s), &t) == 0) put_handle(s, t);
  if (what == 1) (void)ebb_join_set_spawn(s->set, actor(s), NULL);
  if (what == 2) (void)ebb_join_map_spawn(s->map, any_key(s), actor(s), NULL);
  if (what == 3) (void)ebb_join_set_join_next(s->set, any_deadline(s), NULL);
  if (what == 4)
    (void)ebb_join_map_join_next(s->map, any_deadline(s), NULL, NULL);
  if (what == 5) (void)ebb_join_map_abort(s->map, any_key(s));
  if (what == 6) (void)ebb_join_map_shrink_to(s->map, pick(s, 20));
  if (what == 7 && pick(s, 9) == 0) ebb_join_map_detach_all(s->map);
  if (what == 8 && pick(s, 9) == 0) ebb_join_set_abort_all(s->set);
}

static void wait_somehow(stage *s, uint32_t what) {
  if (what == 0) (void)ebb_yield_now(s->rt);
  if (what == 1) (void)ebb_sleep(s->rt, pick(s, 10));
  if (what == 2) (void)ebb_park(s->rt, any_deadline(s));
  if (what == 3) (void)ebb_consume_budget(s->rt);
  if (what == 4 && ebb_current(s->rt) != NULL && pick(s, 20) == 0)
    ebb_begin_cleanup(s->rt);
}

static void *act(ebb_runtime *rt, void *arg) {
  stage *s = arg;
  (void)rt;
  for (uint32_t n = pick(s, ACTIONS / 10); n > 0; n--) {
    use_handle(s, pick(s, 3));
    use_collection(s, pick(s, 9));
    wait_somehow(s, pick(s, 5));
  }
  return NULL;
}

static void clear(stage *s) {
  MUST(0, ebb_join_map_shutdown(s->map));
  MUST(0, ebb_run(s->rt));
  for (int i = 0; i < ACTORS; i++)
    if (s->handles[i] != NULL) ebb_task_release(s->handles[i]);
  ebb_join_set_free(s->set);
  ebb_join_map_free(s->map);
  MUST(0, ebb_runtime_free(s->rt));
}

static void play(uint64_t seed) {
  stage s = {.state = seed};
  ebb_options options = {.alloc = test_alloc, .alloc_ctx = &memory};
  memory = (test_memory){0};
  CHECK(ebb_runtime_new(&options, &s.rt) == 0);
  CHECK(ebb_clock_pause(s.rt) == 0);
  CHECK(ebb_join_set_new(s.rt, &s.set) == 0);
  CHECK(ebb_join_map_new(s.rt, NULL, &s.map) == 0);
  for (int i = 0; i < ACTIONS; i++) {
    memory.fail_at = memory.requests + 1 + pick(&s, 20);
    memory.fail_count = pick(&s, 5);
    use_handle(&s, pick(&s, 3));
    use_collection(&s, pick(&s, 9));
    wait_somehow(&s, pick(&s, 5));
  }
  memory.fail_at = 0;
  clear(&s);
  CHECK(memory.bytes == 0);
}

TEST(any_sequence_of_calls_survives_any_failure) {
  for (uint64_t seed = 1; seed <= ROUNDS; seed++) play(seed);
}
