/* SPDX-License-Identifier: MIT

   What `want` means here: 1 for a task that has been told by notify_one, and
   then has something that it could lose; 0 for all others. */
#include "core/sync/notify.h"

#include <assert.h>
#include <errno.h>

#include "core/loop/scheduler.h"

static void left(ebb_line *line, uint32_t want, bool granted) {
  if (granted && want > 0)
    ebb_notify_one(ebb_container_of(line, ebb_notify, line));
}

void ebb_notify_init(ebb_notify *n, ebb_runtime *rt) {
  n->rt = rt;
  n->permit = false;
  ebb_line_init(&n->line, left);
}

int ebb_notify_wait(ebb_notify *n, int64_t deadline) {
  ebb_runtime *rt = n->rt;
  for (;;) {
    if (ebb_wait_is_cut(rt)) return -ECANCELED;
    bool told = n->permit;
    if (told && ebb_budget_take(rt)) {
      n->permit = false;
      return 0;
    }
    int err = told ? ebb_yield(rt)
                   : ebb_line_wait(&n->line, rt, 0, deadline, "notified");
    if (err < 0) return err;
    if (ebb_line_take(rt)) return 0;
  }
}

void ebb_notify_one(ebb_notify *n) {
  ebb_task *t = ebb_line_first(&n->line);
  n->permit = t == NULL;
  if (t == NULL) return;
  t->want = 1;
  ebb_line_grant(t);
}

void ebb_notify_waiters(ebb_notify *n) {
  ebb_task *t;
  while ((t = ebb_line_first(&n->line)) != NULL) ebb_line_grant(t);
}

int ebb_notify_new(ebb_runtime *rt, ebb_notify **out) {
  ebb_notify *n = ebb_alloc_new(&rt->alloc, sizeof *n);
  if (n == NULL) return -ENOMEM;
  ebb_notify_init(n, rt);
  *out = n;
  return 0;
}

void ebb_notify_free(ebb_notify *n) {
  assert(ebb_list_is_empty(&n->line.waiting));
  ebb_alloc_free(&n->rt->alloc, n, sizeof *n);
}
