/* SPDX-License-Identifier: MIT
   Tasks of one runtime that run in another. Where the order of things
   matters both runtimes belong to this thread, which drives them in turn by
   ticks; else each has a thread of its own. */
#include "core/loop/handle.h"

#include "threads.h"

/* ---- two runtimes on this thread ---- */

typedef struct pair {
  ebb_runtime *here, *there;
  ebb_handle *handle; /* of there */
} pair;

static pair new_pair(void) {
  pair p = {new_runtime(), new_runtime(), NULL};
  p.handle = handle_of(p.there);
  return p;
}

static void free_pair(pair *p) {
  ebb_handle_free(p->handle);
  if (p->here != NULL) free_runtime(p->here);
  if (p->there != NULL) free_runtime(p->there);
}

static void drop_there(pair *p) {
  free_runtime(p->there);
  p->there = NULL;
}

static void drop_here(pair *p) {
  free_runtime(p->here);
  p->here = NULL;
}

static void tick(ebb_runtime *rt) {
  if (rt != NULL) CHECK(ebb_tick(rt, EBB_NEVER, NULL) == 0);
}

/* There and back. */
static void turn(pair *p) {
  tick(p->there);
  tick(p->here);
}

static ebb_task *send(pair *p, ebb_body b) {
  return start_on(p->here, (ebb_target){.handle = p->handle}, b);
}

/* ---- what is sent ---- */

typedef struct pack {
  ebb_runtime *seen_rt;
  ebb_id seen_id;
  int runs, ends, drops;
} pack;

static void drop(void *arg) { ((pack *)arg)->drops++; }

static void poll_events(pack *p, ebb_runtime *rt) {
  p->runs++;
  p->seen_rt = rt;
  p->seen_id = ebb_task_id(ebb_current(rt));
}

static void *look(ebb_runtime *rt, void *arg) {
  poll_events(arg, rt);
  ((pack *)arg)->ends++;
  return arg;
}

/* Its value tells that it was cut off. */
static void *park(ebb_runtime *rt, void *arg) {
  poll_events(arg, rt);
  int status = ebb_park(rt, EBB_NEVER);
  ((pack *)arg)->ends++;
  return status == -ECANCELED ? arg : NULL;
}

static void *park_then_clean_up(ebb_runtime *rt, void *arg) {
  poll_events(arg, rt);
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  CHECK(ebb_sleep(rt, SECOND) == 0);
  ((pack *)arg)->ends++;
  return arg;
}

static ebb_body of(void *(*run)(ebb_runtime *, void *), pack *p) {
  return (ebb_body){.run = run, .arg = p, .drop = drop};
}

static bool came_to(const pack *p, int runs, int ends, int drops) {
  return p->runs == runs && p->ends == ends && p->drops == drops;
}

static bool is(ebb_result result, ebb_outcome outcome, void *value) {
  return result.outcome == outcome && result.value == value;
}

/* ---- handles ---- */

TEST(a_handle_has_the_number_of_its_runtime) {
  pair p = new_pair();
  ebb_handle *own = handle_of(p.here), *again = handle_of(p.there);
  ebb_handle *clone = ebb_handle_clone(own);
  CHECK(ebb_handle_id(p.handle) > 0);
  CHECK(ebb_handle_id(again) == ebb_handle_id(p.handle));
  CHECK(ebb_handle_id(own) != ebb_handle_id(p.handle));
  CHECK(ebb_handle_id(clone) == ebb_handle_id(own));
  ebb_handle_free(own);
  ebb_handle_free(again);
  CHECK(ebb_handle_id(clone) > 0);
  free_pair(&p);
  ebb_handle_free(clone);
}

