/* SPDX-License-Identifier: MIT
   core/base/timer_heap.h: timers in the order of their deadlines. */
#include "core/base/timer_heap.h"

#include "core/base/list.h"

#include "test.h"

enum { TIMERS = 512 };

static test_memory memory;
static const ebb_alloc alloc = {test_alloc, &memory};
static ebb_timer timers[TIMERS];

static ebb_timer_heap new_heap(void) {
  ebb_timer_heap h;
  memory = (test_memory){0};
  for (int i = 0; i < TIMERS; i++) timers[i].place = EBB_HEAP_NONE;
  ebb_timer_heap_init(&h, &alloc);
  return h;
}

static void free_heap(ebb_timer_heap *h) {
  ebb_timer_heap_destroy(h);
  CHECK(memory.bytes == 0);
}

static void push(ebb_timer_heap *h, int i, int64_t deadline) {
  CHECK(ebb_timer_heap_push(h, &timers[i], deadline) == 0);
  ebb_timer_heap_check(h);
}

/* The index of the first timer due at `now`, or -1. */
static int pop(ebb_timer_heap *h, int64_t now) {
  ebb_timer *timer = ebb_timer_heap_pop_due(h, now);
  ebb_timer_heap_check(h);
  if (timer == NULL) return -1;
  CHECK(timer->place == EBB_HEAP_NONE);
  return (int)(timer - timers);
}

TEST(an_empty_heap_needs_no_memory) {
  ebb_timer_heap h = new_heap();
  CHECK(ebb_timer_heap_next(&h) == EBB_NEVER);
  CHECK(pop(&h, INT64_MAX) == -1);
  CHECK(memory.requests == 0);
  free_heap(&h);
}

TEST(timers_come_in_the_order_of_their_deadlines) {
  static const int64_t deadlines[] = {30, 10, 50, 20, 40};
  ebb_timer_heap h = new_heap();
  for (int i = 0; i < 5; i++) push(&h, i, deadlines[i]);
  CHECK(pop(&h, 100) == 1);
  CHECK(pop(&h, 100) == 3);
  CHECK(pop(&h, 100) == 0);
  CHECK(pop(&h, 100) == 4);
  CHECK(pop(&h, 100) == 2);
  CHECK(pop(&h, 100) == -1);
  free_heap(&h);
}

TEST(equal_deadlines_come_in_the_order_of_setting) {
  ebb_timer_heap h = new_heap();
  for (int i = 0; i < 100; i++) push(&h, i, i % 2 == 0 ? 20 : 10);
  for (int i = 1; i < 100; i += 2) CHECK(pop(&h, 20) == i);
  for (int i = 0; i < 100; i += 2) CHECK(pop(&h, 20) == i);
  free_heap(&h);
}

TEST(a_timer_set_anew_goes_to_the_back_of_its_equals) {
  ebb_timer_heap h = new_heap();
  for (int i = 0; i < 3; i++) push(&h, i, 10);
  ebb_timer_heap_remove(&h, &timers[0]);
  push(&h, 0, 10);
  CHECK(pop(&h, 10) == 1);
  CHECK(pop(&h, 10) == 2);
  CHECK(pop(&h, 10) == 0);
  free_heap(&h);
}

TEST(a_timer_is_due_at_its_deadline_and_not_before) {
  ebb_timer_heap h = new_heap();
  push(&h, 0, 10);
  CHECK(ebb_timer_heap_next(&h) == 10);
  CHECK(pop(&h, 9) == -1);
  CHECK(pop(&h, 10) == 0);
  CHECK(ebb_timer_heap_next(&h) == EBB_NEVER);
  free_heap(&h);
}

TEST(any_int64_is_a_deadline) {
  ebb_timer_heap h = new_heap();
  push(&h, 0, INT64_MAX - 1);
  push(&h, 1, INT64_MIN);
  push(&h, 2, -1);
  push(&h, 3, 0);
  CHECK(ebb_timer_heap_next(&h) == INT64_MIN);
  CHECK(pop(&h, INT64_MIN) == 1);
  CHECK(pop(&h, 0) == 2);
  CHECK(pop(&h, 0) == 3);
  CHECK(pop(&h, 0) == -1);
  CHECK(pop(&h, INT64_MAX) == 0);
  free_heap(&h);
}

/* Of n timers, takes out the one at i, and pops the rest. */
static void remove_one_of(int n, int i) {
  ebb_timer_heap h = new_heap();
  for (int j = 0; j < n; j++) push(&h, j, (j * 7) % n);
  ebb_timer_heap_remove(&h, &timers[i]);
  ebb_timer_heap_check(&h);
  CHECK(timers[i].place == EBB_HEAP_NONE);
  for (int deadline = 0; deadline < n; deadline++)
    if ((i * 7) % n != deadline) CHECK((pop(&h, n) * 7) % n == deadline);
  CHECK(pop(&h, n) == -1);
  free_heap(&h);
}

