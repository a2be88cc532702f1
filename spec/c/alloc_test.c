/* SPDX-License-Identifier: MIT
   R9 under a hostile allocator. One scenario that uses all of the engine is
   run again and again; in the n-th run the n-th request for memory fails. The
   runs cannot be told apart by what happened in them, and every byte is given
   back. */
#include "retries.h"

static void note_id(ebb_id id) {
  char text[24];
  snprintf(text, sizeof text, "#%d", (int)id);
  note(text);
}

/* ---- the tasks ---- */

static void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return arg;
}

static void *sleep_then_say(ebb_runtime *rt, void *arg) {
  MUST(0, ebb_sleep(rt, (int64_t)strlen(arg) * SECOND));
  note(arg);
  return arg;
}

static void *use_budget(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 200; i++) MUST(0, ebb_consume_budget(rt));
  note(arg);
  return arg;
}

static void *park_then_say(ebb_runtime *rt, void *arg) {
  int status;
  do status = ebb_park(rt, ebb_now(rt) + 100 * SECOND);
  while (try_again(status));
  note(status == 0 ? arg : status == -ETIMEDOUT ? "late" : "cut");
  return arg;
}

static void *wake_self(ebb_runtime *rt, void *arg) {
  ebb_waker *w;
  MUST(0, ebb_waker_new(rt, &w));
  ebb_waker_wake(w);
  MUST(0, ebb_park(rt, EBB_NEVER));
  ebb_waker_free(w);
  note(arg);
  return arg;
}

static void *clean_up(ebb_runtime *rt, void *arg) {
  int status;
  do status = ebb_park(rt, EBB_NEVER);
  while (try_again(status));
  CHECK(status == -ECANCELED);
  ebb_begin_cleanup(rt);
  MUST(0, ebb_sleep(rt, SECOND));
  note(arg);
  return arg;
}

static void *yield_often(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 3; i++) MUST(0, ebb_yield_now(rt));
  return arg;
}

/* ---- calls that say more than -ENOMEM when they fail ---- */

static ebb_task *spawn(ebb_runtime *rt, void *(*run)(ebb_runtime *, void *),
                       void *arg) {
  ebb_task *t = NULL;
  int err;
  do {
    err = ebb_spawn(rt, body(run, arg), &t);
    CHECK(err == 0 || t == NULL);
  } while (try_again(err));
  CHECK(err == 0);
  return t;
}

static void set_spawn(ebb_join_set *s, void *(*run)(ebb_runtime *, void *),
                      void *arg) {
  ebb_id id = 0;
  int err;
  do {
    size_t len = ebb_join_set_len(s);
    err = ebb_join_set_spawn(s, body(run, arg), &id);
    CHECK(ebb_join_set_len(s) == len + (err == 0));
    CHECK(err == 0 || id == 0);
  } while (try_again(err));
  CHECK(err == 0 && ebb_join_set_contains_task(s, id));
  note_id(id);
}

static void map_spawn(ebb_join_map *m, ebb_key key,
                      void *(*run)(ebb_runtime *, void *), void *arg) {
  ebb_id id = 0;
  int err;
  do {
    size_t len = ebb_join_map_len(m);
    int there = ebb_join_map_contains_key(m, key);
    err = ebb_join_map_spawn(m, key, body(run, arg), &id);
    CHECK(ebb_join_map_len(m) == len + (err == 0 && !there));
    CHECK(err == 0 || (id == 0 && ebb_join_map_contains_key(m, key) == there));
  } while (try_again(err));
  CHECK(err == 0 && ebb_join_map_contains_key(m, key) == 1);
  note_id(id);
}

/* ---- the scenario ---- */