TEST(a_handle_of_the_runtime_itself_changes_nothing) {
  ebb_runtime *rt = new_runtime();
  ebb_handle *h = handle_of(rt);
  pack x = {0};
  ebb_task *t = start_on(rt, (ebb_target){.handle = h}, of(look, &x));
  tick(rt);
  CHECK(x.seen_rt == rt && is(finish(t), EBB_COMPLETED, &x));
  ebb_handle_free(h);
  free_runtime(rt);
}

static void *free_handle(void *h) {
  ebb_handle_free(h);
  return NULL;
}

/* The wait may have begun before the handle is freed, or not. */
TEST(without_handles_a_deadlock_is_one_again) {
  ebb_runtime *rt = new_real_runtime();
  pack x = {0};
  start_detached(rt, park, &x);
  CHECK(ebb_run(rt) == -EDEADLK);
  for (int i = 0; i < 20; i++) {
    ebb_handle *a = handle_of(rt), *b = ebb_handle_clone(a);
    pthread_t threads[2] = {start_thread(free_handle, a),
                            start_thread(free_handle, b)};
    CHECK(ebb_run(rt) == -EDEADLK);
    for (int j = 0; j < 2; j++) join_thread(threads[j]);
  }
  free_runtime(rt);
}

TEST(a_handle_may_outlive_its_runtime) {
  pair p = new_pair();
  pack x = {0}, y = {0};
  drop_there(&p);
  ebb_task *t = send(&p, of(look, &x));
  ebb_target pool = {.handle = p.handle, .blocking = true};
  ebb_task *u = start_on(p.here, pool, of(look, &y));
  CHECK(!ebb_task_is_finished(t));
  tick(p.here);
  CHECK(is(finish(t), EBB_CANCELLED, NULL) && came_to(&x, 0, 0, 1));
  CHECK(is(finish(u), EBB_CANCELLED, NULL) && came_to(&y, 0, 0, 1));
  CHECK(ebb_handle_id(p.handle) > 0);
  free_pair(&p);
}

TEST(a_local_set_is_of_no_other_runtime) {
  pair p = new_pair();
  ebb_local_set *s;
  pack x = {0};
  ebb_task *t = NULL;
  CHECK(ebb_local_set_new(p.here, &s) == 0);
  ebb_target elsewhere = {.handle = p.handle, .local_set = s};
  ebb_target pool = {.blocking = true, .local_set = s};
  CHECK(ebb_spawn_on(p.here, &elsewhere, of(look, &x), &t) == -EINVAL);
  CHECK(ebb_spawn_on(p.here, &pool, of(look, &x), &t) == -EINVAL);
  CHECK(t == NULL && came_to(&x, 0, 0, 0));
  CHECK(ebb_run(p.here) == 0);
  ebb_local_set_free(s);
  free_pair(&p);
}

/* ---- there and back ---- */

TEST(a_task_runs_in_the_other_runtime_and_has_one_id) {
  pair p = new_pair();
  pack x = {0};
  ebb_task *t = send(&p, of(look, &x));
  tick(p.here);
  CHECK(came_to(&x, 0, 0, 0));
  tick(p.there);
  CHECK(came_to(&x, 1, 1, 0) && !ebb_task_is_finished(t));
  tick(p.here);
  CHECK(x.seen_rt == p.there && x.seen_id == ebb_task_id(t));
  CHECK(is(finish(t), EBB_COMPLETED, &x) && came_to(&x, 1, 1, 0));
  free_pair(&p);
}

TEST(a_detached_task_runs_all_the_same) {
  pair p = new_pair();
  pack x = {0};
  ebb_target target = {.handle = p.handle};
  CHECK(ebb_spawn_on(p.here, &target, of(look, &x), NULL) == 0);
  turn(&p);
  CHECK(came_to(&x, 1, 1, 0));
  CHECK(ebb_run(p.here) == 0);
  free_pair(&p);
}

