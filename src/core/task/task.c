/* SPDX-License-Identifier: MIT */
#include "core/task/task.h"

#include <assert.h>
#include <errno.h>

#include "core/loop/wait_queue.h"
#include "core/spawn/join_set.h"
#include "core/spawn/local_set.h"

/* ---- life ---- */

ebb_task *ebb_task_create(ebb_runtime *rt, const ebb_task_ops *ops) {
  if (ebb_table_reserve(&rt->tasks, 1) < 0) return NULL;
  assert(ops->size <= EBB_TASK_SIZE);
  ebb_task *t = ebb_slab_take(&rt->blocks);
  if (t == NULL) return NULL;
  *t = (ebb_task){.ops = ops,
                  .rt = rt,
                  .id = ++rt->last_id,
                  .spawned_at = rt->now,
                  .refs = 1,
                  .timer = {EBB_HEAP_NONE},
                  .state = EBB_NEW};
  ebb_list_init(&t->link);
  ebb_list_init(&t->joiners);
  t->id_slot =
      ebb_table_insert(&rt->tasks, (uint32_t)t->id, EBB_KEY_INT(t->id), t);
  return t;
}

void ebb_task_set_id(ebb_task *t, ebb_id id) {
  ebb_table *tasks = &t->rt->tasks;
  assert(t->state == EBB_NEW && t->set == NULL);
  ebb_table_remove(tasks, t->id_slot);
  t->id = id;
  if (t->rt->handle == NULL && t->rt->last_id < id) t->rt->last_id = id;
  t->id_slot = ebb_table_insert(tasks, (uint32_t)id, EBB_KEY_INT(id), t);
}

static void free_task(ebb_task *t) {
  assert(ebb_list_is_empty(&t->link) && ebb_list_is_empty(&t->joiners));
  ebb_table_remove(&t->rt->tasks, t->id_slot);
  ebb_slab_give(&t->rt->blocks, t);
}

void ebb_task_make_ready(ebb_task *t) {
  t->state = EBB_READY;
  if (!ebb_is_driven(t)) {
    t->gated = true;
    ebb_list_push(&t->local->set->ready, &t->link);
    return;
  }
  ebb_list_push(&t->rt->ready, &t->link);
  t->rt->ready_count++;
}

void ebb_task_start(ebb_task *t) {
  assert(t->state == EBB_NEW);
  if (t->ops->start != NULL) {
    t->ops->start(t);
    return;
  }
  t->rt->unfinished++;
  if (t->rt->closing) t->aborted = true;
  ebb_task_make_ready(t);
}

void ebb_task_finish(ebb_task *t) {
  assert(t->state == EBB_RUNNING && t->stack == NULL);
  t->state = EBB_FINISHED;
  if (t->queue != NULL) ebb_task_leave_queue(t);
  ebb_wake_all(&t->joiners);
  if (t->set != NULL) ebb_join_set_finished(t->set, t);
  if (t->local != NULL) ebb_local_set_remove(t);
  if (--t->rt->unfinished == 0) ebb_wake_all(&t->rt->when_empty);
  if (t->ops->finished != NULL) t->ops->finished(t);
  ebb_task_release(t);
}

void ebb_task_release(ebb_task *t) {
  assert(t->refs > 0);
  if (--t->refs > 0) return;
  assert(t->state == EBB_FINISHED);
  t->ops->drop(t);
  free_task(t);
}

ebb_task *ebb_task_find(const ebb_runtime *rt, ebb_id id) {
  uint32_t slot = ebb_table_first(&rt->tasks, (uint32_t)id);
  while (slot != EBB_TABLE_NONE) {
    if (ebb_table_key(&rt->tasks, slot).bits == id)
      return ebb_table_item(&rt->tasks, slot);
    slot = ebb_table_next(&rt->tasks, slot);
  }
  return NULL;
}

