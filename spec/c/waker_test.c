/* SPDX-License-Identifier: MIT
   Wakers: unparking a task from other threads. And interrupts, which end
   the wait outside of tasks. */
#include <signal.h>
#include <sys/time.h>

#include "threads.h"

enum { THREADS = 4, WAKES = 5000 };

static ebb_waker *new_waker(ebb_runtime *rt) {
  ebb_waker *w;
  CHECK(ebb_waker_new(rt, &w) == 0);
  return w;
}

/* ---- one thread ---- */

static void *wake_self(ebb_runtime *rt, void *arg) {
  ebb_waker *w = new_waker(rt);
  ebb_waker_wake(w);
  CHECK(ebb_park(rt, EBB_NEVER) == 0);
  ebb_waker_free(w);
  return arg;
}

TEST(a_waker_unparks_the_task_that_made_it) {
  ebb_runtime *rt = new_real_runtime();
  start_detached(rt, wake_self, NULL);
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

TEST(outside_of_tasks_there_is_nobody_to_wake) {
  ebb_runtime *rt = new_real_runtime();
  ebb_waker *w;
  CHECK(ebb_waker_new(rt, &w) == -EINVAL);
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

typedef struct slot {
  ebb_waker *waker;
  int unparked;
} slot;

/* Leaves its waker where others find it, and counts how often it came. */
static void *park_for_ever(ebb_runtime *rt, void *arg) {
  slot *s = arg;
  s->waker = new_waker(rt);
  while (ebb_park(rt, EBB_NEVER) == 0) s->unparked++;
  return NULL;
}

TEST(many_calls_before_the_loop_looks_are_one) {
  ebb_runtime *rt = new_real_runtime();
  slot s = {0};
  start_detached(rt, park_for_ever, &s);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  for (int i = 0; i < 5; i++) ebb_waker_wake(s.waker);
  CHECK(s.unparked == 0);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  CHECK(s.unparked == 1);
  ebb_waker_wake(s.waker);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  CHECK(s.unparked == 2);
  ebb_waker_free(s.waker);
  free_runtime(rt);
}

TEST(each_of_many_wakers_wakes_its_own_task) {
  ebb_runtime *rt = new_real_runtime();
  slot slots[20] = {0};
  for (int i = 0; i < 20; i++) start_detached(rt, park_for_ever, &slots[i]);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  for (int i = 0; i < 20; i += 3) ebb_waker_wake(slots[i].waker);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  for (int i = 0; i < 20; i++) {
    CHECK(slots[i].unparked == (i % 3 == 0));
    ebb_waker_free(slots[i].waker);
  }
  free_runtime(rt);
}

static void *make_waker(ebb_runtime *rt, void *arg) {
  *(ebb_waker **)arg = new_waker(rt);
  return NULL;
}

TEST(waking_a_finished_task_does_nothing) {
  ebb_runtime *rt = new_real_runtime();
  ebb_waker *w = NULL;
  start_detached(rt, make_waker, &w);
  CHECK(ebb_run(rt) == 0);
  for (int i = 0; i < 3; i++) {
    ebb_waker_wake(w);
    CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  }
  ebb_waker_free(w);
  free_runtime(rt);
}

TEST(a_waker_that_was_just_called_can_be_freed) {
  ebb_runtime *rt = new_real_runtime();
  slot s = {0};
  start_detached(rt, park_for_ever, &s);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  ebb_waker_wake(s.waker);
  ebb_waker_free(s.waker);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  CHECK(s.unparked == 1);
  free_runtime(rt);
}

static void *hold_waker(ebb_runtime *rt, void *arg) {
  ebb_waker *w = new_waker(rt);
  ebb_task **other = arg;
  ebb_unpark(*other);
  CHECK(ebb_park(rt, ebb_now(rt)) == -ETIMEDOUT);
  ebb_waker_free(w);
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  return NULL;
}

TEST(without_wakers_a_deadlock_is_one_again) {
  ebb_runtime *rt = new_real_runtime();
  ebb_task *t;
  slot s = {0};
  start_detached(rt, hold_waker, &t);
  t = start(rt, park_for_ever, &s);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  ebb_waker_free(s.waker);
  CHECK(ebb_run(rt) == -EDEADLK);
  ebb_task_release(t);
  free_runtime(rt);
}

/* ---- many threads ---- */

/* A ball that a task and a thread throw to each other: no throw is lost, or
   both wait for ever. */
typedef struct ball {
  atomic_int thrown, returned;
  _Atomic(ebb_waker *) waker;
} ball;

static void *throw_back(void *arg) {
  ball *b = arg;
  for (int i = 1; i <= WAKES; i++) {
    while (atomic_load(&b->thrown) < i) sched_yield();
    atomic_store(&b->returned, i);
    ebb_waker_wake(atomic_load(&b->waker));
  }
  return NULL;
}

static void *play(ebb_runtime *rt, void *arg) {
  ball *b = arg;
  atomic_store(&b->waker, new_waker(rt));
  for (int i = 1; i <= WAKES; i++) {
    atomic_store(&b->thrown, i);
    while (atomic_load(&b->returned) < i) CHECK(ebb_park(rt, EBB_NEVER) == 0);
  }
  return NULL;
}

TEST(no_call_from_another_thread_is_lost) {
  ebb_runtime *rt = new_real_runtime();
  ball b = {0};
  pthread_t thread = start_thread(throw_back, &b);
  start_detached(rt, play, &b);
  CHECK(ebb_run(rt) == 0);
  join_thread(thread);
  ebb_waker_free(atomic_load(&b.waker));
  free_runtime(rt);
}

/* Many threads that count up, and wake the one task that adds up. */
typedef struct sum {
  atomic_int count;
  _Atomic(ebb_waker *) waker;
} sum;

static void *count_up(void *arg) {
  sum *s = arg;
  ebb_waker *w;
  while ((w = atomic_load(&s->waker)) == NULL) sched_yield();
  for (int i = 0; i < WAKES; i++) {
    atomic_fetch_add(&s->count, 1);
    ebb_waker_wake(w);
  }
  return NULL;
}

static void *wait_for_sum(ebb_runtime *rt, void *arg) {
  sum *s = arg;
  atomic_store(&s->waker, new_waker(rt));
  while (atomic_load(&s->count) < THREADS * WAKES)
    CHECK(ebb_park(rt, EBB_NEVER) == 0);
  return NULL;
}

static void *yield_for_ever(ebb_runtime *rt, void *arg) {
  while (ebb_yield_now(rt) == 0) continue;
  return arg;
}

/* With a busy task the loop is never asleep; without, it often is. */
static void count_with_threads(bool busy) {
  ebb_runtime *rt = new_real_runtime();
  sum s = {0};
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(count_up, &s);
  ebb_task *t = start(rt, wait_for_sum, &s);
  if (busy) start_detached(rt, yield_for_ever, NULL);
  CHECK(ebb_task_join(t, EBB_NEVER, NULL) == 0);
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  ebb_waker_free(atomic_load(&s.waker));
  ebb_task_release(t);
  free_runtime(rt);
}

TEST(many_threads_may_call_one_waker) { count_with_threads(false); }

TEST(a_waker_is_heard_while_other_tasks_are_busy) { count_with_threads(true); }

TEST(a_waker_is_heard_by_ticks) {
  ebb_runtime *rt = new_real_runtime();
  sum s = {0};
  ebb_tick_report report;
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(count_up, &s);
  start_detached(rt, wait_for_sum, &s);
  do CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  while (report.unfinished > 0);
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  ebb_waker_free(atomic_load(&s.waker));
  free_runtime(rt);
}

/* Every thread wakes every task, each of which counts its own wake-ups. */
typedef struct crowd {
  sum tasks[8];
} crowd;

static void *wake_crowd(void *arg) {
  crowd *c = arg;
  for (int i = 0; i < WAKES; i++) {
    sum *s = &c->tasks[i % 8];
    ebb_waker *w;
    while ((w = atomic_load(&s->waker)) == NULL) sched_yield();
    atomic_fetch_add(&s->count, 1);
    ebb_waker_wake(w);
  }
  return NULL;
}

static void *wait_in_crowd(ebb_runtime *rt, void *arg) {
  sum *s = arg;
  atomic_store(&s->waker, new_waker(rt));
  while (atomic_load(&s->count) < THREADS * WAKES / 8)
    CHECK(ebb_park(rt, EBB_NEVER) == 0);
  return NULL;
}

TEST(many_threads_may_call_many_wakers) {
  ebb_runtime *rt = new_real_runtime();
  crowd c = {0};
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) threads[i] = start_thread(wake_crowd, &c);
  for (int i = 0; i < 8; i++) start_detached(rt, wait_in_crowd, &c.tasks[i]);
  CHECK(ebb_run(rt) == 0);
  for (int i = 0; i < THREADS; i++) join_thread(threads[i]);
  for (int i = 0; i < 8; i++) ebb_waker_free(atomic_load(&c.tasks[i].waker));
  free_runtime(rt);
}

/* ---- runtimes on threads of their own ---- */

static void *count_on_this_thread(void *arg) {
  count_with_threads(arg != NULL);
  return NULL;
}

TEST(runtimes_of_several_threads_do_not_meet) {
  pthread_t threads[2] = {start_thread(count_on_this_thread, NULL),
                          start_thread(count_on_this_thread, "busy")};
  for (int i = 0; i < 2; i++) join_thread(threads[i]);
}

/* ---- interrupts ---- */

static void *interrupt(ebb_runtime *rt, void *arg) {
  ebb_interrupt(rt);
  CHECK(ebb_yield_now(rt) == 0); /* it is for those outside */
  CHECK(ebb_sleep(rt, 0) == 0);
  note(arg);
  return NULL;
}

TEST(a_task_may_interrupt_the_wait_outside) {
  ebb_runtime *rt = new_real_runtime();
  start_detached(rt, interrupt, "a");
  CHECK(ebb_sleep(rt, 1000 * SECOND) == -EINTR);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("a"));
  free_runtime(rt);
}

