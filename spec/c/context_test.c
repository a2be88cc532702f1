/* SPDX-License-Identifier: MIT
   core/context.h: switching between C stacks. */
#include "core/os/context.h"

#include "test.h"

enum { STACK = 512 * 1024 };

/* A context on a stack of its own. It runs `run` and then goes back to the
   native stack. */
typedef struct fiber {
  ebb_context context;
  void *memory;
  void (*run)(struct fiber *f);
  int begun; /* how often the entry was called */
  bool ended;
  double value;
  char name[2];
} fiber;

static ebb_context native;

static void leave(fiber *f) { ebb_context_switch(&f->context, &native); }

static void entry(void *arg) {
  fiber *f = arg;
  f->begun++;
  f->run(f);
  f->ended = true;
  leave(f);
}

static void make(fiber *f, char name, void (*run)(fiber *f)) {
  *f = (fiber){.run = run, .name = {name, '\0'}};
  f->memory = aligned_alloc(4096, STACK);
  CHECK(f->memory != NULL);
  ebb_context_init(&f->context, f->memory, STACK, entry, f);
}

static void enter(fiber *f) { ebb_context_switch(&native, &f->context); }

static void discard(fiber *f) {
  ebb_context_destroy(&f->context);
  free(f->memory);
}

/* ---- switching ---- */

static void note_three_times(fiber *f) {
  for (int i = 0; i < 3; i++) {
    note(f->name);
    leave(f);
  }
}

TEST(a_context_begins_at_its_entry) {
  fiber a;
  make(&a, 'a', note_three_times);
  CHECK(a.begun == 0);
  enter(&a);
  CHECK(a.begun == 1 && noted("a"));
  discard(&a);
}

TEST(a_context_goes_on_where_it_left) {
  fiber a, b;
  make(&a, 'a', note_three_times);
  make(&b, 'b', note_three_times);
  for (int i = 0; i < 4; i++) {
    enter(&a);
    enter(&b);
  }
  CHECK(noted("a b a b a b"));
  CHECK(a.ended && b.ended && a.begun == 1);
  discard(&a);
  discard(&b);
}

static fiber ring[3];

static void pass_on(fiber *f) {
  fiber *next = f == &ring[2] ? ring : f + 1;
  for (int i = 0; i < 2; i++) {
    note(f->name);
    ebb_context_switch(&f->context, &next->context);
  }
}

TEST(contexts_switch_to_each_other) {
  for (int i = 0; i < 3; i++) make(&ring[i], (char)('a' + i), pass_on);
  enter(ring);
  CHECK(noted("a b c a b c") && ring[0].ended);
  for (int i = 0; i < 3; i++) discard(&ring[i]);
}

static void add_up(fiber *f) {
  int a = f->name[0], b = a + 1, c = a + 2, d = a + 3;
  for (int i = 0; i < 100; i++) {
    leave(f);
    a += b, b += 1, c += d, d += 2;
  }
  f->value = a + b + c + d;
}

TEST(each_context_keeps_its_variables) {
  fiber fibers[26];
  for (int i = 0; i < 26; i++) make(&fibers[i], (char)('a' + i), add_up);
  for (int turn = 0; turn <= 100; turn++)
    for (int i = 0; i < 26; i++) enter(&fibers[i]);
  for (int i = 0; i < 26; i++) {
    int a = 'a' + i;
    CHECK(fibers[i].ended);
    CHECK(fibers[i].value == (a + 100 * (a + 1) + 4950) + (a + 101) +
                                 (a + 2 + 100 * (a + 3) + 9900) + (a + 203));
    discard(&fibers[i]);
  }
}

/* The same sum, with a pause after each step or without. */
static double series(double x, fiber *f) {
  double sum = 0, term = 1;
  for (int i = 1; i < 50; i++) {
    term *= x / i;
    if (f != NULL) leave(f);
    sum += term;
  }
  return sum;
}

static void add_up_a_series(fiber *f) { f->value = series(f->value, f); }

TEST(floating_point_survives) {
  fiber a, b;
  make(&a, 'a', add_up_a_series);
  make(&b, 'b', add_up_a_series);
  a.value = 1.25;
  b.value = -0.75;
  double native_value = 1;
  while (!a.ended || !b.ended) {
    if (!a.ended) enter(&a);
    native_value *= 1.5;
    if (!b.ended) enter(&b);
  }
  CHECK(a.value == series(1.25, NULL));
  CHECK(b.value == series(-0.75, NULL));
  for (int i = 0; i < 50; i++) native_value /= 1.5;
  CHECK(native_value == 1);
  discard(&a);
  discard(&b);
}

/* ---- depth ---- */

/* Calls itself until so many bytes of stack are in use, and checks on the
   way back that each frame is what it was. */
static void dig(fiber *f, const char *top, ptrdiff_t bytes) {
  volatile unsigned char frame[200];
  unsigned char mark = (unsigned char)(uintptr_t)frame;
  for (size_t i = 0; i < sizeof frame; i++) frame[i] = mark;
  if (top - (const char *)frame < bytes)
    dig(f, top, bytes);
  else
    leave(f);
  for (size_t i = 0; i < sizeof frame; i++) CHECK(frame[i] == mark);
}

static void dig_deep(fiber *f) {
  char top = 0;
  dig(f, &top, STACK - 32 * 1024);
}

TEST(a_stack_can_be_used_to_its_depth) {
  fiber a, b;
  make(&a, 'a', dig_deep);
  make(&b, 'b', dig_deep);
  enter(&a);
  enter(&b);
  enter(&a);
  enter(&b);
  CHECK(a.ended && b.ended);
  discard(&a);
  discard(&b);
}

/* ---- beginning anew ---- */

static void restart_twice(fiber *f) {
  note(f->name);
  if (f->begun < 3) ebb_context_restart(&f->context);
}

TEST(a_restarted_context_begins_at_its_entry_again) {
  fiber a;
  make(&a, 'a', restart_twice);
  enter(&a);
  CHECK(a.begun == 3 && a.ended && noted("a a a"));
  discard(&a);
}

static void wait_and_restart(fiber *f) {
  static const char *frames[2];
  char here;
  CHECK(f->begun == 1 || frames[0] == &here);
  frames[0] = &here;
  leave(f);
  if (f->begun < 3) ebb_context_restart(&f->context);
}

TEST(a_restarted_context_is_on_the_same_stack) {
  fiber a;
  make(&a, 'a', wait_and_restart);
  for (int i = 1; i <= 3; i++) {
    enter(&a);
    CHECK(a.begun == i && !a.ended);
  }
  enter(&a);
  CHECK(a.ended);
  discard(&a);
}

static int restart_from(fiber *f, int depth) {
  volatile int frame[250];
  frame[0] = depth;
  if (depth > 0) return restart_from(f, depth - 1) + frame[0];
  leave(f);
  if (f->begun <= 100) ebb_context_restart(&f->context);
  return 0;
}

static void restart_from_the_depth(fiber *f) { f->value = restart_from(f, 50); }

TEST(a_restart_drops_every_frame) {
  fiber a;
  make(&a, 'a', restart_from_the_depth);
  for (int i = 1; i <= 101; i++) {
    enter(&a);
    CHECK(a.begun == i && !a.ended);
  }
  enter(&a);
  CHECK(a.ended && a.value == 50 * 51 / 2);
  discard(&a);
}

TEST(a_destroyed_context_begins_anew) {
  fiber a;
  make(&a, 'a', note_three_times);
  enter(&a);
  enter(&a);
  ebb_context_destroy(&a.context);
  enter(&a);
  CHECK(a.begun == 2 && noted("a a a"));
  discard(&a);
}
