/* SPDX-License-Identifier: MIT */
#include "core/spawn/join_set.h"

#include <assert.h>
#include <errno.h>

#include "core/spawn/spawn.h"
#include "core/task/prefetch.h"
#include "core/task/run_queue.h"

/* A set is a group with three lists: `members`, a table of all its tasks;
   `finished`, in the order of finishing, through the link that those tasks
   need for nothing else any more; and `waiters`, the tasks that wait for one
   to finish or for a free place. Each change that any waiter could be
   waiting for wakes them all, and each looks anew. A set has few waiters;
   that is simpler than to know what each of them wants. */

/* Each that is to run next goes before those that were: the owner is last. */
static void settle_race(ebb_join_set *s) {
  ebb_run_queue_schedule_next(s->owner);
  if (!s->decided) ebb_join_set_cancel_rest(s);
}

/* Called by ebb_task_finish, with the task in no list. */
static void on_finish(ebb_group *group, ebb_task *t) {
  ebb_join_set *s = ebb_container_of(group, ebb_join_set, group);
  assert(t->group == group && s->unfinished > 0);
  s->unfinished--;
  ebb_list_push(&s->finished, &t->link);
  ebb_wake_all(&s->waiters);
  if (s->owner != NULL) settle_race(s);
}

void ebb_join_set_init(ebb_join_set *s, ebb_runtime *rt) {
  *s = (ebb_join_set){.rt = rt, .group.on_finish = on_finish};
  ebb_table_init(&s->group.members, &rt->alloc);
  ebb_list_init(&s->finished);
  ebb_list_init(&s->waiters);
}

/* Nobody waits any more, since the struct goes. The tasks are aborted, and
   run on to their end without the set. */
void ebb_join_set_destroy(ebb_join_set *s) {
  assert(ebb_list_is_empty(&s->waiters));
  ebb_join_set_abort_all(s);
  ebb_join_set_detach_all(s);
  ebb_table_destroy(&s->group.members);
}

/* The set's reference keeps a task that has finished until it is joined. */
static void enter(ebb_join_set *s, ebb_task *t, uint32_t slot) {
  assert(ebb_table_item(&s->group.members, slot) == t);
  t->group = &s->group;
  t->group_slot = slot;
  s->unfinished++;
  ebb_task_retain(t);
}

/* A place has become free, and tasks that join by key learn that the key is
   not that task's any more. */
static void leave(ebb_join_set *s, ebb_task *t) {
  if (t->state == EBB_FINISHED) {
    if (s->group.members.len > EBB_CROWD) ebb_prefetch_tasks(t, &s->finished);
    ebb_list_remove(&t->link);
  } else {
    assert(s->unfinished > 0);
    s->unfinished--;
    ebb_wake_all(&s->waiters);
  }
  t->group = NULL;
  ebb_wake_all(&t->joiners);
}

/* The hash and key are only for look-ups; the set itself finds a member by
   the slot that the task keeps. */
void ebb_join_set_put(ebb_join_set *s, uint32_t hash, ebb_key key,
                      ebb_task *t) {
  assert(t->group == NULL && t->state == EBB_NEW);
  enter(s, t, ebb_table_insert(&s->group.members, hash, key, t));
}

/* The reference goes to the caller, which decides by it what happens to the
   task. */
void ebb_join_set_remove(ebb_join_set *s, ebb_task *t) {
  assert(t->group == &s->group);
  ebb_table_remove(&s->group.members, t->group_slot);
  leave(s, t);
  if (s->group.members.len == 0) ebb_wake_all(&s->waiters);
}

/* The new task has the slot of the old one before that leaves: a walk meets
   one of them, never none. */
void ebb_join_set_replace(ebb_join_set *s, ebb_task *old, ebb_key key,
                          ebb_task *t) {
  assert(old->group == &s->group && t->group == NULL && t->state == EBB_NEW);
  ebb_table_replace(&s->group.members, old->group_slot, key, t);
  enter(s, t, old->group_slot);
  leave(s, old);
}

