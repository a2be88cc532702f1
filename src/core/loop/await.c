/* SPDX-License-Identifier: MIT */
#include "core/loop/await.h"

#include <assert.h>
#include <errno.h>

int ebb_await_wait(const ebb_await *w, int answer) {
  assert(answer == EBB_AWAIT_PENDING || answer == EBB_AWAIT_YIELD);
  if (answer == EBB_AWAIT_YIELD) return ebb_yield_now(w->rt);
  if (w->queue == NULL) return ebb_wait(w->rt, w->list, w->deadline, w->what);
  return ebb_wait_queue_wait(w->queue, w->rt, w->amount, w->deadline, w->what);
}

/* What a poll has said where to wait is good for one wait; the next poll
   says it again. A queue's grant is taken at the first moment at which the
   task runs: from then on only its own poll can lose it. */
int ebb_await_run(ebb_runtime *rt, const char *what, ebb_await_poll *poll,
                  void *op) {
  ebb_await w;
  ebb_await_begin(&w, rt, what, 0, false, false);
  for (;;) {
    if (ebb_wait_is_cut(rt)) return -ECANCELED;
    int answer = poll(op, &w);
    if (answer > EBB_AWAIT_YIELD) return answer;
    int status = ebb_await_wait(&w, answer);
    if (status < 0 && status != -ETIMEDOUT) return status;
    ebb_await_begin(&w, rt, what, status, true, ebb_wait_queue_take(rt));
  }
}
