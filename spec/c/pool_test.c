/* SPDX-License-Identifier: MIT
   core/base/slab.h: blocks of one size. */
#include "core/base/slab.h"

#include "test.h"

enum { BLOCKS = 1000, SIZE = 40 };

static test_memory memory;
static const ebb_alloc alloc = {test_alloc, &memory};
static unsigned char *blocks[BLOCKS];

static ebb_slab new_pool(void) {
  ebb_slab p;
  memory = (test_memory){0};
  ebb_slab_init(&p, SIZE, &alloc);
  return p;
}

static void free_pool(ebb_slab *p) {
  ebb_slab_destroy(p);
  CHECK(memory.bytes == 0);
}

/* Takes the i-th block and fills it with its number. */
static void take(ebb_slab *p, int i) {
  blocks[i] = ebb_slab_take(p);
  CHECK(blocks[i] != NULL);
  CHECK((uintptr_t)blocks[i] % _Alignof(max_align_t) == 0);
  memset(blocks[i], i & 0xff, SIZE);
}

static void give(ebb_slab *p, int i) {
  for (int j = 0; j < SIZE; j++) CHECK(blocks[i][j] == (i & 0xff));
  ebb_slab_give(p, blocks[i]);
  blocks[i] = NULL;
}

TEST(an_empty_pool_needs_no_memory) {
  ebb_slab p = new_pool();
  CHECK(memory.requests == 0);
  free_pool(&p);
}

TEST(blocks_are_apart_from_each_other) {
  ebb_slab p = new_pool();
  for (int i = 0; i < BLOCKS; i++) take(&p, i);
  for (int i = 0; i < BLOCKS; i++) give(&p, i);
  free_pool(&p);
}

TEST(blocks_given_back_are_taken_again) {
  ebb_slab p = new_pool();
  for (int i = 0; i < BLOCKS; i++) take(&p, i);
  size_t bytes = memory.bytes;
  for (int i = 0; i < BLOCKS; i += 2) give(&p, i);
  for (int i = 0; i < BLOCKS; i += 2) take(&p, i);
  CHECK(memory.bytes == bytes);
  for (int i = 0; i < BLOCKS; i++) give(&p, i);
  free_pool(&p);
}

TEST(taking_without_memory_changes_nothing) {
  ebb_slab p = new_pool();
  memory.fail_at = 1;
  memory.fail_count = 1;
  CHECK(ebb_slab_take(&p) == NULL);
  CHECK(memory.bytes == 0);
  take(&p, 1);
  give(&p, 1);
  free_pool(&p);
}
