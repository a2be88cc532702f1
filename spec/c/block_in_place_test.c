/* SPDX-License-Identifier: MIT
   Blocking work: calls that a task makes in place. */
#include "held_work.h"

static void *pass_when_asked(void *arg) {
  held *h = arg;
  gate_wait(&h->started, 1);
  for (int i = 0; i < 1000; i++) sched_yield();
  gate_pass(&h->may_end);
  return NULL;
}

typedef struct visit {
  held held; /* lies on the stack of the task */
  int answer;
} visit;

static void answer(void *arg) {
  visit *v = arg;
  hold(&v->held);
  v->answer = 42;
}

/* What a task that makes such a call is told, and tells. */
typedef struct caller {
  visit *visit;  /* while the call is made */
  gate called;   /* it is about to be made */
  bool cleaning; /* it is made in a clean-up */
  int got, then; /* what it returned, and a wait after that */
  int answer;
} caller;

#define CALLER \
  { NULL, GATE, false, 1, 1, 0 }

static void *call_in_place(ebb_runtime *rt, void *arg) {
  caller *c = arg;
  visit v = {HELD, 0};
  if (c->cleaning) {
    CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
    ebb_begin_cleanup(rt);
  }
  c->visit = &v;
  gate_pass(&c->called);
  c->got = ebb_block_in_place(rt, answer, &v);
  c->visit = NULL;
  c->answer = v.answer;
  c->then = ebb_yield_now(rt);
  return arg;
}

static ebb_task *start_caller(ebb_runtime *rt, caller *c) {
  ebb_task *t = start(rt, call_in_place, c);
  tick(rt);
  return t;
}

static bool got(const caller *c, int result, int answer, int then) {
  return c->got == result && c->answer == answer && c->then == then;
}

static void *let_visit_end(ebb_runtime *rt, void *arg) {
  caller *c = arg;
  (void)rt;
  CHECK(c->visit != NULL && c->visit->answer == 0);
  gate_pass(&c->visit->held.may_end);
  return NULL;
}

