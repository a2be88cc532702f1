/* SPDX-License-Identifier: MIT
   core/stack.h: the pool of stacks; and what a runtime does when there are
   no more. */
#define _GNU_SOURCE /* mincore */
#include "core/os/stack.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/loop/runtime.h"
#include "test.h"

enum { SIZE = 64 * 1024, MANY = EBB_STACKS_WARM + 10 };

static test_memory memory;
static const ebb_alloc alloc = {test_alloc, &memory};

static ebb_stack_pool new_pool(void) {
  ebb_stack_pool p;
  memory = (test_memory){0};
  ebb_stack_pool_init(&p, SIZE, NULL, NULL, &alloc);
  return p;
}

static void free_pool(ebb_stack_pool *p) {
  ebb_stack_pool_destroy(p, NULL);
  CHECK(memory.bytes == 0);
}

static ebb_stack *take(ebb_stack_pool *p) {
  ebb_stack *s = ebb_stack_take(p);
  CHECK(s != NULL);
  return s;
}

static void take_many(ebb_stack_pool *p, ebb_stack **stacks) {
  for (int i = 0; i < MANY; i++) stacks[i] = take(p);
}

static void put_many(ebb_stack_pool *p, ebb_stack **stacks) {
  for (int i = 0; i < MANY; i++) ebb_stack_put(p, stacks[i]);
}

static char *low(const ebb_stack *s) { return s->context.low; }

static char *high(const ebb_stack *s) { return low(s) + s->context.size; }

/* ---- children ---- */

/* How a child that runs f(arg) ends: its wait status. */
static int status_of(void (*f)(void *), void *arg) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    static const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGSEGV, SIG_DFL); /* not the sanitizer's */
    f(arg);
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}

