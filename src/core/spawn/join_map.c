/* SPDX-License-Identifier: MIT */
#include "core/spawn/join_map.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/loop/wait.h"
#include "core/spawn/spawn.h"

/* ---- default keys: integers, and bytes that are copied ---- */

/* A map is a set whose members' keys mean something; where a key is kept and
   how long is all that is added here. Keys of the default kind are integers,
   or bytes that are copied into the map. With ops of its own a map takes
   keys as they are, and comparing them may run any code, of a script for
   instance, which may change the map under the search. */
static uint64_t default_hash(void *ctx, ebb_key key) {
  (void)ctx;
  return key.data == NULL ? ebb_hash_int(key.bits)
                          : ebb_hash_bytes(key.data, key.bits);
}

static int default_equal(void *ctx, ebb_key a, ebb_key b) {
  (void)ctx;
  if (a.bits != b.bits || (a.data == NULL) != (b.data == NULL)) return 0;
  return a.data == NULL || memcmp(a.data, b.data, a.bits) == 0;
}

/* The empty byte key must not become NULL, which says integer. */
static size_t copy_size(ebb_key key) { return key.bits > 0 ? key.bits : 1; }

/* Before anything is changed: it may fail. */
static int copy_key(ebb_join_map *m, ebb_key *key) {
  if (!m->copies || key->data == NULL) return 0;
  void *copy = ebb_alloc_new(&m->set.rt->alloc, copy_size(*key));
  if (copy == NULL) return -ENOMEM;
  memcpy(copy, key->data, key->bits);
  key->data = copy;
  return 0;
}

void ebb_join_map_key_free(ebb_join_map *m, ebb_key key) {
  if (!m->copies || key.data == NULL) return;
  ebb_alloc_free(&m->set.rt->alloc, (void *)(uintptr_t)key.data,
                 copy_size(key));
}

/* `drop` is of maps with ops of their own, the copy of those without. */
static void drop_key(ebb_join_map *m, ebb_key key) {
  ebb_join_map_key_free(m, key);
  if (m->ops.drop != NULL) m->ops.drop(m->ops.ctx, key);
}

/* ---- the table of keys ---- */

/* Hashes are compared first, so that `equal` is called for likely matches
   only. */
int ebb_join_map_find(ebb_join_map *m, uint32_t hash, ebb_key key, void *ctx,
                      uint32_t *slot) {
again:
  for (*slot = ebb_table_first(&m->set.group.members, hash);
       *slot != EBB_TABLE_NONE;
       *slot = ebb_table_next(&m->set.group.members, *slot)) {
    uint32_t version = m->set.group.members.version;
    int same =
        m->ops.equal(ctx, ebb_table_key(&m->set.group.members, *slot), key);
    if (same < 0) return same;
    /* `equal` may have changed the map: then the walk is worth nothing. */
    if (version != m->set.group.members.version) goto again;
    if (same > 0) return 0;
  }
  return 0;
}

/* The two keys are equal but need not be the same: each has its owner. */
ebb_key ebb_join_map_replace(ebb_join_map *m, ebb_task *old, ebb_key key,
                             ebb_task *t) {
  ebb_key old_key = ebb_join_map_key(m, old);
  ebb_join_set_replace(&m->set, old, key, t);
  return old_key;
}

/* ---- the public map ---- */

/* The ops are copied: the caller's may be on its stack. */
void ebb_join_map_init(ebb_join_map *m, ebb_runtime *rt,
                       const ebb_key_ops *ops) {
  ebb_key_ops defaults = {.hash = default_hash, .equal = default_equal};
  m->ops = ops == NULL ? defaults : *ops;
  m->copies = ops == NULL;
  ebb_join_set_init(&m->set, rt);
}

void ebb_join_map_destroy(ebb_join_map *m) {
  ebb_join_map_abort_all(m);
  ebb_join_map_detach_all(m);
  ebb_join_set_destroy(&m->set);
}

int ebb_join_map_new(ebb_runtime *rt, const ebb_key_ops *ops,
                     ebb_join_map **out) {
  ebb_join_map *m = ebb_alloc_new(&rt->alloc, sizeof *m);
  if (m == NULL) return -ENOMEM;
  ebb_join_map_init(m, rt, ops);
  *out = m;
  return 0;
}

void ebb_join_map_free(ebb_join_map *m) {
  ebb_join_map_destroy(m);
  ebb_alloc_free(&m->set.rt->alloc, m, sizeof *m);
}

/* A user's hash may be poor in its low bits, which are the ones that the
   table uses: it is mixed once more. Our own is mixed as it is, and integers
   keep their order by it. */
static uint32_t hash_of(const ebb_join_map *m, ebb_key key) {
  uint64_t hash = m->ops.hash(m->ops.ctx, key);
  return ebb_hash_fold(m->copies ? hash : ebb_hash_bits(hash));
}

static int find_key(ebb_join_map *m, ebb_key key, uint32_t *slot) {
  return ebb_join_map_find(m, hash_of(m, key), key, m->ops.ctx, slot);
}

/* The old one is aborted but not waited for: nobody will see it, and its
   clean-up runs as that of a detached task. */
static void replace_task(ebb_join_map *m, ebb_task *old, ebb_key key,
                         ebb_task *t) {
  ebb_task_abort(old);
  drop_key(m, ebb_join_map_replace(m, old, key, t));
  ebb_task_release(old);
}

typedef struct place {
  ebb_join_map *m;
  uint32_t hash;
  ebb_key key;
  uint32_t slot; /* where the key is, or EBB_TABLE_NONE */
} place;