TEST(tasks_start_there_in_the_order_of_spawning) {
  enum { MANY = 1000 };
  static pack packs[MANY];
  pair p = new_pair();
  memset(packs, 0, sizeof packs);
  ebb_id last = 0;
  for (int i = 0; i < MANY; i++)
    ebb_task_release(send(&p, of(look, &packs[i])));
  for (int i = 0; i < 10; i++) turn(&p);
  for (int i = 0; i < MANY; i++) {
    CHECK(came_to(&packs[i], 1, 1, 0) && packs[i].seen_id > last);
    last = packs[i].seen_id;
  }
  CHECK(ebb_run(p.here) == 0);
  free_pair(&p);
}

/* Sends one back to where it came from. */
typedef struct echo {
  ebb_handle *back;
  pack inner;
} echo;

static void *send_back(ebb_runtime *rt, void *arg) {
  echo *e = arg;
  ebb_task *t =
      start_on(rt, (ebb_target){.handle = e->back}, of(look, &e->inner));
  CHECK(is(join(t), EBB_COMPLETED, &e->inner));
  return e;
}

TEST(a_task_there_may_send_one_back) {
  pair p = new_pair();
  echo e = {handle_of(p.here), {0}};
  ebb_task *t = send(&p, body(send_back, &e));
  for (int i = 0; i < 3; i++) turn(&p);
  CHECK(e.inner.seen_rt == p.here && e.inner.seen_id != ebb_task_id(t));
  CHECK(is(finish(t), EBB_COMPLETED, &e));
  ebb_handle_free(e.back);
  free_pair(&p);
}

TEST(a_name_goes_with_the_task) {
  pair p = new_pair();
  pack x = {0};
  ebb_body b = of(look, &x);
  b.name = "executor";
  ebb_task *t = send(&p, b);
  turn(&p);
  CHECK(is(finish(t), EBB_COMPLETED, &x));
  free_pair(&p);
}

/* A runtime may have counted its tasks before it was known to others. */
TEST(an_id_from_elsewhere_is_none_that_is_in_use) {
  enum { OWN = 50 }; /* of the last; the first has far fewer */
  ebb_runtime *rts[3] = {new_runtime(), new_runtime(), new_runtime()};
  ebb_join_set *sets[3];
  pack x = {0}, y = {0};
  for (int i = 0; i < 3; i++) {
    CHECK(ebb_join_set_new(rts[i], &sets[i]) == 0);
    for (int j = 0; j <= i * OWN / 2; j++)
      CHECK(ebb_join_set_spawn(sets[i], body(park, &x), NULL) == 0);
    ebb_handle_free(handle_of(rts[i])); /* from now on it is numbered */
  }
  for (int to = 2; to >= 0; to--) {
    ebb_handle *h = handle_of(rts[to]);
    ebb_target target = {.handle = h};
    for (int from = 0; from < 3; from++)
      for (int j = 0; from != to && j < OWN; j++) {
        ebb_task *t = start_on(rts[from], target, body(park, &y));
        tick(rts[to]);
        CHECK(ebb_task_id(t) == y.seen_id);
        CHECK(!ebb_join_set_contains_task(sets[to], y.seen_id));
        ebb_task_release(t);
      }
    ebb_handle_free(h);
  }
  for (int i = 0; i < 3; i++) ebb_join_set_free(sets[i]);
  for (int i = 0; i < 3; i++) free_runtime(rts[i]);
}

/* ---- aborts ---- */

TEST(an_abort_reaches_a_task_that_has_not_arrived) {
  pair p = new_pair();
  pack x = {0};
  ebb_task *t = send(&p, of(look, &x));
  ebb_task_abort(t);
  ebb_task_abort(t);
  CHECK(!ebb_task_is_finished(t));
  turn(&p);
  CHECK(is(finish(t), EBB_CANCELLED, NULL) && came_to(&x, 0, 0, 1));
  free_pair(&p);
}

