/* SPDX-License-Identifier: MIT
   Waiting for file descriptors: pipes and pairs of sockets. */
#include "pipe_ends.h"

enum { BOTH = EBB_READ | EBB_WRITE };

static void take(int fd) {
  char c;
  CHECK(read(fd, &c, 1) == 1);
}

static void fill(int fd) {
  static const char block[4096];
  while (write(fd, block, sizeof block) > 0) continue;
  CHECK(errno == EAGAIN);
}

static void drain(int fd) {
  char block[4096];
  while (read(fd, block, sizeof block) > 0) continue;
  CHECK(errno == EAGAIN);
}

/* ---- one waiter ---- */

TEST(what_is_ready_is_told_at_once) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  put(p.write);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, EBB_NEVER) == EBB_READ);
  CHECK(ebb_wait_fd(rt, p.write, EBB_WRITE, EBB_NEVER) == EBB_WRITE);
  close_both(p);
  free_runtime(rt);
}

TEST(a_reader_is_woken_by_what_is_written) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  wait w = waiting(p.read, EBB_READ, "r");
  ebb_task *t = start_wait(rt, &w);
  CHECK(noted("") && !ebb_task_is_finished(t));
  put(p.write);
  settle(rt);
  CHECK(noted("r") && w.result == EBB_READ);
  finish(t);
  close_both(p);
  free_runtime(rt);
}

TEST(a_writer_is_woken_by_what_is_read) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  fill(p.write);
  wait w = waiting(p.write, EBB_WRITE, "w");
  ebb_task *t = start_wait(rt, &w);
  CHECK(noted(""));
  drain(p.read);
  settle(rt);
  CHECK(noted("w") && w.result == EBB_WRITE);
  finish(t);
  close_both(p);
  free_runtime(rt);
}

TEST(what_was_left_unread_is_still_ready) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  wait w = waiting(p.read, EBB_READ, "");
  ebb_task *t = start_wait(rt, &w);
  for (int i = 0; i < 3; i++) put(p.write);
  settle(rt);
  for (int i = 0; i < 3; i++) {
    CHECK(ebb_wait_fd(rt, p.read, EBB_READ, EBB_NEVER) == EBB_READ);
    take(p.read);
  }
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, ebb_now(rt) + 1) == -ETIMEDOUT);
  finish(t);
  close_both(p);
  free_runtime(rt);
}

TEST(an_event_that_nobody_waited_for_is_not_lost) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pair();
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, ebb_now(rt) + 1) == -ETIMEDOUT);
  put(p.write);
  settle(rt);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, EBB_NEVER) == EBB_READ);
  close_both(p);
  free_runtime(rt);
}

TEST(a_hang_up_wakes_both_ways) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pair();
  fill(p.read);
  wait r = waiting(p.read, EBB_READ, "r"), w = waiting(p.read, EBB_WRITE, "w");
  ebb_task *a = start_wait(rt, &r), *b = start_wait(rt, &w);
  CHECK(noted(""));
  CHECK(close(p.write) == 0);
  settle(rt);
  CHECK(noted("r w") && r.result == EBB_READ && w.result == EBB_WRITE);
  CHECK(close(p.read) == 0);
  finish(a);
  finish(b);
  free_runtime(rt);
}

TEST(a_regular_file_is_always_ready) {
  ebb_runtime *rt = new_runtime();
  FILE *file = tmpfile();
  CHECK(file != NULL);
  CHECK(ebb_wait_fd(rt, fileno(file), BOTH, EBB_NEVER) == BOTH);
  CHECK(fclose(file) == 0);
  free_runtime(rt);
}

TEST(misuse_is_refused) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  close_both(p);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, EBB_NEVER) == -EBADF);
  CHECK(ebb_wait_fd(rt, -1, EBB_READ, EBB_NEVER) == -EBADF);
  CHECK(ebb_wait_fd(rt, 0, 0, EBB_NEVER) == -EINVAL);
  CHECK(ebb_wait_fd(rt, 0, 4, EBB_NEVER) == -EINVAL);
  ebb_forget_fd(rt, -1);
  ebb_forget_fd(rt, 12345);
  free_runtime(rt);
}

/* ---- several waiters ---- */

TEST(reader_and_writer_wait_for_one_fd) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pair();
  fill(p.read);
  wait r = waiting(p.read, EBB_READ, "r"), w = waiting(p.read, EBB_WRITE, "w");
  ebb_task *a = start_wait(rt, &r), *b = start_wait(rt, &w);
  put(p.write);
  settle(rt);
  CHECK(noted("r"));
  drain(p.write);
  settle(rt);
  CHECK(noted("w"));
  finish(a);
  finish(b);
  close_both(p);
  free_runtime(rt);
}

TEST(every_reader_is_woken_in_the_order_of_waiting) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  wait a = waiting(p.read, EBB_READ, "a"), b = waiting(p.read, EBB_READ, "b");
  ebb_task *first = start_wait(rt, &a), *second = start_wait(rt, &b);
  put(p.write);
  settle(rt);
  CHECK(noted("a b"));
  finish(first);
  finish(second);
  close_both(p);
  free_runtime(rt);
}

