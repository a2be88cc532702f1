/* SPDX-License-Identifier: MIT */
#include "core/loop/poller.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "core/loop/runtime.h"

enum {
  FIRST_CAPACITY = 16,
  LOOKS = 4 /* by then they have cost about as much as an epoll does */
};

/* It is alive while its task is in the list, whatever ends the wait; nobody
   has to take it out. */
typedef struct poll_wait {
  ebb_list link;       /* in the poller's list, in the order of the array */
  ebb_list waiters;    /* the task */
  size_t first, count; /* its part of the array */
  int gathered;        /* the epoll that has its fds, and is its part; or -1 */
  int looks;
} poll_wait;

/* A wait is a part of one array, which poll(2) takes as a whole. It is
   thrown away lazily: when its task is woken by whatever, the list of the
   record is empty, and the next sweep closes the gap. So ending such a wait
   costs nothing, which is right for a server whose clients all time out at
   once. */
static poll_wait *wait_of(ebb_list *link) {
  return ebb_container_of(link, poll_wait, link);
}

void ebb_poller_init(ebb_poller *p, const ebb_alloc *alloc) {
  *p = (ebb_poller){.len = 1, .alloc = alloc};
  ebb_list_init(&p->waits);
  ebb_slab_init(&p->records, sizeof(poll_wait), alloc);
}

static void drop_wait(ebb_poller *p, poll_wait *w) {
  ebb_list_remove(&w->link);
  if (w->gathered >= 0) ebb_reactor_scatter(w->gathered);
  ebb_slab_give(&p->records, w);
}

static size_t fds_size(size_t count) { return count * sizeof(struct pollfd); }

void ebb_poller_destroy(ebb_poller *p) {
  while (!ebb_list_is_empty(&p->waits)) drop_wait(p, wait_of(p->waits.next));
  ebb_alloc_free(p->alloc, p->fds, fds_size(p->capacity));
  ebb_slab_destroy(&p->records);
}

/* ---- the array ---- */

/* Takes away what nobody waits in.
   The order of the array is that of the list, so that one pass moves each
   part at most once, to the left. */
static void sweep(ebb_poller *p) {
  ebb_list *next, *at = p->waits.next;
  p->len = 1;
  for (; at != &p->waits; at = next) {
    poll_wait *w = wait_of(at);
    next = at->next;
    if (ebb_list_is_empty(&w->waiters)) {
      drop_wait(p, w);
      continue;
    }
    if (w->first != p->len)
      memmove(p->fds + p->len, p->fds + w->first, fds_size(w->count));
    w->first = p->len;
    p->len += w->count;
  }
}

static int make_room(ebb_poller *p, size_t n) {
  size_t capacity = p->capacity > 0 ? p->capacity : FIRST_CAPACITY;
  while (capacity - p->len < n) capacity *= 2;
  if (capacity == p->capacity) return 0;
  struct pollfd *fds = ebb_alloc_resize(p->alloc, p->fds, fds_size(p->capacity),
                                        fds_size(capacity));
  if (fds == NULL) return -ENOMEM;
  p->fds = fds;
  p->capacity = capacity;
  return 0;
}

/* Entries with a negative fd are none, as for poll. */
static void append_wait(ebb_poller *p, poll_wait *w, const struct pollfd *fds,
                        size_t n) {
  *w = (poll_wait){.first = p->len, .gathered = -1};
  for (size_t i = 0; i < n; i++)
    if (fds[i].fd >= 0) p->fds[p->len++] = fds[i];
  assert(p->len <= p->capacity);
  w->count = p->len - w->first;
  ebb_list_init(&w->waiters);
  ebb_list_push(&p->waits, &w->link);
}

static int add_wait(ebb_poller *p, const struct pollfd *fds, size_t n,
                    ebb_list **out) {
  sweep(p);
  int err = make_room(p, n);
  if (err < 0) return err;
  poll_wait *w = ebb_slab_take(&p->records);
  if (w == NULL) return -ENOMEM;
  append_wait(p, w, fds, n);
  *out = &w->waiters;
  return 0;
}

/* ---- one fd alone ---- */

/* Is it one fd that they stand for? *one: it, with all that is asked; -1: none
   is there.
   A wait for one fd, perhaps named twice, is what the reactor does better,
   as long as it is about reading and writing only. */
static bool is_one(const struct pollfd *fds, size_t n, struct pollfd *one) {
  *one = (struct pollfd){.fd = -1};
  for (size_t i = 0; i < n; i++) {
    if (fds[i].fd < 0) continue;
    if (one->fd >= 0 && one->fd != fds[i].fd) return false;
    one->fd = fds[i].fd;
    one->events |= fds[i].events;
  }
  return true;
}

/* What the reactor watches for. */
static int simple_events(const struct pollfd *one) {
  if ((one->events & ~(POLLIN | POLLOUT)) != 0) return 0;
  return (one->events & POLLIN ? EBB_READ : 0) |
         (one->events & POLLOUT ? EBB_WRITE : 0);
}

