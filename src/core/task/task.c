/* SPDX-License-Identifier: MIT */
#include "core/task/task.h"

#include <assert.h>
#include <errno.h>

#include "core/task/run_queue.h"

/* ---- life ---- */

/* A task lies in a block of the runtime's slab, the struct of its kind around
   it, and is in the table of ids from its making to its freeing. References
   keep it: one is the scheduler's, from ebb_task_create to the end of
   ebb_task_finish; one that of a group; one for each handle (R7). So a task
   that is detached is freed by finishing, and one in a set by leaving the set.

   What moves a task between its states is here and in two places above: the
   scheduler makes a ready task run, and wait.c makes a running one wait or
   be ready again. */
void ebb_task_init_all(ebb_tasks *all, const ebb_alloc *alloc) {
  ebb_list_init(&all->queue.ready);
  ebb_list_init(&all->when_empty);
  ebb_slab_init(&all->blocks, EBB_TASK_SIZE, alloc);
  ebb_timer_heap_init(&all->timers, alloc);
  ebb_table_init(&all->by_id, alloc);
}

void ebb_task_destroy_all(ebb_tasks *all) {
  assert(all->by_id.len == 0 && "a handle, set, map or waker is not freed");
  ebb_slab_destroy(&all->blocks);
  ebb_timer_heap_destroy(&all->timers);
  ebb_table_destroy(&all->by_id);
}

/* Room in the table first: from there on only the block can fail, and then
   nothing has to be undone (R9). */
ebb_task *ebb_task_create(ebb_runtime *rt, const ebb_task_ops *ops) {
  ebb_tasks *all = ebb_tasks_of(rt);
  if (ebb_table_reserve(&all->by_id, 1) < 0) return NULL;
  assert(ops->size <= EBB_TASK_SIZE);
  ebb_task *t = ebb_slab_take(&all->blocks);
  if (t == NULL) return NULL;
  *t = (ebb_task){.ops = ops,
                  .rt = rt,
                  .id = ++all->last_id,
                  .spawned_at = all->now,
                  .refs = 1,
                  .timer = {EBB_HEAP_NONE},
                  .state = EBB_NEW};
  ebb_list_init(&t->link);
  ebb_list_init(&t->joiners);
  t->id_slot =
      ebb_table_insert(&all->by_id, (uint32_t)t->id, EBB_KEY_INT(t->id), t);
  return t;
}

/* The table has room: it has just lost an entry. The ids that this runtime
   gives must not meet one that has come from another; with a number of its
   own they cannot. */
void ebb_task_set_id(ebb_task *t, ebb_id id) {
  ebb_tasks *all = ebb_tasks_of(t->rt);
  assert(t->state == EBB_NEW && t->group == NULL);
  ebb_table_remove(&all->by_id, t->id_slot);
  t->id = id;
  if (!all->numbered && all->last_id < id) all->last_id = id;
  t->id_slot = ebb_table_insert(&all->by_id, (uint32_t)id, EBB_KEY_INT(id), t);
}

/* The last reference is gone, so no list can have it: the run queue, a set's
   list and a wait all stand for a reference. */
static void free_task(ebb_task *t) {
  ebb_tasks *all = ebb_tasks_of(t->rt);
  assert(ebb_list_is_empty(&t->link) && ebb_list_is_empty(&t->joiners));
  ebb_table_remove(&all->by_id, t->id_slot);
  ebb_slab_give(&all->blocks, t);
}

/* A kind with a `start` of its own counts itself among the unfinished ones.
   While the runtime goes a new task is aborted before its first turn: its
   body never runs, only its `drop`, or that of its variables. */
void ebb_task_start(ebb_task *t) {
  ebb_tasks *all = ebb_tasks_of(t->rt);
  assert(t->state == EBB_NEW);
  if (t->ops->start != NULL) {
    t->ops->start(t);
    return;
  }
  all->unfinished++;
  if (all->closing) t->aborted = true;
  ebb_run_queue_push(t);
}

/* The order matters. A grant that was not taken goes to the next in line,
   while the task still has its id. Then those that joined are woken, then the
   group puts it into its list of finished tasks, so that each that is woken
   finds it there. `finished` comes when all have been told, as it may end the
   process. The reference given up last is the scheduler's: the task may be
   gone when this returns. */