static bool faults(void (*f)(void *), void *arg) {
  int status = status_of(f, arg);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static bool succeeds(void (*f)(void *), void *arg) {
  int status = status_of(f, arg);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void touch(void *p) { *(volatile char *)p = 1; }

static bool is_mapped(char *p) {
  unsigned char resident;
  uintptr_t page = (uintptr_t)p / 4096 * 4096;
  return mincore((void *)page, 1, &resident) == 0;
}

/* ---- the pool ---- */

TEST(an_empty_pool_maps_nothing) {
  ebb_stack_pool p = new_pool();
  CHECK(memory.requests == 0);
  free_pool(&p);
}

TEST(a_stack_can_be_written_from_end_to_end) {
  ebb_stack_pool p = new_pool();
  ebb_stack *s = take(&p);
  CHECK(s->context.size >= SIZE - 1024);
  memset(low(s), 1, s->context.size);
  ebb_stack_put(&p, s);
  free_pool(&p);
}

TEST(stacks_do_not_overlap) {
  ebb_stack_pool p = new_pool();
  ebb_stack *stacks[MANY];
  take_many(&p, stacks);
  for (int i = 0; i < MANY; i++)
    for (int j = 0; j < i; j++)
      CHECK(low(stacks[i]) >= high(stacks[j]) ||
            low(stacks[j]) >= high(stacks[i]));
  put_many(&p, stacks);
  free_pool(&p);
}

TEST(below_each_stack_is_a_guard) {
  ebb_stack_pool p = new_pool();
  ebb_stack *stacks[MANY];
  take_many(&p, stacks);
  for (int i = 0; i < MANY; i += 9) {
    CHECK(succeeds(touch, low(stacks[i])));
    CHECK(faults(touch, low(stacks[i]) - 1));
    CHECK(faults(touch, low(stacks[i]) - SIZE)); /* a wide one */
  }
  put_many(&p, stacks);
  free_pool(&p);
}

TEST(the_last_stack_put_back_is_the_first_taken) {
  ebb_stack_pool p = new_pool();
  ebb_stack *a = take(&p), *b = take(&p);
  ebb_stack_put(&p, a);
  ebb_stack_put(&p, b);
  CHECK(take(&p) == b);
  CHECK(take(&p) == a);
  ebb_stack_put(&p, a);
  ebb_stack_put(&p, b);
  free_pool(&p);
}

TEST(idle_stacks_are_used_before_new_ones_are_mapped) {
  ebb_stack_pool p = new_pool();
  ebb_stack *stacks[MANY];
  take_many(&p, stacks);
  size_t requests = memory.requests;
  for (int i = 0; i < 3; i++) {
    put_many(&p, stacks);
    take_many(&p, stacks);
  }
  CHECK(memory.requests == requests);
  put_many(&p, stacks);
  free_pool(&p);
}

/* How many of the stacks have lost what was written at their top. */
static int count_blank(ebb_stack **stacks) {
  int blank = 0;
  for (int i = 0; i < MANY; i++) blank += high(stacks[i])[-1] == 0;
  return blank;
}

TEST(few_idle_stacks_keep_their_pages) {
  ebb_stack_pool p = new_pool();
  ebb_stack *stacks[MANY];
  take_many(&p, stacks);
  for (int i = 0; i < MANY; i++) high(stacks[i])[-1] = 1;
  put_many(&p, stacks);
  CHECK(count_blank(stacks) == MANY - EBB_STACKS_WARM);
  free_pool(&p);
}

TEST(the_stack_that_is_put_back_keeps_its_pages) {
  ebb_stack_pool p = new_pool();
  ebb_stack *stacks[MANY];
  take_many(&p, stacks);
  for (int i = 0; i < MANY; i++) {
    high(stacks[i])[-1] = 1;
    ebb_stack_put(&p, stacks[i]);
    CHECK(high(stacks[i])[-1] == 1); /* it may be the one we are on */
  }
  free_pool(&p);
}

TEST(a_destroyed_pool_is_unmapped) {
  ebb_stack_pool p = new_pool();
  ebb_stack *stacks[MANY];
  take_many(&p, stacks);
  char *first = low(stacks[0]), *last = low(stacks[MANY - 1]);
  CHECK(is_mapped(first) && is_mapped(last));
  free_pool(&p);
  CHECK(!is_mapped(first) && !is_mapped(last));
}

TEST(the_stack_that_the_process_ends_on_stays_mapped) {
  ebb_stack_pool p = new_pool();
  ebb_stack *stacks[MANY];
  take_many(&p, stacks);
  char *first = low(stacks[0]), *last = low(stacks[MANY - 1]);
  ebb_stack_pool_destroy(&p, stacks[0]);
  CHECK(is_mapped(first) && !is_mapped(last));
  CHECK(memory.bytes == 0);
}

/* ---- no more stacks ---- */

TEST(a_pool_without_memory_gives_no_stack) {
  ebb_stack_pool p = new_pool();
  memory.fail_at = 1;
  memory.fail_count = FAIL_FOR_EVER;
  CHECK(ebb_stack_take(&p) == NULL);
  CHECK(ebb_stack_take(&p) == NULL);
  memory.fail_at = 0;
  ebb_stack_put(&p, take(&p));
  free_pool(&p);
}

TEST(a_pool_that_cannot_map_many_stacks_maps_one) {
  ebb_stack_pool p = new_pool();
  ebb_stack *stacks[MANY];
  for (int i = 0; i < MANY; i++) {
    memory.fail_at = memory.requests + 1; /* the large slab, if any */
    memory.fail_count = i == 0 ? 0 : 1;
    stacks[i] = take(&p);
  }
  put_many(&p, stacks);
  free_pool(&p);
}

TEST(no_stack_can_be_absurdly_small) {
  ebb_runtime *rt;
  ebb_options options = {.stack_size = SIZE - 1};
  CHECK(ebb_runtime_new(&options, &rt) == -EINVAL);
  options.stack_size = SIZE;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  free_runtime(rt);
}

TEST(no_stack_can_be_absurdly_large) {
  static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 70000, SIZE_MAX / 2};
  for (int i = 0; i < 3; i++) {
    ebb_runtime *rt;
    ebb_options options = {.stack_size = sizes[i]};
    if (ebb_runtime_new(&options, &rt) < 0) continue;
    CHECK(ebb_yield_now(rt) == -ENOMEM);
    free_runtime(rt);
  }
}

typedef struct crowd {
  int slept, refused;
} crowd;

static void *sleeper(ebb_runtime *rt, void *arg) {
  crowd *c = arg;
  int status = ebb_sleep(rt, SECOND);
  CHECK(status == 0 || status == -ENOMEM);
  if (status == 0)
    c->slept++;
  else
    c->refused++;
  return NULL;
}

static void sleep_in_turn(ebb_runtime *rt, int tasks) {
  crowd c = {0};
  for (int i = 0; i < tasks; i++) {
    start_detached(rt, sleeper, &c);
    CHECK(ebb_run(rt) == 0);
  }
  CHECK(c.slept == tasks);
}

TEST(R8_a_task_that_goes_on_gives_its_stack_back) {
  ebb_runtime *rt = new_runtime();
  sleep_in_turn(rt, 1);
  unsigned mapped = rt->stacks.pool.slab_stacks;
  sleep_in_turn(rt, 100);
  CHECK(rt->stacks.pool.slab_stacks == mapped);
  free_runtime(rt);
}

TEST(a_wait_without_a_stack_fails_and_the_others_go_on) {
  ebb_runtime *rt;
  crowd c = {0};
  memory = (test_memory){0};
  ebb_options options = {.alloc = test_alloc, .alloc_ctx = &memory};
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  CHECK(ebb_clock_pause(rt) == 0);
  CHECK(ebb_sleep(rt, SECOND) == 0); /* room for timers, and a stack */
  for (int i = 0; i < 10; i++) start_detached(rt, sleeper, &c);
  memory.fail_at = memory.requests + 1;
  memory.fail_count = FAIL_FOR_EVER;
  CHECK(ebb_run(rt) == 0);
  CHECK(c.slept == 0 && c.refused == 10);
  memory.fail_at = 0;
  for (int i = 0; i < 10; i++) start_detached(rt, sleeper, &c);
  CHECK(ebb_run(rt) == 0);
  CHECK(c.slept == 10);
  free_runtime(rt);
  CHECK(memory.bytes == 0);
}

#ifndef SANITIZED
static void limit_address_space(size_t more) {
  size_t pages;
  FILE *f = fopen("/proc/self/statm", "r");
  CHECK(f != NULL && fscanf(f, "%zu", &pages) == 1);
  fclose(f);
  size_t limit = pages * (size_t)sysconf(_SC_PAGESIZE) + more;
  struct rlimit limits = {limit, limit};
  CHECK(setrlimit(RLIMIT_AS, &limits) == 0);
}

static void run_a_crowd_in_little_space(void *arg) {
  ebb_runtime *rt = new_runtime();
  crowd c = {0};
  (void)arg;
  for (int i = 0; i < 1000; i++) start_detached(rt, sleeper, &c);
  limit_address_space(100 * 1024 * 1024);
  CHECK(ebb_run(rt) == 0);
  CHECK(c.slept > 30 && c.refused > 500 && c.slept + c.refused == 1000);
  for (int i = 0; i < 30; i++) start_detached(rt, sleeper, &c);
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

TEST(running_out_of_address_space_is_an_error_and_no_crash) {
  CHECK(succeeds(run_a_crowd_in_little_space, NULL));
}
#endif

/* ---- too deep ---- */

static int runaway(int depth) {
  volatile int here[64];
  here[0] = depth;
  return depth == 0 ? 0 : runaway(depth - 1) + here[0];
}

static void *run_away(ebb_runtime *rt, void *arg) {
  (void)rt, (void)arg;
  (void)runaway(INT32_MAX);
  return NULL;
}

static void run_runaway_task(void *arg) {
  ebb_runtime *rt = new_runtime();
  crowd c = {0};
  (void)arg;
  for (int i = 0; i < 5; i++) start_detached(rt, sleeper, &c);
  start_detached(rt, run_away, NULL);
  (void)ebb_run(rt);
}

TEST(a_task_that_needs_more_stack_hits_the_guard) {
  CHECK(faults(run_runaway_task, NULL));
}
