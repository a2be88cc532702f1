/* SPDX-License-Identifier: MIT
   Runtimes that send each other tasks of all kinds, while a pool does
   blocking work, and whatever is aborted at any time: each task comes to one
   end, every result arrives, and nothing is left behind. */
#include "threads.h"

enum { NODES = 4, SENT = 1000, JOBS = 200 };

/* ---- what tasks do ---- */

/* Whoever has sent them counts how they end. */
typedef struct tally {
  atomic_int returned, dropped;
  int completed, cancelled;
} tally;

static void count_drop(void *arg) {
  atomic_fetch_add(&((tally *)arg)->dropped, 1);
}

static void *count_return(tally *t) {
  atomic_fetch_add(&t->returned, 1);
  return t;
}

static void *end_at_once(ebb_runtime *rt, void *arg) {
  (void)rt;
  return count_return(arg);
}

static void *yield_often(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 5; i++)
    if (ebb_yield_now(rt) < 0) break;
  return count_return(arg);
}

static void *sleep_a_little(ebb_runtime *rt, void *arg) {
  (void)ebb_sleep(rt, 100000);
  return count_return(arg);
}

static void *clean_up_slowly(ebb_runtime *rt, void *arg) {
  if (ebb_park(rt, ebb_now(rt) + 200000) == -ECANCELED) {
    ebb_begin_cleanup(rt);
    CHECK(ebb_yield_now(rt) == 0);
  }
  return count_return(arg);
}

static void add_one(void *arg) { (*(int *)arg)++; }

static void *call_in_place(ebb_runtime *rt, void *arg) {
  int n = 0;
  int err = ebb_block_in_place(rt, add_one, &n);
  CHECK(n == (err == 0));
  return count_return(arg);
}

static void *work(ebb_runtime *rt, void *arg) {
  CHECK(rt == NULL);
  for (int i = 0; i < 20; i++) sched_yield();
  return count_return(arg);
}

/* Has more done on the pool, and waits for it, though it is aborted. */
static void *delegate(ebb_runtime *rt, void *arg) {
  tally inner = {0};
  ebb_body b = {.run = work, .arg = &inner, .drop = count_drop};
  ebb_task *t = start_on(rt, (ebb_target){.blocking = true}, b);
  int status = ebb_task_join(t, EBB_NEVER, NULL);
  if (status < 0) {
    CHECK(status == -ECANCELED);
    ebb_begin_cleanup(rt);
    ebb_task_abort(t);
    CHECK(ebb_task_join(t, EBB_NEVER, NULL) == 0);
  }
  /* Unless the runtime goes, it is known what came of it. */
  while (atomic_load(&inner.returned) + atomic_load(&inner.dropped) == 0)
    sched_yield();
  ebb_task_release(t);
  return count_return(arg);
}

static void *(*const kinds[])(ebb_runtime *, void *) = {
    end_at_once,     yield_often,   sleep_a_little,
    clean_up_slowly, call_in_place, delegate,
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- who sends them ---- */

static void send(ebb_runtime *rt, ebb_target target, tally *t,
                 void *(*run)(ebb_runtime *, void *), ebb_task **out) {
  ebb_body b = {.run = run, .arg = t, .drop = count_drop};
  *out = start_on(rt, target, b);
}

static void take_in(tally *t, ebb_task *task) {
  ebb_result result = join(task);
  bool completed = result.outcome == EBB_COMPLETED;
  CHECK(completed || result.outcome == EBB_CANCELLED);
  CHECK(result.value == t || (!completed && result.value == NULL));
  t->completed += completed;
  t->cancelled += !completed;
}

/* All that were sent have come to an end here and there. */
static void check_tally(tally *t, int sent) {
  int returned = atomic_load(&t->returned);
  CHECK(t->completed + t->cancelled == sent);
  CHECK(returned + atomic_load(&t->dropped) == sent);
  CHECK(t->completed <= returned);
}

static void abort_some(ebb_runtime *rt, uint64_t *state, ebb_task **tasks,
                       int count) {
  if (chance(state, 3) == 0)
    ebb_task_abort(tasks[chance(state, (uint32_t)count)]);
  if (chance(state, 8) == 0) CHECK(ebb_yield_now(rt) == 0);
  if (chance(state, 50) == 0) CHECK(ebb_sleep(rt, 50000) == 0);
}

/* ---- nodes ---- */

typedef struct node {
  pthread_t thread;
  ebb_handle *handle;
  uint64_t state;
  tally tally;
  test_memory memory;
} node;

static node nodes[NODES];
static gate ready, ended;
static bool stay; /* until all have ended */

static void *send_to_others(ebb_runtime *rt, void *arg) {
  node *n = arg;
  ebb_task *tasks[SENT];
  for (int i = 0; i < SENT; i++) {
    ebb_target target = {.handle = nodes[chance(&n->state, NODES)].handle};
    send(rt, target, &n->tally, kinds[chance(&n->state, KINDS)], &tasks[i]);
    abort_some(rt, &n->state, tasks, i + 1);
  }
  for (int i = 0; i < SENT; i++) take_in(&n->tally, tasks[i]);
  gate_pass(&ended);
  return NULL;
}

static void *run_node(void *arg) {
  node *n = arg;
  ebb_options options = {
      .alloc = test_alloc, .alloc_ctx = &n->memory, .max_blocking_threads = 3};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  n->handle = handle_of(rt);
  gate_pass(&ready);
  gate_wait(&ready, NODES);
  CHECK(join(start(rt, send_to_others, n)).outcome == EBB_COMPLETED);
  while (stay && gate_count(&ended) < NODES) CHECK(ebb_sleep(rt, 50000) == 0);
  CHECK(ebb_runtime_free(rt) == 0);
  CHECK(n->memory.bytes == 0);
  return NULL;
}

static void start_nodes(uint64_t seed) {
  ready = ended = (gate)GATE;
  for (int i = 0; i < NODES; i++) {
    nodes[i] = (node){.state = seed * NODES + (uint64_t)i};
    nodes[i].thread = start_thread(run_node, &nodes[i]);
  }
}

static void end_nodes(void) {
  for (int i = 0; i < NODES; i++) join_thread(nodes[i].thread);
  for (int i = 0; i < NODES; i++) {
    check_tally(&nodes[i].tally, SENT);
    ebb_handle_free(nodes[i].handle);
  }
}

/* ---- all at once ---- */

static void do_blocking_work(uint64_t seed) {
  tally t = {0};
  uint64_t state = seed;
  ebb_runtime *rt = new_real_runtime();
  ebb_task *tasks[JOBS];
  for (int i = 0; i < JOBS; i++) {
    send(rt, (ebb_target){.blocking = true}, &t, work, &tasks[i]);
    abort_some(rt, &state, tasks, i + 1);
  }
  for (int i = 0; i < JOBS; i++) take_in(&t, tasks[i]);
  check_tally(&t, JOBS);
  free_runtime(rt);
}

static void run_all(uint64_t seed) {
  int threads = count_threads(), fds = count_fds();
  start_nodes(seed);
  do_blocking_work(seed);
  end_nodes();
  CHECK(becomes(are_no_more_threads, &threads));
  CHECK(count_fds() == fds);
}

TEST(nothing_is_lost_between_runtimes_that_stay) {
  stay = true;
  for (uint64_t seed = 1; seed <= 3; seed++) run_all(seed);
}

TEST(nothing_is_lost_between_runtimes_that_go) {
  stay = false;
  for (uint64_t seed = 1; seed <= 3; seed++) run_all(seed);
}
