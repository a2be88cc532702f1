/* SPDX-License-Identifier: MIT */
#include "core/spawn/local_set.h"

#include <assert.h>
#include <errno.h>

#include "core/loop/wait.h"
#include "core/task/run_queue.h"

/* ---- members ---- */

/* A LocalSet is a gate in front of the run queue (run_queue.h) and a list of
   the tasks behind it. Its tasks are scheduled like all others while a call
   drives the set; when none does, a task that becomes ready waits behind the
   gate, and one that was in the run queue already is sent back when its turn
   comes. So closing a gate costs nothing, however many tasks are behind it.

   A place in a set is made before the task, and one is kept for the next:
   tasks come and go one at a time. */
int ebb_local_set_reserve(ebb_local_set *s) {
  if (s->spare == NULL)
    s->spare = ebb_alloc_new(&s->rt->alloc, sizeof *s->spare);
  return s->spare != NULL ? 0 : -ENOMEM;
}

/* Before the first time it is made ready, since that looks at the gate. */
void ebb_local_set_put(ebb_local_set *s, ebb_task *t) {
  ebb_member *m = s->spare;
  assert(t->state == EBB_NEW && t->local == NULL && m != NULL);
  s->spare = NULL;
  m->gate = &s->gate;
  m->task = t;
  t->local = m;
  ebb_list_push(&s->members, &m->link);
}

static void free_member(ebb_local_set *s, ebb_member *m) {
  ebb_alloc_free(&s->rt->alloc, m, sizeof *m);
}

/* A task that is taken out while it is ready behind the gate becomes ready
   for everybody: nothing holds it any more. */
void ebb_local_set_remove(ebb_task *t) {
  ebb_member *m = t->local;
  ebb_local_set *s = ebb_local_set_of(t);
  ebb_list_remove(&m->link);
  t->local = NULL;
  if (s->spare == NULL)
    s->spare = m;
  else
    free_member(s, m);
  if (t->gated) ebb_run_queue_ungate(t);
  if (ebb_list_is_empty(&s->members)) ebb_wake_all(&s->when_empty);
}

/* Called by ebb_task_finish. */
static void on_finish(ebb_gate *gate, ebb_task *t) {
  assert(t->local->gate == gate);
  (void)gate;
  ebb_local_set_remove(t);
}

void ebb_local_set_init(ebb_local_set *s, ebb_runtime *rt) {
  *s = (ebb_local_set){.rt = rt, .gate.on_finish = on_finish};
  ebb_list_init(&s->members);
  ebb_list_init(&s->gate.ready);
  ebb_list_init(&s->when_empty);
}

void ebb_local_set_destroy(ebb_local_set *s, void (*with)(ebb_task *t)) {
  while (!ebb_list_is_empty(&s->members)) {
    ebb_task *t = ebb_container_of(s->members.next, ebb_member, link)->task;
    ebb_local_set_remove(t);
    with(t);
  }
  free_member(s, s->spare);
  s->spare = NULL;
}

/* ---- driving ---- */

/* The first driver opens the gate. The order in which the tasks became ready
   is kept. */
void ebb_local_set_begin(ebb_local_set *s) {
  if (s->gate.drivers++ > 0) return;
  while (!ebb_list_is_empty(&s->gate.ready))
    ebb_run_queue_ungate(ebb_container_of(s->gate.ready.next, ebb_task, link));
}

/* Those in the run queue are sent back one by one, by the scheduler. */
void ebb_local_set_end(ebb_local_set *s) {
  assert(s->gate.drivers > 0);
  s->gate.drivers--;
}

/* ---- the public set ---- */

int ebb_local_set_new(ebb_runtime *rt, ebb_local_set **out) {
  ebb_local_set *s = ebb_alloc_new(&rt->alloc, sizeof *s);
  if (s == NULL) return -ENOMEM;
  ebb_local_set_init(s, rt);
  *out = s;
  return 0;
}

/* The tasks outlive the set: out of it they run like any others, to their
   end. */
void ebb_local_set_free(ebb_local_set *s) {
  assert(s->gate.drivers == 0);
  ebb_local_set_destroy(s, ebb_task_abort);
  ebb_alloc_free(&s->rt->alloc, s, sizeof *s);
}

ebb_local_set *ebb_local_set_current(const ebb_runtime *rt) {
  const ebb_task *t = rt->tasks.current;
  return t != NULL ? ebb_local_set_of(t) : NULL;
}

void *ebb_local_set_run_until(ebb_local_set *s,
                              void *(*run)(ebb_runtime *rt, void *arg),
                              void *arg) {
  ebb_local_set_begin(s);
  void *value = run(s->rt, arg);
  ebb_local_set_end(s);
  return value;
}

/* The set must be driven meanwhile, or its tasks do not come to their end. */
int ebb_local_set_poll_empty(ebb_local_set *s, ebb_await *w) {
  if (ebb_list_is_empty(&s->members)) return 0;
  return ebb_await_in_list(w, &s->when_empty);
}

typedef struct empty {
  ebb_local_set *s;
  int64_t deadline;
} empty;

static int empty_poll(void *op, ebb_await *w) {
  const empty *o = op;
  w->deadline = o->deadline;
  return ebb_local_set_poll_empty(o->s, w);
}

int ebb_local_set_await(ebb_local_set *s, int64_t deadline) {
  empty o = {s, deadline};
  ebb_local_set_begin(s);
  int status = ebb_await_run(s->rt, "the tasks of a LocalSet", empty_poll, &o);
  ebb_local_set_end(s);
  return status;
}
