/* SPDX-License-Identifier: MIT
   Bytes that were received and not asked for yet. An empty buffer has no
   memory. */
#ifndef EBB_CORE_BASE_BUFFER_H
#define EBB_CORE_BASE_BUFFER_H

#include <assert.h>

#include "core/base/alloc.h"

/* What it holds is data[begin] up to data[end - 1]. */
typedef struct ebb_buffer {
  char *data; /* NULL: no memory */
  size_t begin, end, capacity;
} ebb_buffer;

static inline size_t ebb_buffer_len(const ebb_buffer *b) {
  return b->end - b->begin;
}

static inline const char *ebb_buffer_head(const ebb_buffer *b) {
  return b->data == NULL ? "" : b->data + b->begin;
}

/* Room for at least `n` bytes more behind the end; NULL: no memory. */
char *ebb_buffer_reserve(ebb_buffer *b, size_t n, const ebb_alloc *alloc);

/* 0 or -ENOMEM. */
int ebb_buffer_append(ebb_buffer *b, const char *data, size_t n,
                      const ebb_alloc *alloc);

/* `n` bytes have been written into the room that was reserved. */
static inline void ebb_buffer_fill(ebb_buffer *b, size_t n) {
  assert(n <= b->capacity - b->end);
  b->end += n;
}

/* Drops the first `n` bytes; the memory stays. */
static inline void ebb_buffer_skip(ebb_buffer *b, size_t n) {
  assert(n <= ebb_buffer_len(b));
  b->begin += n;
}

/* Drops the first `n` bytes; the memory, too, when none is left. */
void ebb_buffer_drop(ebb_buffer *b, size_t n, const ebb_alloc *alloc);

#endif