typedef struct interrupter {
  ebb_runtime *rt;
  atomic_bool stop;
} interrupter;

static void *interrupt_until_stopped(void *arg) {
  interrupter *i = arg;
  while (!atomic_load(&i->stop)) {
    ebb_interrupt(i->rt);
    sched_yield();
  }
  return NULL;
}

/* Nothing but the interrupt could end this; a waker keeps it from being a
   deadlock, and the loop asleep. */
TEST(a_thread_may_interrupt_the_wait_outside) {
  ebb_runtime *rt = new_real_runtime();
  slot s = {0};
  interrupter i = {.rt = rt};
  start_detached(rt, park_for_ever, &s);
  CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
  pthread_t thread = start_thread(interrupt_until_stopped, &i);
  CHECK(ebb_run(rt) == -EINTR);
  CHECK(ebb_park(rt, EBB_NEVER) == -EINTR);
  atomic_store(&i.stop, true);
  join_thread(thread);
  CHECK(s.unparked == 0);
  ebb_waker_free(s.waker);
  free_runtime(rt);
}

TEST(an_interrupt_may_come_while_a_waker_is_made) {
  for (int n = 0; n < 20; n++) {
    ebb_runtime *rt = new_real_runtime();
    slot s = {0};
    interrupter i = {.rt = rt};
    pthread_t thread = start_thread(interrupt_until_stopped, &i);
    start_detached(rt, park_for_ever, &s);
    CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
    CHECK(ebb_run(rt) == -EINTR);
    atomic_store(&i.stop, true);
    join_thread(thread);
    ebb_waker_free(s.waker);
    free_runtime(rt);
  }
}

static ebb_runtime *in_handler;

static void on_alarm(int number) {
  (void)number;
  ebb_interrupt(in_handler);
}

TEST(a_signal_handler_may_interrupt_the_wait_outside) {
  ebb_runtime *rt = in_handler = new_real_runtime();
  struct sigaction action = {.sa_handler = on_alarm};
  struct itimerval timer = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
  start_detached(rt, yield_for_ever, NULL); /* the loop is never asleep */
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
  CHECK(ebb_run(rt) == -EINTR);
  CHECK(ebb_sleep(rt, 1000 * SECOND) == -EINTR);
  CHECK(setitimer(ITIMER_REAL, &none, NULL) == 0);
  free_runtime(rt);
}
