/* SPDX-License-Identifier: MIT
   Blocks of one size, in slabs; a block that was given back is the next to
   be taken. Tasks come and go in great numbers, and not in order: the
   general allocator would touch a freed block's neighbours each time. Slabs
   are freed with the pool. */
#ifndef EBB_CORE_BASE_SLAB_H
#define EBB_CORE_BASE_SLAB_H

#include <string.h>

#include "core/base/alloc.h"

typedef struct ebb_slab {
  size_t block_size;
  void *free; /* blocks given back, each beginning with the next */
  struct chunk *chunks;
  size_t unused; /* blocks of the newest slab that were never taken */
  const ebb_alloc *alloc;
} ebb_slab;

void ebb_slab_init(ebb_slab *p, size_t block_size, const ebb_alloc *alloc);

/* Every block is freed with its slab, taken or not. */
void ebb_slab_destroy(ebb_slab *p);

/* NULL: no memory. The last given back is the first taken, being the one that
   the cache still has. */
void *ebb_slab_take_new(ebb_slab *p);
static inline void *ebb_slab_take(ebb_slab *p) {
  void *block = p->free;
  if (block == NULL) return ebb_slab_take_new(p);
  memcpy(&p->free, block, sizeof p->free);
  return block;
}
void ebb_slab_give(ebb_slab *p, void *block);

#endif