void ebb_task_finish(ebb_task *t) {
  ebb_tasks *all = ebb_tasks_of(t->rt);
  assert(t->state == EBB_RUNNING && t->stack == NULL);
  t->state = EBB_FINISHED;
  if (t->queue != NULL) ebb_task_leave_queue(t);
  ebb_wake_all(&t->joiners);
  if (t->group != NULL) t->group->on_finish(t->group, t);
  if (t->local != NULL) t->local->gate->on_finish(t->local->gate, t);
  assert(t->local == NULL && t->queue == NULL && all->unfinished > 0);
  if (--all->unfinished == 0) ebb_wake_all(&all->when_empty);
  if (t->ops->finished != NULL) t->ops->finished(t);
  ebb_task_release(t);
}

/* `drop` of a kind lets go of what it holds; the memory is given back here.
   A handle may be given back by a finalizer, so no kind may wait there. */
void ebb_task_release(ebb_task *t) {
  assert(t->refs > 0);
  if (--t->refs > 0) return;
  assert(t->state == EBB_FINISHED && t->group == NULL); /* R7 */
  t->ops->drop(t);
  free_task(t);
}

/* The hash of an id is the id's low half: ids follow one another, so tasks
   made together lie side by side in the table, and the few that differ in
   the upper half only are told apart by the key. */
ebb_task *ebb_task_find(const ebb_runtime *rt, ebb_id id) {
  const ebb_table *tasks = &ebb_tasks_of(rt)->by_id;
  uint32_t slot = ebb_table_first(tasks, (uint32_t)id);
  while (slot != EBB_TABLE_NONE) {
    if (ebb_table_key(tasks, slot).bits == id)
      return ebb_table_item(tasks, slot);
    slot = ebb_table_next(tasks, slot);
  }
  return NULL;
}

ebb_id ebb_task_id(const ebb_task *t) { return t->id; }

bool ebb_task_is_finished(const ebb_task *t) {
  return t->state == EBB_FINISHED;
}

void ebb_task_result(ebb_task *t, ebb_result *result) {
  assert(t->state == EBB_FINISHED); /* R6 */
  if (result == NULL) return;
  void *value = t->ops->value == NULL ? NULL : t->ops->value(t);
  *result = (ebb_result){t->id, (ebb_outcome)t->outcome, value};
}

/* R5: it runs no code of the task. A wait that is cut ends here, and so does
   a place in a queue, even when the task has been granted what it waited
   for: R11 wants it handed on at once, not at the task's next turn. A task
   in its clean-up, or of a kind that no abort cuts, only keeps in mind that
   it was aborted. */
void ebb_task_abort(ebb_task *t) {
  if (t->state == EBB_FINISHED) return;
  t->aborted = true;
  if (t->ops->abort != NULL) {
    t->ops->abort(t);
  } else if (!t->uncancellable) {
    ebb_task_wake(t, -ECANCELED);
    if (t->queue != NULL) ebb_task_leave_queue(t);
    if (t->racing) ebb_run_queue_schedule_next(t);
  }
}

/* ---- the end of waits ---- */

/* The one place where waits end, whatever ends them: a timer, an event, a
   grant, an abort. A second one finds the task ready, and does nothing. The
   list and the timer are left at once: a task that has been woken can be
   woken by nothing else (R4). */
void ebb_task_wake(ebb_task *t, int status) {
  if (t->state != EBB_WAITING) return;
  ebb_list_remove(&t->link);
  ebb_timer_heap_remove(&ebb_tasks_of(t->rt)->timers, &t->timer);
  t->status = status;
  ebb_run_queue_push(t);
}

/* The fields are cleared first: on_leave may wake any task and grant to any,
   and must not meet this one in the queue again. */
void ebb_task_leave_queue(ebb_task *t) {
  ebb_wait_queue *queue = t->queue;
  bool granted = t->granted;
  if (queue == NULL) return;
  t->queue = NULL;
  t->granted = false;
  queue->on_leave(queue, t->amount, granted);
}

/* Always the first of the list, as none stays in it. A task that is woken
   may put another into the list only in a turn of its own, so this ends. */
void ebb_task_end_waits(ebb_list *list, int status) {
  while (!ebb_list_is_empty(list))
    ebb_task_wake(ebb_container_of(list->next, ebb_task, link), status);
}