/* Three cases: nothing to wait for but the deadline; one fd, which is left
   to fd.c; several, or one with events that only poll knows. */
int ebb_poller_add(ebb_runtime *rt, const struct pollfd *fds, size_t n,
                   ebb_list **out) {
  struct pollfd one;
  *out = NULL;
  if (!is_one(fds, n, &one)) return add_wait(&rt->events.poller, fds, n, out);
  if (one.fd < 0) return 0;
  int events = simple_events(&one);
  if (events == 0) return add_wait(&rt->events.poller, &one, 1, out);
  ebb_fd *f;
  int err = ebb_fd_watch(rt, one.fd, &f);
  if (err == 0) *out = ebb_fd_waiters(f, events);
  return err;
}

bool ebb_poller_sweep(ebb_poller *p) {
  sweep(p);
  return !ebb_list_is_empty(&p->waits);
}

/* ---- gathering ---- */

/* The array keeps one entry, the epoll's own fd, in the place of the first. */
static int gather_wait(ebb_poller *p, poll_wait *w) {
  int gathered = ebb_reactor_gather(p->fds + w->first, w->count);
  if (gathered < 0) return gathered;
  p->fds[w->first] = (struct pollfd){gathered, POLLIN, 0};
  w->count = 1;
  w->gathered = gathered;
  return 0;
}

/* Without an fd to spare it stays as it is for as long again.
   A short wait is over before an epoll would have paid for itself. */
static void gather_long_waits(ebb_poller *p) {
  for (ebb_list *at = p->waits.next; at != &p->waits; at = at->next) {
    poll_wait *w = wait_of(at);
    if (w->count == 1 || w->looks++ < LOOKS) continue;
    w->looks = 0;
    (void)gather_wait(p, w);
  }
}

/* For poll(2), which takes no more than the process may have open; an fd may be
   in several waits. A wait that cannot be gathered ends. */
static void gather_all(ebb_poller *p) {
  for (ebb_list *at = p->waits.next; at != &p->waits; at = at->next) {
    poll_wait *w = wait_of(at);
    int err = w->gathered < 0 ? gather_wait(p, w) : 0;
    if (err < 0) ebb_task_end_waits(&w->waiters, err);
  }
  sweep(p);
}

/* ---- looking ---- */

/* Of the part that belongs to one wait. */
static bool has_event(const struct pollfd *fds, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (fds[i].revents != 0) return true;
  return false;
}

static void wake_ready(ebb_poller *p) {
  for (ebb_list *at = p->waits.next; at != &p->waits; at = at->next) {
    poll_wait *w = wait_of(at);
    if (has_event(p->fds + w->first, w->count))
      ebb_task_end_waits(&w->waiters, 1);
  }
}

/* Sleeps for at most `ns`, until the reactor has something to tell (then 1), or
   one of the fds has; or a negative errno.
   With more entries than the process may have open files poll refuses: then
   every wait is gathered at once, and the look is made without sleeping, as
   time has passed. */
static int sleep_in_poll(ebb_runtime *rt, int64_t ns) {
  ebb_poller *p = &rt->events.poller;
  gather_long_waits(p);
  sweep(p);
  assert(p->len >= 1 && p->len <= p->capacity);
  int n = ebb_reactor_wait_with(&rt->events.reactor, ns, p->fds, p->len);
  if (n == -EINVAL) {
    gather_all(p);
    n = ebb_reactor_wait_with(&rt->events.reactor, 0, p->fds, p->len);
  }
  if (n <= 0) return n;
  wake_ready(p);
  return p->fds[0].revents != 0;
}

/* The reactor's own fd is the first entry, so one sleep serves both; what it
   has is fetched afterwards, without waiting again. */
int ebb_poller_look(ebb_runtime *rt, int64_t ns) {
  if (ebb_poller_is_awaited(&rt->events.poller)) {
    int found = sleep_in_poll(rt, ns);
    if (found <= 0) return found;
    ns = 0;
  }
  return ebb_fd_look(rt, ns);
}

/* ---- forgetting ---- */

static bool has_fd(const ebb_poller *p, const poll_wait *w, int fd) {
  if (w->gathered >= 0) return ebb_reactor_take_out(w->gathered, fd);
  for (size_t i = 0; i < w->count; i++)
    if (p->fds[w->first + i].fd == fd) return true;
  return false;
}

/* A task that waits for many fds is told, although its others are open: it
   must not go on to poll a number that will be another file. */
void ebb_poller_forget(ebb_poller *p, int fd) {
  for (ebb_list *at = p->waits.next; at != &p->waits; at = at->next) {
    poll_wait *w = wait_of(at);
    if (has_fd(p, w, fd)) ebb_task_end_waits(&w->waiters, EBB_GONE);
  }
}
