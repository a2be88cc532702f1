/* SPDX-License-Identifier: MIT
   Waiting for file descriptors: numbers that are used again, and files that
   are closed behind our back. */
#include "pipe_ends.h"

/* Gives the open file `from` the number `to`, which must be free. */
static void renumber(int from, int to) {
  CHECK(fcntl(to, F_GETFD) < 0 && errno == EBADF);
  CHECK(dup2(from, to) == to && close(from) == 0);
}

TEST(a_new_fd_of_a_forgotten_number_has_events_of_its_own) {
  ebb_runtime *rt = new_runtime();
  ends old = new_pipe(), new = new_pipe();
  wait a = waiting(old.read, EBB_READ, "old"), b;
  ebb_task *first = start_wait(rt, &a);
  int copy = dup(old.read);
  ebb_forget_fd(rt, old.read);
  CHECK(close(old.read) == 0);
  renumber(new.read, old.read);
  b = waiting(old.read, EBB_READ, "new");
  ebb_task *second = start_wait(rt, &b);
  CHECK(noted("old") && a.result == -EBADF);
  put(old.write);
  settle(rt);
  CHECK(noted(""));
  put(new.write);
  settle(rt);
  CHECK(noted("new") && b.result == EBB_READ);
  finish(first);
  finish(second);
  close_both(old);
  CHECK(close(copy) == 0 && close(new.write) == 0);
  free_runtime(rt);
}

/* Nobody has told us that the fd was closed, and a copy keeps the old file
   alive in the epoll. */
TEST(the_old_file_of_a_number_does_not_wake_the_new) {
  ebb_runtime *rt = new_runtime();
  ends old = new_pipe(), new = new_pipe();
  CHECK(ebb_wait_fd(rt, old.read, EBB_READ, ebb_now(rt) + 1) == -ETIMEDOUT);
  int copy = dup(old.read);
  CHECK(close(old.read) == 0);
  renumber(new.read, old.read);
  wait w = waiting(old.read, EBB_READ, "new");
  ebb_task *t = start_wait(rt, &w);
  put(old.write);
  settle(rt);
  CHECK(noted(""));
  put(new.write);
  settle(rt);
  CHECK(noted("new"));
  finish(t);
  close_both(old);
  CHECK(close(copy) == 0 && close(new.write) == 0);
  free_runtime(rt);
}

TEST(who_waited_for_the_old_file_is_told_by_the_new) {
  ebb_runtime *rt = new_runtime();
  ends old = new_pipe(), new = new_pipe();
  wait a = waiting(old.read, EBB_READ, "old"), b;
  ebb_task *first = start_wait(rt, &a);
  CHECK(close(old.read) == 0);
  renumber(new.read, old.read);
  b = waiting(old.read, EBB_READ, "new");
  ebb_task *second = start_wait(rt, &b);
  CHECK(noted("old") && a.result == -EBADF);
  put(new.write);
  settle(rt);
  CHECK(noted("new"));
  finish(first);
  finish(second);
  close_both(old);
  CHECK(close(new.write) == 0);
  free_runtime(rt);
}

TEST(a_file_that_comes_back_to_its_number_is_waited_for) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe(), other = new_pipe();
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, ebb_now(rt) + 1) == -ETIMEDOUT);
  int copy = dup(p.read);
  CHECK(dup2(other.read, p.read) == p.read);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, ebb_now(rt) + 1) == -ETIMEDOUT);
  ebb_forget_fd(rt, p.read);
  CHECK(dup2(copy, p.read) == p.read);
  wait w = waiting(p.read, EBB_READ, "r");
  ebb_task *t = start_wait(rt, &w);
  put(other.write);
  settle(rt);
  CHECK(noted(""));
  put(p.write);
  settle(rt);
  CHECK(noted("r"));
  finish(t);
  close_both(p);
  close_both(other);
  CHECK(close(copy) == 0);
  free_runtime(rt);
}

TEST(events_of_files_closed_behind_our_back_do_no_harm) {
  ebb_runtime *rt = new_runtime();
  for (int i = 0; i < 200; i++) {
    ends p = new_pair();
    wait w = waiting(p.read, EBB_READ, "");
    ebb_task *t = start_wait(rt, &w);
    put(p.write);
    close_both(p);
    ebb_task_abort(t);
    settle(rt);
    finish(t);
  }
  free_runtime(rt);
}
