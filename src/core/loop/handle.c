/* SPDX-License-Identifier: MIT */
#include "core/loop/handle.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
  /* Mail of one look: tasks have their turn even when more keeps coming. */
  DELIVERIES = 256,
  /* Each runtime numbers its tasks from its own multiple of 2^44 on, so that
     an id means one task in all the runtimes that know of each other. */
  ID_BITS = 44,
  /* As many as leave the sign of a Lua integer alone; then again from 0. */
  NUMBERS = 1 << 19
};

/* ---- life ---- */

static void retain_owner(void *h) { ebb_handle_retain(h); }

static void release_owner(void *h) { ebb_handle_release(h); }

/* The first runtime of a process that is numbered goes on counting ids as it
   did before. The others may have tasks with such ids. */
static void number_runtime(ebb_handle *h, ebb_runtime *rt) {
  static _Atomic uint64_t last;
  h->number = atomic_fetch_add(&last, 1) + 1;
  h->taken = rt->tasks.last_id;
  rt->tasks.last_id += (h->number - 1) % NUMBERS << ID_BITS;
  rt->tasks.numbered = true;
}

static int init_handle(ebb_handle *h, ebb_runtime *rt) {
  ebb_list_init(&h->mailbox);
  h->rt = rt;
  atomic_init(&h->refs, 1);
  int err = ebb_mutex_init(&h->lock);
  if (err < 0) return err;
  err = ebb_thread_pool_init(&h->pool);
  if (err < 0) {
    ebb_mutex_destroy(&h->lock);
    return err;
  }
  h->pool.owner = h;
  h->pool.retain = retain_owner;
  h->pool.release = release_owner;
  if (rt->remote.max_blocking_threads > 0)
    h->pool.limit = rt->remote.max_blocking_threads;
  return 0;
}

int ebb_handle_get(ebb_runtime *rt, ebb_handle **out) {
  if (rt->remote.handle == NULL) {
    int err = ebb_reactor_open(&rt->events.reactor);
    if (err < 0) return err;
    ebb_handle *h = calloc(1, sizeof *h);
    if (h == NULL) return -ENOMEM;
    err = init_handle(h, rt);
    if (err < 0) {
      free(h);
      return err;
    }
    number_runtime(h, rt);
    rt->remote.handle = h;
  }
  *out = rt->remote.handle;
  return 0;
}

void ebb_handle_spare_ids(const ebb_handle *there, ebb_runtime *rt) {
  if (rt->tasks.last_id < there->taken) rt->tasks.last_id = there->taken;
}

void ebb_handle_retain(ebb_handle *h) { atomic_fetch_add(&h->refs, 1); }

void ebb_handle_release(ebb_handle *h) {
  if (atomic_fetch_sub(&h->refs, 1) > 1) return;
  assert(h->rt == NULL && ebb_list_is_empty(&h->mailbox));
  ebb_thread_pool_destroy(&h->pool);
  ebb_mutex_destroy(&h->lock);
  free(h);
}

/* ---- references from outside ---- */

void ebb_handle_retain_external(ebb_handle *h) {
  atomic_fetch_add(&h->external, 1);
  ebb_handle_retain(h);
}

/* The loop may be asleep on the strength of this reference: the last one
   wakes it. */
void ebb_handle_release_external(ebb_handle *h) {
  if (atomic_fetch_sub(&h->external, 1) == 1) {
    ebb_mutex_lock(&h->lock);
    if (h->rt != NULL) ebb_reactor_kick(&h->rt->events.reactor);
    ebb_mutex_unlock(&h->lock);
  }
  ebb_handle_release(h);
}

int ebb_handle_current(ebb_runtime *rt, ebb_handle **out) {
  int err = ebb_handle_get(rt, out);
  if (err == 0) ebb_handle_retain_external(*out);
  return err;
}

ebb_handle *ebb_handle_clone(ebb_handle *h) {
  ebb_handle_retain_external(h);
  return h;
}

void ebb_handle_free(ebb_handle *h) { ebb_handle_release_external(h); }

uint64_t ebb_handle_id(const ebb_handle *h) { return h->number; }

/* ---- mail ---- */

int ebb_handle_post(ebb_handle *h, ebb_mail *mail) {
  int err = 0;
  ebb_mutex_lock(&h->lock);
  if (h->rt == NULL) {
    err = -ESHUTDOWN;
  } else if (ebb_list_is_empty(&mail->link)) {
    ebb_list_push(&h->mailbox, &mail->link);
    if (!atomic_exchange(&h->has_mail, true))
      ebb_reactor_kick(&h->rt->events.reactor);
  }
  ebb_mutex_unlock(&h->lock);
  return err;
}

bool ebb_handle_recall(ebb_handle *h, ebb_mail *mail) {
  ebb_mutex_lock(&h->lock);
  bool posted = !ebb_list_is_empty(&mail->link);
  ebb_list_remove(&mail->link);
  ebb_mutex_unlock(&h->lock);
  return posted;
}

static ebb_mail *take_mail(ebb_handle *h) {
  ebb_mail *mail = NULL;
  ebb_mutex_lock(&h->lock);
  if (!ebb_list_is_empty(&h->mailbox)) {
    mail = ebb_container_of(h->mailbox.next, ebb_mail, link);
    ebb_list_remove(&mail->link);
  } else {
    atomic_store(&h->has_mail, false);
  }
  ebb_mutex_unlock(&h->lock);
  return mail;
}

void ebb_handle_deliver(ebb_runtime *rt) {
  ebb_mail *mail;
  for (int i = 0; i < DELIVERIES; i++) {
    if ((mail = take_mail(rt->remote.handle)) == NULL) return;
    mail->deliver(mail, rt);
  }
}

void ebb_handle_close(ebb_handle *h) {
  ebb_mail *mail;
  ebb_mutex_lock(&h->lock);
  h->rt = NULL;
  ebb_mutex_unlock(&h->lock);
  while ((mail = take_mail(h)) != NULL) mail->deliver(mail, NULL);
}
