/* SPDX-License-Identifier: MIT
   What the system may refuse to a runtime that uses threads: memory that does
   not come from the runtime's allocator, threads, and file descriptors. The
   linker puts these functions in the place of the system's (CMakeLists.txt);
   requests are counted from 1, and those from `fail_at` on, `fail_count` of
   them, are refused. The test itself gets what it needs. */
#include "threads.h"

/* ---- a system that refuses ---- */

static atomic_int requests;
static int fail_at; /* 0: none is refused */
static int fail_count;

static bool is_refused(void) {
  int n = atomic_fetch_add(&requests, 1) + 1;
  return fail_at != 0 && n >= fail_at && n - fail_at < fail_count;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
int __real_eventfd(unsigned value, int flags);
int __wrap_eventfd(unsigned value, int flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *arg);

void *__wrap_malloc(size_t size) {
  return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return is_refused() ? NULL : __real_calloc(count, size);
}

int __wrap_eventfd(unsigned value, int flags) {
  if (!is_refused()) return __real_eventfd(value, flags);
  errno = EMFILE;
  return -1;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *arg) {
  if (is_refused()) return EAGAIN;
  return __real_pthread_create(thread, attributes, run, arg);
}

/* ---- calls that are refused, and made again ---- */

static bool try_again(int result) {
  if (result != -ENOMEM && result != -EMFILE && result != -EAGAIN) return false;
  CHECK(fail_at != 0 && atomic_load(&requests) >= fail_at);
  return true;
}

#define MUST(call)           \
  do {                       \
    int got_;                \
    do got_ = (call);        \
    while (try_again(got_)); \
    CHECK(got_ == 0);        \
  } while (0)

typedef struct count {
  atomic_int runs, drops;
} count;

static void *count_run(ebb_runtime *rt, void *arg) {
  (void)rt;
  atomic_fetch_add(&((count *)arg)->runs, 1);
  return arg;
}

static void count_drop(void *arg) {
  atomic_fetch_add(&((count *)arg)->drops, 1);
}

static void add_one(void *arg) { ++*(int *)arg; }

/* Sends one until it has been done. Each that was not has been dropped. */
static void send(ebb_runtime *rt, ebb_runtime *there, ebb_target target) {
  count c = {0, 0};
  ebb_body b = {.run = count_run, .arg = &c, .drop = count_drop};
  for (int sent = 1; atomic_load(&c.runs) == 0; sent++) {
    ebb_task *t = NULL;
    int err;
    do {
      err = ebb_spawn_on(rt, &target, b, &t);
      CHECK((err == 0) == (t != NULL));
    } while (try_again(err));
    CHECK(err == 0);
    if (there != NULL) CHECK(ebb_tick(there, EBB_NEVER, NULL) == 0);
    ebb_result result = join(t);
    bool done = result.outcome == EBB_COMPLETED;
    CHECK(done || try_again(-EAGAIN));
    CHECK(atomic_load(&c.runs) == done);
    CHECK(atomic_load(&c.drops) == sent - done);
  }
}

static void *use_waker(ebb_runtime *rt, void *arg) {
  ebb_waker *w;
  MUST(ebb_waker_new(rt, &w));
  ebb_waker_wake(w);
  CHECK(ebb_park(rt, EBB_NEVER) == 0);
  ebb_waker_free(w);
  return arg;
}

static void run_scenario(void) {
  ebb_runtime *rt, *there;
  ebb_handle *h;
  int n = 0;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  CHECK(ebb_runtime_new(NULL, &there) == 0);
  MUST(ebb_block_in_place(rt, add_one, &n));
  CHECK(n == 1);
  send(rt, NULL, (ebb_target){.blocking = true});
  MUST(ebb_handle_current(there, &h));
  send(rt, there, (ebb_target){.handle = h});
  send(rt, NULL, (ebb_target){.handle = h, .blocking = true});
  CHECK(join(start(there, use_waker, NULL)).outcome == EBB_COMPLETED);
  ebb_handle_free(h);
  CHECK(ebb_runtime_free(rt) == 0);
  CHECK(ebb_runtime_free(there) == 0);
}

/* ---- the runs ---- */

static void run_refused(int in_a_row) {
  int fds = count_fds(), hit = 1;
  for (int n = 1; hit; n++) {
    atomic_store(&requests, 0);
    fail_at = n;
    fail_count = in_a_row;
    run_scenario();
    hit = atomic_load(&requests) >= n;
    fail_at = 0;
  }
  CHECK(count_fds() == fds);
}

TEST(any_one_request_may_be_refused) { run_refused(1); }

TEST(any_three_requests_in_a_row_may_be_refused) { run_refused(3); }
