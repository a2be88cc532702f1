/* SPDX-License-Identifier: MIT
   Semaphore, Notify and channels: memory that fails, and aborted tasks. */
#include "sync_jobs.h"

/* ---- memory that fails ---- */

static int use_all(ebb_runtime *rt) {
  ebb_semaphore *s = NULL;
  ebb_notify *n = NULL;
  ebb_channel *c = NULL;
  int err = ebb_semaphore_new(rt, 1, &s);
  if (err == 0) err = ebb_notify_new(rt, &n);
  if (err == 0) err = ebb_channel_new(rt, 0, &c);
  size_t sent = 0;
  while (err == 0 && sent < 100) {
    err = ebb_channel_try_send(c, (void *)(uintptr_t)sent);
    if (err == 0) sent++;
  }
  void *value;
  if (c != NULL) CHECK(ebb_channel_len(c) == sent);
  for (uintptr_t i = 0; i < sent; i++)
    CHECK(ebb_channel_try_recv(c, &value) == 1 && value == (void *)i);
  if (s != NULL) ebb_semaphore_free(s);
  if (n != NULL) ebb_notify_free(n);
  if (c != NULL) ebb_channel_free(c);
  return err;
}

TEST(R9_whatever_memory_fails_nothing_is_half_done) {
  test_memory memory = {0};
  ebb_options options = {.alloc = test_alloc, .alloc_ctx = &memory};
  int err = -ENOMEM;
  for (size_t i = 1; err == -ENOMEM; i++) {
    ebb_runtime *rt;
    CHECK(ebb_runtime_new(&options, &rt) == 0);
    memory.fail_at = memory.requests + i;
    memory.fail_count = 1;
    err = use_all(rt);
    CHECK(err == (test_memory_failed(&memory) ? -ENOMEM : 0));
    memory.fail_at = 0;
    free_runtime(rt);
    CHECK(memory.bytes == 0);
  }
}

static void *wait_in_all(ebb_runtime *rt, void *arg) {
  job *j = arg;
  void *value;
  (void)rt;
  CHECK(ebb_semaphore_acquire(j->semaphore, 1, EBB_NEVER) == 0);
  CHECK(ebb_notify_wait(j->notify, EBB_NEVER) == 0);
  CHECK(ebb_channel_recv(j->channel, EBB_NEVER, &value) == 1);
  CHECK(ebb_channel_send(j->channel, "b", EBB_NEVER) == 0);
  CHECK(ebb_channel_send(j->channel, "c", EBB_NEVER) == 0);
  return NULL;
}

/* The first wait is not counted: it makes the stacks. */
TEST(R4_waiting_allocates_nothing) {
  test_memory memory = {0};
  ebb_options options = {.alloc = test_alloc, .alloc_ctx = &memory};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  job j = {.semaphore = new_semaphore(rt, 0),
           .notify = new_notify(rt),
           .channel = new_channel(rt, 1)};
  CHECK(try_send(j.channel, "x") == 0 && received(j.channel, "x"));
  ebb_task *t = start(rt, wait_in_all, &j);
  ebb_yield_now(rt);
  size_t requests = memory.requests;
  CHECK(ebb_semaphore_add_permits(j.semaphore, 1) == 0);
  ebb_yield_now(rt);
  ebb_notify_one(j.notify);
  ebb_yield_now(rt);
  CHECK(try_send(j.channel, "a") == 0);
  ebb_yield_now(rt);
  CHECK(received(j.channel, "b"));
  ebb_yield_now(rt);
  CHECK(received(j.channel, "c"));
  CHECK(memory.requests == requests);
  finish(t);
  ebb_semaphore_free(j.semaphore);
  ebb_notify_free(j.notify);
  ebb_channel_free(j.channel);
  free_runtime(rt);
}

/* ---- a task that has aborted itself ---- */

static void *cut_before(ebb_runtime *rt, void *arg) {
  job *j = arg;
  void *value;
  ebb_task_abort(ebb_current(rt));
  if (j->semaphore != NULL)
    j->status = ebb_semaphore_acquire(j->semaphore, 1, EBB_NEVER);
  else if (j->notify != NULL)
    j->status = ebb_notify_wait(j->notify, EBB_NEVER);
  else
    j->status = ebb_channel_recv(j->channel, EBB_NEVER, &value);
  return NULL;
}

static void check_cut_before(ebb_runtime *rt, job *j) {
  ebb_task *t = start(rt, cut_before, j);
  CHECK(ebb_run(rt) == 0);
  CHECK(j->status == -ECANCELED && finish(t).outcome == EBB_CANCELLED);
}

TEST(a_task_that_no_wait_lets_in_was_cancelled) {
  ebb_runtime *rt = new_runtime();
  job s = {0}, n = {0}, c = {0};
  CHECK(ebb_semaphore_new(rt, 1, &s.semaphore) == 0);
  CHECK(ebb_notify_new(rt, &n.notify) == 0);
  CHECK(ebb_channel_new(rt, 1, &c.channel) == 0);
  check_cut_before(rt, &s);
  check_cut_before(rt, &n);
  check_cut_before(rt, &c);
  ebb_semaphore_free(s.semaphore);
  ebb_notify_free(n.notify);
  ebb_channel_free(c.channel);
  free_runtime(rt);
}