TEST(a_call_in_place_lets_other_tasks_run) {
  ebb_runtime *rt = new_real_runtime();
  caller c = CALLER;
  ebb_task *t = start_caller(rt, &c);
  start_detached(rt, let_visit_end, &c);
  CHECK(is(join(t), EBB_COMPLETED, &c) && got(&c, 0, 42, 0));
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

TEST(a_call_in_place_that_has_not_begun_is_aborted) {
  ebb_runtime *rt = new_narrow_runtime(false);
  held h = HELD;
  caller c = CALLER;
  ebb_task *u = start_held(rt, &h);
  gate_wait(&h.started, 1);
  ebb_task *t = start_caller(rt, &c);
  CHECK(c.visit != NULL);
  ebb_task_abort(t);
  CHECK(is(join(t), EBB_CANCELLED, &c) && got(&c, -ECANCELED, 0, -ECANCELED));
  gate_pass(&h.may_end);
  CHECK(is(join(u), EBB_COMPLETED, &h));
  free_runtime(rt);
}

TEST(a_call_in_place_that_has_begun_is_waited_for) {
  ebb_runtime *rt = new_real_runtime();
  caller c = CALLER;
  ebb_task *t = start_caller(rt, &c);
  gate_wait(&c.visit->held.started, 1);
  for (int i = 0; i < 3; i++) {
    ebb_task_abort(t);
    tick(rt);
    CHECK(c.visit != NULL);
  }
  gate_pass(&c.visit->held.may_end);
  CHECK(is(join(t), EBB_CANCELLED, &c) && got(&c, 0, 42, -ECANCELED));
  free_runtime(rt);
}

static void *call_too_late(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  CHECK(ebb_block_in_place(rt, answer, NULL) == -ECANCELED);
  return arg;
}

TEST(a_task_that_was_aborted_begins_no_call) {
  ebb_runtime *rt = new_real_runtime();
  ebb_task *t = start(rt, call_too_late, NULL);
  tick(rt);
  ebb_task_abort(t);
  CHECK(join(t).outcome == EBB_CANCELLED);
  free_runtime(rt);
}

TEST(a_clean_up_may_make_a_call_in_place) {
  ebb_runtime *rt = new_real_runtime();
  caller c = CALLER;
  c.cleaning = true;
  ebb_task *t = start_caller(rt, &c);
  ebb_task_abort(t);
  tick(rt);
  CHECK(c.visit != NULL);
  ebb_task_abort(t);
  gate_pass(&c.visit->held.may_end);
  CHECK(is(join(t), EBB_CANCELLED, &c) && got(&c, 0, 42, 0));
  free_runtime(rt);
}

TEST(a_call_in_place_can_be_made_outside_of_tasks) {
  ebb_runtime *rt = new_real_runtime();
  visit v = {HELD, 0};
  gate_pass(&v.held.may_end);
  CHECK(ebb_block_in_place(rt, answer, &v) == 0);
  CHECK(v.answer == 42 && !pthread_equal(v.held.thread, pthread_self()));
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

TEST(an_interrupt_ends_the_wait_for_a_call_that_has_not_begun) {
  ebb_runtime *rt = new_narrow_runtime(false);
  held h = HELD;
  visit v = {HELD, 0};
  ebb_task *t = start_held(rt, &h);
  gate_wait(&h.started, 1);
  ebb_interrupt(rt);
  CHECK(ebb_block_in_place(rt, answer, &v) == -EINTR);
  CHECK(v.answer == 0 && gate_count(&v.held.started) == 0);
  gate_pass(&h.may_end);
  CHECK(is(join(t), EBB_COMPLETED, &h));
  free_runtime(rt);
}

typedef struct interrupter {
  ebb_runtime *rt;
  held *held;
} interrupter;

static void *interrupt_it(void *arg) {
  interrupter *i = arg;
  gate_wait(&i->held->started, 1);
  ebb_interrupt(i->rt);
  gate_pass(&i->held->may_end);
  return NULL;
}

TEST(an_interrupt_does_not_end_a_call_that_has_begun) {
  ebb_runtime *rt = new_real_runtime();
  visit v = {HELD, 0};
  interrupter i = {rt, &v.held};
  pthread_t thread = start_thread(interrupt_it, &i);
  CHECK(ebb_block_in_place(rt, answer, &v) == 0);
  CHECK(v.answer == 42);
  join_thread(thread);
  free_runtime(rt);
}

TEST(a_host_with_a_loop_of_its_own_may_not_call_in_place) {
  ebb_runtime *rt = new_narrow_runtime(true);
  caller c = CALLER;
  CHECK(ebb_block_in_place(rt, answer, NULL) == -EPERM);
  ebb_task *t = start_caller(rt, &c);
  gate_pass(&c.visit->held.may_end);
  tick_until_finished(rt, t);
  CHECK(is(finish(t), EBB_COMPLETED, &c) && got(&c, 0, 42, 0));
  free_runtime(rt);
}

/* The call uses the stack of the task, and what is there. */
TEST(a_runtime_that_goes_waits_for_calls_in_place) {
  for (int never_block = 0; never_block < 2; never_block++) {
    ebb_runtime *rt = new_narrow_runtime(never_block);
    caller c = CALLER, late = CALLER;
    ebb_task_release(start_caller(rt, &c));
    gate_wait(&c.visit->held.started, 1);
    ebb_task_release(start_caller(rt, &late));
    pthread_t thread = start_thread(pass_when_asked, &c.visit->held);
    CHECK(ebb_runtime_shutdown_timeout(rt, 0) >= 0);
    CHECK(got(&c, 0, 42, -ECANCELED));
    CHECK(got(&late, -ECANCELED, 0, -ECANCELED));
    join_thread(thread);
  }
}

TEST(a_clean_up_at_the_end_can_begin_no_call) {
  ebb_runtime *rt = new_real_runtime();
  caller c = CALLER;
  c.cleaning = true;
  ebb_task_release(start_caller(rt, &c));
  free_runtime(rt);
  CHECK(got(&c, -EAGAIN, 0, 0));
}
