/* SPDX-License-Identifier: MIT
   Blocking work: tasks on the threads of a runtime's pool. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/loop/mailbox.h"

#include "held_work.h"

/* ---- work that is held until the test lets it go ---- */

static bool came_to(held *h, int runs, int drops) {
  return gate_count(&h->started) == runs && gate_count(&h->ended) == runs &&
         atomic_load(&h->drops) == drops;
}

/* ---- tasks ---- */

TEST(work_runs_on_another_thread_without_a_runtime) {
  ebb_runtime *rt = new_real_runtime();
  held h = HELD;
  ebb_task *t = start_held(rt, &h);
  gate_wait(&h.started, 1);
  CHECK(!pthread_equal(h.thread, pthread_self()));
  CHECK(!ebb_task_is_finished(t));
  gate_pass(&h.may_end);
  CHECK(is(join(t), EBB_COMPLETED, &h) && came_to(&h, 1, 0));
  free_runtime(rt);
}

static void *let_go(ebb_runtime *rt, void *arg) {
  (void)rt;
  gate_pass(&((held *)arg)->may_end);
  return NULL;
}

TEST(tasks_run_while_work_is_done) {
  ebb_runtime *rt = new_real_runtime();
  held h = HELD;
  ebb_task *t = start_held(rt, &h);
  start_detached(rt, let_go, &h);
  CHECK(is(join(t), EBB_COMPLETED, &h));
  free_runtime(rt);
}

TEST(work_that_nobody_joins_is_done_all_the_same) {
  ebb_runtime *rt = new_real_runtime();
  held h = HELD;
  gate_pass(&h.may_end);
  CHECK(ebb_spawn_on(rt, &on_pool, held_body(&h), NULL) == 0);
  CHECK(ebb_run(rt) == 0);
  CHECK(came_to(&h, 1, 0));
  free_runtime(rt);
}

TEST(a_runtime_has_as_many_threads_as_it_was_given) {
  ebb_runtime *rt = new_narrow_runtime(false);
  held a = HELD, b = HELD;
  ebb_task *t = start_held(rt, &a), *u = start_held(rt, &b);
  gate_wait(&a.started, 1);
  CHECK(gate_count(&b.started) == 0);
  CHECK(rt->remote.mailbox->pool->threads.limit == 1 &&
        rt->remote.mailbox->pool->threads.threads == 1);
  gate_pass(&a.may_end);
  gate_pass(&b.may_end);
  CHECK(is(join(u), EBB_COMPLETED, &b) && is(join(t), EBB_COMPLETED, &a));
  free_runtime(rt);
}

TEST(work_is_no_deadlock_but_what_comes_after_may_be_one) {
  ebb_runtime *rt = new_real_runtime();
  held h = HELD;
  ebb_task *t = start_held(rt, &h);
  gate_wait(&h.started, 1);
  gate_pass(&h.may_end);
  CHECK(is(join(t), EBB_COMPLETED, &h));
  CHECK(ebb_park(rt, EBB_NEVER) == -EDEADLK);
  free_runtime(rt);
}

static void *sleep_then_look(ebb_runtime *rt, void *arg) {
  CHECK(ebb_sleep(rt, SECOND) == 0);
  CHECK(gate_count(&((held *)arg)->ended) == 1);
  note("slept");
  return NULL;
}

static void *yield_then_pass(void *arg) {
  held *h = arg;
  for (int i = 0; i < 10000; i++) sched_yield();
  gate_pass(&h->may_end);
  return NULL;
}

TEST(virtual_time_stands_still_while_work_is_done) {
  ebb_runtime *rt = new_runtime();
  held h = HELD;
  ebb_task_release(start_held(rt, &h));
  start_detached(rt, sleep_then_look, &h);
  pthread_t thread = start_thread(yield_then_pass, &h);
  CHECK(ebb_run(rt) == 0);
  CHECK(noted("slept"));
  join_thread(thread);
  free_runtime(rt);
}

/* SIGUSR1 is blocked where the runtime is, SIGTERM is not. */
static bool is_mask_of_starter(void) {
  sigset_t mask;
  CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
  return sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGTERM);
}

static void fork_and_look(void *arg) {
  int status;
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) _exit(is_mask_of_starter() ? 7 : 1);
  CHECK(waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  CHECK(!is_mask_of_starter()); /* but all are */
  note(arg);
}

TEST(a_forked_child_has_the_signal_mask_of_the_runtimes_thread) {
  ebb_runtime *rt = new_narrow_runtime(false);
  sigset_t mask, before;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  CHECK(pthread_sigmask(SIG_SETMASK, &mask, &before) == 0);
  CHECK(ebb_block_in_place(rt, fork_and_look, "a") == 0 && noted("a"));
  CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
  free_runtime(rt);
}

