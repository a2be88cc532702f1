/* SPDX-License-Identifier: MIT
   core/os/thread_pool.h: a pool that many threads use at once. */
#include "thread_pools.h"

/* Each submits and withdraws at random, while threads leave as soon as they
   can: everything ends in exactly one way. */
enum { CLIENTS = 4, TURNS = 2000 };

typedef struct client {
  ebb_thread_pool *pool;
  uint64_t state;
  atomic_int ran, done;
  int withdrawn, submitted;
} client;

typedef struct quick {
  ebb_work work;
  client *owner;
  gate ended;
} quick;

static void run_quick(ebb_work *w, ebb_worker *worker) {
  (void)worker;
  atomic_fetch_add(&ebb_container_of(w, quick, work)->owner->ran, 1);
}

static void quick_done(ebb_work *w) {
  quick *q = ebb_container_of(w, quick, work);
  atomic_fetch_add(&q->owner->done, 1);
  gate_pass(&q->ended);
}

static void *submit_often(void *arg) {
  client *c = arg;
  for (int n = 0; n < TURNS; n++) {
    quick q = {{.run = run_quick, .done = quick_done}, c, GATE};
    q.work.dedicated = chance(&c->state, 20) == 0;
    CHECK(ebb_thread_pool_submit(c->pool, &q.work) == 0);
    c->submitted++;
    if (chance(&c->state, 3) == 0) sched_yield();
    if (chance(&c->state, 2) == 0 &&
        ebb_thread_pool_withdraw(c->pool, &q.work)) {
      c->withdrawn++;
      continue;
    }
    gate_wait(&q.ended, 1);
  }
  return NULL;
}

static void crowd_with_patience(int64_t keep_alive) {
  ebb_thread_pool b;
  client clients[CLIENTS];
  pthread_t threads[CLIENTS];
  init_pool(&b);
  b.limit = 2;
  b.keep_alive = keep_alive;
  for (int i = 0; i < CLIENTS; i++) {
    clients[i] = (client){.pool = &b, .state = (uint64_t)i + 1};
    threads[i] = start_thread(submit_often, &clients[i]);
  }
  for (int i = 0; i < CLIENTS; i++) join_thread(threads[i]);
  free_pool(&b);
  for (int i = 0; i < CLIENTS; i++) {
    CHECK(clients[i].submitted == TURNS);
    CHECK(atomic_load(&clients[i].ran) == atomic_load(&clients[i].done));
    CHECK(atomic_load(&clients[i].ran) + clients[i].withdrawn == TURNS);
  }
}

TEST(no_work_is_lost_while_threads_come_and_go) { crowd_with_patience(0); }

TEST(no_work_is_lost_while_threads_stay) {
  crowd_with_patience(EBB_THREAD_POOL_KEEP_ALIVE);
}