static void use_tasks(ebb_runtime *rt) {
  ebb_task *parked = spawn(rt, park_then_say, "parked");
  ebb_task *asleep = spawn(rt, sleep_then_say, "asleep");
  ebb_task *cleaned = spawn(rt, clean_up, "cleaned");
  ebb_task_release(spawn(rt, use_budget, "used"));
  ebb_task_release(spawn(rt, wake_self, "woken"));
  MUST(0, ebb_yield_now(rt));
  ebb_unpark(parked);
  ebb_task_abort(cleaned);
  MUST(-ETIMEDOUT, ebb_task_join(asleep, ebb_now(rt) + SECOND, NULL));
  MUST(0, ebb_task_join(asleep, EBB_NEVER, NULL));
  MUST(0, ebb_tick(rt, EBB_NEVER, NULL));
  MUST(0, ebb_run(rt));
  ebb_task_release(parked);
  ebb_task_release(asleep);
  ebb_task_release(cleaned);
}

static void use_many_tasks(ebb_runtime *rt) {
  for (int i = 0; i < 100; i++)
    ebb_task_release(spawn(rt, i % 2 ? yield_often : use_budget, ""));
  MUST(0, ebb_run(rt));
}

static void use_set(ebb_runtime *rt) {
  ebb_join_set *s;
  MUST(0, ebb_join_set_new(rt, &s));
  for (int i = 0; i < 10; i++) set_spawn(s, say, "s");
  for (int i = 0; i < 10; i++) set_spawn(s, sleep_then_say, "sl");
  for (int i = 0; i < 10; i++) set_spawn(s, clean_up, "c");
  for (int i = 0; i < 15; i++)
    MUST(1, ebb_join_set_join_next(s, EBB_NEVER, NULL));
  MUST(0, ebb_join_set_shutdown(s));
  CHECK(ebb_join_set_len(s) == 0);
  ebb_join_set_free(s);
}

static void fill_map(ebb_join_map *m) {
  static const char names[] = "abcdefghijklmnopqrstuvwxyz";
  for (int i = 0; i < 26; i++) {
    ebb_key key = EBB_KEY_BYTES(names + i, 26 - i);
    map_spawn(m, key, i % 2 ? say : park_then_say, "m");
    map_spawn(m, EBB_KEY_INT(i), clean_up, "d");
    if (i % 5 == 0) map_spawn(m, key, say, "r");
  }
}

static void join_some(ebb_join_map *m) {
  for (int i = 0; i < 10; i++) {
    ebb_key key;
    MUST(1, ebb_join_map_join_next(m, EBB_NEVER, &key, NULL));
    ebb_join_map_key_free(m, key);
  }
  MUST(1, ebb_join_map_join_next(m, EBB_NEVER, NULL, NULL));
}

static void use_map(ebb_runtime *rt) {
  ebb_join_map *m;
  MUST(0, ebb_join_map_new(rt, NULL, &m));
  fill_map(m);
  MUST(0, ebb_yield_now(rt));
  join_some(m);
  CHECK(ebb_join_map_abort(m, EBB_KEY_INT(3)) == 1);
  MUST(0, ebb_join_map_shrink_to(m, 0));
  MUST(0, ebb_join_map_reserve(m, 100));
  size_t len = ebb_join_map_len(m);
  MUST(0, ebb_join_map_shrink_to(m, 0));
  CHECK(ebb_join_map_len(m) == len);
  MUST(0, ebb_join_map_shutdown(m));
  fill_map(m);
  ebb_join_map_detach_all(m);
  fill_map(m);
  ebb_join_map_free(m);
}

/* ---- other places: sets that are driven, the pool, another runtime ---- */

static void *double_it(ebb_runtime *rt, void *arg) {
  (void)rt;
  *(int *)arg *= 2;
  return arg;
}

static void double_in_place(void *arg) { *(int *)arg *= 2; }

static ebb_task *spawn_on(ebb_runtime *rt, ebb_target target, int *n) {
  ebb_task *t = NULL;
  int err;
  do {
    err = ebb_spawn_on(rt, &target, body(double_it, n), &t);
    CHECK(err == 0 || (t == NULL && *n == 21));
  } while (try_again(err));
  CHECK(err == 0);
  return t;
}

static void use_local_set(ebb_runtime *rt) {
  ebb_local_set *s;
  int n = 21;
  MUST(0, ebb_local_set_new(rt, &s));
  ebb_task *t = spawn_on(rt, (ebb_target){.local_set = s}, &n);
  MUST(0, ebb_yield_now(rt));
  CHECK(n == 21);
  MUST(0, ebb_local_set_await(s, EBB_NEVER));
  CHECK(n == 42);
  ebb_task_release(t);
  ebb_local_set_free(s);
}

