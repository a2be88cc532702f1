/* SPDX-License-Identifier: MIT */
#include "core/base/slab.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* AddressSanitizer can watch blocks only if each has its own slab, and goes
   when it is given back. */
#if defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#endif

enum {
  SLAB_BLOCKS = 63,
  CACHE_LINE = 64 /* what blocks are aligned to */
};

typedef struct chunk {
  struct chunk *next;
  char *blocks; /* the first one, behind this header */
} chunk;

void ebb_slab_init(ebb_slab *p, size_t block_size, const ebb_alloc *alloc) {
  size_t lines = (block_size + CACHE_LINE - 1) / CACHE_LINE;
  *p = (ebb_slab){.block_size = lines * CACHE_LINE, .alloc = alloc};
}

static size_t slab_size(const ebb_slab *p) {
  return sizeof(chunk) + CACHE_LINE + SLAB_BLOCKS * p->block_size;
}

void ebb_slab_destroy(ebb_slab *p) {
  for (chunk *slab = p->chunks, *next; slab != NULL; slab = next) {
    next = slab->next;
    ebb_alloc_free(p->alloc, slab, slab_size(p));
  }
  p->chunks = NULL;
  p->free = NULL;
  p->unused = 0;
}

#ifdef WATCHED

void *ebb_slab_take_new(ebb_slab *p) {
  return ebb_alloc_new(p->alloc, p->block_size);
}

void ebb_slab_give(ebb_slab *p, void *block) {
  ebb_alloc_free(p->alloc, block, p->block_size);
}

#else

/* Blocks of the newest chunk are cut off as they are needed, not linked when
   the chunk is made: the pages of blocks that were never used are never
   touched. The first block begins on a cache line, and as their size is a
   multiple of one, so do all. */
void *ebb_slab_take_new(ebb_slab *p) {
  if (p->unused == 0) {
    chunk *slab = ebb_alloc_new(p->alloc, slab_size(p));
    if (slab == NULL) return NULL;
    uintptr_t end = (uintptr_t)(slab + 1);
    slab->blocks = (char *)(slab + 1) + (CACHE_LINE - end % CACHE_LINE);
    slab->next = p->chunks;
    p->chunks = slab;
    p->unused = SLAB_BLOCKS;
  }
  return p->chunks->blocks + (SLAB_BLOCKS - p->unused--) * p->block_size;
}

/* The block itself keeps the list of free ones: memcpy, as it may have held
   an object of any type. */
void ebb_slab_give(ebb_slab *p, void *block) {
  assert(block != NULL && p->chunks != NULL);
  memcpy(block, &p->free, sizeof p->free);
  p->free = block;
}

#endif
