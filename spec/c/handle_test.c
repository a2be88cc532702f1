/* SPDX-License-Identifier: MIT
   Tasks of one runtime that run in another. */
#include "runtime_pair.h"

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
