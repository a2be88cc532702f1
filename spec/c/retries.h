/* SPDX-License-Identifier: MIT
   Memory that fails, and calls that are made again. A call that returns -ENOMEM
   has changed nothing (R9): made again, it does what it would have done at
   first. */
#ifndef EBB_SPEC_C_RETRIES_H
#define EBB_SPEC_C_RETRIES_H

#include "test.h"

static test_memory memory;
static int failures; /* calls that have failed in this run */

/* Memory that fails for ever comes back once two calls have failed. */
static inline bool try_again(int result) {
  if (result != -ENOMEM) return false;
  CHECK(test_memory_failed(&memory));
  if (++failures == 2) memory.fail_at = 0;
  CHECK(failures < 100);
  return true;
}

/* The call comes to `expected`, at once or when memory is back. */
#define MUST(expected, call)        \
  do {                              \
    int got_;                       \
    do got_ = (call);               \
    while (try_again(got_));        \
    CHECK(got_ == (int)(expected)); \
  } while (0)

#endif
