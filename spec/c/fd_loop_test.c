/* SPDX-License-Identifier: MIT
   Waiting for file descriptors: the loop, and what it runs out of. */
#include "pipe_ends.h"

#include <pthread.h>
#include <sys/resource.h>

/* ---- fds and the loop ---- */

static void *spin(ebb_runtime *rt, void *arg) {
  const bool *stop = arg;
  while (!*stop) CHECK(ebb_yield_now(rt) == 0);
  return NULL;
}

typedef struct stopper {
  int fd;
  bool *stop;
} stopper;

static void *stop_when_readable(ebb_runtime *rt, void *arg) {
  stopper *s = arg;
  CHECK(ebb_wait_fd(rt, s->fd, EBB_READ, EBB_NEVER) == EBB_READ);
  *s->stop = true;
  return NULL;
}

TEST(fds_are_looked_at_while_tasks_are_always_ready) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  bool stop = false;
  stopper s = {p.read, &stop};
  start_detached(rt, stop_when_readable, &s);
  settle(rt);
  start_detached(rt, spin, &stop);
  put(p.write);
  CHECK(ebb_run(rt) == 0);
  close_both(p);
  free_runtime(rt);
}

static void *look_on(ebb_runtime *rt, void *arg) {
  const stopper *s = arg;
  while (!*s->stop)
    CHECK(ebb_wait_fd(rt, s->fd, EBB_READ, EBB_NEVER) == EBB_READ);
  return NULL;
}

static void *set(ebb_runtime *rt, void *arg) {
  (void)rt;
  *(bool *)arg = true;
  return NULL;
}

TEST(an_fd_that_is_always_ready_does_not_starve_others) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  bool stop = false;
  stopper s = {p.read, &stop};
  put(p.write);
  start_detached(rt, look_on, &s);
  start_detached(rt, set, &stop);
  CHECK(ebb_run(rt) == 0);
  close_both(p);
  free_runtime(rt);
}

TEST(virtual_time_jumps_over_waits_but_not_over_events) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe(), q = new_pipe();
  wait a = waiting(p.read, EBB_READ, "a"), b = waiting(q.read, EBB_READ, "b");
  a.deadline = ebb_now(rt) + SECOND;
  b.deadline = ebb_now(rt) + SECOND;
  ebb_task *first = start_wait(rt, &a), *second = start_wait(rt, &b);
  put(q.write);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("b a") && a.result == -ETIMEDOUT && b.result == EBB_READ);
  finish(first);
  finish(second);
  close_both(p);
  close_both(q);
  free_runtime(rt);
}

static void *write_from_thread(void *arg) {
  put(*(int *)arg);
  return NULL;
}

/* The clock runs here: nothing but the thread can end the wait. */
TEST(waiting_for_an_fd_is_no_deadlock) {
  ebb_runtime *rt;
  ends p = new_pipe();
  pthread_t thread;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  CHECK(pthread_create(&thread, NULL, write_from_thread, &p.write) == 0);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, EBB_NEVER) == EBB_READ);
  CHECK(pthread_join(thread, NULL) == 0);
  close_both(p);
  free_runtime(rt);
}

TEST(an_fd_that_nobody_waits_for_any_more_is_no_hope) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, ebb_now(rt) + 1) == -ETIMEDOUT);
  CHECK(ebb_park(rt, EBB_NEVER) == -EDEADLK);
  close_both(p);
  free_runtime(rt);
}

typedef struct parked {
  ebb_waker *waker;
  bool woken;
} parked;

static void *park_with_waker(ebb_runtime *rt, void *arg) {
  parked *p = arg;
  CHECK(ebb_waker_new(rt, &p->waker) == 0);
  p->woken = ebb_park(rt, EBB_NEVER) == 0;
  ebb_waker_free(p->waker);
  return NULL;
}

static void *wake_from_thread(void *arg) {
  ebb_waker_wake(arg);
  return NULL;
}

/* The loop sleeps in the epoll then; `first`: the kick exists before it. */
static void check_kick(bool first) {
  ebb_runtime *rt;
  ends p = new_pipe();
  wait w = waiting(p.read, EBB_READ, "");
  parked sleeper = {0};
  pthread_t thread;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  ebb_task *t = NULL;
  if (!first) t = start_wait(rt, &w);
  ebb_task *s = start(rt, park_with_waker, &sleeper);
  settle(rt);
  if (first) t = start_wait(rt, &w);
  CHECK(pthread_create(&thread, NULL, wake_from_thread, sleeper.waker) == 0);
  CHECK(ebb_task_join(s, EBB_NEVER, NULL) == 0);
  CHECK(sleeper.woken && pthread_join(thread, NULL) == 0);
  ebb_task_abort(t);
  CHECK(ebb_run(rt) == 0);
  finish(t);
  finish(s);
  close_both(p);
  free_runtime(rt);
}

TEST(other_threads_wake_a_loop_that_waits_for_fds) {
  check_kick(false);
  check_kick(true);
}

TEST(a_tick_looks_at_fds_and_does_not_block) {
  ebb_runtime *rt;
  ebb_options options = {.never_block = true};
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  ends p = new_pipe();
  wait w = waiting(p.read, EBB_READ, "r");
  ebb_task *t = start(rt, wait_for, &w);
  ebb_tick_report report;
  for (int i = 0; i < 10; i++) CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  CHECK(noted("") && report.unfinished == 1 && report.polls == 0);
  put(p.write);
  CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  CHECK(noted("r") && report.unfinished == 0);
  finish(t);
  close_both(p);
  free_runtime(rt);
}

/* ---- what runs out ---- */

TEST(a_wait_without_memory_fails_and_can_be_repeated) {
  ends p = new_pipe();
  size_t n = 0;
  for (bool failed = true; failed;) {
    test_memory memory = {0};
    ebb_options options = {.alloc = test_alloc, .alloc_ctx = &memory};
    ebb_runtime *rt;
    CHECK(ebb_runtime_new(&options, &rt) == 0);
    CHECK(ebb_clock_pause(rt) == 0);
    memory.fail_at = memory.requests + ++n;
    memory.fail_count = FAIL_FOR_EVER;
    int64_t deadline = ebb_now(rt) + 1;
    int result = ebb_wait_fd(rt, p.read, EBB_READ, deadline);
    failed = test_memory_failed(&memory);
    CHECK(result == (failed ? -ENOMEM : -ETIMEDOUT));
    memory.fail_at = 0;
    deadline = ebb_now(rt) + 1;
    CHECK(ebb_wait_fd(rt, p.read, EBB_READ, deadline) == -ETIMEDOUT);
    free_runtime(rt);
    CHECK(memory.bytes == 0);
  }
  CHECK(n > 3);
  close_both(p);
}

TEST(a_wait_without_an_epoll_fails_and_can_be_repeated) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  struct rlimit old, none;
  CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
  none = old;
  none.rlim_cur = (rlim_t)p.write + 1;
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  int64_t deadline = ebb_now(rt) + 1;
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, deadline) == -EMFILE);
  CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, deadline) == -ETIMEDOUT);
  close_both(p);
  free_runtime(rt);
}
