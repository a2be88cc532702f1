/* SPDX-License-Identifier: MIT
   core/os/thread_pool.h: how the pool grows, shrinks and closes. */
#include "thread_pools.h"

enum { CROWD = 6 };

/* ---- a pool ---- */

static unsigned look(ebb_thread_pool *b, const unsigned *field) {
  ebb_mutex_lock(&b->lock);
  unsigned value = *field;
  ebb_mutex_unlock(&b->lock);
  return value;
}

static bool has_an_idle_thread(void *b) {
  return look(b, &((ebb_thread_pool *)b)->idle) > 0;
}

static bool has_no_thread(void *b) {
  return look(b, &((ebb_thread_pool *)b)->threads) == 0;
}

/* ---- work ---- */

typedef struct item {
  ebb_work work;
  gate started, may_end, ended;
  atomic_int ran, done, cancelled;
} item;

static item *item_of(ebb_work *w) { return ebb_container_of(w, item, work); }

static void run(ebb_work *w, ebb_worker *worker) {
  item *i = item_of(w);
  (void)worker;
  atomic_fetch_add(&i->ran, 1);
  gate_pass(&i->started);
  gate_wait(&i->may_end, 1);
}

static void done(ebb_work *w) {
  item *i = item_of(w);
  CHECK(atomic_load(&i->ran) == 1);
  atomic_fetch_add(&i->done, 1);
  gate_pass(&i->ended);
}

static void cancel(ebb_work *w) {
  item *i = item_of(w);
  CHECK(atomic_load(&i->ran) == 0);
  atomic_fetch_add(&i->cancelled, 1);
}

#define ITEM \
  { {.run = run, .done = done, .cancel = cancel}, GATE, GATE, GATE, 0, 0, 0 }

static void submit(ebb_thread_pool *b, item *i) {
  CHECK(ebb_thread_pool_submit(b, &i->work) == 0);
}

static bool has_come_to(item *i, int ran, int cancelled) {
  return atomic_load(&i->ran) == ran && atomic_load(&i->done) == ran &&
         atomic_load(&i->cancelled) == cancelled;
}

/* Submits work and sees it end. */
static void see_through(ebb_thread_pool *b, item *i) {
  submit(b, i);
  gate_pass(&i->may_end);
  gate_wait(&i->ended, 1);
  CHECK(has_come_to(i, 1, 0));
}

/* ---- growing ---- */

TEST(a_new_pool_has_no_thread) {
  ebb_thread_pool b;
  int threads = count_threads();
  init_pool(&b);
  CHECK(b.threads == 0 && count_threads() == threads);
  free_pool(&b);
}

TEST(work_is_done_on_another_thread) {
  ebb_thread_pool b;
  item i = ITEM;
  init_pool(&b);
  see_through(&b, &i);
  free_pool(&b);
}

TEST(the_pool_grows_to_its_limit) {
  ebb_thread_pool b;
  item items[CROWD] = {ITEM, ITEM, ITEM, ITEM, ITEM, ITEM};
  init_pool(&b);
  b.limit = CROWD - 2;
  for (int i = 0; i < CROWD; i++) submit(&b, &items[i]);
  for (int i = 0; i < CROWD - 2; i++) gate_wait(&items[i].started, 1);
  CHECK(look(&b, &b.threads) == CROWD - 2);
  CHECK(look(&b, &b.queued) == 2);
  gate_pass(&items[2].may_end);
  gate_wait(&items[CROWD - 2].started, 1); /* the first in line */
  CHECK(atomic_load(&items[CROWD - 1].ran) == 0);
  for (int i = 0; i < CROWD; i++) gate_pass(&items[i].may_end);
  for (int i = 0; i < CROWD; i++) gate_wait(&items[i].ended, 1);
  CHECK(look(&b, &b.threads) == CROWD - 2);
  free_pool(&b);
  for (int i = 0; i < CROWD; i++) CHECK(has_come_to(&items[i], 1, 0));
}

TEST(an_idle_thread_is_used_again) {
  ebb_thread_pool b;
  init_pool(&b);
  for (int n = 0; n < 10; n++) {
    item i = ITEM;
    see_through(&b, &i);
    CHECK(becomes(has_an_idle_thread, &b));
    CHECK(look(&b, &b.threads) == 1);
  }
  free_pool(&b);
}

/* Two idle threads are enough for two, but not for three. */
TEST(more_work_than_idle_threads_grows_the_pool) {
  ebb_thread_pool b;
  item first[2] = {ITEM, ITEM}, then[3] = {ITEM, ITEM, ITEM};
  init_pool(&b);
  for (int i = 0; i < 2; i++) submit(&b, &first[i]);
  for (int i = 0; i < 2; i++) gate_pass(&first[i].may_end);
  for (int i = 0; i < 2; i++) gate_wait(&first[i].ended, 1);
  for (int i = 0; i < 3; i++) submit(&b, &then[i]);
  for (int i = 0; i < 3; i++) gate_wait(&then[i].started, 1);
  CHECK(look(&b, &b.threads) >= 3);
  for (int i = 0; i < 3; i++) gate_pass(&then[i].may_end);
  free_pool(&b);
}

