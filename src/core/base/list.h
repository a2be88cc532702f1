/* SPDX-License-Identifier: MIT
   Intrusive doubly linked list. The list is a ring through its own node, and
   a node that is in no list is a ring of itself, so that removing needs to
   know neither the list nor whether the node is in one. */
#ifndef EBB_CORE_BASE_LIST_H
#define EBB_CORE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ebb_list {
  struct ebb_list *next, *prev;
} ebb_list;

/* The struct of type T whose member M is at the pointer P. */
#define ebb_container_of(P, T, M) ((T *)((char *)(P)-offsetof(T, M)))

/* Has the cache lines of a block come while something else is done. Any
   address will do. */
static inline void ebb_prefetch(const void *block, size_t size) {
#if defined(__GNUC__)
  for (size_t i = 0; i < size; i += 64)
    __builtin_prefetch((const char *)block + i);
#else
  (void)block, (void)size;
#endif
}

static inline void ebb_list_init(ebb_list *l) { l->next = l->prev = l; }

static inline bool ebb_list_is_empty(const ebb_list *l) { return l->next == l; }

static inline void ebb_list_push(ebb_list *l, ebb_list *node) {
  node->prev = l->prev;
  node->next = l;
  l->prev->next = node;
  l->prev = node;
}

static inline void ebb_list_remove(ebb_list *node) {
  node->prev->next = node->next;
  node->next->prev = node->prev;
  ebb_list_init(node);
}

#endif