TEST(who_waits_for_either_is_told_which) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pair();
  fill(p.read);
  wait w = waiting(p.read, BOTH, "");
  ebb_task *t = start_wait(rt, &w);
  put(p.write);
  settle(rt);
  CHECK(w.result == EBB_READ);
  finish(t);
  take(p.read);
  t = start_wait(rt, &w);
  drain(p.write);
  settle(rt);
  CHECK(w.result == EBB_WRITE);
  finish(t);
  put(p.write);
  CHECK(ebb_wait_fd(rt, p.read, BOTH, EBB_NEVER) == BOTH);
  close_both(p);
  free_runtime(rt);
}

enum { MANY = 400 };

TEST(many_fds_wake_each_its_own_waiter) {
  ebb_runtime *rt = new_runtime();
  static ends pairs[MANY];
  static wait waits[MANY];
  static ebb_task *tasks[MANY];
  uint64_t seed = 5;
  for (int i = 0; i < MANY; i++) {
    pairs[i] = new_pair();
    waits[i] = waiting(pairs[i].read, EBB_READ, "");
    tasks[i] = start(rt, wait_for, &waits[i]);
  }
  settle(rt);
  for (int left = MANY; left > 0; left--) {
    int i;
    do i = (int)chance(&seed, MANY);
    while (waits[i].result != 0);
    put(pairs[i].write);
    settle(rt);
    CHECK(waits[i].result == EBB_READ);
    int woken = 0;
    for (int k = 0; k < MANY; k++) woken += waits[k].result != 0;
    CHECK(woken == MANY - left + 1);
  }
  for (int i = 0; i < MANY; i++) {
    finish(tasks[i]);
    close_both(pairs[i]);
  }
  free_runtime(rt);
}

TEST(all_of_many_events_at_once_are_seen) {
  ebb_runtime *rt = new_runtime();
  static ends pairs[MANY];
  static wait waits[MANY];
  static ebb_task *tasks[MANY];
  for (int i = 0; i < MANY; i++) {
    pairs[i] = new_pair();
    waits[i] = waiting(pairs[i].read, EBB_READ, "");
    tasks[i] = start(rt, wait_for, &waits[i]);
  }
  settle(rt);
  for (int i = 0; i < MANY; i++) put(pairs[i].write);
  CHECK(ebb_run(rt) == 0);
  for (int i = 0; i < MANY; i++) {
    CHECK(waits[i].result == EBB_READ);
    finish(tasks[i]);
    close_both(pairs[i]);
  }
  free_runtime(rt);
}

/* ---- the ends of waits ---- */

TEST(a_deadline_ends_the_wait) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  int64_t begun = ebb_now(rt);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, begun + 5 * SECOND) == -ETIMEDOUT);
  CHECK(ebb_now(rt) == begun + 5 * SECOND);
  close_both(p);
  free_runtime(rt);
}

TEST(a_deadline_that_has_passed_only_looks) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  int64_t now = ebb_now(rt);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, now) == -ETIMEDOUT);
  put(p.write);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, now) == EBB_READ);
  close_both(p);
  free_runtime(rt);
}

TEST(an_abort_ends_the_wait_and_leaves_no_trace) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  wait a = waiting(p.read, EBB_READ, "a"), b = waiting(p.read, EBB_READ, "b");
  ebb_task *first = start_wait(rt, &a), *second = start_wait(rt, &b);
  ebb_task_abort(first);
  settle(rt);
  CHECK(noted("a") && a.result == -ECANCELED);
  finish(first);
  put(p.write);
  settle(rt);
  CHECK(noted("b") && b.result == EBB_READ);
  finish(second);
  close_both(p);
  free_runtime(rt);
}

TEST(an_abort_of_one_who_is_woken_loses_nothing) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  wait a = waiting(p.read, EBB_READ, "a"), b = waiting(p.read, EBB_READ, "b");
  ebb_task *first = start_wait(rt, &a), *second = start_wait(rt, &b);
  put(p.write);
  ebb_tick_report report;
  do CHECK(ebb_tick(rt, 0, &report) == 0);
  while (ebb_task_is_finished(first) == false);
  ebb_task_abort(second);
  settle(rt);
  CHECK(b.result == -ECANCELED);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, EBB_NEVER) == EBB_READ);
  CHECK(noted("a b"));
  finish(first);
  finish(second);
  close_both(p);
  free_runtime(rt);
}

TEST(forgetting_an_fd_ends_the_waits_for_it) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pair();
  fill(p.read);
  wait r = waiting(p.read, EBB_READ, "r"), w = waiting(p.read, EBB_WRITE, "w");
  ebb_task *a = start_wait(rt, &r), *b = start_wait(rt, &w);
  ebb_forget_fd(rt, p.read);
  close_both(p);
  settle(rt);
  CHECK(noted("r w") && r.result == -EBADF && w.result == -EBADF);
  finish(a);
  finish(b);
  free_runtime(rt);
}

TEST(a_runtime_can_be_freed_while_tasks_wait) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  wait w = waiting(p.read, EBB_READ, "");
  start_detached(rt, wait_for, &w);
  settle(rt);
  free_runtime(rt);
  CHECK(w.result == -ECANCELED);
  close_both(p);
}
