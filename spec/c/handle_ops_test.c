/* SPDX-License-Identifier: MIT
   Kinds of handle that the engine does not know. A counter stands for a place
   beyond this process: it does the work of its requests when it is told to. A
   crew is a pool of runtimes: each request goes to the next of them. */
#include "core/loop/handle.h"

#include "threads.h"

/* ---- a counter ---- */

typedef struct counter {
  ebb_handle handle;
  ebb_list queue;
  int drops;
  bool closed;
} counter;

static counter *counter_of(ebb_handle *h) {
  return ebb_container_of(h, counter, handle);
}

static int counter_submit(ebb_handle *h, ebb_request *r) {
  if (counter_of(h)->closed) return -ESHUTDOWN;
  ebb_list_init(&r->work.link);
  ebb_list_push(&counter_of(h)->queue, &r->work.link);
  return 0;
}

static bool counter_withdraw(ebb_handle *h, ebb_request *r) {
  bool queued = !ebb_list_is_empty(&r->work.link);
  (void)h;
  ebb_list_remove(&r->work.link);
  return queued;
}

static void counter_drop(ebb_handle *h) { counter_of(h)->drops++; }

static const ebb_handle_ops counter_ops = {
    .what = "a counter",
    .submit = counter_submit,
    .withdraw = counter_withdraw,
    .drop = counter_drop,
};

static void open_counter(counter *c) {
  *c = (counter){.closed = false};
  ebb_handle_init(&c->handle, &counter_ops);
  ebb_list_init(&c->queue);
}

static ebb_work *next_of(counter *c) {
  ebb_work *w = ebb_container_of(c->queue.next, ebb_work, link);
  ebb_list_remove(&w->link);
  return w;
}

/* Does all that it has been asked for. */
static int serve(counter *c) {
  ebb_worker worker = {0};
  int served = 0;
  for (; !ebb_list_is_empty(&c->queue); served++) {
    ebb_work *w = next_of(c);
    w->run(w, &worker);
    w->done(w);
  }
  return served;
}

static void close_counter(counter *c) {
  c->closed = true;
  while (!ebb_list_is_empty(&c->queue)) {
    ebb_work *w = next_of(c);
    w->cancel(w);
  }
  ebb_handle_release(&c->handle);
  CHECK(c->drops == 1);
}

/* ---- bodies ---- */

static int ran, dropped;

static void *add(ebb_runtime *rt, void *arg) {
  (void)rt;
  ran++;
  return (char *)arg + 1;
}

static void drop(void *arg) {
  (void)arg;
  dropped++;
}

static ebb_body body_of(char *arg) { return (ebb_body){add, arg, drop, NULL}; }

static void reset(void) { ran = dropped = 0; }

static void tick(ebb_runtime *rt) { CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0); }

/* ---- tasks of a counter ---- */

TEST(a_set_has_its_tasks_done_by_a_counter) {
  ebb_runtime *rt = new_runtime();
  char base[8];
  counter c;
  ebb_join_set *set;
  ebb_result result;
  reset();
  open_counter(&c);
  ebb_target target = {.handle = &c.handle};
  CHECK(ebb_join_set_new(rt, &set) == 0);
  for (int i = 0; i < 8; i++)
    CHECK(ebb_join_set_spawn_on(set, &target, body_of(base + i), NULL) == 0);
  tick(rt);
  CHECK(ran == 0 && ebb_join_set_try_join_next(set, &result) == 0);
  CHECK(serve(&c) == 8);
  tick(rt);
  for (int i = 0; i < 8; i++) {
    CHECK(ebb_join_set_try_join_next(set, &result) == 1);
    CHECK(result.outcome == EBB_COMPLETED && result.value == base + i + 1);
  }
  CHECK(ran == 8 && dropped == 0 && ebb_join_set_len(set) == 0);
  ebb_join_set_free(set);
  free_runtime(rt);
  close_counter(&c);
}

TEST(a_map_finds_and_aborts_tasks_of_a_counter_by_key) {
  ebb_runtime *rt = new_runtime();
  char base[2];
  counter c;
  ebb_join_map *map;
  ebb_key key;
  ebb_result result;
  reset();
  open_counter(&c);
  ebb_target target = {.handle = &c.handle};
  CHECK(ebb_join_map_new(rt, NULL, &map) == 0);
  for (int i = 0; i < 2; i++)
    CHECK(ebb_join_map_spawn_on(map, EBB_KEY_INT(i), &target, body_of(base + i),
                                NULL) == 0);
  CHECK(ebb_join_map_abort(map, EBB_KEY_INT(0)) == 1);
  tick(rt);
  CHECK(ebb_join_map_try_join_next(map, &key, &result) == 1);
  CHECK(key.bits == 0 && result.outcome == EBB_CANCELLED);
  CHECK(dropped == 1 && serve(&c) == 1 && ran == 1);
  tick(rt);
  CHECK(ebb_join_map_try_join_next(map, &key, &result) == 1);
  CHECK(key.bits == 1 && result.value == base + 2);
  ebb_join_map_free(map);
  free_runtime(rt);
  close_counter(&c);
}

TEST(blocking_work_goes_to_the_counter_itself) {
  ebb_runtime *rt = new_runtime();
  char base[1];
  counter c;
  reset();
  open_counter(&c);
  ebb_task *t = start_on(
      rt, (ebb_target){.handle = &c.handle, .blocking = true}, body_of(base));
  CHECK(serve(&c) == 1);
  ebb_result result = join(t);
  CHECK(result.value == base + 1);
  free_runtime(rt);
  close_counter(&c);
}