static void use_limit(ebb_runtime *rt) {
  ebb_join_map *m;
  MUST(0, ebb_join_map_new(rt, NULL, &m));
  ebb_join_map_set_max_tasks(m, 2);
  for (int i = 0; i < 5; i++)
    MUST(0, ebb_join_map_spawn(m, EBB_KEY_BYTES("abcdef", i + 1),
                               body(sleep_then_say, "l"), NULL));
  MUST(0, ebb_join_map_shutdown(m));
  ebb_join_map_free(m);
}

/* What is away when memory is out comes back all the same. */
static void use_pool(ebb_runtime *rt) {
  ebb_join_set *s;
  ebb_target pool = {.blocking = true};
  int n = 21, m = 21;
  ebb_task *t = spawn_on(rt, pool, &n);
  MUST(0, ebb_block_in_place(rt, double_in_place, &m));
  MUST(0, ebb_task_join(t, EBB_NEVER, NULL));
  CHECK(n == 42 && m == 42);
  ebb_task_release(t);
  MUST(0, ebb_join_set_new(rt, &s));
  MUST(0, ebb_join_set_spawn_on(s, &pool, body(double_it, &n), NULL));
  MUST(1, ebb_join_set_join_next(s, EBB_NEVER, NULL));
  CHECK(n == 84);
  ebb_join_set_free(s);
}

/* Where there is no memory for it in the other runtime, it is cancelled. */
static void use_other_runtime(ebb_runtime *rt) {
  ebb_options options = {
      .alloc = test_alloc, .alloc_ctx = &memory, .stack_size = 128 * 1024};
  ebb_runtime *there;
  ebb_handle *h;
  ebb_result result;
  int n = 21;
  MUST(0, ebb_runtime_new(&options, &there));
  MUST(0, ebb_handle_current(there, &h));
  do {
    ebb_task *t = spawn_on(rt, (ebb_target){.handle = h}, &n);
    MUST(0, ebb_tick(there, EBB_NEVER, NULL));
    MUST(0, ebb_task_join(t, EBB_NEVER, &result));
    ebb_task_release(t);
    CHECK(result.outcome == EBB_COMPLETED || n == 21);
  } while (try_again(result.outcome == EBB_COMPLETED ? 0 : -ENOMEM));
  CHECK(n == 42);
  ebb_handle_free(h);
  MUST(0, ebb_runtime_free(there));
}

static void run_scenario(void) {
  ebb_runtime *rt;
  ebb_options options = {
      .alloc = test_alloc, .alloc_ctx = &memory, .stack_size = 128 * 1024};
  MUST(0, ebb_runtime_new(&options, &rt));
  CHECK(ebb_clock_pause(rt) == 0);
  use_tasks(rt);
  use_many_tasks(rt);
  use_set(rt);
  use_map(rt);
  use_local_set(rt);
  use_limit(rt);
  use_pool(rt);
  use_other_runtime(rt);
  ebb_task_release(spawn(rt, clean_up, "last"));
  MUST(0, ebb_yield_now(rt));
  MUST(0, ebb_runtime_free(rt));
  CHECK(memory.bytes == 0);
}

static char expected[sizeof test_log];

static void run_unharmed(void) {
  memory = (test_memory){0};
  failures = 0;
  run_scenario();
  memcpy(expected, test_log, sizeof expected);
  test_log[0] = '\0';
}

/* For each n, `count` requests fail from the n-th on. */
static void run_harmed(size_t count) {
  run_unharmed();
  for (size_t n = 1, hit = 1; hit; n++) {
    memory = (test_memory){.fail_at = n, .fail_count = count};
    failures = 0;
    run_scenario();
    CHECK(noted(expected));
    hit = memory.requests >= n;
  }
}

TEST(any_one_request_may_fail) { run_harmed(1); }

TEST(any_two_requests_in_a_row_may_fail) { run_harmed(2); }

TEST(memory_may_be_out_for_a_while) { run_harmed(FAIL_FOR_EVER); }
