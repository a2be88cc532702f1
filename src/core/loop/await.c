/* SPDX-License-Identifier: MIT */
#include "core/loop/await.h"

#include <assert.h>
#include <errno.h>

static int wait_once(ebb_await *w, int answer) {
  assert(answer == EBB_AWAIT_PENDING || answer == EBB_AWAIT_YIELD);
  if (answer == EBB_AWAIT_YIELD) return ebb_yield_now(w->rt);
  if (w->queue == NULL) return ebb_wait(w->rt, w->list, w->deadline, w->what);
  int status =
      ebb_wait_queue_wait(w->queue, w->rt, w->amount, w->deadline, w->what);
  if (status >= 0) w->granted = ebb_wait_queue_take(w->rt);
  return status;
}

int ebb_await_run(ebb_runtime *rt, const char *what, ebb_await_poll *poll,
                  void *op) {
  ebb_await w = {.rt = rt, .deadline = EBB_NEVER, .what = what};
  for (;;) {
    if (ebb_wait_is_cut(rt)) return -ECANCELED;
    int answer = poll(op, &w);
    if (answer > EBB_AWAIT_YIELD) return answer;
    w.status = wait_once(&w, answer);
    if (w.status < 0 && w.status != -ETIMEDOUT) return w.status;
  }
}
