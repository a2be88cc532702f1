/* SPDX-License-Identifier: MIT
   Semaphore, Notify and channels, without Lua. Most of it is about waiters
   that are aborted: at each place in line, and at each moment. */
#include "test.h"

enum { TASKS = 5 };

/* What a task of these tests does, and what came of it. */
typedef struct job {
  ebb_semaphore *semaphore;
  ebb_notify *notify;
  ebb_channel *channel;
  const char *name;
  uint32_t n;
  int64_t deadline;
  void *value;
  int status;
} job;

static const char *const names[] = {"a", "b", "c", "d", "e"};

static void finish_all(ebb_task **tasks, int count) {
  for (int i = 0; i < count; i++) finish(tasks[i]);
}

/* ---- semaphore ---- */

static void *acquire(ebb_runtime *rt, void *arg) {
  job *j = arg;
  (void)rt;
  j->status = ebb_semaphore_acquire(j->semaphore, j->n, j->deadline);
  if (j->status == 0) note(j->name);
  return NULL;
}

static job acquire_job(ebb_semaphore *s, int i, uint32_t n) {
  return (job){.semaphore = s,
               .name = names[i],
               .n = n,
               .deadline = EBB_NEVER,
               .status = 1};
}

static ebb_semaphore *new_semaphore(ebb_runtime *rt, uint32_t permits) {
  ebb_semaphore *s;
  CHECK(ebb_semaphore_new(rt, permits, &s) == 0);
  return s;
}

TEST(permits_are_taken_at_once_while_there_are_enough) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 3);
  CHECK(ebb_semaphore_try_acquire(s, 2) == 0);
  CHECK(ebb_semaphore_try_acquire(s, 2) == -EAGAIN);
  CHECK(ebb_semaphore_acquire(s, 1, EBB_NEVER) == 0);
  CHECK(ebb_semaphore_available_permits(s) == 0);
  CHECK(ebb_semaphore_acquire(s, 1, 0) == -ETIMEDOUT);
  CHECK(ebb_semaphore_acquire(s, 1, EBB_NEVER) == -EDEADLK);
  CHECK(ebb_semaphore_try_acquire(s, 0) == 0);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

TEST(there_is_a_limit_to_permits) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 1);
  CHECK(ebb_semaphore_add_permits(s, EBB_PERMITS_MAX) == -EOVERFLOW);
  CHECK(ebb_semaphore_available_permits(s) == 1);
  CHECK(ebb_semaphore_add_permits(s, EBB_PERMITS_MAX - 1) == 0);
  CHECK(ebb_semaphore_acquire(s, EBB_PERMITS_MAX, EBB_NEVER) == 0);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

TEST(permits_are_given_in_the_order_of_asking) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 1);
  job jobs[] = {acquire_job(s, 0, 3), acquire_job(s, 1, 1),
                acquire_job(s, 2, 2)};
  ebb_task *tasks[3];
  for (int i = 0; i < 3; i++) tasks[i] = start(rt, acquire, &jobs[i]);
  ebb_yield_now(rt);
  CHECK(ebb_semaphore_try_acquire(s, 1) == -EAGAIN);
  CHECK(ebb_semaphore_available_permits(s) == 0);
  CHECK(ebb_semaphore_add_permits(s, 1) == 0);
  ebb_yield_now(rt);
  CHECK(noted(""));
  CHECK(ebb_semaphore_add_permits(s, 2) == 0);
  ebb_yield_now(rt);
  CHECK(noted("a b"));
  CHECK(ebb_semaphore_add_permits(s, 2) == 0);
  ebb_yield_now(rt);
  CHECK(noted("c"));
  CHECK(ebb_semaphore_available_permits(s) == 0);
  finish_all(tasks, 3);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

TEST(who_leaves_the_line_makes_room_for_the_next) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 1);
  job jobs[] = {acquire_job(s, 0, 3), acquire_job(s, 1, 1)};
  jobs[0].deadline = ebb_now(rt) + SECOND;
  ebb_task *tasks[] = {start(rt, acquire, &jobs[0]),
                       start(rt, acquire, &jobs[1])};
  CHECK(ebb_sleep(rt, 2 * SECOND) == 0);
  CHECK(jobs[0].status == -ETIMEDOUT && noted("b"));
  finish_all(tasks, 2);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

