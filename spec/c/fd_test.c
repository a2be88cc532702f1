/* SPDX-License-Identifier: MIT
   Waiting for file descriptors: pipes and pairs of sockets, numbers that are
   used again, and files that are closed behind our back. */
#define _GNU_SOURCE /* pipe2 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

enum { BOTH = EBB_READ | EBB_WRITE };

typedef struct ends {
  int read, write;
} ends;

static ends new_pipe(void) {
  int fds[2];
  CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
  return (ends){fds[0], fds[1]};
}

static ends new_pair(void) {
  int fds[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
  return (ends){fds[0], fds[1]};
}

static void close_both(ends p) {
  CHECK(close(p.read) == 0 && close(p.write) == 0);
}

static void put(int fd) { CHECK(write(fd, "x", 1) == 1); }

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

/* Gives the open file `from` the number `to`, which must be free. */
static void renumber(int from, int to) {
  CHECK(fcntl(to, F_GETFD) < 0 && errno == EBADF);
  CHECK(dup2(from, to) == to && close(from) == 0);
}

/* ---- tasks that wait ---- */

typedef struct wait {
  int fd, events;
  int64_t deadline;
  const char *name; /* noted when the wait is over */
  int result;
} wait;

static void *wait_for(ebb_runtime *rt, void *arg) {
  wait *w = arg;
  w->result = ebb_wait_fd(rt, w->fd, w->events, w->deadline);
  note(w->name);
  return NULL;
}

static wait waiting(int fd, int events, const char *name) {
  return (wait){fd, events, EBB_NEVER, name, 0};
}

/* Lets every task that can run do so; never blocks. */
static void settle(ebb_runtime *rt) {
  ebb_tick_report report;
  do CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  while (report.ready > 0);
}

static ebb_task *start_wait(ebb_runtime *rt, wait *w) {
  ebb_task *t = start(rt, wait_for, w);
  settle(rt);
  return t;
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

/* ---- numbers that are used again ---- */

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

/* ---- fds and the loop ---- */

static void *spin(ebb_runtime *rt, void *arg) {
  const bool *stop = arg;
  while (!*stop) CHECK(ebb_yield_now(rt) == 0);
  return NULL;
}

typedef struct stopper {
  int fd;
  bool *stop;
} stopper;

static void *stop_when_readable(ebb_runtime *rt, void *arg) {
  stopper *s = arg;
  CHECK(ebb_wait_fd(rt, s->fd, EBB_READ, EBB_NEVER) == EBB_READ);
  *s->stop = true;
  return NULL;
}

TEST(fds_are_looked_at_while_tasks_are_always_ready) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  bool stop = false;
  stopper s = {p.read, &stop};
  start_detached(rt, stop_when_readable, &s);
  settle(rt);
  start_detached(rt, spin, &stop);
  put(p.write);
  CHECK(ebb_run(rt) == 0);
  close_both(p);
  free_runtime(rt);
}

static void *look_on(ebb_runtime *rt, void *arg) {
  const stopper *s = arg;
  while (!*s->stop)
    CHECK(ebb_wait_fd(rt, s->fd, EBB_READ, EBB_NEVER) == EBB_READ);
  return NULL;
}

static void *set(ebb_runtime *rt, void *arg) {
  (void)rt;
  *(bool *)arg = true;
  return NULL;
}

TEST(an_fd_that_is_always_ready_does_not_starve_others) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  bool stop = false;
  stopper s = {p.read, &stop};
  put(p.write);
  start_detached(rt, look_on, &s);
  start_detached(rt, set, &stop);
  CHECK(ebb_run(rt) == 0);
  close_both(p);
  free_runtime(rt);
}

TEST(virtual_time_jumps_over_waits_but_not_over_events) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe(), q = new_pipe();
  wait a = waiting(p.read, EBB_READ, "a"), b = waiting(q.read, EBB_READ, "b");
  a.deadline = ebb_now(rt) + SECOND;
  b.deadline = ebb_now(rt) + SECOND;
  ebb_task *first = start_wait(rt, &a), *second = start_wait(rt, &b);
  put(q.write);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("b a") && a.result == -ETIMEDOUT && b.result == EBB_READ);
  finish(first);
  finish(second);
  close_both(p);
  close_both(q);
  free_runtime(rt);
}

static void *write_from_thread(void *arg) {
  put(*(int *)arg);
  return NULL;
}

