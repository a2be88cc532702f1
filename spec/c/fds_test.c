/* SPDX-License-Identifier: MIT
   Waits for many file descriptors: their ends. */
#include "pipes.h"

/* ---- what ends the wait ---- */

TEST(what_is_ready_is_told_at_once) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait w = reading(&p, "");
  put(p.write[3]);
  CHECK(ebb_wait_fds(rt, w.fds, w.n, EBB_NEVER) == 1 && only(&w, 3));
  put(p.write[5]);
  CHECK(ebb_wait_fds(rt, w.fds, w.n, 0) == 2);
  CHECK(w.fds[3].revents == POLLIN && w.fds[5].revents == POLLIN);
  close_pipes(&p);
  free_runtime(rt);
}

static void wake_by_one(int looks) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  for (int i = 0; i < PIPES; i++) {
    wait w = reading(&p, "w");
    ebb_task *t = start_wait(rt, &w, looks);
    CHECK(noted(""));
    put(p.write[i]);
    look(rt, 1);
    CHECK(noted("w") && w.result == 1 && only(&w, (size_t)i));
    take(p.read[i]);
    finish(t);
  }
  close_pipes(&p);
  free_runtime(rt);
}

TEST(any_one_of_them_ends_the_wait) { short_and_long(wake_by_one); }

static void wake_two(int looks) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait a = reading(&p, "a"), b = reading(&p, "b"), c = reading(&p, "c");
  b.n = 2;
  ebb_task *first = start_wait(rt, &a, looks);
  ebb_task *second = start_wait(rt, &b, looks);
  ebb_task *third = start_wait(rt, &c, looks);
  put(p.write[2]);
  look(rt, 1);
  CHECK(noted("a c") && only(&a, 2) && only(&c, 2));
  put(p.write[1]);
  look(rt, 1);
  CHECK(noted("b") && only(&b, 1));
  finish(first);
  finish(second);
  finish(third);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(an_event_wakes_all_it_concerns_and_nobody_else) {
  short_and_long(wake_two);
}

static void wake_writer(int looks) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  static const char block[4096];
  while (write(p.write[0], block, sizeof block) > 0) continue;
  wait w = reading(&p, "w");
  w.fds[0] = (struct pollfd){p.read[1], POLLIN, 0};
  w.fds[2] = (struct pollfd){p.write[0], POLLOUT, 0};
  w.fds[4] = (struct pollfd){p.write[0], 0, 0};
  ebb_task *t = start_wait(rt, &w, looks);
  CHECK(noted(""));
  char room[sizeof block];
  while (read(p.read[0], room, sizeof room) > 0) continue;
  look(rt, 1);
  CHECK(noted("w") && w.result == 1 && only(&w, 2));
  CHECK(w.fds[2].revents == POLLOUT);
  finish(t);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(one_fd_may_be_asked_about_in_several_entries) {
  short_and_long(wake_writer);
}

static void end_by_deadline(int looks) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait w = reading(&p, "w");
  w.deadline = ebb_now(rt) + SECOND;
  ebb_task *t = start_wait(rt, &w, looks);
  CHECK(ebb_clock_advance(rt, SECOND) == 0);
  look(rt, 1);
  CHECK(noted("w") && w.result == -ETIMEDOUT);
  finish(t);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(a_deadline_ends_the_wait) { short_and_long(end_by_deadline); }

static void abort_one(int looks) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  int fds = count_open_fds();
  wait a = reading(&p, "a"), b = reading(&p, "b");
  ebb_task *first = start_wait(rt, &a, looks);
  ebb_task *second = start_wait(rt, &b, looks);
  ebb_task_abort(first);
  look(rt, 2);
  CHECK(noted("a") && a.result == -ECANCELED);
  put(p.write[7]);
  look(rt, 1);
  CHECK(noted("b") && only(&b, 7));
  finish(first);
  finish(second);
  look(rt, 1);
  CHECK(count_open_fds() == fds);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(an_abort_ends_the_wait_and_leaves_no_trace) { short_and_long(abort_one); }