static int place_poll(void *op, ebb_await *w) {
  place *o = op;
  int err = ebb_join_map_find(o->m, o->hash, o->key, o->m->ops.ctx, &o->slot);
  if (err < 0) return err;
  const ebb_task *old = o->slot == EBB_TABLE_NONE
                            ? NULL
                            : ebb_table_item(&o->m->set.group.members, o->slot);
  return ebb_join_map_poll_place(o->m, old, w);
}

/* Finds where a task will go, waiting for a free place if there is a limit. */
static int find_place(ebb_join_map *m, uint32_t hash, ebb_key key,
                      uint32_t *slot) {
  place o = {m, hash, key, EBB_TABLE_NONE};
  int err = ebb_await_run(m->set.rt, "a free place", place_poll, &o);
  *slot = o.slot;
  return err;
}

/* `equal` and the wait for a place may run other tasks, which may change the
   map; from ebb_join_map_reserve on no code but ours runs, so that `old`
   holds until it is used. */
int ebb_join_map_spawn_on(ebb_join_map *m, ebb_key key,
                          const ebb_target *target, ebb_body body, ebb_id *id) {
  uint32_t hash = hash_of(m, key), old;
  ebb_task *t;
  int err = find_place(m, hash, key, &old);
  if (err < 0) return err;
  err = ebb_join_map_reserve(m, 1);
  if (err < 0) return err;
  err = copy_key(m, &key);
  if (err < 0) return err;
  err = ebb_spawn_create(m->set.rt, target, body, &t);
  if (err < 0) {
    ebb_join_map_key_free(m, key);
    return err;
  }
  if (old != EBB_TABLE_NONE)
    replace_task(m, ebb_table_item(&m->set.group.members, old), key, t);
  else
    ebb_join_map_put(m, hash, key, t);
  if (id != NULL) *id = t->id;
  ebb_task_start(t);
  return 0;
}

int ebb_join_map_spawn(ebb_join_map *m, ebb_key key, ebb_body body,
                       ebb_id *id) {
  return ebb_join_map_spawn_on(m, key, NULL, body, id);
}

void ebb_join_map_set_max_tasks(ebb_join_map *m, size_t n) {
  m->set.max_tasks = n;
  ebb_wake_all(&m->set.waiters);
}

/* The key goes to the caller, or is dropped if it is not asked for. */
int ebb_join_map_try_join_next(ebb_join_map *m, ebb_key *key,
                               ebb_result *result) {
  ebb_task *t = ebb_join_set_peek(&m->set);
  if (t == NULL) return 0;
  ebb_key k = ebb_join_map_remove(m, t);
  if (key != NULL)
    *key = k;
  else
    drop_key(m, k);
  ebb_task_result(t, result);
  ebb_task_release(t);
  return 1;
}

int ebb_join_map_join_next(ebb_join_map *m, int64_t deadline, ebb_key *key,
                           ebb_result *result) {
  int n = ebb_join_set_wait_next(&m->set, deadline);
  return n == 1 ? ebb_join_map_try_join_next(m, key, result) : n;
}

int ebb_join_map_contains_key(ebb_join_map *m, ebb_key key) {
  uint32_t slot;
  int err = find_key(m, key, &slot);
  return err < 0 ? err : slot != EBB_TABLE_NONE;
}

int ebb_join_map_abort(ebb_join_map *m, ebb_key key) {
  uint32_t slot;
  int err = find_key(m, key, &slot);
  if (err < 0) return err;
  if (slot == EBB_TABLE_NONE) return 0;
  ebb_task_abort(ebb_table_item(&m->set.group.members, slot));
  return 1;
}

/* Collecting the matches first would take memory, so tasks are aborted
   during the walk, which survives whatever the predicate does. */
int ebb_join_map_abort_matching(ebb_join_map *m,
                                int (*pred)(void *ctx, ebb_key key),
                                void *ctx) {
  ebb_table_cursor c = ebb_join_set_begin_walk(&m->set);
  for (ebb_task *t; (t = ebb_join_set_walk(&m->set, &c)) != NULL;) {
    /* The predicate may free the task; its id tells. */
    ebb_id id = t->id;
    int match = pred(ctx, ebb_join_map_key(m, t));
    if (match < 0) return match;
    if (match > 0 && ebb_join_map_contains_task(m, id)) ebb_task_abort(t);
  }
  return 0;
}

void ebb_join_map_abort_all(ebb_join_map *m) {
  ebb_join_set_abort_all(&m->set);
}

/* A walk and no scan: `drop` of a key may change the map. */
void ebb_join_map_detach_all(ebb_join_map *m) {
  ebb_table_cursor c = ebb_join_set_begin_walk(&m->set);
  for (ebb_task *t; (t = ebb_join_set_walk(&m->set, &c)) != NULL;) {
    drop_key(m, ebb_join_map_remove(m, t));
    ebb_task_release(t);
  }
}

int ebb_join_map_shutdown(ebb_join_map *m) {
  ebb_join_map_abort_all(m);
  int n;
  do n = ebb_join_map_join_next(m, EBB_NEVER, NULL, NULL);
  while (n == 1);
  return n;
}

bool ebb_join_map_contains_task(const ebb_join_map *m, ebb_id id) {
  return ebb_join_set_contains_task(&m->set, id);
}

size_t ebb_join_map_len(const ebb_join_map *m) {
  return m->set.group.members.len;
}

size_t ebb_join_map_capacity(const ebb_join_map *m) {
  return m->set.group.members.capacity;
}

int ebb_join_map_reserve(ebb_join_map *m, size_t n) {
  return ebb_table_reserve(&m->set.group.members, n);
}

/* Shrinking renumbers the slots, which the tasks keep. */
static void moved(void *item, uint32_t slot) {
  ((ebb_task *)item)->group_slot = slot;
}

int ebb_join_map_shrink_to(ebb_join_map *m, size_t n) {
  return ebb_table_shrink(&m->set.group.members, n, moved);
}
