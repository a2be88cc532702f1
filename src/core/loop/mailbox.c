/* SPDX-License-Identifier: MIT */
#include "core/loop/mailbox.h"

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

/* A runtime belongs to one thread (R1). What others have of it is this: they
   may post mail, under the lock, and kick the reactor, which ends its sleep;
   the loop delivers, outside of tasks. `rt` is cleared under the same lock
   when the runtime goes, so that a thread that finds it there may kick it.
   Mail that comes too late is refused, and the sender deals with it; mail
   that has come is delivered to nobody, so that each piece is handled exactly
   once.

   `has_mail` is read without the lock each time around the loop. It may be
   seen late, but not be missed: a post that comes after the last look before
   a sleep has kicked the reactor, so that the sleep ends at once. */
static ebb_mailbox *mailbox_of(ebb_handle *h) {
  return ebb_container_of(h, ebb_mailbox, handle);
}

/* ---- the handle ---- */

/* A runtime's tasks cannot be taken back once posted: whether the loop has
   begun with one is known by its thread only. An abort follows as mail, in
   order. */
static int mailbox_submit(ebb_handle *h, ebb_request *r) {
  return ebb_mailbox_post(mailbox_of(h), &r->start);
}

static int mailbox_abort(ebb_handle *h, ebb_request *r) {
  return ebb_mailbox_post(mailbox_of(h), &r->stop);
}

/* The loop may be asleep on the strength of the last external reference. */
static void mailbox_unheld(ebb_handle *h) {
  ebb_mailbox *m = mailbox_of(h);
  ebb_mutex_lock(&m->lock);
  if (m->rt != NULL) ebb_reactor_kick(&m->rt->events.reactor);
  ebb_mutex_unlock(&m->lock);
}

static void mailbox_drop(ebb_handle *h) {
  ebb_mailbox *m = mailbox_of(h);
  assert(m->rt == NULL && ebb_list_is_empty(&m->mail));
  ebb_handle_release(&m->pool->handle);
  ebb_mutex_destroy(&m->lock);
  free(m);
}

static const ebb_handle_ops mailbox_ops = {
    .what = "another runtime",
    .submit = mailbox_submit,
    .abort = mailbox_abort,
    .unheld = mailbox_unheld,
    .drop = mailbox_drop,
};

/* ---- life ---- */

/* The first runtime of a process that is numbered goes on counting ids as it
   did before. The others may have tasks with such ids. */
static void number_runtime(ebb_handle *h, ebb_runtime *rt) {
  h->number = ebb_handle_take_number();
  h->taken = rt->tasks.last_id;
  rt->tasks.last_id += (h->number - 1) % NUMBERS << ID_BITS;
  rt->tasks.numbered = true;
}

/* In the end both halves are there, or none (R9). */
static int init_mailbox(ebb_mailbox *m, ebb_runtime *rt) {
  ebb_list_init(&m->mail);
  m->rt = rt;
  int err = ebb_mutex_init(&m->lock);
  if (err < 0) return err;
  err = ebb_blocking_pool_new(rt->remote.max_blocking_threads, &m->pool);
  if (err < 0) {
    ebb_mutex_destroy(&m->lock);
    return err;
  }
  ebb_handle_init(&m->handle, &mailbox_ops);
  m->handle.blocking = &m->pool->handle;
  return 0;
}

/* The reactor must be able to be kicked before anybody can post. */
int ebb_mailbox_get(ebb_runtime *rt, ebb_mailbox **out) {
  if (rt->remote.mailbox == NULL) {
    int err = ebb_reactor_open(&rt->events.reactor);
    if (err < 0) return err;
    ebb_mailbox *m = calloc(1, sizeof *m);
    if (m == NULL) return -ENOMEM;
    err = init_mailbox(m, rt);
    if (err < 0) {
      free(m);
      return err;
    }
    number_runtime(&m->handle, rt);
    rt->remote.mailbox = m;
  }
  *out = rt->remote.mailbox;
  return 0;
}

int ebb_handle_current(ebb_runtime *rt, ebb_handle **out) {
  ebb_mailbox *m;
  int err = ebb_mailbox_get(rt, &m);
  if (err == 0) ebb_handle_retain_external(*out = &m->handle);
  return err;
}

void ebb_mailbox_set_max_threads(ebb_runtime *rt, unsigned n) {
  ebb_mailbox *m = rt->remote.mailbox;
  rt->remote.max_blocking_threads = n;
  if (m != NULL) ebb_thread_pool_set_limit(&m->pool->threads, n);
}

/* ---- mail ---- */

/* Mail that is in the box already need not be there twice: wakers and stops
   rely on that. One kick is enough for all that comes before the next
   delivery. */
int ebb_mailbox_post(ebb_mailbox *m, ebb_mail *mail) {
  int err = 0;
  assert(mail->deliver != NULL);
  ebb_mutex_lock(&m->lock);
  if (m->rt == NULL) {
    err = -ESHUTDOWN;
  } else if (ebb_list_is_empty(&mail->link)) {
    ebb_list_push(&m->mail, &mail->link);
    if (!atomic_exchange(&m->has_mail, true))
      ebb_reactor_kick(&m->rt->events.reactor);
  }
  ebb_mutex_unlock(&m->lock);
  return err;
}

/* Once it is out of the list it is delivered, or being delivered on our own
   thread. */
bool ebb_mailbox_recall(ebb_mailbox *m, ebb_mail *mail) {
  ebb_mutex_lock(&m->lock);
  bool posted = !ebb_list_is_empty(&mail->link);
  ebb_list_remove(&mail->link);
  ebb_mutex_unlock(&m->lock);
  return posted;
}

/* The flag is cleared only when the box is seen empty under the lock: a post
   that comes after that sets it again, and kicks. */
static ebb_mail *take_mail(ebb_mailbox *m) {
  ebb_mail *mail = NULL;
  ebb_mutex_lock(&m->lock);
  if (!ebb_list_is_empty(&m->mail)) {
    mail = ebb_container_of(m->mail.next, ebb_mail, link);
    ebb_list_remove(&mail->link);
  } else {
    atomic_store(&m->has_mail, false);
  }
  ebb_mutex_unlock(&m->lock);
  return mail;
}

/* Not under the lock: what is delivered may post and spawn. */
void ebb_mailbox_deliver(ebb_runtime *rt) {
  ebb_mail *mail;
  for (int i = 0; i < DELIVERIES; i++) {
    if ((mail = take_mail(rt->remote.mailbox)) == NULL) return;
    mail->deliver(mail, rt);
  }
}

/* From here on post refuses, so what is in the box now is all there is. */
void ebb_mailbox_close(ebb_mailbox *m) {
  ebb_mail *mail;
  ebb_mutex_lock(&m->lock);
  assert(m->rt != NULL);
  m->rt = NULL;
  ebb_mutex_unlock(&m->lock);
  while ((mail = take_mail(m)) != NULL) mail->deliver(mail, NULL);
}