TEST(closing_a_semaphore_ends_the_waits) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 0);
  job jobs[] = {acquire_job(s, 0, 1), acquire_job(s, 1, 2)};
  ebb_task *tasks[] = {start(rt, acquire, &jobs[0]),
                       start(rt, acquire, &jobs[1])};
  ebb_yield_now(rt);
  CHECK(ebb_semaphore_add_permits(s, 1) == 0);
  ebb_semaphore_close(s);
  CHECK(ebb_semaphore_is_closed(s));
  ebb_yield_now(rt);
  CHECK(jobs[0].status == 0 && jobs[1].status == -EPIPE && noted("a"));
  CHECK(ebb_semaphore_add_permits(s, 1) == 0);
  CHECK(ebb_semaphore_try_acquire(s, 1) == -EPIPE);
  CHECK(ebb_semaphore_acquire(s, 1, EBB_NEVER) == -EPIPE);
  finish_all(tasks, 2);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

/* The names of all but the one. */
static const char *all_but(int victim) {
  static char text[2 * TASKS];
  text[0] = '\0';
  for (int i = 0; i < TASKS; i++) {
    if (i == victim) continue;
    if (text[0] != '\0') strcat(text, " ");
    strcat(text, names[i]);
  }
  return text;
}

/* `given` permits are there when the victim is aborted, whose place in line
   is `victim`: so it has one already, or not. */
static void abort_one_acquire(int victim, uint32_t given) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 0);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  for (int i = 0; i < TASKS; i++) {
    jobs[i] = acquire_job(s, i, 1);
    tasks[i] = start(rt, acquire, &jobs[i]);
  }
  ebb_yield_now(rt);
  CHECK(ebb_semaphore_add_permits(s, given) == 0);
  ebb_task_abort(tasks[victim]);
  ebb_yield_now(rt);
  CHECK(jobs[victim].status == -ECANCELED);
  CHECK(ebb_semaphore_add_permits(s, TASKS - given) == 0);
  ebb_yield_now(rt);
  CHECK(noted(all_but(victim)));
  CHECK(ebb_semaphore_available_permits(s) == 1);
  finish_all(tasks, TASKS);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

TEST(no_permit_is_lost_wherever_a_waiter_is_aborted) {
  for (int victim = 0; victim < TASKS; victim++)
    for (uint32_t given = 0; given <= TASKS; given++)
      abort_one_acquire(victim, given);
}

TEST(what_an_aborted_task_was_granted_is_there_at_once) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 0);
  job j = acquire_job(s, 0, 2);
  ebb_task *t = start(rt, acquire, &j);
  ebb_yield_now(rt);
  CHECK(ebb_semaphore_add_permits(s, 2) == 0);
  CHECK(ebb_semaphore_available_permits(s) == 0);
  ebb_task_abort(t);
  CHECK(ebb_semaphore_available_permits(s) == 2);
  ebb_yield_now(rt);
  CHECK(j.status == -ECANCELED);
  finish(t);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

