/* SPDX-License-Identifier: MIT */
#include "core/task/prefetch.h"

/* A task that has finished is about to be taken out of both tables. */
static void prefetch_entries(const ebb_task *t) {
  ebb_table_prefetch(&ebb_tasks_of(t->rt)->by_id, t->id_slot);
  if (t->group != NULL) ebb_table_prefetch(&t->group->members, t->group_slot);
}

/* Two steps ahead: the task after the next is fetched now, so that at the
   next step its pointers can be followed without waiting for them. The root
   has no entry and no object. */
void ebb_prefetch_tasks(const ebb_task *t, const ebb_list *list) {
  const ebb_list *next = t->link.next;
  if (next == list || next->next == list) return;
  const ebb_task *n = ebb_container_of(next, ebb_task, link);
  ebb_prefetch(ebb_container_of(next->next, ebb_task, link), EBB_TASK_SIZE);
  if (ebb_task_is_root(n)) return;
  if (n->state == EBB_FINISHED)
    prefetch_entries(n);
  else if (n->ops->prefetch != NULL)
    n->ops->prefetch(n);
}

/* The heap's next minimum is one of the first's four children. */
void ebb_prefetch_sleepers(const ebb_timer_heap *h) {
  for (uint32_t i = 1; i < 5 && i < h->len; i++)
    ebb_prefetch(ebb_container_of(h->slots[i].timer, ebb_task, timer),
                 EBB_TASK_SIZE);
  const ebb_task *t = ebb_container_of(h->slots[0].timer, ebb_task, timer);
  if (ebb_task_is_root(t)) return;
  if (t->ops->prefetch != NULL) t->ops->prefetch(t);
  prefetch_entries(t);
}