TEST(an_abort_reaches_a_task_that_waits) {
  pair p = new_pair();
  pack x = {0};
  ebb_task *t = send(&p, of(park, &x));
  turn(&p);
  CHECK(came_to(&x, 1, 0, 0));
  ebb_task_abort(t);
  tick(p.here);
  CHECK(!ebb_task_is_finished(t) && came_to(&x, 1, 0, 0));
  turn(&p);
  CHECK(is(finish(t), EBB_CANCELLED, &x) && came_to(&x, 1, 1, 0));
  free_pair(&p);
}

TEST(a_task_that_was_aborted_is_joined_after_its_clean_up) {
  pair p = new_pair();
  pack x = {0};
  ebb_task *t = send(&p, of(park_then_clean_up, &x));
  turn(&p);
  ebb_task_abort(t);
  turn(&p);
  CHECK(!ebb_task_is_finished(t) && came_to(&x, 1, 0, 0));
  CHECK(ebb_clock_advance(p.there, SECOND) == 0);
  turn(&p);
  CHECK(is(finish(t), EBB_CANCELLED, &x) && came_to(&x, 1, 1, 0));
  free_pair(&p);
}

TEST(an_abort_of_a_task_that_has_ended_there_changes_nothing) {
  pair p = new_pair();
  pack x = {0};
  ebb_task *t = send(&p, of(look, &x));
  tick(p.there);
  ebb_task_abort(t);
  turn(&p);
  ebb_task_abort(t);
  CHECK(is(finish(t), EBB_COMPLETED, &x) && came_to(&x, 1, 1, 0));
  turn(&p);
  free_pair(&p);
}

static void *abort_it(ebb_runtime *rt, void *arg) {
  (void)rt;
  ebb_task_abort(arg);
  return NULL;
}

static void *join_it(ebb_runtime *rt, void *arg) {
  ebb_result result;
  (void)rt;
  CHECK(ebb_task_join(arg, EBB_NEVER, &result) == 0);
  CHECK(result.outcome == EBB_CANCELLED);
  note("joined");
  return NULL;
}

TEST(a_task_may_wait_for_one_that_another_aborts) {
  pair p = new_pair();
  pack x = {0};
  ebb_task *t = send(&p, of(park, &x));
  start_detached(p.here, join_it, t);
  turn(&p);
  start_detached(p.here, abort_it, t);
  tick(p.here);
  turn(&p);
  CHECK(noted("joined"));
  CHECK(is(finish(t), EBB_CANCELLED, &x));
  free_pair(&p);
}

/* ---- runtimes that go ---- */

/* One in each state that a task can be in: not arrived; waiting; in its
   clean-up; ended, but here it is not known yet. */
typedef struct states {
  pack sent, waiting, cleaning, ended;
  ebb_task *tasks[4];
} states;

static void reach_all(pair *p, states *s) {
  *s = (states){0};
  s->tasks[1] = send(p, of(park, &s->waiting));
  s->tasks[2] = send(p, of(park_then_clean_up, &s->cleaning));
  turn(p);
  ebb_task_abort(s->tasks[2]);
  s->tasks[3] = send(p, of(look, &s->ended));
  tick(p->there);
  s->tasks[0] = send(p, of(look, &s->sent));
}

TEST(what_the_other_runtime_leaves_unfinished_is_cancelled) {
  pair p = new_pair();
  states s;
  reach_all(&p, &s);
  drop_there(&p);
  CHECK(came_to(&s.sent, 0, 0, 1) && came_to(&s.waiting, 1, 1, 0));
  CHECK(came_to(&s.cleaning, 1, 1, 0) && came_to(&s.ended, 1, 1, 0));
  tick(p.here);
  CHECK(is(finish(s.tasks[0]), EBB_CANCELLED, NULL));
  CHECK(is(finish(s.tasks[1]), EBB_CANCELLED, &s.waiting));
  CHECK(is(finish(s.tasks[2]), EBB_CANCELLED, &s.cleaning));
  CHECK(is(finish(s.tasks[3]), EBB_COMPLETED, &s.ended));
  free_pair(&p);
}