static void *acquire_to_clean_up(ebb_runtime *rt, void *arg) {
  job *j = arg;
  CHECK(ebb_sleep(rt, SECOND) == -ECANCELED);
  CHECK(ebb_semaphore_acquire(j->semaphore, 1, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  return acquire(rt, arg);
}

TEST(a_clean_up_keeps_what_it_was_granted) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 0);
  job j = acquire_job(s, 0, 1);
  ebb_task *t = start(rt, acquire_to_clean_up, &j);
  ebb_yield_now(rt);
  ebb_task_abort(t);
  ebb_yield_now(rt);
  CHECK(ebb_semaphore_add_permits(s, 1) == 0);
  ebb_task_abort(t);
  ebb_yield_now(rt);
  CHECK(j.status == 0 && noted("a"));
  CHECK(ebb_semaphore_available_permits(s) == 0);
  finish(t);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

static void *take_and_give_back(ebb_runtime *rt, void *arg) {
  job *j = arg;
  for (int i = 0; i < 1000; i++) {
    CHECK(ebb_semaphore_acquire(j->semaphore, 1, EBB_NEVER) == 0);
    CHECK(ebb_semaphore_add_permits(j->semaphore, 1) == 0);
  }
  (void)rt;
  return NULL;
}

TEST(a_task_that_always_gets_its_permit_lets_others_run) {
  ebb_runtime *rt = new_runtime();
  ebb_semaphore *s = new_semaphore(rt, 1);
  job j = acquire_job(s, 0, 1);
  ebb_task *t = start(rt, take_and_give_back, &j);
  int turns = 0;
  for (; !ebb_task_is_finished(t); turns++) ebb_yield_now(rt);
  CHECK(turns >= 1000 / 128);
  finish(t);
  ebb_semaphore_free(s);
  free_runtime(rt);
}

/* ---- notify ---- */

static void *notified(ebb_runtime *rt, void *arg) {
  job *j = arg;
  (void)rt;
  j->status = ebb_notify_wait(j->notify, j->deadline);
  if (j->status == 0) note(j->name);
  return NULL;
}

static ebb_notify *new_notify(ebb_runtime *rt) {
  ebb_notify *n;
  CHECK(ebb_notify_new(rt, &n) == 0);
  return n;
}

static void start_notified(ebb_runtime *rt, ebb_notify *n, job *jobs,
                           ebb_task **tasks) {
  for (int i = 0; i < TASKS; i++) {
    jobs[i] = (job){
        .notify = n, .name = names[i], .deadline = EBB_NEVER, .status = 1};
    tasks[i] = start(rt, notified, &jobs[i]);
  }
  ebb_yield_now(rt);
}

TEST(one_notification_is_kept) {
  ebb_runtime *rt = new_runtime();
  ebb_notify *n = new_notify(rt);
  ebb_notify_waiters(n);
  CHECK(ebb_notify_wait(n, 0) == -ETIMEDOUT);
  ebb_notify_one(n);
  ebb_notify_one(n);
  CHECK(ebb_notify_wait(n, 0) == 0);
  CHECK(ebb_notify_wait(n, 0) == -ETIMEDOUT);
  ebb_notify_free(n);
  free_runtime(rt);
}

TEST(waiters_are_notified_in_order) {
  ebb_runtime *rt = new_runtime();
  ebb_notify *n = new_notify(rt);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  start_notified(rt, n, jobs, tasks);
  ebb_notify_one(n);
  ebb_notify_one(n);
  ebb_yield_now(rt);
  CHECK(noted("a b"));
  ebb_notify_waiters(n);
  ebb_yield_now(rt);
  CHECK(noted("c d e"));
  CHECK(ebb_notify_wait(n, 0) == -ETIMEDOUT);
  finish_all(tasks, TASKS);
  ebb_notify_free(n);
  free_runtime(rt);
}

static void abort_one_notified(int victim, int given) {
  ebb_runtime *rt = new_runtime();
  ebb_notify *n = new_notify(rt);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  start_notified(rt, n, jobs, tasks);
  for (int i = 0; i < given; i++) ebb_notify_one(n);
  ebb_task_abort(tasks[victim]);
  for (int i = given; i < TASKS; i++) ebb_notify_one(n);
  ebb_yield_now(rt);
  CHECK(noted(all_but(victim)));
  CHECK(ebb_notify_wait(n, 0) == 0);
  finish_all(tasks, TASKS);
  ebb_notify_free(n);
  free_runtime(rt);
}

TEST(no_notification_is_lost_wherever_a_waiter_is_aborted) {
  for (int victim = 0; victim < TASKS; victim++)
    for (int given = 0; given <= TASKS; given++)
      abort_one_notified(victim, given);
}

TEST(an_aborted_task_does_not_pass_on_what_all_were_told) {
  ebb_runtime *rt = new_runtime();
  ebb_notify *n = new_notify(rt);
  job jobs[TASKS];
  ebb_task *tasks[TASKS];
  start_notified(rt, n, jobs, tasks);
  ebb_notify_waiters(n);
  ebb_task_abort(tasks[0]);
  ebb_yield_now(rt);
  CHECK(noted("b c d e"));
  CHECK(ebb_notify_wait(n, 0) == -ETIMEDOUT);
  finish_all(tasks, TASKS);
  ebb_notify_free(n);
  free_runtime(rt);
}

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

static ebb_channel *new_channel(ebb_runtime *rt, size_t limit) {
  ebb_channel *c;
  CHECK(ebb_channel_new(rt, limit, &c) == 0);
  return c;
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

static bool received(ebb_channel *c, const char *name) {
  void *value = NULL;
  return ebb_channel_try_recv(c, &value) == 1 && strcmp(value, name) == 0;
}

static int try_send(ebb_channel *c, const char *name) {
  return ebb_channel_try_send(c, (void *)(uintptr_t)name);
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

TEST(whatever_memory_fails_nothing_is_half_done) {
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
TEST(waiting_allocates_nothing) {
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
