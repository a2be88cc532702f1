/* SPDX-License-Identifier: MIT
   Memory comes from one function per runtime, so that an embedder can count
   it, and a test can make it fail. */
#ifndef EBB_CORE_BASE_ALLOC_H
#define EBB_CORE_BASE_ALLOC_H

#include "ebb.h"

typedef struct ebb_alloc {
  ebb_alloc_fn fn;
  void *ctx;
} ebb_alloc;

static inline void *ebb_alloc_new(const ebb_alloc *a, size_t size) {
  return a->fn(a->ctx, NULL, 0, size);
}

static inline void *ebb_alloc_resize(const ebb_alloc *a, void *block,
                                     size_t old_size, size_t size) {
  return a->fn(a->ctx, block, old_size, size);
}

static inline void ebb_alloc_free(const ebb_alloc *a, void *block,
                                  size_t size) {
  if (block != NULL) a->fn(a->ctx, block, size, 0);
}

#endif