TEST(a_runtime_that_goes_takes_its_tasks_elsewhere_along) {
  pair p = new_pair();
  states s;
  reach_all(&p, &s);
  for (int i = 0; i < 4; i++) ebb_task_release(s.tasks[i]);
  drop_here(&p);
  tick(p.there);
  CHECK(came_to(&s.sent, 0, 0, 1) && came_to(&s.waiting, 1, 1, 0));
  CHECK(came_to(&s.cleaning, 1, 0, 0) && came_to(&s.ended, 1, 1, 0));
  CHECK(ebb_run(p.there) == 0);
  CHECK(came_to(&s.cleaning, 1, 1, 0));
  free_pair(&p);
}

TEST(both_runtimes_may_go_in_either_order) {
  for (int order = 0; order < 2; order++) {
    pair p = new_pair();
    states s;
    reach_all(&p, &s);
    for (int i = 0; i < 4; i++) ebb_task_release(s.tasks[i]);
    if (order == 0) drop_there(&p);
    drop_here(&p);
    if (order == 1) drop_there(&p);
    CHECK(came_to(&s.sent, 0, 0, 1) && came_to(&s.waiting, 1, 1, 0));
    CHECK(came_to(&s.cleaning, 1, 1, 0) && came_to(&s.ended, 1, 1, 0));
    free_pair(&p);
  }
}

/* Waits, while it is cut off itself, for a task elsewhere. */
typedef struct owner {
  pair *pair;
  pack inner;
  ebb_result result;
} owner;

static void *own_one_elsewhere(ebb_runtime *rt, void *arg) {
  owner *o = arg;
  ebb_task *t = send(o->pair, of(park, &o->inner));
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  o->result = join(t);
  return NULL;
}

TEST(a_runtime_that_goes_does_not_wait_for_another) {
  pair p = new_pair();
  owner o = {&p, {0}, {.outcome = EBB_COMPLETED, .value = &o}};
  start_detached(p.here, own_one_elsewhere, &o);
  tick(p.here);
  tick(p.there);
  CHECK(came_to(&o.inner, 1, 0, 0));
  drop_here(&p);
  CHECK(is(o.result, EBB_CANCELLED, NULL));
  tick(p.there);
  CHECK(came_to(&o.inner, 1, 1, 0));
  free_pair(&p);
}

static void *clean_up_for_ever(ebb_runtime *rt, void *arg) {
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  CHECK(ebb_park(rt, EBB_NEVER) == -EDEADLK);
  note(arg);
  return NULL;
}

/* Whoever has one can end no wait of a runtime that goes. */
TEST(a_handle_does_not_keep_a_runtime_from_going) {
  pair p = new_pair();
  start_detached(p.there, clean_up_for_ever, "cut");
  tick(p.there);
  drop_there(&p);
  CHECK(noted("cut"));
  free_pair(&p);
}

static void *spawn_while_going(ebb_runtime *rt, void *arg) {
  owner *o = arg;
  CHECK(ebb_park(rt, EBB_NEVER) == -ECANCELED);
  ebb_begin_cleanup(rt);
  o->result = join(send(o->pair, of(look, &o->inner)));
  return NULL;
}

TEST(a_clean_up_at_the_end_can_send_nothing) {
  pair p = new_pair();
  owner o = {&p, {0}, {.outcome = EBB_COMPLETED, .value = &o}};
  start_detached(p.here, spawn_while_going, &o);
  tick(p.here);
  drop_here(&p);
  CHECK(is(o.result, EBB_CANCELLED, NULL) && came_to(&o.inner, 0, 0, 1));
  free_pair(&p);
}

/* ---- deadlocks ---- */

