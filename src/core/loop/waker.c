/* SPDX-License-Identifier: MIT
   Wakers: unparking a task from another thread. */
#include <errno.h>

#include "core/loop/mailbox.h"

struct ebb_waker {
  ebb_mail mail;
  ebb_task *task;
};

/* A waker is a piece of mail that is sent again and again. The task has a
   reference of it, so the runtime, which goes only when all tasks are freed,
   is there for as long as the waker is. */
static void deliver_wake(ebb_mail *mail, ebb_runtime *rt) {
  if (rt != NULL) ebb_unpark(ebb_container_of(mail, ebb_waker, mail)->task);
}

int ebb_waker_new(ebb_runtime *rt, ebb_waker **out) {
  ebb_mailbox *m;
  if (ebb_current(rt) == NULL) return -EINVAL;
  int err = ebb_mailbox_get(rt, &m);
  if (err < 0) return err;
  ebb_waker *w = ebb_alloc_new(&rt->alloc, sizeof *w);
  if (w == NULL) return -ENOMEM;
  ebb_mail_init(&w->mail, deliver_wake);
  w->task = rt->tasks.current;
  ebb_task_retain(w->task);
  ebb_runtime_keep_alive(rt);
  *out = w;
  return 0;
}

/* The runtime is there: the waker would have been freed before it. */
void ebb_waker_wake(ebb_waker *w) {
  (void)ebb_mailbox_post(w->task->rt->remote.mailbox, &w->mail);
}

/* A wake that was under way is done here and now, so that none is lost by
   freeing. */
void ebb_waker_free(ebb_waker *w) {
  ebb_runtime *rt = w->task->rt;
  if (ebb_mailbox_recall(rt->remote.mailbox, &w->mail)) ebb_unpark(w->task);
  ebb_runtime_let_die(rt);
  ebb_task_release(w->task);
  ebb_alloc_free(&rt->alloc, w, sizeof *w);
}
