/* SPDX-License-Identifier: MIT */
#include "core/base/buffer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* What was received and not asked for yet lies between `begin` and `end`.
   Reading moves `begin`, receiving moves `end`; the bytes themselves are
   moved only when there is no room behind them. So a reader of lines that
   takes them as fast as they come never moves any. A connection that is idle
   has no memory here: the last byte that is dropped takes the block with it. */
enum { FIRST_CAPACITY = 512 };

static void move_to_front(ebb_buffer *b) {
  memmove(b->data, b->data + b->begin, ebb_buffer_len(b));
  b->end -= b->begin;
  b->begin = 0;
}

/* Moving to the front comes first, as it may make the room that growing
   would. The capacity doubles, so that n bytes received piece by piece are
   copied about twice each at most. */
char *ebb_buffer_reserve(ebb_buffer *b, size_t n, const ebb_alloc *alloc) {
  assert(b->begin <= b->end && b->end <= b->capacity);
  if (b->capacity - b->end >= n) return b->data + b->end;
  size_t len = ebb_buffer_len(b), need = len + n;
  /* A length that overflows would look like one for which there is room. */
  if (need < n || need > SIZE_MAX / 2) return NULL;
  if (b->data != NULL && b->begin > 0) move_to_front(b);
  if (b->capacity < need) {
    size_t capacity = b->capacity * 2;
    if (capacity < FIRST_CAPACITY) capacity = FIRST_CAPACITY;
    if (capacity < need) capacity = need;
    char *data = ebb_alloc_resize(alloc, b->data, b->capacity, capacity);
    if (data == NULL) return NULL;
    b->data = data;
    b->capacity = capacity;
  }
  return b->data + b->end;
}

int ebb_buffer_append(ebb_buffer *b, const char *data, size_t n,
                      const ebb_alloc *alloc) {
  if (n == 0) return 0;
  char *room = ebb_buffer_reserve(b, n, alloc);
  if (room == NULL) return -ENOMEM;
  memcpy(room, data, n);
  b->end += n;
  return 0;
}

/* The caller's last pointer into the buffer dies here, when nothing is left. */
void ebb_buffer_drop(ebb_buffer *b, size_t n, const ebb_alloc *alloc) {
  assert(n <= ebb_buffer_len(b));
  b->begin += n;
  if (b->begin < b->end) return;
  ebb_alloc_free(alloc, b->data, b->capacity);
  *b = (ebb_buffer){0};
}