/* Whoever has sent it may still abort it. */
TEST(a_wait_of_a_task_from_elsewhere_is_no_deadlock) {
  ebb_runtime *here = new_real_runtime(), *there = new_real_runtime();
  ebb_handle *h = handle_of(there);
  pack x = {0};
  ebb_task *t = start_on(here, (ebb_target){.handle = h}, of(park, &x));
  ebb_handle_free(h);
  tick(there);
  CHECK(x.runs == 1);
  ebb_interrupt(there);
  CHECK(ebb_run(there) == -EINTR);
  ebb_task_abort(t);
  CHECK(ebb_run(there) == 0);
  CHECK(ebb_run(here) == 0);
  CHECK(is(finish(t), EBB_CANCELLED, &x));
  free_runtime(here);
  free_runtime(there);
}

/* Mail that came with the last handle is read before a wait is called off. */
enum { VISITS = 300 };

typedef struct visitor {
  ebb_handle *host;
  atomic_int *visits;
} visitor;

static void *count_visit(ebb_runtime *rt, void *arg) {
  (void)rt;
  atomic_fetch_add((atomic_int *)arg, 1);
  return NULL;
}

static void *visit(void *arg) {
  visitor *v = arg;
  ebb_runtime *rt = new_real_runtime();
  ebb_task *t = start_on(rt, (ebb_target){.handle = v->host},
                         body(count_visit, v->visits));
  ebb_handle_free(v->host);
  CHECK(join(t).outcome == EBB_COMPLETED);
  free_runtime(rt);
  return NULL;
}

TEST(no_task_is_overlooked_when_the_last_handle_goes) {
  ebb_runtime *rt = new_real_runtime();
  pack x = {0};
  atomic_int visits = 0;
  start_detached(rt, park, &x);
  for (int i = 1; i <= VISITS; i++) {
    visitor v = {handle_of(rt), &visits};
    pthread_t thread = start_thread(visit, &v);
    CHECK(ebb_run(rt) == -EDEADLK);
    CHECK(atomic_load(&visits) == i);
    join_thread(thread);
  }
  free_runtime(rt);
}

/* ---- sets and maps ---- */

TEST(a_set_holds_tasks_of_any_place) {
  pair p = new_pair();
  ebb_join_set *s;
  ebb_target there = {.handle = p.handle};
  pack packs[4] = {{0}};
  ebb_id ids[4];
  ebb_result result;
  CHECK(ebb_join_set_new(p.here, &s) == 0);
  for (int i = 0; i < 4; i++)
    CHECK(ebb_join_set_spawn_on(s, i % 2 ? &there : NULL,
                                of(i < 2 ? look : park, &packs[i]),
                                &ids[i]) == 0);
  for (int i = 0; i < 4; i++) CHECK(ebb_join_set_contains_task(s, ids[i]));
  tick(p.here);
  turn(&p);
  for (int i = 0; i < 2; i++) {
    CHECK(ebb_join_set_try_join_next(s, &result) == 1);
    CHECK(result.id == ids[i] && is(result, EBB_COMPLETED, &packs[i]));
  }
  CHECK(ebb_join_set_try_join_next(s, &result) == 0);
  ebb_join_set_abort_all(s);
  turn(&p);
  for (int i = 2; i < 4; i++) {
    CHECK(ebb_join_set_try_join_next(s, &result) == 1);
    CHECK(result.id == ids[i] && is(result, EBB_CANCELLED, &packs[i]));
  }
  CHECK(ebb_join_set_len(s) == 0);
  ebb_join_set_free(s);
  free_pair(&p);
}

TEST(a_set_that_is_freed_aborts_its_tasks_elsewhere) {
  pair p = new_pair();
  ebb_join_set *s;
  ebb_target there = {.handle = p.handle};
  pack x = {0}, y = {0};
  CHECK(ebb_join_set_new(p.here, &s) == 0);
  CHECK(ebb_join_set_spawn_on(s, &there, of(park, &x), NULL) == 0);
  tick(p.there);
  CHECK(ebb_join_set_spawn_on(s, &there, of(park, &y), NULL) == 0);
  ebb_join_set_free(s);
  turn(&p);
  CHECK(came_to(&x, 1, 1, 0) && came_to(&y, 0, 0, 1));
  free_pair(&p);
}