static void forget_one(int looks) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait a = reading(&p, "a"), b = reading(&p, ""), c = reading(&p, "");
  b.n = 1;
  c.n = 9;
  ebb_task *first = start_wait(rt, &a, looks);
  ebb_task *second = start_wait(rt, &b, looks);
  ebb_task *third = start_wait(rt, &c, looks);
  ebb_forget_fd(rt, p.read[9]);
  CHECK(close(p.read[9]) == 0);
  look(rt, 1);
  CHECK(noted("a") && a.result == -EBADF);
  ebb_forget_fd(rt, p.read[0]);
  CHECK(close(p.read[0]) == 0);
  look(rt, 1);
  CHECK(b.result == -EBADF && c.result == -EBADF);
  finish(first);
  finish(second);
  finish(third);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(forgetting_an_fd_ends_the_waits_for_it) { short_and_long(forget_one); }

static void free_while_waiting(int looks) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  int fds = count_open_fds();
  wait w = reading(&p, "");
  start_detached(rt, wait_for, &w);
  look(rt, looks);
  free_runtime(rt);
  CHECK(w.result == -ECANCELED && count_open_fds() == fds);
  close_pipes(&p);
}

TEST(a_runtime_can_be_freed_while_tasks_wait) {
  short_and_long(free_while_waiting);
}

TEST(a_long_wait_takes_one_fd) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  int fds = count_open_fds();
  wait w = reading(&p, "");
  ebb_task *t = start_wait(rt, &w, LONG);
  look(rt, 1);
  CHECK(count_open_fds() == fds + 1);
  ebb_task_abort(t);
  look(rt, 2);
  finish(t);
  close_pipes(&p);
  free_runtime(rt);
}

/* ---- odd fds ---- */

TEST(an_fd_that_is_not_open_is_told_at_once) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait w = reading(&p, "");
  CHECK(close(p.read[4]) == 0);
  CHECK(ebb_wait_fds(rt, w.fds, w.n, EBB_NEVER) == 1 && only(&w, 4));
  CHECK(w.fds[4].revents == POLLNVAL);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(an_fd_that_is_closed_meanwhile_is_told) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait w = reading(&p, "w");
  ebb_task *t = start_wait(rt, &w, 1);
  CHECK(close(p.read[4]) == 0);
  look(rt, 1);
  CHECK(noted("w") && only(&w, 4) && w.fds[4].revents == POLLNVAL);
  finish(t);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(negative_fds_are_passed_over) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait w = reading(&p, "w");
  for (int i = 0; i < PIPES; i++)
    if (i != 6) w.fds[i].fd = -1 - i;
  ebb_task *t = start_wait(rt, &w, 1);
  put(p.write[6]);
  look(rt, 1);
  CHECK(noted("w") && only(&w, 6));
  finish(t);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(without_any_fd_it_is_a_sleep) {
  ebb_runtime *rt = new_runtime();
  struct pollfd none = {-1, POLLIN, 0};
  int64_t end = ebb_now(rt) + SECOND;
  CHECK(ebb_wait_fds(rt, NULL, 0, end) == -ETIMEDOUT && ebb_now(rt) == end);
  CHECK(ebb_wait_fds(rt, &none, 1, end + SECOND) == -ETIMEDOUT);
  CHECK(ebb_wait_fds(rt, &none, 1, EBB_NEVER) == -EDEADLK);
  free_runtime(rt);
}

/* Without forgetting it, which ends no wait for the new one. */
TEST(a_number_that_is_used_again_stands_for_the_new_file) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes(), q = new_pipes();
  wait a = reading(&p, "a"), b = a;
  a.deadline = ebb_now(rt) + SECOND;
  ebb_task *t = start_wait(rt, &a, LONG);
  CHECK(ebb_run(rt) == 0 && noted("a") && a.result == -ETIMEDOUT);
  finish(t);
  CHECK(dup2(q.read[0], p.read[8]) == p.read[8]);
  b.name = "b";
  t = start_wait(rt, &b, LONG);
  put(p.write[9]);
  take(p.read[9]);
  look(rt, 1);
  put(q.write[0]);
  look(rt, 1);
  CHECK(noted("b") && only(&b, 8));
  finish(t);
  close_pipes(&p);
  close_pipes(&q);
  free_runtime(rt);
}
