/* SPDX-License-Identifier: MIT

   Stacks are mapped in slabs, each twice the last, so that many stacks are
   few mappings. A guard made by MADV_GUARD_INSTALL (Linux 6.13) splits no
   mapping; where that is missing, mprotect does, two mappings a stack, and
   meets vm.max_map_count at about 32,000 stacks: then there are no more
   stacks, which is an error to the caller.

   The first frames of all stacks would fall on the same cache sets, since
   they lie a power of two apart; each stack therefore starts a little lower
   than the last. Not much: a task waiting in a shallow call is to fit in one
   page. */
#define _GNU_SOURCE
#include "core/os/stack.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
  GUARD = 64 * 1024, /* wider than the frames of C libraries' functions */
  SLAB_MAX = 64,
  COLOURS = 16,
  COLOUR = 64
};

typedef struct ebb_stack_slab {
  struct ebb_stack_slab *next;
  char *low;
  size_t size;
  unsigned count;
  ebb_stack stacks[];
} ebb_stack_slab;

void ebb_stack_pool_init(ebb_stack_pool *p, size_t stack_size,
                         void (*entry)(void *), void *arg,
                         const ebb_alloc *alloc) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t size = (stack_size + GUARD + page - 1) / page * page;
  *p = (ebb_stack_pool){.stack_size = size,
                        .entry = entry,
                        .arg = arg,
                        .slab_stacks = 1,
                        .alloc = alloc};
}

/* Two lists of idle stacks. The warm ones have their pages, and a suspended
   loop that a wait can go on with at once; the last used comes first, as its
   pages are in the cache. The cold ones have given their pages back and
   begin anew. A program that once had a million waits in C keeps the address
   space, and no memory for it. */
static size_t slab_bytes(unsigned count) {
  return sizeof(ebb_stack_slab) + count * sizeof(ebb_stack);
}

/* The stack that the caller runs on cannot be unmapped under it: its slab is
   left to the end of the process. */
static void free_slab(ebb_stack_pool *p, ebb_stack_slab *slab,
                      const ebb_stack *running) {
  bool in_use = false;
  for (unsigned i = 0; i < slab->count; i++) {
    if (&slab->stacks[i] == running)
      in_use = true;
    else
      ebb_context_destroy(&slab->stacks[i].context);
  }
  if (!in_use) munmap(slab->low, slab->size);
  ebb_alloc_free(p->alloc, slab, slab_bytes(slab->count));
}

void ebb_stack_pool_destroy(ebb_stack_pool *p, const ebb_stack *running) {
  for (ebb_stack_slab *slab = p->slabs, *next; slab != NULL; slab = next) {
    next = slab->next;
    free_slab(p, slab, running);
  }
  p->slabs = NULL;
  p->warm = p->cold = NULL;
}

/* Pages that cannot be touched, below each stack: running into them is a
   crash at the place, and not silent damage to the stack below. */
static bool guard(char *low) {
  return madvise(low, GUARD, MADV_GUARD_INSTALL) == 0 ||
         mprotect(low, GUARD, PROT_NONE) == 0;
}

static void add_stack(ebb_stack_pool *p, ebb_stack_slab *slab, unsigned i) {
  ebb_stack *s = &slab->stacks[i];
  size_t colour = i % COLOURS * COLOUR;
  ebb_context_init(&s->context, slab->low + i * p->stack_size + GUARD,
                   p->stack_size - GUARD - colour, p->entry, p->arg);
  s->next = p->cold;
  p->cold = s;
}

/* No memory is reserved for it, nor huge pages used: a stack uses the pages
   that it touches, one or two for most tasks. */
static ebb_stack_slab *map_slab(ebb_stack_pool *p, unsigned count) {
  ebb_stack_slab *slab = ebb_alloc_new(p->alloc, slab_bytes(count));
  if (slab == NULL) return NULL;
  slab->count = count;
  slab->size = count * p->stack_size;
  slab->low = mmap(NULL, slab->size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (slab->low == MAP_FAILED) {
    ebb_alloc_free(p->alloc, slab, slab_bytes(count));
    return NULL;
  }
#ifdef MADV_NOHUGEPAGE
  madvise(slab->low, slab->size, MADV_NOHUGEPAGE);
#endif
  return slab;
}

/* Stacks that could not get a guard are left out; nobody runs on them. */
static void add_slab(ebb_stack_pool *p) {
  unsigned count = p->slab_stacks;
  ebb_stack_slab *slab = map_slab(p, count);
  if (slab == NULL && count > 1) slab = map_slab(p, count = 1);
  if (slab == NULL) return;
  for (unsigned i = count; i-- > 0;) {
    slab->stacks[i] = (ebb_stack){0};
    if (guard(slab->low + i * p->stack_size)) add_stack(p, slab, i);
  }
  if (p->cold == NULL) {
    munmap(slab->low, slab->size);
    ebb_alloc_free(p->alloc, slab, slab_bytes(count));
    return;
  }
  slab->next = p->slabs;
  p->slabs = slab;
  if (p->slab_stacks < SLAB_MAX) p->slab_stacks *= 2;
}

/* Cold before new. */
ebb_stack *ebb_stack_take_cold(ebb_stack_pool *p) {
  if (p->cold == NULL) add_slab(p);
  ebb_stack *s = p->cold;
  if (s != NULL) p->cold = s->next;
  return s;
}

/* Forgets what is suspended on an idle stack, and gives its pages back. */
static void cool(ebb_stack_pool *p, ebb_stack *s) {
  ebb_context_destroy(&s->context);
  madvise(s->context.low, s->context.size, MADV_DONTNEED);
  s->next = p->cold;
  p->cold = s;
}

void ebb_stack_discard(ebb_stack_pool *p, ebb_stack *s) { cool(p, s); }

void ebb_stack_cool(ebb_stack_pool *p) {
  ebb_stack *idle = p->warm;
  p->warm = idle->next;
  p->warm_count--;
  cool(p, idle);
}