TEST(a_key_stands_for_the_newest_task_wherever_it_runs) {
  pair p = new_pair();
  ebb_join_map *m;
  ebb_target there = {.handle = p.handle};
  ebb_key key = EBB_KEY_INT(7), got;
  pack x = {0}, y = {0}, z = {0};
  ebb_result result;
  ebb_id id;
  CHECK(ebb_join_map_new(p.here, NULL, &m) == 0);
  CHECK(ebb_join_map_spawn_on(m, key, &there, of(park, &x), NULL) == 0);
  tick(p.there);
  CHECK(ebb_join_map_spawn_on(m, key, &there, of(park, &y), NULL) == 0);
  CHECK(ebb_join_map_spawn_on(m, key, &there, of(look, &z), &id) == 0);
  turn(&p);
  CHECK(came_to(&x, 1, 1, 0) && came_to(&y, 0, 0, 1) && came_to(&z, 1, 1, 0));
  CHECK(ebb_join_map_try_join_next(m, &got, &result) == 1);
  CHECK(got.bits == 7 && result.id == id && z.seen_id == id);
  CHECK(is(result, EBB_COMPLETED, &z) && ebb_join_map_len(m) == 0);
  ebb_join_map_free(m);
  CHECK(ebb_run(p.here) == 0);
  free_pair(&p);
}

TEST(a_map_learns_that_the_other_runtime_has_gone) {
  pair p = new_pair();
  ebb_join_map *m;
  ebb_target there = {.handle = p.handle};
  pack packs[5] = {{0}};
  ebb_key key;
  ebb_result result;
  CHECK(ebb_join_map_new(p.here, NULL, &m) == 0);
  for (int i = 0; i < 5; i++)
    CHECK(ebb_join_map_spawn_on(m, EBB_KEY_INT(i), &there, of(park, &packs[i]),
                                NULL) == 0);
  drop_there(&p);
  for (int i = 0; i < 5; i++) {
    CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, &result) == 1);
    CHECK(key.bits == (uint64_t)i && is(result, EBB_CANCELLED, NULL));
    CHECK(came_to(&packs[i], 0, 0, 1));
  }
  CHECK(ebb_join_map_join_next(m, EBB_NEVER, &key, &result) == 0);
  ebb_join_map_free(m);
  free_pair(&p);
}

/* An abort never runs the task's code, so that it can change no map. */
static ebb_join_map *dropped_into;

static void drop_into_map(void *arg) {
  drop(arg);
  ebb_join_map_detach_all(dropped_into);
}

TEST(an_abort_that_cannot_be_sent_drops_later) {
  pair p = new_pair();
  ebb_target there = {.handle = p.handle};
  pack x = {0}, y = {0};
  ebb_body b = {.run = look, .arg = &x, .drop = drop_into_map};
  drop_there(&p);
  CHECK(ebb_join_map_new(p.here, NULL, &dropped_into) == 0);
  ebb_key key = EBB_KEY_INT(1);
  CHECK(ebb_join_map_spawn_on(dropped_into, key, &there, b, NULL) == 0);
  CHECK(came_to(&x, 0, 0, 0));
  CHECK(ebb_join_map_spawn(dropped_into, key, of(look, &y), NULL) == 0);
  CHECK(came_to(&x, 0, 0, 0) && ebb_join_map_len(dropped_into) == 1);
  tick(p.here);
  CHECK(came_to(&x, 0, 0, 1) && came_to(&y, 1, 1, 0));
  CHECK(ebb_join_map_len(dropped_into) == 0);
  ebb_join_map_free(dropped_into);
  free_pair(&p);
}

/* ---- runtimes on threads of their own ---- */

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