TEST(any_timer_can_be_taken_out) {
  for (int i = 0; i < 50; i++) remove_one_of(50, i);
}

TEST(a_timer_that_is_not_set_can_be_taken_out_too) {
  ebb_timer_heap h = new_heap();
  push(&h, 0, 10);
  ebb_timer_heap_remove(&h, &timers[1]);
  CHECK(h.len == 1 && pop(&h, 10) == 0);
  ebb_timer_heap_remove(&h, &timers[0]);
  CHECK(h.len == 0);
  free_heap(&h);
}

TEST(setting_without_memory_changes_nothing) {
  ebb_timer_heap h = new_heap();
  for (int i = 0; i < 16; i++) push(&h, i, i);
  memory.fail_at = memory.requests + 1;
  memory.fail_count = 1;
  CHECK(ebb_timer_heap_push(&h, &timers[16], 3) == -ENOMEM);
  CHECK(timers[16].place == EBB_HEAP_NONE && h.len == 16);
  ebb_timer_heap_check(&h);
  push(&h, 16, -1);
  CHECK(pop(&h, 100) == 16);
  CHECK(pop(&h, 100) == 0);
  free_heap(&h);
}

/* ---- chance ---- */

typedef struct model {
  ebb_timer_heap h;
  int64_t deadlines[TIMERS]; /* of those that are set, else EBB_NEVER */
  uint64_t orders[TIMERS];
  uint64_t next_order;
} model;

static int first_of(const model *m) {
  int first = -1;
  for (int i = 0; i < TIMERS; i++) {
    if (m->deadlines[i] == EBB_NEVER) continue;
    if (first < 0 || m->deadlines[i] < m->deadlines[first] ||
        (m->deadlines[i] == m->deadlines[first] &&
         m->orders[i] < m->orders[first]))
      first = i;
  }
  return first;
}

static void toggle(model *m, int i, int64_t deadline) {
  if (m->deadlines[i] == EBB_NEVER) {
    push(&m->h, i, deadline);
    m->deadlines[i] = deadline;
    m->orders[i] = m->next_order++;
  } else {
    ebb_timer_heap_remove(&m->h, &timers[i]);
    m->deadlines[i] = EBB_NEVER;
  }
}

TEST(any_sequence_of_changes_agrees_with_a_model) {
  static model m;
  uint64_t state = 1;
  m.h = new_heap();
  for (int i = 0; i < TIMERS; i++) m.deadlines[i] = EBB_NEVER;
  for (int step = 0; step < 20000; step++) {
    toggle(&m, (int)chance(&state, TIMERS), chance(&state, 50));
    if (chance(&state, 4) > 0) continue;
    int first = first_of(&m);
    int64_t now = first < 0 ? 0 : m.deadlines[first];
    CHECK(ebb_timer_heap_next(&m.h) == (first < 0 ? EBB_NEVER : now));
    CHECK(pop(&m.h, now) == first);
    if (first >= 0) m.deadlines[first] = EBB_NEVER;
  }
  free_heap(&m.h);
}

/* Many more than the rest needs: a random half of them is taken out again. */
#ifdef SANITIZED
enum { CROWD = 50000 };
#else
enum { CROWD = 1000000 };
#endif
typedef struct sleeper {
  ebb_timer timer;
  int64_t deadline;
  bool set;
} sleeper;

static void check_order(ebb_timer_heap *h, const sleeper *crowd) {
  const sleeper *last = NULL;
  for (int64_t now; (now = ebb_timer_heap_next(h)) != EBB_NEVER;) {
    CHECK(ebb_timer_heap_pop_due(h, now - 1) == NULL);
    const sleeper *s =
        ebb_container_of(ebb_timer_heap_pop_due(h, now), sleeper, timer);
    CHECK(s->set && s->deadline == now);
    /* They were set in the order in which they lie. */
    if (last != NULL)
      CHECK(last->deadline < now || (last->deadline == now && last < s));
    last = s;
  }
  CHECK(last != NULL && last >= crowd && last < crowd + CROWD);
}

TEST(a_million_timers_are_held_cancelled_and_fired_in_order) {
  static sleeper crowd[CROWD];
  uint64_t state = 7;
  uint32_t left = 0;
  ebb_timer_heap h = new_heap();
  for (int i = 0; i < CROWD; i++) {
    crowd[i] = (sleeper){{EBB_HEAP_NONE}, chance(&state, CROWD / 4), true};
    CHECK(ebb_timer_heap_push(&h, &crowd[i].timer, crowd[i].deadline) == 0);
  }
  for (int i = 0; i < CROWD; i++) {
    crowd[i].set = chance(&state, 2) > 0;
    if (!crowd[i].set) ebb_timer_heap_remove(&h, &crowd[i].timer);
    left += crowd[i].set;
  }
  ebb_timer_heap_check(&h);
  CHECK(h.len == left);
  check_order(&h, crowd);
  free_heap(&h);
}