TEST(sets_and_maps_hold_blocking_work) {
  ebb_runtime *rt = new_narrow_runtime(false);
  held first = HELD, second = HELD, third = HELD;
  ebb_join_map *m;
  ebb_join_set *s;
  ebb_key key;
  ebb_result result;
  CHECK(ebb_join_map_new(rt, NULL, &m) == 0);
  CHECK(ebb_join_set_new(rt, &s) == 0);
  CHECK(ebb_join_map_spawn_on(m, EBB_KEY_INT(1), &on_pool, held_body(&first),
                              NULL) == 0);
  gate_wait(&first.started, 1);
  CHECK(ebb_join_set_spawn_on(s, &on_pool, held_body(&second), NULL) == 0);
  CHECK(ebb_join_map_spawn_on(m, EBB_KEY_INT(1), &on_pool, held_body(&third),
                              NULL) == 0);
  ebb_join_set_abort_all(s);
  CHECK(ebb_join_set_join_next(s, EBB_NEVER, &result) == 1);
  CHECK(is(result, EBB_CANCELLED, NULL) && came_to(&second, 0, 1));
  gate_pass(&first.may_end);
  gate_pass(&third.may_end);
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, &result) == 1);
  CHECK(is(result, EBB_COMPLETED, &third) && came_to(&first, 1, 0));
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, &result) == 0);
  ebb_join_set_free(s);
  ebb_join_map_free(m);
  free_runtime(rt);
}

TEST(a_host_with_a_loop_of_its_own_gets_results) {
  ebb_runtime *rt = new_narrow_runtime(true);
  held h = HELD;
  ebb_task *t = start_held(rt, &h);
  for (int i = 0; i < 10; i++) tick(rt);
  CHECK(!ebb_task_is_finished(t));
  gate_pass(&h.may_end);
  tick_until_finished(rt, t);
  CHECK(is(finish(t), EBB_COMPLETED, &h));
  free_runtime(rt);
}

/* ---- aborts ---- */

TEST(work_that_has_not_started_is_aborted) {
  ebb_runtime *rt = new_narrow_runtime(false);
  held h = HELD, waiting = HELD;
  ebb_task *t = start_held(rt, &h), *u = start_held(rt, &waiting);
  gate_wait(&h.started, 1);
  ebb_task_abort(u);
  ebb_task_abort(u);
  CHECK(atomic_load(&waiting.drops) == 0 && !ebb_task_is_finished(u));
  CHECK(is(join(u), EBB_CANCELLED, NULL) && came_to(&waiting, 0, 1));
  gate_pass(&h.may_end);
  CHECK(is(join(t), EBB_COMPLETED, &h) && came_to(&h, 1, 0));
  free_runtime(rt);
  CHECK(came_to(&waiting, 0, 1));
}

TEST(work_that_has_started_runs_to_its_end) {
  ebb_runtime *rt = new_real_runtime();
  held h = HELD;
  ebb_task *t = start_held(rt, &h);
  gate_wait(&h.started, 1);
  ebb_task_abort(t);
  tick(rt);
  CHECK(!ebb_task_is_finished(t));
  gate_pass(&h.may_end);
  CHECK(is(join(t), EBB_COMPLETED, &h) && came_to(&h, 1, 0));
  free_runtime(rt);
}

/* ---- runtimes that go ---- */

/* The next would begin when the first ends, had it not been dropped. */
static void *pass_when_next_is_dropped(void *arg) {
  held *h = arg;
  while (atomic_load(&h[1].drops) == 0) sched_yield();
  gate_pass(&h[0].may_end);
  return NULL;
}

TEST(a_runtime_that_goes_waits_for_what_has_started) {
  for (int never_block = 0; never_block < 2; never_block++) {
    ebb_runtime *rt = new_narrow_runtime(never_block);
    held h[] = {HELD, HELD};
    ebb_task_release(start_held(rt, &h[0]));
    ebb_task_release(start_held(rt, &h[1]));
    gate_wait(&h[0].started, 1);
    pthread_t thread = start_thread(pass_when_next_is_dropped, h);
    free_runtime(rt);
    CHECK(came_to(&h[0], 1, 0) && came_to(&h[1], 0, 1));
    join_thread(thread);
  }
}

static void *abort_then_join(ebb_runtime *rt, void *arg) {
  held *h = arg;
  ebb_task *t = start_held(rt, h);
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  gate_pass(&h->may_end);
  /* It may be heard of in time, or not. */
  ebb_result result = join(t);
  CHECK(is(result, EBB_CANCELLED, NULL) || is(result, EBB_COMPLETED, h));
  note("let go");
  return NULL;
}

