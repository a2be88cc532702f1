/* SPDX-License-Identifier: MIT
   Channels, without Lua. Most of it is about waiters that are aborted: at each
   place in line, and at each moment. */
#include "sync_jobs.h"

/* ---- channel ---- */

static void *send(ebb_runtime *rt, void *arg) {
  job *j = arg;
  (void)rt;
  j->status = ebb_channel_send(j->channel, j->value, j->deadline);
  return NULL;
}

static void *recv(ebb_runtime *rt, void *arg) {
  job *j = arg;
  (void)rt;
  j->status = ebb_channel_recv(j->channel, j->deadline, &j->value);
  if (j->status == 1) note(j->value);
  return NULL;
}

static job channel_job(ebb_channel *c, const char *value) {
  return (job){.channel = c,
               .value = (void *)(uintptr_t)value,
               .deadline = EBB_NEVER,
               .status = 2};
}

static void start_all(ebb_runtime *rt, void *(*run)(ebb_runtime *, void *),
                      ebb_channel *c, job *jobs, ebb_task **tasks) {
  for (int i = 0; i < TASKS; i++) {
    jobs[i] = channel_job(c, names[i]);
    tasks[i] = start(rt, run, &jobs[i]);
  }
  ebb_yield_now(rt);
}

TEST(a_bounded_channel_holds_so_many) {
  ebb_runtime *rt = new_runtime();
  ebb_channel *c = new_channel(rt, 2);
  void *value;
  CHECK(ebb_channel_try_recv(c, &value) == -EAGAIN);
  CHECK(ebb_channel_recv(c, 0, &value) == -ETIMEDOUT);
  CHECK(try_send(c, "a") == 0 && try_send(c, "b") == 0);
  CHECK(try_send(c, "c") == -EAGAIN);
  CHECK(ebb_channel_send(c, "c", 0) == -ETIMEDOUT);
  CHECK(ebb_channel_len(c) == 2);
  CHECK(received(c, "a") && try_send(c, "c") == 0);
  CHECK(received(c, "b") && received(c, "c"));
  ebb_channel_free(c);
  free_runtime(rt);
}

TEST(a_closed_channel_can_be_emptied) {
  ebb_runtime *rt = new_runtime();
  ebb_channel *c = new_channel(rt, 0);
  void *value;
  CHECK(try_send(c, "a") == 0);
  ebb_channel_close(c);
  CHECK(ebb_channel_is_closed(c));
  CHECK(try_send(c, "b") == -EPIPE);
  CHECK(ebb_channel_send(c, "b", EBB_NEVER) == -EPIPE);
  CHECK(received(c, "a"));
  CHECK(ebb_channel_try_recv(c, &value) == 0);
  CHECK(ebb_channel_recv(c, EBB_NEVER, &value) == 0);
  ebb_channel_free(c);
  free_runtime(rt);
}

TEST(a_channel_is_closed_with_its_last_sender) {
  ebb_runtime *rt = new_runtime();
  ebb_channel *c = new_channel(rt, 0);
  job receivers[TASKS];
  ebb_task *tasks[TASKS];
  ebb_channel_add_sender(c);
  ebb_channel_add_sender(c);
  start_all(rt, recv, c, receivers, tasks);
  ebb_channel_drop_sender(c);
  ebb_channel_drop_sender(c);
  CHECK(!ebb_channel_is_closed(c));
  CHECK(try_send(c, "a") == 0);
  ebb_channel_drop_sender(c);
  CHECK(ebb_channel_is_closed(c));
  CHECK(try_send(c, "b") == -EPIPE);
  ebb_yield_now(rt);
  CHECK(receivers[0].status == 1);
  CHECK(noted("a"));
  for (int i = 1; i < TASKS; i++) CHECK(receivers[i].status == 0);
  finish_all(tasks, TASKS);
  ebb_channel_free(c);
  free_runtime(rt);
}

TEST(closing_a_channel_ends_the_waits) {
  ebb_runtime *rt = new_runtime();
  ebb_channel *full = new_channel(rt, 1), *empty = new_channel(rt, 1);
  job senders[TASKS], receivers[TASKS];
  ebb_task *tasks[2 * TASKS];
  start_all(rt, send, full, senders, tasks);
  start_all(rt, recv, empty, receivers, tasks + TASKS);
  CHECK(received(full, "a"));
  ebb_channel_close(full);
  ebb_channel_close(empty);
  ebb_yield_now(rt);
  CHECK(senders[0].status == 0);
  for (int i = 1; i < TASKS; i++) CHECK(senders[i].status == -EPIPE);
  for (int i = 0; i < TASKS; i++) CHECK(receivers[i].status == 0);
  CHECK(ebb_channel_len(full) == 0);
  finish_all(tasks, 2 * TASKS);
  ebb_channel_free(full);
  ebb_channel_free(empty);
  free_runtime(rt);
}

