/* SPDX-License-Identifier: MIT
   Stacks, and the pool they come from; stack.c is the only file that maps
   memory. A stack is address space with a guard below; pages are committed
   when touched. Idle stacks are kept, the last used first in line; beyond
   EBB_STACKS_WARM of them the pages go back to the system. */
#ifndef EBB_CORE_OS_STACK_H
#define EBB_CORE_OS_STACK_H

#include "core/base/alloc.h"
#include "core/os/context.h"

enum { EBB_STACKS_WARM = 64 };

typedef struct ebb_stack {
  struct ebb_stack *next; /* while idle: the next idle one */
  ebb_context context;
} ebb_stack;

/* A stack is in one of three places: idle in `warm`, idle in `cold`, or in use:
   by the loop, or by a task that is suspended on it. An idle warm stack may
   have a suspended loop on it, which the next to take it continues; so a stack
   that is put back must not have anything else. The running stack is put back
   before it is switched away from, which is right as long as nothing is taken
   in between. */
typedef struct ebb_stack_pool {
  size_t stack_size; /* guard included */
  void (*entry)(void *arg);
  void *arg;
  struct ebb_stack_slab *slabs;
  ebb_stack *warm; /* idle, may hold a suspended context to go on with */
  ebb_stack *cold; /* idle, without pages; the context begins anew */
  unsigned warm_count;
  unsigned slab_stacks; /* how many the next slab will have */
  const ebb_alloc *alloc;
} ebb_stack_pool;

/* Every stack of the pool begins at entry(arg). */
void ebb_stack_pool_init(ebb_stack_pool *p, size_t stack_size,
                         void (*entry)(void *), void *arg,
                         const ebb_alloc *alloc);

/* Unmaps all stacks, but not the slab of `running` (may be NULL), which the
   caller runs on until the process exits. */
void ebb_stack_pool_destroy(ebb_stack_pool *p, const ebb_stack *running);

/* An idle stack, or a new one; NULL when none can be had. Warm before cold. */
ebb_stack *ebb_stack_take_cold(ebb_stack_pool *p);
static inline ebb_stack *ebb_stack_take(ebb_stack_pool *p) {
  ebb_stack *s = p->warm;
  if (s == NULL) return ebb_stack_take_cold(p);
  p->warm = s->next;
  p->warm_count--;
  return s;
}

/* One idle stack less is warm. There must be one. */
void ebb_stack_cool(ebb_stack_pool *p);

/* Gives a stack back. Its context may be the running one: it is about to be
   switched away from. So that one is not the one to cool. */
static inline void ebb_stack_put(ebb_stack_pool *p, ebb_stack *s) {
  if (p->warm_count == EBB_STACKS_WARM) ebb_stack_cool(p);
  s->next = p->warm;
  p->warm = s;
  p->warm_count++;
}

/* Gives back a stack whose suspended frames nobody will go on with. */
void ebb_stack_discard(ebb_stack_pool *p, ebb_stack *s);

#endif