TEST(a_clean_up_at_the_end_is_not_kept_by_work) {
  for (int i = 0; i < 20; i++) {
    ebb_runtime *rt = new_real_runtime();
    held h = HELD;
    start_detached(rt, abort_then_join, &h);
    tick(rt);
    gate_wait(&h.started, 1);
    free_runtime(rt);
    CHECK(noted("let go"));
    CHECK(came_to(&h, 1, 0));
  }
}

TEST(a_runtime_need_not_wait_for_long) {
  int threads = count_threads();
  ebb_runtime *rt = new_narrow_runtime(false);
  held h = HELD, waiting = HELD;
  ebb_task_release(start_held(rt, &h));
  ebb_task_release(start_held(rt, &waiting));
  gate_wait(&h.started, 1);
  CHECK(ebb_runtime_shutdown_timeout(rt, 1) == 1);
  CHECK(atomic_load(&waiting.drops) == 1 && gate_count(&waiting.started) == 0);
  gate_pass(&h.may_end);
  gate_wait(&h.ended, 1);
  CHECK(becomes(are_no_more_threads, &threads));
  CHECK(came_to(&h, 1, 0) && came_to(&waiting, 0, 1));
}

TEST(a_time_below_zero_is_none) {
  ebb_runtime *rt = new_real_runtime();
  held h = HELD;
  ebb_task_release(start_held(rt, &h));
  gate_wait(&h.started, 1);
  CHECK(ebb_runtime_shutdown_timeout(rt, INT64_MIN) == 1);
  gate_pass(&h.may_end);
  gate_wait(&h.ended, 1);
}

TEST(a_runtime_without_work_goes_at_once) {
  ebb_runtime *rt = new_real_runtime();
  CHECK(ebb_runtime_shutdown_timeout(rt, EBB_NEVER) == 0);
  rt = new_real_runtime();
  ebb_handle_free(handle_of(rt));
  CHECK(ebb_runtime_shutdown_timeout(rt, 0) == 0);
}

static void *shut_down(ebb_runtime *rt, void *arg) {
  CHECK(ebb_runtime_shutdown_timeout(rt, 0) == -EBUSY);
  return arg;
}

TEST(a_task_cannot_shut_its_runtime_down) {
  ebb_runtime *rt = new_real_runtime();
  start_detached(rt, shut_down, NULL);
  CHECK(ebb_run(rt) == 0);
  free_runtime(rt);
}

/* ---- the pool of another runtime ---- */

TEST(work_can_be_done_by_the_pool_of_another_runtime) {
  ebb_runtime *here = new_real_runtime(), *there = new_narrow_runtime(false);
  ebb_handle *h = handle_of(there);
  ebb_target target = {.handle = h, .blocking = true};
  held a = HELD, b = HELD;
  ebb_task *t = start_on(here, target, held_body(&a));
  ebb_task *u = start_on(here, target, held_body(&b));
  gate_wait(&a.started, 1);
  CHECK(here->remote.mailbox->pool->threads.threads == 0 &&
        there->remote.mailbox->pool->threads.threads == 1);
  ebb_task_abort(u);
  gate_pass(&a.may_end);
  CHECK(is(join(t), EBB_COMPLETED, &a)); /* nobody drives the other one */
  CHECK(is(join(u), EBB_CANCELLED, NULL) && came_to(&b, 0, 1));
  ebb_handle_free(h);
  free_runtime(here);
  free_runtime(there);
}

/* The one whose pool it is, and the one that waits, go in either order. */
TEST(either_runtime_may_go_while_work_is_done) {
  for (int order = 0; order < 2; order++) {
    ebb_runtime *rts[2] = {new_real_runtime(), new_narrow_runtime(false)};
    ebb_handle *handle = handle_of(rts[1]);
    ebb_target target = {.handle = handle, .blocking = true};
    held h = HELD, waiting = HELD;
    ebb_task_release(start_on(rts[0], target, held_body(&h)));
    ebb_task_release(start_on(rts[0], target, held_body(&waiting)));
    gate_wait(&h.started, 1);
    CHECK(ebb_runtime_shutdown_timeout(rts[order], 0) == order);
    CHECK(atomic_load(&waiting.drops) == 1);
    if (order == 1) tick(rts[0]);
    gate_pass(&h.may_end);
    if (order == 1) CHECK(ebb_run(rts[0]) == 0);
    free_runtime(rts[!order]);
    ebb_handle_free(handle);
    gate_wait(&h.ended, 1);
    CHECK(came_to(&h, 1, 0) && came_to(&waiting, 0, 1));
  }
}