TEST(a_value_that_is_promised_takes_no_place) {
  ebb_runtime *rt = new_runtime();
  ebb_channel *c = new_channel(rt, 1);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  start_all(rt, recv, c, jobs, tasks);
  for (int i = 0; i < TASKS; i++) CHECK(try_send(c, names[i]) == 0);
  void *value;
  CHECK(ebb_channel_try_recv(c, &value) == -EAGAIN);
  CHECK(try_send(c, "f") == 0 && try_send(c, "g") == -EAGAIN);
  ebb_yield_now(rt);
  CHECK(noted("a b c d e"));
  CHECK(received(c, "f"));
  finish_all(tasks, TASKS);
  ebb_channel_free(c);
  free_runtime(rt);
}

/* Receivers wait; `given` values have been sent when one is aborted. */
static void abort_one_recv(int victim, int given) {
  ebb_runtime *rt = new_runtime();
  ebb_channel *c = new_channel(rt, 1);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  start_all(rt, recv, c, jobs, tasks);
  for (int i = 0; i < given; i++) CHECK(try_send(c, names[i]) == 0);
  ebb_task_abort(tasks[victim]);
  for (int i = given; i < TASKS; i++) CHECK(try_send(c, names[i]) == 0);
  ebb_yield_now(rt);
  CHECK(noted("a b c d"));
  CHECK(jobs[victim].status == -ECANCELED);
  CHECK(received(c, "e"));
  finish_all(tasks, TASKS);
  ebb_channel_free(c);
  free_runtime(rt);
}

TEST(no_value_is_lost_wherever_a_receiver_is_aborted) {
  for (int victim = 0; victim < TASKS; victim++)
    for (int given = 0; given <= TASKS; given++) abort_one_recv(victim, given);
}

/* Senders wait; `taken` values have been received when one is aborted. */
static void abort_one_send(int victim, int taken) {
  ebb_runtime *rt = new_runtime();
  ebb_channel *c = new_channel(rt, TASKS);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  for (int i = 0; i < TASKS; i++) CHECK(try_send(c, "x") == 0);
  start_all(rt, send, c, jobs, tasks);
  for (int i = 0; i < taken; i++) CHECK(received(c, "x"));
  ebb_task_abort(tasks[victim]);
  for (int i = taken; i < TASKS; i++) CHECK(received(c, "x"));
  ebb_yield_now(rt);
  for (int i = 0; i < TASKS; i++) {
    CHECK(jobs[i].status == (i == victim ? -ECANCELED : 0));
    if (i != victim) CHECK(received(c, names[i]));
  }
  CHECK(ebb_channel_len(c) == 0);
  for (int i = 0; i < TASKS; i++) CHECK(try_send(c, "x") == 0);
  CHECK(try_send(c, "x") == -EAGAIN);
  finish_all(tasks, TASKS);
  ebb_channel_free(c);
  free_runtime(rt);
}

TEST(no_place_is_lost_wherever_a_sender_is_aborted) {
  for (int victim = 0; victim < TASKS; victim++)
    for (int taken = 0; taken <= TASKS; taken++) abort_one_send(victim, taken);
}

TEST(a_crowd_that_has_gone_leaves_no_memory_in_use) {
  test_memory memory = {0};
  ebb_options options = {.alloc = test_alloc, .alloc_ctx = &memory};
  ebb_runtime *rt;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  ebb_channel *c = new_channel(rt, 0);
  size_t before = memory.bytes;
  for (int i = 0; i < 10000; i++) CHECK(try_send(c, "a") == 0);
  CHECK(memory.bytes - before >= 10000 * sizeof(void *));
  for (int i = 0; i < 10000; i++) CHECK(received(c, "a"));
  CHECK(try_send(c, "b") == 0);
  CHECK(memory.bytes - before <= 100 * sizeof(void *));
  CHECK(received(c, "b"));
  ebb_channel_free(c);
  free_runtime(rt);
}

/* ---- many tasks, and chance ---- */

typedef struct crowd {
  ebb_channel *channel;
  uintptr_t sent, received; /* numbers: how many, in order */
  uintptr_t sent_by[8];     /* of each sender */
  uintptr_t next[8];        /* of each sender, received */
} crowd;

