/* SPDX-License-Identifier: MIT
   Tasks of one runtime that run in another: the ends of both. */
#include "runtime_pair.h"

/* ---- runtimes that go ---- */

/* One in each state that a task can be in: not arrived; waiting; in its
   clean-up; ended, but here it is not known yet. */
typedef struct states {
  pack sent, waiting, cleaning, ended;
  ebb_task *tasks[4];
} states;

static void reach_all(pair *p, states *s) {
  *s = (states){0};
  s->tasks[1] = send(p, of(park, &s->waiting));
  s->tasks[2] = send(p, of(park_then_clean_up, &s->cleaning));
  turn(p);
  ebb_task_abort(s->tasks[2]);
  s->tasks[3] = send(p, of(look, &s->ended));
  tick(p->there);
  s->tasks[0] = send(p, of(look, &s->sent));
}

TEST(what_the_other_runtime_leaves_unfinished_is_cancelled) {
  pair p = new_pair();
  states s;
  reach_all(&p, &s);
  drop_there(&p);
  CHECK(came_to(&s.sent, 0, 0, 1) && came_to(&s.waiting, 1, 1, 0));
  CHECK(came_to(&s.cleaning, 1, 1, 0) && came_to(&s.ended, 1, 1, 0));
  tick(p.here);
  CHECK(is(finish(s.tasks[0]), EBB_CANCELLED, NULL));
  CHECK(is(finish(s.tasks[1]), EBB_CANCELLED, &s.waiting));
  CHECK(is(finish(s.tasks[2]), EBB_CANCELLED, &s.cleaning));
  CHECK(is(finish(s.tasks[3]), EBB_COMPLETED, &s.ended));
  free_pair(&p);
}

TEST(a_runtime_that_goes_takes_its_tasks_elsewhere_along) {
  pair p = new_pair();
  states s;
  reach_all(&p, &s);
  for (int i = 0; i < 4; i++) ebb_task_release(s.tasks[i]);
  drop_here(&p);
  tick(p.there);
  CHECK(came_to(&s.sent, 0, 0, 1) && came_to(&s.waiting, 1, 1, 0));
  CHECK(came_to(&s.cleaning, 1, 0, 0) && came_to(&s.ended, 1, 1, 0));
  CHECK(ebb_run(p.there) == 0);
  CHECK(came_to(&s.cleaning, 1, 1, 0));
  free_pair(&p);
}

TEST(both_runtimes_may_go_in_either_order) {
  for (int order = 0; order < 2; order++) {
    pair p = new_pair();
    states s;
    reach_all(&p, &s);
    for (int i = 0; i < 4; i++) ebb_task_release(s.tasks[i]);
    if (order == 0) drop_there(&p);
    drop_here(&p);
    if (order == 1) drop_there(&p);
    CHECK(came_to(&s.sent, 0, 0, 1) && came_to(&s.waiting, 1, 1, 0));
    CHECK(came_to(&s.cleaning, 1, 1, 0) && came_to(&s.ended, 1, 1, 0));
    free_pair(&p);
  }
}

/* Waits, while it is cut off itself, for a task elsewhere. */
typedef struct owner {
  pair *pair;
  pack inner;
  ebb_result result;
} owner;

static void *own_one_elsewhere(ebb_runtime *rt, void *arg) {
  owner *o = arg;
  ebb_task *t = send(o->pair, of(park, &o->inner));
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  o->result = join(t);
  return NULL;
}

TEST(a_runtime_that_goes_does_not_wait_for_another) {
  pair p = new_pair();
  owner o = {&p, {0}, {.outcome = EBB_COMPLETED, .value = &o}};
  start_detached(p.here, own_one_elsewhere, &o);
  tick(p.here);
  tick(p.there);
  CHECK(came_to(&o.inner, 1, 0, 0));
  drop_here(&p);
  CHECK(is(o.result, EBB_CANCELLED, NULL));
  tick(p.there);
  CHECK(came_to(&o.inner, 1, 1, 0));
  free_pair(&p);
}

static void *clean_up_for_ever(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  CHECK(ebb_park(rt, EBB_NEVER) == -EDEADLK);
  note(arg);
  return NULL;
}

/* Whoever has one can end no wait of a runtime that goes. */
TEST(a_handle_does_not_keep_a_runtime_from_going) {
  pair p = new_pair();
  start_detached(p.there, clean_up_for_ever, "cut");
  tick(p.there);
  drop_there(&p);
  CHECK(noted("cut"));
  free_pair(&p);
}

static void *spawn_while_going(ebb_runtime *rt, void *arg) {
  owner *o = arg;
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  o->result = join(send(o->pair, of(look, &o->inner)));
  return NULL;
}

TEST(a_clean_up_at_the_end_can_send_nothing) {
  pair p = new_pair();
  owner o = {&p, {0}, {.outcome = EBB_COMPLETED, .value = &o}};
  start_detached(p.here, spawn_while_going, &o);
  tick(p.here);
  drop_here(&p);
  CHECK(is(o.result, EBB_CANCELLED, NULL) && came_to(&o.inner, 0, 0, 1));
  free_pair(&p);
}

/* ---- deadlocks ---- */

/* Whoever has sent it may still abort it. */
TEST(a_wait_of_a_task_from_elsewhere_is_no_deadlock) {
  ebb_runtime *here = new_real_runtime(), *there = new_real_runtime();
  ebb_handle *h = handle_of(there);
  pack x = {0};
  ebb_task *t = start_on(here, (ebb_target){.handle = h}, of(park, &x));
  ebb_handle_free(h);
  tick(there);
  CHECK(x.runs == 1);
  ebb_interrupt(there);
  CHECK(ebb_run(there) == -EINTR);
  ebb_task_abort(t);
  CHECK(ebb_run(there) == 0);
  CHECK(ebb_run(here) == 0);
  CHECK(is(finish(t), EBB_CANCELLED, &x));
  free_runtime(here);
  free_runtime(there);
}

/* Mail that came with the last handle is read before a wait is called off. */
enum { VISITS = 300 };

typedef struct visitor {
  ebb_handle *host;
  atomic_int *visits;
} visitor;

static void *count_visit(ebb_runtime *rt, void *arg) {
  (void)rt;
  atomic_fetch_add((atomic_int *)arg, 1);
  return NULL;
}

static void *visit(void *arg) {
  visitor *v = arg;
  ebb_runtime *rt = new_real_runtime();
  ebb_task *t = start_on(rt, (ebb_target){.handle = v->host},
                         body(count_visit, v->visits));
  ebb_handle_free(v->host);
  CHECK(join(t).outcome == EBB_COMPLETED);
  free_runtime(rt);
  return NULL;
}

TEST(no_task_is_overlooked_when_the_last_handle_goes) {
  ebb_runtime *rt = new_real_runtime();
  pack x = {0};
  atomic_int visits = 0;
  start_detached(rt, park, &x);
  for (int i = 1; i <= VISITS; i++) {
    visitor v = {handle_of(rt), &visits};
    pthread_t thread = start_thread(visit, &v);
    CHECK(ebb_run(rt) == -EDEADLK);
    CHECK(atomic_load(&visits) == i);
    join_thread(thread);
  }
  free_runtime(rt);
}
