/* SPDX-License-Identifier: MIT
   JoinMap against a model. */
#include "join_maps.h"

enum { KEYS = 200, STEPS = 100000 };

typedef struct model {
  ebb_runtime *rt;
  ebb_join_map *m;
  ebb_id ids[KEYS];    /* of the task under each key; 0: none */
  bool aborted[KEYS];  /* and whether it was aborted while it waited */
  char names[KEYS][8]; /* of odd keys, which are bytes */
  size_t len;
  uint64_t state;
} model;

static ebb_key model_key(const model *d, uint32_t i) {
  return i % 2 == 0 ? EBB_KEY_INT(i) : text(d->names[i]);
}

static uint32_t model_index(ebb_key key) {
  if (key.data == NULL) return (uint32_t)key.bits;
  char name[8] = {0};
  memcpy(name, key.data, key.bits);
  return (uint32_t)atoi(name + 1);
}

static void model_spawn(model *d, uint32_t i) {
  bool waits = chance(&d->state, 2) == 0;
  if (d->ids[i] == 0) d->len++;
  d->aborted[i] = false;
  d->ids[i] = spawn(d->m, model_key(d, i),
                    waits ? wait_for_ever : return_at_once, NULL);
}

static void model_join(model *d) {
  ebb_key key;
  ebb_result result;
  if (ebb_join_map_try_join_next(d->m, &key, &result) == 0) return;
  uint32_t i = model_index(key);
  CHECK(d->ids[i] == result.id);
  CHECK(result.outcome == EBB_COMPLETED || d->aborted[i]);
  d->ids[i] = 0;
  d->len--;
  ebb_join_map_key_free(d->m, key);
}

static void model_abort(model *d, uint32_t i) {
  int found = ebb_join_map_abort(d->m, model_key(d, i));
  CHECK(found == (d->ids[i] != 0));
  d->aborted[i] = true;
}

static void model_look(const model *d, uint32_t i) {
  ebb_key key = model_key(d, i);
  CHECK(ebb_join_map_contains_key(d->m, key) == (d->ids[i] != 0));
  if (d->ids[i] != 0) CHECK(ebb_join_map_contains_task(d->m, d->ids[i]));
  CHECK(ebb_join_map_len(d->m) == d->len);
}

static int match_third(void *ctx, ebb_key key) {
  model *d = ctx;
  uint32_t i = model_index(key);
  if (i % 3 != 0) return 0;
  d->aborted[i] = true;
  return 1;
}

static void model_change_all(model *d, uint32_t what) {
  if (what == 0) {
    ebb_join_map_detach_all(d->m);
    memset(d->ids, 0, sizeof d->ids);
    d->len = 0;
  } else if (what == 1) {
    ebb_join_map_abort_all(d->m);
    memset(d->aborted, 1, sizeof d->aborted);
  } else if (what < 5) {
    CHECK(ebb_join_map_abort_matching(d->m, match_third, d) == 0);
  } else if (what < 20) {
    CHECK(ebb_join_map_shrink_to(d->m, chance(&d->state, KEYS)) == 0);
  } else if (what < 30) {
    CHECK(ebb_join_map_reserve(d->m, chance(&d->state, KEYS)) == 0);
  } else {
    CHECK(ebb_yield_now(d->rt) == 0);
  }
}

static void model_step(model *d) {
  uint32_t i = chance(&d->state, KEYS), what = chance(&d->state, 100);
  if (what < 30)
    model_spawn(d, i);
  else if (what < 60)
    model_join(d);
  else if (what < 75)
    model_abort(d, i);
  else if (what < 85)
    model_look(d, i);
  else
    model_change_all(d, chance(&d->state, 200));
}

TEST(any_sequence_of_calls_agrees_with_a_model) {
  static model d;
  d.rt = new_runtime();
  d.m = new_map(d.rt);
  d.state = 1;
  for (int i = 0; i < KEYS; i++)
    snprintf(d.names[i], sizeof d.names[i], "k%d", i);
  for (int step = 0; step < STEPS; step++) {
    model_step(&d);
    if (step % 100 == 0) ebb_table_check(&d.m->set.group.members);
    if (step % 1000 == 0)
      for (uint32_t i = 0; i < KEYS; i++) model_look(&d, i);
  }
  ebb_join_map_free(d.m);
  free_runtime(d.rt);
}
