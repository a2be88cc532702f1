/* SPDX-License-Identifier: MIT
   A line in which tasks wait for something that is given to one of them: a
   permit, a message, a place. What Semaphore, Notify and channels stand on.

   Who gives takes the first task in line, notes in its own books what that
   task has now, and calls ebb_line_grant. From then on it is the task's, and
   nobody else can have it, although the task has not run yet. When it runs
   it calls ebb_line_take.

   A task that is aborted meanwhile, or whose wait fails, leaves the line,
   and `left` is told. There what had been granted goes to the next in line;
   and also if nothing had been, somebody behind may now have his turn.

   Waiting in line allocates nothing: `line`, `want` and `granted` are in the
   task. `line` is set from the beginning of the wait until ebb_line_take or
   ebb_line_leave, so whatever a line is in must exist until then. */
#ifndef EBB_CORE_SYNC_WAIT_QUEUE_H
#define EBB_CORE_SYNC_WAIT_QUEUE_H

#include "core/task/task.h"

typedef struct ebb_line ebb_line;

struct ebb_line {
  ebb_list waiting; /* in the order of coming */
  void (*left)(ebb_line *line, uint32_t want, bool granted);
};

static inline void ebb_line_init(ebb_line *line,
                                 void (*left)(ebb_line *line, uint32_t want,
                                              bool granted)) {
  ebb_list_init(&line->waiting);
  line->left = left;
}

/* The first that waits, or NULL. */
static inline ebb_task *ebb_line_first(const ebb_line *line) {
  if (ebb_list_is_empty(&line->waiting)) return NULL;
  return ebb_container_of(line->waiting.next, ebb_task, link);
}

/* Ends the wait of a task in a line: what it waits for is its own. */
static inline void ebb_line_grant(ebb_task *t) {
  t->granted = true;
  ebb_task_wake(t, 0);
}

/* Ends every wait in the line without granting anything: nothing will come
   any more. */
static inline void ebb_line_dismiss(ebb_line *line) {
  ebb_wake_all(&line->waiting);
}

/* The same for those that want so much. */
void ebb_line_dismiss_some(ebb_line *line, uint32_t want);

/* As ebb_wait_begin, ebb_wait. `want` is for `left` and whoever gives. */
int ebb_line_wait_begin(ebb_line *line, ebb_runtime *rt, uint32_t want,
                        const char *what);
int ebb_line_wait(ebb_line *line, ebb_runtime *rt, uint32_t want,
                  int64_t deadline, const char *what);

/* The running task's wait is over. Has it been granted what it waited for?
   If so, the task has it for good. False also if there was no wait. */
static inline bool ebb_line_take(ebb_runtime *rt) {
  ebb_task *t = rt->current;
  bool granted = t->granted;
  t->line = NULL;
  t->granted = false;
  return granted;
}

#endif
