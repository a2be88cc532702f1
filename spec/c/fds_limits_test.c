/* SPDX-License-Identifier: MIT
   Waits for many file descriptors: the limits of the system. */
#include "pipes.h"

#include <sys/resource.h>

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
