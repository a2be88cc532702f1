/* SPDX-License-Identifier: MIT
   Tasks of one runtime that run in another: each runtime has a thread of its
   own. */
#include "runtime_pair.h"

typedef struct server {
  pthread_t thread;
  ebb_handle *handle;
  ebb_waker *waker;
  atomic_bool stop;
  bool paused; /* its time is virtual */
  gate ready;
  gate told; /* nobody will use the waker any more */
} server;

static void *keep(ebb_runtime *rt, void *arg) {
  server *s = arg;
  CHECK(ebb_waker_new(rt, &s->waker) == 0);
  s->handle = handle_of(rt);
  gate_pass(&s->ready);
  while (!atomic_load(&s->stop)) CHECK(ebb_park(rt, EBB_NEVER) == 0);
  return NULL;
}

static void *serve(void *arg) {
  server *s = arg;
  ebb_runtime *rt = s->paused ? new_runtime() : new_real_runtime();
  CHECK(join(start(rt, keep, s)).outcome == EBB_COMPLETED);
  gate_wait(&s->told, 1);
  ebb_waker_free(s->waker);
  free_runtime(rt);
  return NULL;
}

static void start_server(server *s, bool paused) {
  *s = (server){.ready = GATE, .told = GATE, .paused = paused};
  s->thread = start_thread(serve, s);
  gate_wait(&s->ready, 1);
}

static void stop_server(server *s) {
  atomic_store(&s->stop, true);
  ebb_waker_wake(s->waker);
  gate_pass(&s->told);
  join_thread(s->thread);
}

static void free_server(server *s) {
  stop_server(s);
  ebb_handle_free(s->handle);
}

static void *tell_thread(ebb_runtime *rt, void *arg) {
  *(pthread_t *)arg = pthread_self();
  CHECK(ebb_yield_now(rt) == 0);
  CHECK(pthread_equal(*(pthread_t *)arg, pthread_self()));
  return arg;
}

TEST(a_task_runs_on_the_thread_of_the_other_runtime) {
  ebb_runtime *rt = new_real_runtime();
  server s;
  pthread_t seen;
  start_server(&s, false);
  ebb_target target = {.handle = s.handle};
  CHECK(is(join(start_on(rt, target, body(tell_thread, &seen))), EBB_COMPLETED,
           &seen));
  CHECK(pthread_equal(seen, s.thread));
  free_server(&s);
  free_runtime(rt);
}

static void *sleep_long(ebb_runtime *rt, void *arg) {
  CHECK(ebb_sleep(rt, 1000 * SECOND) == 0);
  return arg;
}

TEST(each_runtime_has_a_time_of_its_own) {
  ebb_runtime *rt = new_runtime();
  server s;
  start_server(&s, true);
  int64_t before = ebb_now(rt);
  ebb_task *t =
      start_on(rt, (ebb_target){.handle = s.handle}, body(sleep_long, &s));
  CHECK(is(join(t), EBB_COMPLETED, &s));
  CHECK(ebb_now(rt) == before);
  free_server(&s);
  free_runtime(rt);
}

TEST(a_host_with_a_loop_of_its_own_gets_results) {
  ebb_options options = {.never_block = true};
  ebb_runtime *rt;
  ebb_tick_report report;
  server s;
  pthread_t seen;
  pack x = {0};
  CHECK(ebb_runtime_new(&options, &rt) == 0);
  start_server(&s, false);
  ebb_target target = {.handle = s.handle};
  ebb_task *t = start_on(rt, target, body(tell_thread, &seen));
  do CHECK(ebb_tick(rt, EBB_NEVER, &report) == 0);
  while (report.unfinished > 0);
  CHECK(is(finish(t), EBB_COMPLETED, &seen));
  ebb_task_release(start_on(rt, target, body(park, &x)));
  free_runtime(rt); /* and does not wait for it */
  free_server(&s);
}

/* Each of many threads has a runtime that sends to all the servers, and
   aborts some of what it has sent; in the end some servers go early. */
enum { SERVERS = 3, SENDERS = 3, SENT = 300 };

typedef struct sender {
  server *servers;
  uint64_t state;
  int completed, cancelled;
  atomic_int dropped, returned;
} sender;

static void count_drop(void *arg) {
  atomic_fetch_add(&((sender *)arg)->dropped, 1);
}

static void *hop(ebb_runtime *rt, void *arg) {
  for (int i = 0; i < 3; i++)
    if (ebb_yield_now(rt) < 0) break;
  atomic_fetch_add(&((sender *)arg)->returned, 1);
  return arg;
}

static void *send_to_all(void *arg) {
  sender *s = arg;
  ebb_runtime *rt = new_real_runtime();
  ebb_task *tasks[SENT];
  for (int i = 0; i < SENT; i++) {
    ebb_target target = {.handle = s->servers[i % SERVERS].handle};
    tasks[i] = start_on(rt, target,
                        (ebb_body){.run = hop, .arg = s, .drop = count_drop});
    if (chance(&s->state, 4) == 0)
      ebb_task_abort(tasks[chance(&s->state, (uint32_t)i + 1)]);
    if (chance(&s->state, 4) == 0) CHECK(ebb_yield_now(rt) == 0);
  }
  for (int i = 0; i < SENT; i++) {
    ebb_result result = join(tasks[i]);
    CHECK(result.value == s || result.outcome == EBB_CANCELLED);
    s->completed += result.outcome == EBB_COMPLETED;
    s->cancelled += result.outcome == EBB_CANCELLED;
  }
  free_runtime(rt);
  return NULL;
}

static void send_from_many(bool stop_early) {
  static server servers[SERVERS];
  sender senders[SENDERS];
  pthread_t threads[SENDERS];
  for (int i = 0; i < SERVERS; i++) start_server(&servers[i], false);
  for (int i = 0; i < SENDERS; i++) {
    senders[i] = (sender){.servers = servers, .state = (uint64_t)i + 1};
    threads[i] = start_thread(send_to_all, &senders[i]);
  }
  if (stop_early) stop_server(&servers[0]);
  for (int i = 0; i < SENDERS; i++) {
    sender *s = &senders[i];
    join_thread(threads[i]);
    CHECK(s->completed + s->cancelled == SENT);
    CHECK(atomic_load(&s->returned) + atomic_load(&s->dropped) == SENT);
    CHECK(s->completed <= atomic_load(&s->returned));
  }
  if (stop_early) ebb_handle_free(servers[0].handle);
  for (int i = stop_early; i < SERVERS; i++) free_server(&servers[i]);
}

TEST(many_threads_may_send_to_many_runtimes) { send_from_many(false); }

TEST(a_runtime_may_go_while_many_threads_send_to_it) {
  for (int i = 0; i < 10; i++) send_from_many(true);
}
