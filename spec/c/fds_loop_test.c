/* SPDX-License-Identifier: MIT
   Waits for many file descriptors, beside other waits and at random. */
#include "pipes.h"

#include <pthread.h>

/* ---- beside other waits ---- */

static void *wait_for_first(ebb_runtime *rt, void *arg) {
  const pipes *p = arg;
  CHECK(ebb_wait_fd(rt, p->read[0], EBB_READ, EBB_NEVER) == EBB_READ);
  note("first");
  return NULL;
}

static void wake_beside(int looks) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait w = reading(&p, "w");
  w.fds[0].fd = -1;
  ebb_task *t = start_wait(rt, &w, looks);
  ebb_task *other = start(rt, wait_for_first, &p);
  look(rt, looks);
  put(p.write[0]);
  look(rt, 1);
  CHECK(noted("first"));
  put(p.write[1]);
  look(rt, 1);
  CHECK(noted("w") && only(&w, 1));
  finish(t);
  finish(other);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(who_waits_for_one_fd_is_woken_beside_it) { short_and_long(wake_beside); }

static void *write_from_thread(void *arg) {
  put(*(int *)arg);
  return NULL;
}

/* The clock runs here: nothing but the thread can end the wait. */
TEST(it_is_no_deadlock) {
  ebb_runtime *rt;
  pipes p = new_pipes();
  wait w = reading(&p, "");
  pthread_t thread;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  CHECK(pthread_create(&thread, NULL, write_from_thread, &p.write[3]) == 0);
  CHECK(ebb_wait_fds(rt, w.fds, w.n, EBB_NEVER) == 1 && only(&w, 3));
  CHECK(pthread_join(thread, NULL) == 0);
  close_pipes(&p);
  free_runtime(rt);
}

static void *wake_from_thread(void *arg) {
  ebb_waker_wake(arg);
  return NULL;
}

static void *park(ebb_runtime *rt, void *arg) {
  ebb_waker *waker;
  pthread_t thread;
  CHECK(ebb_waker_new(rt, &waker) == 0);
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(pthread_create(&thread, NULL, wake_from_thread, waker) == 0);
  CHECK(ebb_park(rt, EBB_NEVER) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  ebb_waker_free(waker);
  put(*(int *)arg);
  return NULL;
}

TEST(other_threads_wake_the_loop_beside_it) {
  ebb_runtime *rt;
  pipes p = new_pipes();
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  for (int i = 0; i < 2; i++) { /* without an epoll, and with one */
    wait w = reading(&p, "");
    start_detached(rt, park, &p.write[3]);
    CHECK(ebb_wait_fds(rt, w.fds, w.n, EBB_NEVER) == 1 && only(&w, 3));
    take(p.read[3]);
    CHECK(ebb_wait_fd(rt, p.read[0], EBB_READ, ebb_now(rt) + 1) == -ETIMEDOUT);
  }
  close_pipes(&p);
  free_runtime(rt);
}

TEST(virtual_time_jumps_over_waits_but_not_over_events) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes(), q = new_pipes();
  wait a = reading(&p, "a"), b = reading(&q, "b");
  a.deadline = b.deadline = ebb_now(rt) + SECOND;
  ebb_task *first = start_wait(rt, &a, 1), *second = start_wait(rt, &b, 1);
  put(q.write[5]);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("b a") && a.result == -ETIMEDOUT && only(&b, 5));
  finish(first);
  finish(second);
  close_pipes(&p);
  close_pipes(&q);
  free_runtime(rt);
}

static void *spin(ebb_runtime *rt, void *arg) {
  const wait *w = arg;
  while (w->result == 0) CHECK(ebb_yield_now(rt) == 0);
  return NULL;
}

TEST(it_is_looked_at_while_tasks_are_always_ready) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait w = reading(&p, "");
  ebb_task *t = start_wait(rt, &w, 1);
  start_detached(rt, spin, &w);
  put(p.write[2]);
  CHECK(ebb_run(rt) == 0 && only(&w, 2));
  finish(t);
  close_pipes(&p);
  free_runtime(rt);
}

/* ---- chance ---- */

/* Tasks that wait for fds chosen by chance, of which some are written to, or
   that are aborted: each ends when, and only when, it has a reason to. */
static void random_round(ebb_runtime *rt, uint64_t *state) {
  enum { TASKS = 8 };
  pipes p = new_pipes();
  wait waits[TASKS];
  ebb_task *tasks[TASKS];
  bool written[PIPES] = {false}, over[TASKS] = {false};
  for (int i = 0; i < TASKS; i++) {
    waits[i] = reading(&p, "");
    waits[i].n = 1 + chance(state, PIPES);
    for (size_t j = 0; j < waits[i].n; j++)
      waits[i].fds[j].fd = p.read[chance(state, PIPES)];
    tasks[i] = start_wait(rt, &waits[i], (int)chance(state, LONG));
  }
  for (int step = 0; step < 6; step++) {
    uint32_t x = chance(state, PIPES), victim = chance(state, TASKS);
    if (chance(state, 3) > 0) {
      put(p.write[x]);
      written[x] = true;
    } else {
      ebb_task_abort(tasks[victim]);
      over[victim] = true;
    }
    look(rt, 1 + (int)chance(state, 4));
    for (int i = 0; i < TASKS; i++) {
      for (size_t j = 0; j < waits[i].n; j++)
        for (int k = 0; k < PIPES; k++)
          if (waits[i].fds[j].fd == p.read[k] && written[k]) over[i] = true;
      CHECK(ebb_task_is_finished(tasks[i]) == over[i]);
    }
  }
  for (int i = 0; i < TASKS; i++) ebb_task_abort(tasks[i]);
  look(rt, 1);
  for (int i = 0; i < TASKS; i++) finish(tasks[i]);
  close_pipes(&p);
}

TEST(each_ends_when_it_has_a_reason_to) {
  ebb_runtime *rt = new_runtime();
  int fds = count_open_fds();
  uint64_t state = 9;
  for (int i = 0; i < 300; i++) random_round(rt, &state);
  look(rt, 1);
  free_runtime(rt);
  CHECK(count_open_fds() == fds);
}