TEST(work_that_is_to_be_alone_has_a_thread_beyond_the_limit) {
  ebb_thread_pool b;
  item alone = ITEM, held = ITEM, next = ITEM;
  init_pool(&b);
  b.limit = 1;
  alone.work.dedicated = true;
  submit(&b, &held);
  gate_wait(&held.started, 1);
  submit(&b, &alone);
  gate_wait(&alone.started, 1);
  submit(&b, &next);
  CHECK(look(&b, &b.threads) == 2 && look(&b, &b.dedicated) == 1);
  CHECK(!ebb_thread_pool_withdraw(&b, &alone.work));
  gate_pass(&alone.may_end);
  gate_wait(&alone.ended, 1);
  CHECK(atomic_load(&next.ran) == 0); /* it is not for that thread */
  gate_pass(&held.may_end);
  gate_pass(&next.may_end);
  gate_wait(&next.ended, 1);
  free_pool(&b);
}

/* ---- withdrawing ---- */

TEST(work_that_waits_can_be_withdrawn) {
  ebb_thread_pool b;
  item held = ITEM, taken = ITEM, next = ITEM;
  init_pool(&b);
  b.limit = 1;
  submit(&b, &held);
  submit(&b, &taken);
  submit(&b, &next);
  gate_wait(&held.started, 1);
  CHECK(ebb_thread_pool_withdraw(&b, &taken.work));
  CHECK(!ebb_thread_pool_withdraw(&b, &taken.work));
  gate_pass(&held.may_end);
  gate_pass(&next.may_end);
  gate_wait(&next.ended, 1);
  CHECK(has_come_to(&taken, 0, 0));
  free_pool(&b);
  CHECK(has_come_to(&taken, 0, 0));
}

TEST(work_that_was_withdrawn_can_be_submitted_again) {
  ebb_thread_pool b;
  item held = ITEM, again = ITEM;
  init_pool(&b);
  b.limit = 1;
  submit(&b, &held);
  gate_wait(&held.started, 1);
  submit(&b, &again);
  CHECK(ebb_thread_pool_withdraw(&b, &again.work));
  gate_pass(&held.may_end);
  see_through(&b, &again);
  free_pool(&b);
}

TEST(work_that_runs_or_has_run_cannot_be_withdrawn) {
  ebb_thread_pool b;
  item i = ITEM;
  init_pool(&b);
  submit(&b, &i);
  gate_wait(&i.started, 1);
  CHECK(!ebb_thread_pool_withdraw(&b, &i.work));
  gate_pass(&i.may_end);
  gate_wait(&i.ended, 1);
  CHECK(!ebb_thread_pool_withdraw(&b, &i.work));
  free_pool(&b);
  CHECK(has_come_to(&i, 1, 0));
}

/* ---- leaving ---- */

TEST(a_thread_that_is_idle_for_long_leaves) {
  ebb_thread_pool b;
  item i = ITEM, later = ITEM;
  int threads = count_threads();
  init_pool(&b);
  b.keep_alive = 1;
  see_through(&b, &i);
  CHECK(becomes(has_no_thread, &b));
  CHECK(becomes(is_unreferenced, NULL));
  CHECK(becomes(are_no_more_threads, &threads));
  see_through(&b, &later);
  free_pool(&b);
}

/* A thread's own: counts the work that has seen it. */
typedef struct own {
  int seen;
  gate dropping, may_drop, dropped;
} own;

static own kept = {0, GATE, GATE, GATE};

static void drop_own(void *local) {
  CHECK(local == &kept);
  gate_pass(&kept.dropping);
  gate_wait(&kept.may_drop, 1);
  gate_pass(&kept.dropped);
}

static void run_with_own(ebb_work *w, ebb_worker *worker) {
  CHECK(worker->local == (kept.seen == 0 ? NULL : &kept));
  worker->local = &kept;
  worker->drop_local = drop_own;
  kept.seen++;
  run(w, worker);
}

TEST(what_work_leaves_on_a_thread_is_dropped_when_it_leaves) {
  ebb_thread_pool b;
  kept = (own){0, GATE, GATE, GATE};
  init_pool(&b);
  b.limit = 1;
  for (int n = 0; n < 3; n++) {
    item i = ITEM;
    i.work.run = run_with_own;
    see_through(&b, &i);
  }
  CHECK(kept.seen == 3 && gate_count(&kept.dropping) == 0);
  gate_pass(&kept.may_drop);
  free_pool(&b);
  CHECK(gate_count(&kept.dropped) == 1);
}

