/* SPDX-License-Identifier: MIT */
#include "core/spawn/join_set.h"

#include <assert.h>
#include <errno.h>

#include "core/loop/scheduler.h"
#include "core/spawn/c_task.h"

void ebb_join_set_init(ebb_join_set *s, ebb_runtime *rt) {
  *s = (ebb_join_set){.rt = rt};
  ebb_table_init(&s->members, &rt->alloc);
  ebb_list_init(&s->finished);
  ebb_list_init(&s->waiters);
}

void ebb_join_set_destroy(ebb_join_set *s) {
  assert(ebb_list_is_empty(&s->waiters));
  ebb_join_set_abort_all(s);
  ebb_join_set_detach_all(s);
  ebb_table_destroy(&s->members);
}

static void enter(ebb_join_set *s, ebb_task *t, uint32_t slot) {
  t->set = s;
  t->set_slot = slot;
  s->unfinished++;
  ebb_task_retain(t);
}

static void leave(ebb_join_set *s, ebb_task *t) {
  if (t->state == EBB_FINISHED) {
    if (s->members.len > EBB_CROWD) ebb_task_prefetch(t, &s->finished);
    ebb_list_remove(&t->link);
  } else {
    s->unfinished--;
    ebb_wake_all(&s->waiters);
  }
  t->set = NULL;
  ebb_wake_all(&t->joiners);
}

void ebb_join_set_put(ebb_join_set *s, uint32_t hash, ebb_key key,
                      ebb_task *t) {
  assert(t->set == NULL && t->state == EBB_NEW);
  enter(s, t, ebb_table_insert(&s->members, hash, key, t));
}

void ebb_join_set_remove(ebb_join_set *s, ebb_task *t) {
  assert(t->set == s);
  ebb_table_remove(&s->members, t->set_slot);
  leave(s, t);
  if (s->members.len == 0) ebb_wake_all(&s->waiters);
}

void ebb_join_set_replace(ebb_join_set *s, ebb_task *old, ebb_key key,
                          ebb_task *t) {
  assert(old->set == s && t->set == NULL && t->state == EBB_NEW);
  ebb_table_replace(&s->members, old->set_slot, key, t);
  enter(s, t, old->set_slot);
  leave(s, old);
}

static uint64_t order_of(const void *item) {
  return ((const ebb_task *)item)->id;
}

ebb_task *ebb_join_set_walk(const ebb_join_set *s, ebb_table_cursor *c) {
  uint32_t slot = ebb_table_walk(&s->members, c, order_of);
  return slot == EBB_TABLE_NONE ? NULL : ebb_table_item(&s->members, slot);
}

/* Each that is hastened goes before those that were: the owner is last. */
static void settle_race(ebb_join_set *s) {
  ebb_task_schedule_next(s->owner);
  if (!s->decided) ebb_join_set_cancel_rest(s);
}

void ebb_join_set_cancel_rest(ebb_join_set *s) {
  s->decided = true;
  uint32_t slot = ebb_table_scan(&s->members, 0);
  for (; slot != EBB_TABLE_NONE; slot = ebb_table_scan(&s->members, slot + 1)) {
    ebb_task *t = ebb_table_item(&s->members, slot);
    ebb_task_abort(t);
    ebb_task_schedule_next(t);
  }
}

void ebb_join_set_finished(ebb_join_set *s, ebb_task *t) {
  s->unfinished--;
  ebb_list_push(&s->finished, &t->link);
  ebb_wake_all(&s->waiters);
  if (s->owner != NULL) settle_race(s);
}

int ebb_join_set_poll_next(ebb_join_set *s, ebb_await *w) {
  if (s->members.len == 0) return 0;
  if (ebb_join_set_peek(s) == NULL) return ebb_await_in_list(w, &s->waiters);
  return ebb_await_proceed(w) ? 1 : EBB_AWAIT_YIELD;
}

typedef struct next {
  ebb_join_set *s;
  int64_t deadline;
} next;

static int next_poll(void *op, ebb_await *w) {
  const next *o = op;
  w->deadline = o->deadline;
  return ebb_join_set_poll_next(o->s, w);
}

int ebb_join_set_wait_next(ebb_join_set *s, int64_t deadline) {
  next o = {s, deadline};
  return ebb_await_run(s->rt, "join_next", next_poll, &o);
}

/* ---- the public set ---- */

int ebb_join_set_new(ebb_runtime *rt, ebb_join_set **out) {
  ebb_join_set *s = ebb_alloc_new(&rt->alloc, sizeof *s);
  if (s == NULL) return -ENOMEM;
  ebb_join_set_init(s, rt);
  *out = s;
  return 0;
}

void ebb_join_set_free(ebb_join_set *s) {
  ebb_join_set_destroy(s);
  ebb_alloc_free(&s->rt->alloc, s, sizeof *s);
}

int ebb_join_set_spawn_on(ebb_join_set *s, const ebb_target *target,
                          ebb_body body, ebb_id *id) {
  ebb_task *t;
  int err = ebb_table_reserve(&s->members, 1);
  if (err == 0) err = ebb_c_task_new(s->rt, target, body, &t);
  if (err < 0) return err;
  ebb_join_set_put(s, (uint32_t)t->id, EBB_KEY_INT(t->id), t);
  if (id != NULL) *id = t->id;
  ebb_task_start(t);
  return 0;
}

int ebb_join_set_spawn(ebb_join_set *s, ebb_body body, ebb_id *id) {
  return ebb_join_set_spawn_on(s, NULL, body, id);
}

int ebb_join_set_try_join_next(ebb_join_set *s, ebb_result *result) {
  ebb_task *t = ebb_join_set_peek(s);
  if (t == NULL) return 0;
  ebb_join_set_remove(s, t);
  ebb_task_result(t, result);
  ebb_task_release(t);
  return 1;
}

int ebb_join_set_join_next(ebb_join_set *s, int64_t deadline,
                           ebb_result *result) {
  int n = ebb_join_set_wait_next(s, deadline);
  return n == 1 ? ebb_join_set_try_join_next(s, result) : n;
}

void ebb_join_set_abort_all(ebb_join_set *s) {
  uint32_t slot = ebb_table_scan(&s->members, 0);
  for (; slot != EBB_TABLE_NONE; slot = ebb_table_scan(&s->members, slot + 1))
    ebb_task_abort(ebb_table_item(&s->members, slot));
}

void ebb_join_set_detach_all(ebb_join_set *s) {
  uint32_t slot = ebb_table_scan(&s->members, 0);
  for (; slot != EBB_TABLE_NONE; slot = ebb_table_scan(&s->members, slot + 1)) {
    ebb_task *t = ebb_table_item(&s->members, slot);
    ebb_join_set_remove(s, t);
    ebb_task_release(t);
  }
}

int ebb_join_set_shutdown(ebb_join_set *s) {
  ebb_join_set_abort_all(s);
  int n;
  do n = ebb_join_set_join_next(s, EBB_NEVER, NULL);
  while (n == 1);
  return n;
}

size_t ebb_join_set_len(const ebb_join_set *s) { return s->members.len; }

bool ebb_join_set_contains_task(const ebb_join_set *s, ebb_id id) {
  ebb_task *t = ebb_task_find(s->rt, id);
  return t != NULL && t->set == s;
}