void ebb_task_prefetch(const ebb_task *t, const ebb_list *list) {
  const ebb_list *next = t->link.next;
  if (next == list || next->next == list) return;
  const ebb_task *n = ebb_container_of(next, ebb_task, link);
  ebb_prefetch(ebb_container_of(next->next, ebb_task, link), EBB_TASK_SIZE);
  if (ebb_task_is_root(n)) return;
  if (n->state != EBB_FINISHED) {
    if (n->ops->prefetch != NULL) n->ops->prefetch(n);
    return;
  }
  ebb_table_prefetch(&n->rt->tasks, n->id_slot);
  if (n->set != NULL) ebb_table_prefetch(&n->set->members, n->set_slot);
}

ebb_id ebb_task_id(const ebb_task *t) { return t->id; }

bool ebb_task_is_finished(const ebb_task *t) {
  return t->state == EBB_FINISHED;
}

void ebb_task_result(ebb_task *t, ebb_result *result) {
  assert(t->state == EBB_FINISHED);
  if (result == NULL) return;
  void *value = t->ops->value == NULL ? NULL : t->ops->value(t);
  *result = (ebb_result){t->id, (ebb_outcome)t->outcome, value};
}

void ebb_task_abort(ebb_task *t) {
  if (t->state == EBB_FINISHED) return;
  t->aborted = true;
  if (t->ops->abort != NULL) {
    t->ops->abort(t);
  } else if (!t->uncancellable) {
    ebb_task_wake(t, -ECANCELED);
    if (t->queue != NULL) ebb_task_leave_queue(t);
    if (t->racing) ebb_task_schedule_next(t);
  }
}

/* ---- waiting ---- */

int ebb_wait_begin(ebb_runtime *rt, ebb_list *list, int64_t deadline,
                   const char *what) {
  ebb_task *t = rt->current;
  assert(t->state == EBB_RUNNING);
  if (ebb_task_is_cut(t)) {
    ebb_wait_yield(rt, what);
    return 0;
  }
  if (deadline != EBB_NEVER) {
    int err = ebb_timer_heap_push(&rt->timers, &t->timer, deadline);
    if (err < 0) return err;
  }
  if (list != NULL) ebb_list_push(list, &t->link);
  t->what = what;
  t->state = EBB_WAITING;
  return 0;
}

void ebb_wait_yield(ebb_runtime *rt, const char *what) {
  ebb_task *t = rt->current;
  assert(t->state == EBB_RUNNING);
  t->what = what;
  t->status = ebb_task_is_cut(t) ? -ECANCELED : 0;
  ebb_task_make_ready(t);
}

void ebb_task_wake(ebb_task *t, int status) {
  if (t->state != EBB_WAITING) return;
  ebb_list_remove(&t->link);
  ebb_timer_heap_remove(&t->rt->timers, &t->timer);
  t->status = status;
  ebb_task_make_ready(t);
}

void ebb_task_leave_queue(ebb_task *t) {
  ebb_wait_queue *queue = t->queue;
  bool granted = t->granted;
  if (queue == NULL) return;
  t->queue = NULL;
  t->granted = false;
  queue->on_leave(queue, t->amount, granted);
}

void ebb_task_schedule_next(ebb_task *t) {
  if (t->state != EBB_READY || t->gated) return;
  ebb_list_remove(&t->link);
  ebb_list_push(t->rt->ready.next, &t->link);
}

void ebb_end_waits(ebb_list *list, int status) {
  while (!ebb_list_is_empty(list))
    ebb_task_wake(ebb_container_of(list->next, ebb_task, link), status);
}

/* ---- the budget ---- */

int ebb_budget_suspend(ebb_task *t) {
  int budget = t->unconstrained ? INT_MAX : t->rt->budget;
  t->unconstrained = true;
  t->rt->budget = INT_MAX;
  return budget;
}

/* More than a full budget tells that an outer call goes on without. The turn
   may be another than that which began it, but it has not had less. */
void ebb_budget_resume(ebb_task *t, int budget) {
  t->unconstrained = budget > EBB_BUDGET;
  if (t == t->rt->current) t->rt->budget = budget;
}