TEST(a_thread_that_is_leaving_is_not_relied_on) {
  ebb_thread_pool b;
  item i = ITEM, next = ITEM;
  kept = (own){0, GATE, GATE, GATE};
  init_pool(&b);
  b.limit = 1;
  b.keep_alive = 1;
  i.work.run = run_with_own;
  see_through(&b, &i);
  gate_wait(&kept.dropping, 1);
  see_through(&b, &next);
  CHECK(gate_count(&kept.dropped) == 0);
  gate_pass(&kept.may_drop);
  free_pool(&b);
  CHECK(gate_count(&kept.dropped) == 1);
}

/* ---- closing ---- */

TEST(closing_cancels_what_has_not_started_and_waits_for_the_rest) {
  ebb_thread_pool b;
  item held = ITEM, waiting[3] = {ITEM, ITEM, ITEM}, late = ITEM;
  int threads = count_threads();
  init_pool(&b);
  b.limit = 1;
  submit(&b, &held);
  gate_wait(&held.started, 1);
  for (int i = 0; i < 3; i++) submit(&b, &waiting[i]);
  CHECK(ebb_thread_pool_withdraw(&b, &waiting[1].work));
  CHECK(ebb_thread_pool_close(&b, 0, NULL, NULL) == 1);
  for (int i = 0; i < 3; i++) CHECK(has_come_to(&waiting[i], 0, i != 1));
  CHECK(ebb_thread_pool_submit(&b, &late.work) == -ESHUTDOWN);
  late.work.dedicated = true;
  CHECK(ebb_thread_pool_submit(&b, &late.work) == -ESHUTDOWN);
  gate_pass(&held.may_end);
  free_pool(&b);
  CHECK(has_come_to(&held, 1, 0) && has_come_to(&late, 0, 0));
  for (int i = 0; i < 3; i++) CHECK(has_come_to(&waiting[i], 0, i != 1));
  CHECK(becomes(are_no_more_threads, &threads));
}

TEST(closing_sends_idle_threads_away_at_once) {
  ebb_thread_pool b;
  item items[CROWD] = {ITEM, ITEM, ITEM, ITEM, ITEM, ITEM};
  init_pool(&b);
  b.keep_alive = INT64_C(1000000000) * 1000000;
  for (int i = 0; i < CROWD; i++) submit(&b, &items[i]);
  for (int i = 0; i < CROWD; i++) gate_pass(&items[i].may_end);
  for (int i = 0; i < CROWD; i++) gate_wait(&items[i].ended, 1);
  free_pool(&b);
}

typedef struct stuck_list {
  ebb_work *works[CROWD];
  int count;
} stuck_list;

static void add_stuck(void *ctx, ebb_work *w) {
  stuck_list *s = ctx;
  CHECK(s->count < CROWD);
  s->works[s->count++] = w;
}

TEST(closing_tells_what_is_stuck) {
  ebb_thread_pool b;
  item held[2] = {ITEM, ITEM}, ended = ITEM, waiting = ITEM;
  stuck_list stuck = {{NULL}, 0};
  init_pool(&b);
  b.limit = 2;
  see_through(&b, &ended);
  for (int i = 0; i < 2; i++) submit(&b, &held[i]);
  for (int i = 0; i < 2; i++) gate_wait(&held[i].started, 1);
  submit(&b, &waiting);
  int64_t deadline = ebb_clock_system() + 1;
  CHECK(ebb_thread_pool_close(&b, deadline, add_stuck, &stuck) == 2);
  CHECK(stuck.count == 2);
  CHECK(stuck.works[0] == &held[0].work && stuck.works[1] == &held[1].work);
  CHECK(has_come_to(&waiting, 0, 1));
  for (int i = 0; i < 2; i++) gate_pass(&held[i].may_end);
  free_pool(&b);
}

/* What is told that it is cancelled may use the pool: the lock is free. */
static ebb_thread_pool *pool_of_cancelled;

static void cancel_and_submit(ebb_work *w) {
  cancel(w);
  CHECK(ebb_thread_pool_submit(pool_of_cancelled, w) == -ESHUTDOWN);
  CHECK(!ebb_thread_pool_withdraw(pool_of_cancelled, w));
}

TEST(a_closed_pool_is_closed_to_what_it_cancels) {
  ebb_thread_pool b;
  item held = ITEM, waiting = ITEM;
  init_pool(&b);
  b.limit = 1;
  pool_of_cancelled = &b;
  waiting.work.cancel = cancel_and_submit;
  submit(&b, &held);
  submit(&b, &waiting);
  gate_wait(&held.started, 1);
  CHECK(ebb_thread_pool_close(&b, 0, NULL, NULL) == 1);
  gate_pass(&held.may_end);
  free_pool(&b);
  CHECK(has_come_to(&waiting, 0, 1));
}
