/* SPDX-License-Identifier: MIT
   One task that waits for many file descriptors at once: in poll for a few
   looks, then in an epoll of its own. Each sentence about how a wait ends
   holds in both, so it is tried in both. */
#define _GNU_SOURCE /* pipe2 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "test.h"

enum { PIPES = 20, LONG = 12 /* looks, after which it is in an epoll */ };

typedef struct pipes {
  int read[PIPES], write[PIPES];
} pipes;

static pipes new_pipes(void) {
  pipes p;
  for (int i = 0; i < PIPES; i++) {
    int fds[2];
    CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
    p.read[i] = fds[0];
    p.write[i] = fds[1];
  }
  return p;
}

static void close_pipes(const pipes *p) {
  for (int i = 0; i < PIPES; i++) {
    if (fcntl(p->read[i], F_GETFD) >= 0) close(p->read[i]);
    CHECK(close(p->write[i]) == 0);
  }
}

static void put(int fd) { CHECK(write(fd, "x", 1) == 1); }

static void take(int fd) {
  char c;
  CHECK(read(fd, &c, 1) == 1);
}

/* Without counting the one that looks. */
static int count_open_fds(void) {
  int n = -1;
  DIR *d = opendir("/proc/self/fd");
  CHECK(d != NULL);
  while (readdir(d) != NULL) n++;
  CHECK(closedir(d) == 0);
  return n;
}

/* ---- a task that waits for many ---- */

typedef struct wait {
  struct pollfd fds[4 * PIPES];
  size_t n;
  int64_t deadline;
  const char *name; /* noted when the wait is over */
  int result;
} wait;

static wait reading(const pipes *p, const char *name) {
  wait w = {.n = PIPES, .deadline = EBB_NEVER, .name = name};
  for (int i = 0; i < PIPES; i++)
    w.fds[i] = (struct pollfd){p->read[i], POLLIN, 0};
  return w;
}

static void *wait_for(ebb_runtime *rt, void *arg) {
  wait *w = arg;
  w->result = ebb_wait_fds(rt, w->fds, w->n, w->deadline);
  note(w->name);
  return NULL;
}

static void look(ebb_runtime *rt, int times) {
  for (int i = 0; i < times; i++) CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
}

static ebb_task *start_wait(ebb_runtime *rt, wait *w, int looks) {
  ebb_task *t = start(rt, wait_for, w);
  look(rt, looks);
  return t;
}

/* Is entry `i` the only one that has an event? */
static bool only(const wait *w, size_t i) {
  for (size_t j = 0; j < w->n; j++)
    if ((w->fds[j].revents != 0) != (i == j)) return false;
  return true;
}

/* The number of looks that a test is to let the wait outlast. */
static void short_and_long(void (*test)(int looks)) {
  test(1);
  test(LONG);
}

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

/* ---- limits ---- */

static rlim_t set_limit(rlim_t n) {
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlim_t before = limit.rlim_cur;
  limit.rlim_cur = n;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  return before;
}

/* Each is asked about four times, which poll refuses. */
static wait reading_often(const pipes *p) {
  wait w = reading(p, "w");
  for (int i = PIPES; i < 4 * PIPES; i++) w.fds[i] = w.fds[i - PIPES];
  w.n = 4 * PIPES;
  return w;
}

TEST(entries_may_be_more_than_the_fds_of_the_process) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait w = reading_often(&p);
  rlim_t before = set_limit(3 * PIPES);
  CHECK(poll(w.fds, w.n, 0) < 0 && errno == EINVAL);
  ebb_task *t = start_wait(rt, &w, 2);
  CHECK(noted(""));
  put(p.write[1]);
  look(rt, 1);
  CHECK(noted("w") && w.result == 4);
  (void)set_limit(before);
  finish(t);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(a_wait_that_the_system_has_no_room_for_ends) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait w = reading_often(&p);
  rlim_t before = set_limit(PIPES);
  ebb_task *t = start_wait(rt, &w, 2);
  CHECK(noted("w") && w.result == -EMFILE);
  (void)set_limit(before);
  finish(t);
  close_pipes(&p);
  free_runtime(rt);
}

TEST(without_an_fd_to_spare_the_wait_goes_on) {
  ebb_runtime *rt = new_runtime();
  pipes p = new_pipes();
  wait w = reading(&p, "w");
  ebb_task *t = start_wait(rt, &w, 1);
  rlim_t before = set_limit((rlim_t)p.write[PIPES - 1] + 1);
  int full = 0, fds[64];
  while (full < 64 && (fds[full] = dup(p.read[0])) >= 0) full++;
  CHECK(full < 64 && errno == EMFILE);
  look(rt, LONG);
  put(p.write[1]);
  look(rt, 1);
  CHECK(noted("w") && only(&w, 1));
  (void)set_limit(before);
  for (int i = 0; i < full; i++) CHECK(close(fds[i]) == 0);
  finish(t);
  close_pipes(&p);
  free_runtime(rt);
}

static void fail_at(size_t fail, bool *done) {
  test_memory m = {.fail_at = fail, .fail_count = 1};
  ebb_options options = {.alloc = test_alloc, .alloc_ctx = &m};
  ebb_runtime *rt;
  pipes p = new_pipes();
  wait w = reading(&p, "");
  *done = false;
  if (ebb_runtime_new(&options, &rt) == 0) {
    CHECK(ebb_clock_pause(rt) == 0);
    int status = ebb_wait_fds(rt, w.fds, w.n, ebb_now(rt) + 1);
    *done = !test_memory_failed(&m);
    CHECK(status == (*done ? -ETIMEDOUT : -ENOMEM));
    put(p.write[2]);
    CHECK(ebb_wait_fds(rt, w.fds, w.n, EBB_NEVER) == 1);
    free_runtime(rt);
  }
  CHECK(m.bytes == 0);
  close_pipes(&p);
}

TEST(without_memory_nothing_is_waited_for) {
  bool done = false;
  size_t fail = 1;
  while (!done) fail_at(fail++, &done);
  CHECK(fail > 4);
}

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