typedef struct member {
  crowd *crowd;
  uintptr_t index;
} member;

/* Values are a sender's number and a count; each sender's arrive in order.
   Only what ebb_channel_send has taken counts. */
static void *send_many(ebb_runtime *rt, void *arg) {
  member *m = arg;
  (void)rt;
  for (;;) {
    uintptr_t i = m->crowd->sent_by[m->index] + 1;
    uintptr_t value = i << 8 | m->index;
    int err = ebb_channel_send(m->crowd->channel, (void *)value, EBB_NEVER);
    if (err < 0) return NULL;
    m->crowd->sent_by[m->index] = i;
    m->crowd->sent++;
  }
}

static void *recv_many(ebb_runtime *rt, void *arg) {
  crowd *c = ((member *)arg)->crowd;
  void *value;
  (void)rt;
  while (ebb_channel_recv(c->channel, EBB_NEVER, &value) == 1) {
    uintptr_t index = (uintptr_t)value & 0xff, n = (uintptr_t)value >> 8;
    CHECK(n == ++c->next[index]);
    c->received++;
  }
  return NULL;
}

static void restart(ebb_runtime *rt, ebb_task **task, member *m, bool sender) {
  ebb_task_abort(*task);
  CHECK(ebb_task_join(*task, EBB_NEVER, NULL) == 0);
  ebb_task_release(*task);
  *task = start(rt, sender ? send_many : recv_many, m);
}

/* Aborts and restarts tasks of a crowd at random. */
static void run_crowd(size_t limit, uint64_t seed) {
  ebb_runtime *rt = new_runtime();
  crowd c = {.channel = new_channel(rt, limit)};
  member members[8];
  ebb_task *tasks[8];
  for (uintptr_t i = 0; i < 8; i++) {
    members[i] = (member){&c, i};
    tasks[i] = start(rt, i < 4 ? send_many : recv_many, &members[i]);
  }
  for (int round = 0; round < 500; round++) {
    for (uint32_t n = chance(&seed, 3); n > 0; n--) ebb_yield_now(rt);
    uint32_t i = chance(&seed, 8);
    restart(rt, &tasks[i], &members[i], i < 4);
  }
  ebb_channel_close(c.channel);
  CHECK(ebb_run(rt) == 0);
  CHECK(c.sent == c.received && c.sent > 500);
  for (int i = 0; i < 8; i++) ebb_task_release(tasks[i]);
  ebb_channel_free(c.channel);
  free_runtime(rt);
}

TEST(a_crowd_loses_nothing_and_keeps_the_order) {
  for (uint64_t seed = 1; seed <= 20; seed++) run_crowd(1 + seed % 5, seed);
}

/* ---- what can never wait ---- */

static void *send_without_limit(ebb_runtime *rt, void *arg) {
  while (ebb_has_budget_remaining(rt)) CHECK(ebb_consume_budget(rt) == 0);
  for (int i = 0; i < 1000; i++)
    CHECK(ebb_channel_send(arg, "a", EBB_NEVER) == 0);
  ebb_task_abort(ebb_current(rt));
  CHECK(ebb_channel_send(arg, "b", EBB_NEVER) == 0);
  note("sent");
  CHECK(ebb_yield_now(rt) == -ECANCELED);
  return NULL;
}

static void *say(ebb_runtime *rt, void *arg) {
  (void)rt;
  note(arg);
  return NULL;
}

TEST(a_send_without_a_limit_never_lets_others_run) {
  ebb_runtime *rt = new_runtime();
  ebb_channel *c;
  CHECK(ebb_channel_new(rt, 0, &c) == 0);
  start_detached(rt, send_without_limit, c);
  start_detached(rt, say, "other");
  CHECK(ebb_run(rt) == 0 && noted("sent other"));
  CHECK(ebb_channel_len(c) == 1001);
  ebb_channel_free(c);
  free_runtime(rt);
}

TEST(outside_of_tasks_it_works_where_waiting_is_forbidden) {
  ebb_options options = {.never_block = true};
  ebb_runtime *rt;
  ebb_channel *c;
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  CHECK(ebb_channel_new(rt, 0, &c) == 0);
  for (int i = 0; i < 1000; i++)
    CHECK(ebb_channel_send(c, "a", EBB_NEVER) == 0);
  CHECK(ebb_channel_len(c) == 1000);
  ebb_channel_free(c);
  free_runtime(rt);
}