/* Ids grow, so a walk that knows the last id at its beginning leaves out
   what is spawned meanwhile. */
static uint64_t order_of(const void *item) {
  return ((const ebb_task *)item)->id;
}

ebb_task *ebb_join_set_walk(const ebb_join_set *s, ebb_table_cursor *c) {
  uint32_t slot = ebb_table_walk(&s->group.members, c, order_of);
  return slot == EBB_TABLE_NONE ? NULL
                                : ebb_table_item(&s->group.members, slot);
}

/* Aborts run no code (R5), so the table stays as it is during the scan. */
void ebb_join_set_cancel_rest(ebb_join_set *s) {
  s->decided = true;
  uint32_t slot = ebb_table_scan(&s->group.members, 0);
  for (; slot != EBB_TABLE_NONE;
       slot = ebb_table_scan(&s->group.members, slot + 1)) {
    ebb_task *t = ebb_table_item(&s->group.members, slot);
    ebb_task_abort(t);
    ebb_run_queue_schedule_next(t);
  }
}

/* An empty set is an answer that no wait could change: it takes nothing of
   the budget. A task that has finished stays where it is until its owner
   takes it out. */
int ebb_join_set_poll_next(ebb_join_set *s, ebb_await *w) {
  if (s->group.members.len == 0) return 0;
  if (ebb_join_set_peek(s) == NULL) return ebb_await_in_list(w, &s->waiters);
  return ebb_await_proceed(w) ? 1 : EBB_AWAIT_YIELD;
}

typedef struct next {
  ebb_join_set *s;
  int64_t deadline;
} next;

/* The operation is on the stack of the call, which is suspended with it. */
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

/* Tasks that are aborted finish later, and are freed by finishing. */
void ebb_join_set_free(ebb_join_set *s) {
  ebb_join_set_destroy(s);
  ebb_alloc_free(&s->rt->alloc, s, sizeof *s);
}

/* Room first, then the task: from there on nothing can fail (R9). The place
   may refuse the work, and the task be finished when ebb_task_start returns;
   it is in the set then, and is joined like any other. */
int ebb_join_set_spawn_on(ebb_join_set *s, const ebb_target *target,
                          ebb_body body, ebb_id *id) {
  ebb_task *t;
  int err = ebb_table_reserve(&s->group.members, 1);
  if (err == 0) err = ebb_spawn_create(s->rt, target, body, &t);
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
  uint32_t slot = ebb_table_scan(&s->group.members, 0);
  for (; slot != EBB_TABLE_NONE;
       slot = ebb_table_scan(&s->group.members, slot + 1))
    ebb_task_abort(ebb_table_item(&s->group.members, slot));
}

/* Releasing may free the task, and its `drop` run: the scan goes on by the
   slot's number. */
void ebb_join_set_detach_all(ebb_join_set *s) {
  uint32_t slot = ebb_table_scan(&s->group.members, 0);
  for (; slot != EBB_TABLE_NONE;
       slot = ebb_table_scan(&s->group.members, slot + 1)) {
    ebb_task *t = ebb_table_item(&s->group.members, slot);
    ebb_join_set_remove(s, t);
    ebb_task_release(t);
  }
}

/* What clean-ups spawn into the set meanwhile is waited for, but not
   aborted. */
int ebb_join_set_shutdown(ebb_join_set *s) {
  ebb_join_set_abort_all(s);
  int n;
  do n = ebb_join_set_join_next(s, EBB_NEVER, NULL);
  while (n == 1);
  return n;
}

size_t ebb_join_set_len(const ebb_join_set *s) { return s->group.members.len; }

bool ebb_join_set_contains_task(const ebb_join_set *s, ebb_id id) {
  ebb_task *t = ebb_task_find(s->rt, id);
  return t != NULL && t->group == &s->group;
}
