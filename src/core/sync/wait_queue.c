/* SPDX-License-Identifier: MIT */
#include "core/sync/wait_queue.h"

#include <assert.h>

#include "core/loop/scheduler.h"

void ebb_line_dismiss_some(ebb_line *line, uint32_t want) {
  ebb_list *next, *node = line->waiting.next;
  for (; node != &line->waiting; node = next) {
    ebb_task *t = ebb_container_of(node, ebb_task, link);
    next = node->next;
    if (t->want == want) ebb_task_wake(t, 0);
  }
}

static void enter(ebb_line *line, ebb_task *t, uint32_t want) {
  assert(t->line == NULL && !t->granted);
  t->line = line;
  t->want = want;
}

int ebb_line_wait_begin(ebb_line *line, ebb_runtime *rt, uint32_t want,
                        const char *what) {
  ebb_task *t = rt->current;
  enter(line, t, want);
  int err = ebb_wait_begin(rt, &line->waiting, EBB_NEVER, what);
  /* A task that has been aborted does not get to wait. */
  if (t->state != EBB_WAITING) ebb_task_leave_line(t);
  return err;
}

int ebb_line_wait(ebb_line *line, ebb_runtime *rt, uint32_t want,
                  int64_t deadline, const char *what) {
  ebb_task *t = rt->current;
  enter(line, t, want);
  int status = ebb_wait(rt, &line->waiting, deadline, what);
  if (status < 0) ebb_task_leave_line(t);
  return status;
}
