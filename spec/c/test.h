/* SPDX-License-Identifier: MIT
   What the C tests share. A test's name is the sentence that it proves:

     TEST(a_new_map_is_empty) {
       CHECK(...);
     }

   It registers itself; test.c runs those of a program in the file's order,
   each in a process of its own. A CHECK that does not hold ends that process,
   on any thread and any stack. No test sleeps for a fixed time or looks at how
   long something took: time is virtual, or comes from a clock that the test
   moves. */
#ifndef EBB_SPEC_C_TEST_H
#define EBB_SPEC_C_TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ebb.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* ---- tests and their checks ---- */

typedef struct test_case {
  const char *name;
  int line;
  void (*run)(void);
  struct test_case *next;
} test_case;

void test_register(test_case *t);

#define TEST(f)                                                 \
  static void f(void);                                          \
  __attribute__((constructor)) static void f##_register(void) { \
    static test_case t = {#f, __LINE__, f, NULL};               \
    test_register(&t);                                          \
  }                                                             \
  static void f(void)

static inline _Noreturn void test_fail(const char *file, int line,
                                       const char *text) {
  fprintf(stderr, "%s:%d: %s\n", file, line, text);
  _Exit(1);
}

#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, #cond))

/* ---- a log of what happened in which order ---- */

static char test_log[4096];

static inline void note(const char *word) {
  size_t used = strlen(test_log);
  if (word[0] == '\0') return;
  CHECK(used + strlen(word) + 2 <= sizeof test_log);
  snprintf(test_log + used, sizeof test_log - used, "%s%s", used > 0 ? " " : "",
           word);
}

/* Is this what has been noted since the last time? */
static inline bool noted(const char *words) {
  bool same = strcmp(test_log, words) == 0;
  if (!same) fprintf(stderr, "noted: %s\nnot:   %s\n", test_log, words);
  test_log[0] = '\0';
  return same;
}

/* ---- chance, the same in each run ---- */

static inline uint32_t chance(uint64_t *state, uint32_t limit) {
  *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
  return (uint32_t)(*state >> 33) % limit;
}

/* ---- an allocator that is not kind ----

   It knows each block's size and checks what it is told about it, moves a
   block at each change of size, hands out garbage, and fails when asked to:
   requests are counted from 1, and those from `fail_at` on, `fail_count` of
   them, get nothing. */
typedef struct test_memory {
  size_t bytes;    /* in use */
  size_t requests; /* so far; freeing is none */
  size_t fail_at;  /* 0: none fails */
  size_t fail_count;
} test_memory;

#define FAIL_FOR_EVER SIZE_MAX

typedef union test_block {
  size_t size;
  max_align_t align;
} test_block;

static inline bool test_memory_fails(test_memory *m) {
  size_t n = ++m->requests;
  return m->fail_at != 0 && n >= m->fail_at && n - m->fail_at < m->fail_count;
}

/* Has a request failed yet? */
static inline bool test_memory_failed(const test_memory *m) {
  return m->fail_at != 0 && m->requests >= m->fail_at;
}

static inline void test_memory_free(test_memory *m, test_block *b) {
  m->bytes -= b->size;
  memset(b, 0x5a, sizeof *b + b->size);
  free(b);
}

/* Both an ebb_alloc_fn and a lua_Alloc. */
static inline void *test_alloc(void *ctx, void *block, size_t old_size,
                               size_t size) {
  test_memory *m = ctx;
  test_block *old = block == NULL ? NULL : (test_block *)block - 1;
  if (old != NULL) CHECK(old->size == old_size);
  if (size > 0 && test_memory_fails(m)) return NULL;
  test_block *b = NULL;
  if (size > 0) {
    b = malloc(sizeof *b + size);
    CHECK(b != NULL);
    b->size = size;
    memset(b + 1, 0xa5, size);
    if (old != NULL) memcpy(b + 1, old + 1, old_size < size ? old_size : size);
    m->bytes += size;
  }
  if (old != NULL) test_memory_free(m, old);
  return b == NULL ? NULL : b + 1;
}

/* ---- runtimes and tasks ---- */

#define SECOND INT64_C(1000000000)

/* A runtime whose time is virtual. */
static inline ebb_runtime *new_runtime(void) {
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  CHECK(ebb_clock_pause(rt) == 0);
  return rt;
}

static inline void free_runtime(ebb_runtime *rt) {
  CHECK(ebb_runtime_free(rt) == 0);
}

static inline ebb_body body(void *(*run)(ebb_runtime *rt, void *arg),
                            void *arg) {
  return (ebb_body){.run = run, .arg = arg};
}

/* A task with a handle. */
static inline ebb_task *start(ebb_runtime *rt,
                              void *(*run)(ebb_runtime *rt, void *arg),
                              void *arg) {
  ebb_task *t;
  CHECK(ebb_spawn(rt, body(run, arg), &t) == 0);
  return t;
}

/* A detached task. */
static inline void start_detached(ebb_runtime *rt,
                                  void *(*run)(ebb_runtime *rt, void *arg),
                                  void *arg) {
  CHECK(ebb_spawn(rt, body(run, arg), NULL) == 0);
}

/* What a finished task came to; gives the handle back. */
static inline ebb_result finish(ebb_task *t) {
  ebb_result result = {0};
  CHECK(ebb_task_is_finished(t));
  CHECK(ebb_task_join(t, EBB_NEVER, &result) == 0);
  CHECK(result.id == ebb_task_id(t));
  ebb_task_release(t);
  return result;
}

#endif