/* The clock runs here: nothing but the thread can end the wait. */
TEST(waiting_for_an_fd_is_no_deadlock) {
  ebb_runtime *rt;
  ends p = new_pipe();
  pthread_t thread;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  CHECK(pthread_create(&thread, NULL, write_from_thread, &p.write) == 0);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, EBB_NEVER) == EBB_READ);
  CHECK(pthread_join(thread, NULL) == 0);
  close_both(p);
  free_runtime(rt);
}

TEST(an_fd_that_nobody_waits_for_any_more_is_no_hope) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, ebb_now(rt) + 1) == -ETIMEDOUT);
  CHECK(ebb_park(rt, EBB_NEVER) == -EDEADLK);
  close_both(p);
  free_runtime(rt);
}

typedef struct parked {
  ebb_waker *waker;
  bool woken;
} parked;

static void *park_with_waker(ebb_runtime *rt, void *arg) {
  parked *p = arg;
  CHECK(ebb_waker_new(rt, &p->waker) == 0);
  p->woken = ebb_park(rt, EBB_NEVER) == 0;
  ebb_waker_free(p->waker);
  return NULL;
}

static void *wake_from_thread(void *arg) {
  ebb_waker_wake(arg);
  return NULL;
}

/* The loop sleeps in the epoll then; `first`: the kick exists before it. */
static void check_kick(bool first) {
  ebb_runtime *rt;
  ends p = new_pipe();
  wait w = waiting(p.read, EBB_READ, "");
  parked sleeper = {0};
  pthread_t thread;
  CHECK(ebb_runtime_new(NULL, &rt) == 0);
  ebb_task *t = NULL;
  if (!first) t = start_wait(rt, &w);
  ebb_task *s = start(rt, park_with_waker, &sleeper);
  settle(rt);
  if (first) t = start_wait(rt, &w);
  CHECK(pthread_create(&thread, NULL, wake_from_thread, sleeper.waker) == 0);
  CHECK(ebb_task_join(s, EBB_NEVER, NULL) == 0);
  CHECK(sleeper.woken && pthread_join(thread, NULL) == 0);
  ebb_task_abort(t);
  CHECK(ebb_run(rt) == 0);
  finish(t);
  finish(s);
  close_both(p);
  free_runtime(rt);
}

TEST(other_threads_wake_a_loop_that_waits_for_fds) {
  check_kick(false);
  check_kick(true);
}

TEST(a_tick_looks_at_fds_and_does_not_block) {
  ebb_runtime *rt;
  ebb_options options = {.never_block = true};
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  ends p = new_pipe();
  wait w = waiting(p.read, EBB_READ, "r");
  ebb_task *t = start(rt, wait_for, &w);
  ebb_tick_report report;
  for (int i = 0; i < 10; i++) CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  CHECK(noted("") && report.unfinished == 1 && report.polls == 0);
  put(p.write);
  CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  CHECK(noted("r") && report.unfinished == 0);
  finish(t);
  close_both(p);
  free_runtime(rt);
}

/* ---- what runs out ---- */

TEST(a_wait_without_memory_fails_and_can_be_repeated) {
  ends p = new_pipe();
  size_t n = 0;
  for (bool failed = true; failed;) {
    test_memory memory = {0};
    ebb_options options = {.alloc = test_alloc, .alloc_ctx = &memory};
    ebb_runtime *rt;
    CHECK(ebb_runtime_new(&options, &rt) == 0);
    CHECK(ebb_clock_pause(rt) == 0);
    memory.fail_at = memory.requests + ++n;
    memory.fail_count = FAIL_FOR_EVER;
    int64_t deadline = ebb_now(rt) + 1;
    int result = ebb_wait_fd(rt, p.read, EBB_READ, deadline);
    failed = test_memory_failed(&memory);
    CHECK(result == (failed ? -ENOMEM : -ETIMEDOUT));
    memory.fail_at = 0;
    deadline = ebb_now(rt) + 1;
    CHECK(ebb_wait_fd(rt, p.read, EBB_READ, deadline) == -ETIMEDOUT);
    free_runtime(rt);
    CHECK(memory.bytes == 0);
  }
  CHECK(n > 3);
  close_both(p);
}

TEST(a_wait_without_an_epoll_fails_and_can_be_repeated) {
  ebb_runtime *rt = new_runtime();
  ends p = new_pipe();
  struct rlimit old, none;
  CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
  none = old;
  none.rlim_cur = (rlim_t)p.write + 1;
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  int64_t deadline = ebb_now(rt) + 1;
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, deadline) == -EMFILE);
  CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(ebb_wait_fd(rt, p.read, EBB_READ, deadline) == -ETIMEDOUT);
  close_both(p);
  free_runtime(rt);
}
