/* SPDX-License-Identifier: MIT
   Blocks of one size, in slabs; a block that was given back is the next to
   be taken. Tasks come and go in great numbers, and not in order: the
   general allocator would touch a freed block's neighbours each time. Slabs
   are freed with the pool. */
#ifndef EBB_CORE_BASE_SLAB_H
#define EBB_CORE_BASE_SLAB_H

#include "core/base/alloc.h"

typedef struct ebb_pool {
  size_t block_size;
  void *free; /* blocks given back, each beginning with the next */
  struct ebb_slab *slabs;
  size_t unused; /* blocks of the newest slab that were never taken */
  const ebb_alloc *alloc;
} ebb_pool;

void ebb_pool_init(ebb_pool *p, size_t block_size, const ebb_alloc *alloc);

/* Every block is freed with its slab, taken or not. */
void ebb_pool_destroy(ebb_pool *p);

/* NULL: no memory. */
void *ebb_pool_take(ebb_pool *p);
void ebb_pool_give(ebb_pool *p, void *block);

#endif