TEST(a_request_that_is_refused_ends_the_task_as_cancelled) {
  ebb_runtime *rt = new_runtime();
  counter c;
  reset();
  open_counter(&c);
  c.closed = true;
  ebb_task *t = start_on(rt, (ebb_target){.handle = &c.handle}, body_of(NULL));
  ebb_result result = join(t);
  CHECK(result.outcome == EBB_CANCELLED && dropped == 1 && ran == 0);
  free_runtime(rt);
  close_counter(&c);
}

TEST(a_counter_that_closes_cancels_what_it_has_not_done) {
  ebb_runtime *rt = new_runtime();
  counter c;
  reset();
  open_counter(&c);
  ebb_task *t = start_on(rt, (ebb_target){.handle = &c.handle}, body_of(NULL));
  c.closed = true;
  ebb_work *w = next_of(&c);
  w->cancel(w);
  ebb_result result = join(t);
  CHECK(result.outcome == EBB_CANCELLED && dropped == 1 && ran == 0);
  free_runtime(rt);
  close_counter(&c);
}

TEST(work_may_be_done_after_its_runtime_has_gone) {
  ebb_runtime *rt = new_runtime();
  char base[1];
  counter c;
  ebb_worker worker = {0};
  reset();
  open_counter(&c);
  ebb_task *t = start_on(rt, (ebb_target){.handle = &c.handle}, body_of(base));
  ebb_work *w = next_of(&c); /* it has begun: too late to withdraw it */
  ebb_task_release(t);
  free_runtime(rt);
  w->run(w, &worker);
  w->done(w);
  CHECK(ran == 1);
  close_counter(&c);
}

/* ---- a crew ---- */

enum { CREW = 3 };

typedef struct crew {
  ebb_handle handle;
  ebb_runtime *runtimes[CREW];
  ebb_handle *members[CREW];
  int next;
} crew;

static crew *crew_of(ebb_handle *h) {
  return ebb_container_of(h, crew, handle);
}

static int crew_submit(ebb_handle *h, ebb_request *r) {
  crew *c = crew_of(h);
  ebb_handle *member = c->members[c->next++ % CREW];
  r->place = member;
  return ebb_handle_submit(member, r);
}

static int crew_abort(ebb_handle *h, ebb_request *r) {
  (void)h;
  return ebb_handle_abort(r->place, r);
}

static void crew_drop(ebb_handle *h) {
  crew *c = crew_of(h);
  for (int i = 0; i < CREW; i++) ebb_handle_free(c->members[i]);
}

static const ebb_handle_ops crew_ops = {
    .what = "a crew",
    .submit = crew_submit,
    .abort = crew_abort,
    .drop = crew_drop,
};

static void open_crew(crew *c) {
  *c = (crew){.next = 0};
  ebb_handle_init(&c->handle, &crew_ops);
  for (int i = 0; i < CREW; i++) {
    c->runtimes[i] = new_runtime();
    c->members[i] = handle_of(c->runtimes[i]);
  }
}

static void close_crew(crew *c) {
  for (int i = 0; i < CREW; i++) free_runtime(c->runtimes[i]);
  ebb_handle_release(&c->handle);
}

static void *which(ebb_runtime *rt, void *arg) {
  (void)arg;
  ran++;
  return rt;
}

static void *park(ebb_runtime *rt, void *arg) {
  (void)arg;
  ran++;
  return ebb_park(rt, EBB_NEVER) == -ECANCELED ? rt : NULL;
}

TEST(tasks_of_a_crew_are_dealt_out_in_turn) {
  ebb_runtime *rt = new_runtime();
  crew c;
  ebb_join_set *set;
  ebb_result result;
  reset();
  open_crew(&c);
  ebb_target target = {.handle = &c.handle};
  CHECK(ebb_join_set_new(rt, &set) == 0);
  for (int i = 0; i < 2 * CREW; i++)
    CHECK(ebb_join_set_spawn_on(set, &target, (ebb_body){.run = which}, NULL) ==
          0);
  for (int i = 0; i < CREW; i++) {
    tick(c.runtimes[i]);
    CHECK(ran == 2 * (i + 1));
  }
  tick(rt);
  for (int i = 0; i < 2 * CREW; i++) {
    CHECK(ebb_join_set_try_join_next(set, &result) == 1);
    CHECK(result.outcome == EBB_COMPLETED);
    CHECK(result.value == c.runtimes[i / 2]);
  }
  ebb_join_set_free(set);
  free_runtime(rt);
  close_crew(&c);
}

TEST(an_abort_finds_the_member_that_has_the_task) {
  ebb_runtime *rt = new_runtime();
  crew c;
  reset();
  open_crew(&c);
  ebb_target target = {.handle = &c.handle};
  ebb_task *first = start_on(rt, target, (ebb_body){.run = park});
  ebb_task *second = start_on(rt, target, (ebb_body){.run = park});
  tick(c.runtimes[0]);
  tick(c.runtimes[1]);
  ebb_task_abort(second);
  tick(c.runtimes[1]);
  tick(rt);
  CHECK(ran == 2 && !ebb_task_is_finished(first));
  ebb_result result = join(second);
  CHECK(result.outcome == EBB_CANCELLED && result.value == c.runtimes[1]);
  ebb_task_abort(first);
  tick(c.runtimes[0]);
  tick(rt);
  CHECK(join(first).outcome == EBB_CANCELLED);
  free_runtime(rt);
  close_crew(&c);
}
