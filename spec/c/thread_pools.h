/* SPDX-License-Identifier: MIT
   A pool of threads, by itself. */
#ifndef EBB_SPEC_C_THREAD_POOLS_H
#define EBB_SPEC_C_THREAD_POOLS_H

#include "core/os/thread_pool.h"
#include "threads.h"

static atomic_int references; /* to what contains the pool */

static inline void retain(void *owner) {
  CHECK(owner == &references);
  atomic_fetch_add(&references, 1);
}

static inline void release(void *owner) {
  CHECK(owner == &references);
  atomic_fetch_sub(&references, 1);
}

static inline void init_pool(ebb_thread_pool *b) {
  CHECK(ebb_thread_pool_init(b) == 0);
  b->retain = retain;
  b->release = release;
  b->owner = &references;
}

static inline bool is_unreferenced(void *arg) {
  (void)arg;
  return atomic_load(&references) == 0;
}

static inline void free_pool(ebb_thread_pool *b) {
  CHECK(ebb_thread_pool_close(b, EBB_NEVER, NULL, NULL) == 0);
  CHECK(becomes(is_unreferenced, NULL));
  ebb_thread_pool_destroy(b);
}

#endif
