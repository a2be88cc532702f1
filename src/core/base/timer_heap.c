/* SPDX-License-Identifier: MIT */
#include "core/base/timer_heap.h"

#include <assert.h>
#include <errno.h>

void ebb_timer_heap_init(ebb_timer_heap *h, const ebb_alloc *alloc) {
  *h = (ebb_timer_heap){.alloc = alloc};
}

void ebb_timer_heap_destroy(ebb_timer_heap *h) {
  ebb_alloc_free(h->alloc, h->slots, h->capacity * sizeof *h->slots);
  h->slots = NULL;
  h->len = h->capacity = 0;
}

/* A heap with four children to each place: half as deep as one with two, and
   the four children lie side by side. The slots hold the deadlines, so that
   comparing touches no task; a task knows its place, so that a wait that
   ends early takes its timer out without a search. */
static bool before(const ebb_timer_heap_slot *a, const ebb_timer_heap_slot *b) {
  if (a->deadline != b->deadline) return a->deadline < b->deadline;
  return a->order < b->order;
}

static void put_slot(ebb_timer_heap *h, uint32_t place,
                     ebb_timer_heap_slot slot) {
  h->slots[place] = slot;
  slot.timer->place = place;
}

/* The slot is held in hand and written once, at the end of its way; those it
   passes are moved by one place each. */
static void sift_up(ebb_timer_heap *h, uint32_t place,
                    ebb_timer_heap_slot slot) {
  while (place > 0) {
    uint32_t parent = (place - 1) / 4;
    if (!before(&slot, &h->slots[parent])) break;
    put_slot(h, place, h->slots[parent]);
    place = parent;
  }
  put_slot(h, place, slot);
}

static uint32_t least_child(const ebb_timer_heap *h, uint32_t place) {
  uint32_t least = 4 * place + 1;
  uint32_t end = least + 4 < h->len ? least + 4 : h->len;
  for (uint32_t i = least + 1; i < end; i++)
    if (before(&h->slots[i], &h->slots[least])) least = i;
  return least;
}

static void sift_down(ebb_timer_heap *h, uint32_t place,
                      ebb_timer_heap_slot slot) {
  while (4 * place + 1 < h->len) {
    uint32_t child = least_child(h, place);
    if (!before(&h->slots[child], &slot)) break;
    put_slot(h, place, h->slots[child]);
    place = child;
  }
  put_slot(h, place, slot);
}

/* Never shrinks: a program that once had many timers mostly has as many
   again. */
static int grow(ebb_timer_heap *h) {
  uint32_t capacity = h->capacity == 0 ? 16 : 2 * h->capacity;
  if (capacity >= UINT32_MAX / 4) return -ENOMEM; /* places are uint32_t */
  ebb_timer_heap_slot *slots =
      ebb_alloc_resize(h->alloc, h->slots, h->capacity * sizeof *slots,
                       capacity * sizeof *slots);
  if (slots == NULL) return -ENOMEM;
  h->slots = slots;
  h->capacity = capacity;
  return 0;
}

int ebb_timer_heap_push(ebb_timer_heap *h, ebb_timer *timer, int64_t deadline) {
  assert(timer->place == EBB_HEAP_NONE);
  if (h->len == h->capacity) {
    int err = grow(h);
    if (err < 0) return err;
  }
  sift_up(h, h->len++, (ebb_timer_heap_slot){deadline, h->next_order++, timer});
  return 0;
}

void ebb_timer_heap_take_out(ebb_timer_heap *h, ebb_timer *timer) {
  uint32_t place = timer->place;
  assert(place < h->len && h->slots[place].timer == timer);
  timer->place = EBB_HEAP_NONE;
  ebb_timer_heap_slot last = h->slots[--h->len];
  if (place == h->len) return;
  /* The last slot comes to the hole. It belongs to another branch, and may
     have to go up as well as down. */
  if (place > 0 && before(&last, &h->slots[(place - 1) / 4]))
    sift_up(h, place, last);
  else
    sift_down(h, place, last);
}

void ebb_timer_heap_check(const ebb_timer_heap *h) {
  assert(h->len <= h->capacity);
  for (uint32_t i = 0; i < h->len; i++) {
    assert(h->slots[i].timer->place == i);
    if (i > 0) assert(before(&h->slots[(i - 1) / 4], &h->slots[i]));
  }
}
