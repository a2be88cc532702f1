/* SPDX-License-Identifier: MIT

   ebb: a coroutine scheduler with keyed tasks, for C and for Lua.

   One header. The first part needs no Lua; the last part gives a Lua state
   its `ebb` module. Every function says what it does, what must hold before,
   the units, what it returns, who may call it and whether it may wait.

   The model. Comments, asserts and specs cite these rules by number.

   R1  A runtime belongs to the thread that uses it. Everything that takes a
       runtime, task, set or map is called on that thread, except the calls
       marked *any thread*. There is no global state.
   R2  One task runs at a time, until it waits or ends. Nothing else runs in
       between: no signal handler, no hidden thread.
   R3  A task is ready, running, waiting or finished. It starts ready, and
       first runs when the caller next waits, in the order of spawning.
   R4  A waiting task waits in at most one list and for at most one
       deadline; both nodes are inside the task, so waiting allocates
       nothing but (amortized) room in the timer heap, and in ebb_wait_fds
       for the entries.
   R5  Abort is a request: it never waits and never runs the task's code. It
       takes effect at the task's current or next wait, and is without
       effect on a task that has finished.
   R6  A result is seen only when the task has finished, its clean-up
       included, and it is seen by everyone who asks from then on.
   R7  A task exists while it is unfinished, is in a set or map, or is
       referred to by a handle.
   R8  A task holds a stack only while it is suspended in the middle of a
       call. Any other waiting task costs its own memory alone.
   R9  A call that fails has changed nothing. Failure is a negative errno.
   R10 Times are int64_t nanoseconds of the runtime's clock; waits take
       deadlines, EBB_NEVER being one that does not come.
   R11 What is given to a waiting task is its own from that moment; if the
       task is aborted before it runs, the next in line has it at once. */
#ifndef EBB_H
#define EBB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EBB_VERSION "0.1.0"

#if defined(__GNUC__)
#define EBB_API __attribute__((visibility("default")))
#else
#define EBB_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ebb_runtime ebb_runtime;
typedef struct ebb_task ebb_task;
typedef struct ebb_join_set ebb_join_set;
typedef struct ebb_join_map ebb_join_map;
typedef struct ebb_waker ebb_waker;
typedef struct ebb_handle ebb_handle;
typedef struct ebb_local_set ebb_local_set;
typedef struct ebb_semaphore ebb_semaphore;
typedef struct ebb_notify ebb_notify;
typedef struct ebb_channel ebb_channel;
struct pollfd;

/* Counted from 1, never used again. Unique within a runtime, and among all
   runtimes that tasks are spawned on from another. */
typedef uint64_t ebb_id;

#define EBB_NEVER INT64_MAX

/* ---- runtime ---------------------------------------------------------- */

/* The same contract as lua_Alloc: `size` 0 frees, NULL means no memory. It is
   called on the runtime's thread only, unless it is a `thread_alloc`: what
   several threads share comes from malloc. */
typedef void *(*ebb_alloc_fn)(void *ctx, void *block, size_t old_size,
                              size_t size);

/* Nanoseconds since any fixed moment. Must never go back. */
typedef int64_t (*ebb_clock_fn)(void *ctx);

typedef struct ebb_options {
  ebb_alloc_fn alloc; /* NULL: realloc and free */
  void *alloc_ctx;
  ebb_alloc_fn thread_alloc; /* for the Lua states of other threads that this
                                runtime's tasks have work done on; they call
                                it several at a time. NULL: malloc's */
  void *thread_alloc_ctx;
  ebb_clock_fn clock; /* deadlines and virtual time; NULL: CLOCK_MONOTONIC */
  void *clock_ctx;
  ebb_clock_fn real_clock; /* how long turns and ticks take, however slow the
                              other clock runs; NULL: CLOCK_MONOTONIC */
  void *real_clock_ctx;
  unsigned max_blocking_threads; /* 0: 512 */
  size_t stack_size; /* bytes of a task's stack, committed when touched;
                        0: 1 MiB, which Lua's own C-level limit needs */
  bool never_block;  /* the caller owns the loop: only ebb_tick runs tasks,
                        and a wait outside of a task fails with -EPERM */
} ebb_options;

/* Makes a runtime in *out. `options` may be NULL. No thread, fd or signal
   handler is created. Returns 0, -EINVAL (stack_size below 64 KiB or above
   1 GiB) or -ENOMEM. */
EBB_API int ebb_runtime_new(const ebb_options *options, ebb_runtime **out);

/* Aborts every task, runs their clean-up (waiting for it unless never_block
   is set, where a clean-up that would have to wait is cut off), waits for
   blocking work that has started, frees all. Sets, maps, wakers and task
   handles must have been freed before. Returns 0, -EBUSY when called from
   inside a task, or -ENOMEM when no stack could be had for the clean-up:
   nothing is freed then, and it can be tried again. */
EBB_API int ebb_runtime_free(ebb_runtime *rt);

/* Tokio: Runtime::shutdown_timeout. The same, but waits for blocking work for
   `ns` of real time at the most, the clean-ups' own included, calls in place
   excepted, which use the stack of a task. Returns how many pieces of work
   still run then; what they use must stay valid. */
EBB_API int ebb_runtime_shutdown_timeout(ebb_runtime *rt, int64_t ns);

/* Runs until no unfinished task is left; sleeps while all of them wait.
   Call outside of tasks. Returns 0, -EDEADLK (tasks wait that nothing can
   wake; they are still there), -EINTR (a signal came), -EBUSY (inside a
   task), -EPERM (never_block) or -ENOMEM. */
EBB_API int ebb_run(ebb_runtime *rt);

typedef struct ebb_tick_report {
  uint32_t polls;      /* turns of tasks that this tick ran */
  uint32_t ready;      /* tasks that could run on at once */
  uint32_t unfinished; /* tasks in all */
  int64_t next_timer;  /* deadline of the next timer, or EBB_NEVER */
} ebb_tick_report;

/* Runs ready tasks and due timers until none is left or `budget_ns` is
   over on the real clock (checked between turns; 0 runs one turn at the
   most, EBB_NEVER has no limit); timers are due by the other one. Never
   blocks. `report` may be NULL. Call outside of tasks. Returns 0, -EBUSY
   (inside a task) or -ENOMEM (no stack could be had). */
EBB_API int ebb_tick(ebb_runtime *rt, int64_t budget_ns,
                     ebb_tick_report *report);

/* Makes the wait that is going on outside of tasks, or else the next one, end
   with -EINTR soon. *any thread*, and signal handlers; from another thread
   it is seen at the latest when the loop has something to do. */
EBB_API void ebb_interrupt(ebb_runtime *rt);

/* The runtime's time in ns. */
EBB_API int64_t ebb_now(const ebb_runtime *rt);

/* Virtual time, for tests. Paused, the clock stands still until
   ebb_clock_advance, or, when nothing can run, jumps to the next timer (in
   ebb_run and waits outside of tasks; ebb_tick only reports the timer).
   pause returns 0 or -EALREADY, resume 0 or -EALREADY, advance 0, -EINVAL
   (not paused, or ns < 0) or -EOVERFLOW (beyond 9.2e18, from where on the
   clock could not count). Due timers fire at the next wait or tick. */
EBB_API int ebb_clock_pause(ebb_runtime *rt);
EBB_API int ebb_clock_resume(ebb_runtime *rt);
EBB_API int ebb_clock_advance(ebb_runtime *rt, int64_t ns);

/* ---- tasks ------------------------------------------------------------ */

/* What a C task does. `run` is called on a stack of its own and may wait.
   `drop`, when not NULL, is called instead of `run` if the task is aborted
   before it has started; it must not wait. */
typedef struct ebb_body {
  void *(*run)(ebb_runtime *rt, void *arg);
  void *arg;
  void (*drop)(void *arg);
  const char *name; /* Tokio: Builder::name; NULL or static text */
} ebb_body;

typedef enum ebb_outcome {
  EBB_COMPLETED, /* `value` is what run returned (NULL for a Lua task) */
  EBB_CANCELLED, /* aborted before its end; `value` is what run returned
                    after a wait had failed with -ECANCELED, else NULL */
  EBB_PANICKED   /* a Lua task raised an error */
} ebb_outcome;

typedef struct ebb_result {
  ebb_id id;
  ebb_outcome outcome;
  void *value;
} ebb_result;

/* Tokio: task::spawn. Makes a ready task. With `out` NULL it is detached,
   else *out is a handle to give back with ebb_task_release. Never waits.
   Returns 0 or -ENOMEM. */
EBB_API int ebb_spawn(ebb_runtime *rt, ebb_body body, ebb_task **out);

/* Where a task is to run; all zero: in this runtime, as ebb_spawn does. */
typedef struct ebb_target {
  ebb_handle *handle; /* Tokio: spawn_on. In that runtime: `run` gets it, and
                         is called on its thread. NULL: this one */
  bool blocking;      /* Tokio: spawn_blocking. On a thread of the runtime's
                         pool: `run` gets NULL, and may block as it likes */
  ebb_local_set *local_set; /* Tokio: spawn_local. In that set, which is of
                               this runtime; with neither of the above */
} ebb_target;

/* As ebb_spawn, in the place that `target` (may be NULL) names. An abort of
   blocking work has an effect only until it has started. When the other
   runtime goes before the task has finished, or has no thread for the work,
   the task ends as cancelled, and `drop` may be called on any thread. Returns
   0, -EINVAL (a LocalSet, and something else), -ENOMEM or the errno of
   eventfd.
     All signals are blocked in the threads of pools. A child by fork has what
   is blocked in the thread that started its parent; one by posix_spawn, system
   or popen has all blocked, but for POSIX_SPAWN_SETSIGMASK. */
EBB_API int ebb_spawn_on(ebb_runtime *rt, const ebb_target *target,
                         ebb_body body, ebb_task **out);

/* Tokio: task::block_in_place. Calls fn(arg) on a thread of the pool, while
   the running task waits for its end, so that `arg` may be on its stack. `fn`
   must not touch Lua or the runtime. Returns 0, -ECANCELED (the task has
   been aborted before fn began; once it has begun it runs to its end),
   -EAGAIN (no thread could be started), -ENOMEM or the errno of eventfd, and
   outside of tasks what a wait returns: then fn was not called. */
EBB_API int ebb_block_in_place(ebb_runtime *rt, void (*fn)(void *arg),
                               void *arg);

/* Tokio: dropping a JoinHandle. Gives a handle back; the task runs on. */
EBB_API void ebb_task_release(ebb_task *t);

/* Tokio: JoinHandle::id and is_finished. Finished means that the clean-up
   has ended, too (R6). */
EBB_API ebb_id ebb_task_id(const ebb_task *t);
EBB_API bool ebb_task_is_finished(const ebb_task *t);

/* Tokio: JoinHandle::abort. See R5. The wait that a C task is in, and each
   later one, fails with -ECANCELED, so that it can clean up and return. */
EBB_API void ebb_task_abort(ebb_task *t);

/* Tokio: awaiting a JoinHandle. Waits until `t` has finished. `result` may
   be NULL. Returns 0, -EDEADLK for the task itself, or what a wait returns
   (below). */
EBB_API int ebb_task_join(ebb_task *t, int64_t deadline, ebb_result *result);

/* The running task; NULL outside of tasks. */
EBB_API ebb_task *ebb_current(const ebb_runtime *rt);

/* Waits. All may be called from a task, and from outside of tasks, where
   they run the other tasks meanwhile. They return 0 or
     -ECANCELED  this task has been aborted: clean up and return,
     -ETIMEDOUT  the deadline came first,
     -ENOMEM     no stack or timer could be had: nothing was waited for,
   and outside of tasks also
     -EDEADLK    nothing can ever end this wait,
     -EINTR      a signal came,
     -EPERM      the runtime has never_block. */

/* Tokio: task::yield_now. To the back of the run queue. */
EBB_API int ebb_yield_now(ebb_runtime *rt);

/* Tokio: time::sleep_until. A deadline in the past yields once. */
EBB_API int ebb_sleep_until(ebb_runtime *rt, int64_t deadline);

/* Tokio: time::sleep. `ns` below 0 counts as 0. */
EBB_API int ebb_sleep(ebb_runtime *rt, int64_t ns);

/* Tokio: time::interval. Ticks at fixed times, the first at once; fill it with
   ebb_interval_init, which allocates nothing. Several tasks may tick by one:
   each tick is one task's. `missed` says what happens when a tick is more than
   5 ms late: how the next ones are timed. */
typedef enum ebb_missed_tick {
  EBB_MISSED_BURST, /* as if it had not been: they come at once until it is
                       made good */
  EBB_MISSED_DELAY, /* a whole period from now */
  EBB_MISSED_SKIP   /* at the next of the fixed times that is to come */
} ebb_missed_tick;

typedef struct ebb_interval {
  int64_t next;   /* deadline of the next tick */
  int64_t period; /* ns */
  ebb_missed_tick missed;
} ebb_interval;

/* `period` must be above 0. Returns 0 or -EINVAL. */
EBB_API int ebb_interval_init(ebb_interval *iv, ebb_runtime *rt,
                              int64_t period);

/* Waits for the next tick; `deadline` (may be NULL) receives the time that it
   was due at. Returns what a wait returns; then no tick is lost. */
EBB_API int ebb_interval_tick(ebb_interval *iv, ebb_runtime *rt,
                              int64_t *deadline);

/* The next tick comes one period from now. */
EBB_API void ebb_interval_reset(ebb_interval *iv, ebb_runtime *rt);

/* std::thread::park: waits until ebb_unpark of this task; an unpark that
   came before is kept, and taken at once. */
EBB_API int ebb_park(ebb_runtime *rt, int64_t deadline);
EBB_API void ebb_unpark(ebb_task *t);

/* Tokio: task::coop. Each turn of a task starts with a budget of 128; a
   wait that is satisfied at once takes 1, and yields first when none is
   left. consume_budget does just that; returns what a wait returns. A call
   that can never wait takes nothing. */
EBB_API int ebb_consume_budget(ebb_runtime *rt);
EBB_API bool ebb_has_budget_remaining(const ebb_runtime *rt);

/* Calls run(rt, arg), whose waits are never forced to yield, and returns what
   it returns. */
EBB_API void *ebb_unconstrained(ebb_runtime *rt,
                                void *(*run)(ebb_runtime *rt, void *arg),
                                void *arg);

/* Tokio: task_local. scope calls run(rt, arg), during which `key`, any
   address, stands for `value` in this task, and gives what it returned in
   *result (may be NULL). Scopes nest; a spawned task does not inherit them.
   get finds the innermost. Both work outside of tasks and in C tasks. They
   return 0, -ENOTSUP in a Lua task, and get -ENOENT outside of any scope. */
EBB_API int ebb_task_local_scope(ebb_runtime *rt, const void *key, void *value,
                                 void *(*run)(ebb_runtime *rt, void *arg),
                                 void *arg, void **result);
EBB_API int ebb_task_local_get(ebb_runtime *rt, const void *key, void **value);

/* From here on the waits of the running, aborted task work again, for a
   clean-up that has to wait. No later abort can cut them off. */
EBB_API void ebb_begin_cleanup(ebb_runtime *rt);

#define EBB_READ 1
#define EBB_WRITE 2

/* Waits until a file descriptor can be read from (EBB_READ) or written to
   (EBB_WRITE) without blocking, or until one of both is so, if `events` has
   both. The end of a stream, an error and a hang-up count as either. Fds
   that never block, as those of regular files, are always ready. Returns
   what can be done, of EBB_READ and EBB_WRITE (above 0), or
     -EBADF   the fd is not open, or ebb_forget_fd came while it was waited
              for,
     -EINVAL  `events` is neither of them,
     -ENOMEM, -ENOSPC, or the errno of epoll: nothing was waited for,
   or what a wait returns. Any number of tasks may wait for one fd; an event
   wakes all it concerns, so another may have taken what there was: have the
   fd non-blocking, and wait again. While a task waits here there is no
   deadlock. In ebb_tick fds are looked at without blocking. Virtual time
   jumps over this wait, if the fd is not ready. */
EBB_API int ebb_wait_fd(ebb_runtime *rt, int fd, int events, int64_t deadline);

/* POSIX: poll. Waits until one of `n` fds has an event; the entries are as for
   poll of <poll.h>, which is said of one that is not open, too, and the waits
   are those of ebb_wait_fd. Returns how many have one (above 0), as `revents`
   tells, or
     -EBADF   ebb_forget_fd came for one of them while they were waited for,
     -ENOMEM, or the errno of poll or epoll: nothing was waited for,
   or what a wait returns. However many fds there are, it is one wait of one
   task. A long wait for several fds takes an fd of its own, if it can. */
EBB_API int ebb_wait_fds(ebb_runtime *rt, struct pollfd *fds, size_t n,
                         int64_t deadline);

/* Call it before an fd that was waited for is closed: ends the waits for it
   with -EBADF. Where that is left out, who waits for the fd waits on, until
   somebody waits for a new fd of the same number; but never does that one
   get events of the old. An fd that nobody waited for is ignored. */
EBB_API void ebb_forget_fd(ebb_runtime *rt, int fd);

/* A way to unpark the running task from elsewhere. While a waker exists,
   a wait is never called a deadlock, since the waker may come. new returns
   0, -EINVAL outside of tasks, -ENOMEM, or the errno of eventfd.
   ebb_waker_wake: *any thread*; does nothing once the task has finished. */
EBB_API int ebb_waker_new(ebb_runtime *rt, ebb_waker **out);
EBB_API void ebb_waker_wake(ebb_waker *w);
EBB_API void ebb_waker_free(ebb_waker *w);

/* ---- other threads ---------------------------------------------------- */

/* Tokio: runtime::Handle. What other threads may have of a runtime: current
   makes one, clone another of the same; each is given back with free. While
   there is one, a wait of that runtime is never called a deadlock. A handle
   may outlive its runtime. current returns 0, -ENOMEM or the errno of
   eventfd. clone, free and id: *any thread*. */
EBB_API int ebb_handle_current(ebb_runtime *rt, ebb_handle **out);
EBB_API ebb_handle *ebb_handle_clone(ebb_handle *h);
EBB_API void ebb_handle_free(ebb_handle *h);

/* Tokio: Handle::id. A number that no other runtime of the process has. */
EBB_API uint64_t ebb_handle_id(const ebb_handle *h);

/* ---- LocalSet --------------------------------------------------------- */

/* Tokio: LocalSet. Tasks spawned into it (ebb_target) run only while a call
   drives the set. Returns 0 or -ENOMEM. */
EBB_API int ebb_local_set_new(ebb_runtime *rt, ebb_local_set **out);

/* Frees the set, which nobody may be driving. Its tasks are aborted; their
   clean-up runs like any other task. */
EBB_API void ebb_local_set_free(ebb_local_set *s);

/* The set of the running task, or NULL. */
EBB_API ebb_local_set *ebb_local_set_current(const ebb_runtime *rt);

/* Tokio: LocalSet::run_until. Drives the set while run(rt, arg) runs, in the
   task that calls this, and returns what it returns. */
EBB_API void *ebb_local_set_run_until(ebb_local_set *s,
                                      void *(*run)(ebb_runtime *rt, void *arg),
                                      void *arg);

/* Tokio: awaiting a LocalSet. Drives the set until it has no unfinished
   task. Returns what a wait returns. */
EBB_API int ebb_local_set_await(ebb_local_set *s, int64_t deadline);

/* ---- synchronisation ---------------------------------------------------

   Any number of tasks may wait in one of these, and are served in the order
   of their coming (R11). To wait in them allocates nothing. They belong to
   one runtime and must have been freed before it is. Nobody may be in a call
   that waits in one when it is freed.

   Besides what a wait returns, the waits return -EPIPE when the semaphore
   or channel is closed. A try_ call never waits, and returns -EAGAIN where
   the other one would. */

/* No semaphore has more permits than that. */
#define EBB_PERMITS_MAX UINT32_MAX

/* Tokio: sync::Semaphore. Returns 0 or -ENOMEM. */
EBB_API int ebb_semaphore_new(ebb_runtime *rt, uint32_t permits,
                              ebb_semaphore **out);
EBB_API void ebb_semaphore_free(ebb_semaphore *s);

/* Takes n permits at once, for good: who wants to give them back calls
   ebb_semaphore_add_permits. While somebody waits, nobody who comes later
   gets a permit, even if he wants fewer. */
EBB_API int ebb_semaphore_acquire(ebb_semaphore *s, uint32_t n,
                                  int64_t deadline);
EBB_API int ebb_semaphore_try_acquire(ebb_semaphore *s, uint32_t n);

/* Returns 0 or -EOVERFLOW, beyond EBB_PERMITS_MAX. Also when closed. */
EBB_API int ebb_semaphore_add_permits(ebb_semaphore *s, uint32_t n);

/* How many one who comes now could have: 0 while somebody waits. */
EBB_API uint32_t ebb_semaphore_available_permits(const ebb_semaphore *s);

/* Who waits, and who comes later, gets -EPIPE. */
EBB_API void ebb_semaphore_close(ebb_semaphore *s);
EBB_API bool ebb_semaphore_is_closed(const ebb_semaphore *s);

/* Tokio: sync::Notify. Returns 0 or -ENOMEM. */
EBB_API int ebb_notify_new(ebb_runtime *rt, ebb_notify **out);
EBB_API void ebb_notify_free(ebb_notify *n);

/* Tokio: Notify::notified. Waits for a notification, or takes the one that
   was kept. */
EBB_API int ebb_notify_wait(ebb_notify *n, int64_t deadline);

/* Notifies the first that waits; if nobody does, one notification is kept
   for the next that comes, however often this is called. */
EBB_API void ebb_notify_one(ebb_notify *n);

/* Notifies all that wait now, and keeps nothing. */
EBB_API void ebb_notify_waiters(ebb_notify *n);

/* Tokio: sync::mpsc::channel, with any number of receivers. Holds up to
   `limit` values beyond those that waiting receivers have been given; 0 is
   no limit. Returns 0 or -ENOMEM. The values are pointers that the channel
   does not look at; those that are in it when it is freed are forgotten, so
   take them out before. */
EBB_API int ebb_channel_new(ebb_runtime *rt, size_t limit, ebb_channel **out);
EBB_API void ebb_channel_free(ebb_channel *c);

/* Returns 0 when the value is in the channel, or a receiver's own; -ENOMEM
   also when the channel could not grow. After any failure the value is still
   the caller's. Without a limit it can never wait: then send is no wait, takes
   nothing of the budget and cannot be cut off by an abort. */
EBB_API int ebb_channel_send(ebb_channel *c, void *value, int64_t deadline);
EBB_API int ebb_channel_try_send(ebb_channel *c, void *value);

/* Takes the oldest value out. Returns 1, 0 when the channel is closed and
   empty, or as above; never -EPIPE. */
EBB_API int ebb_channel_recv(ebb_channel *c, int64_t deadline, void **value);
EBB_API int ebb_channel_try_recv(ebb_channel *c, void **value);

/* Ends all sends, those that wait with -EPIPE. What is in the channel can
   still be received. */
EBB_API void ebb_channel_close(ebb_channel *c);
EBB_API bool ebb_channel_is_closed(const ebb_channel *c);
EBB_API size_t ebb_channel_len(const ebb_channel *c);

/* Tokio: cloning an mpsc::Sender, and dropping one. For several producers: a
   channel begins with one sender, and each further one is added. It is closed
   when the last has been dropped. The sends themselves need not count. */
EBB_API void ebb_channel_add_sender(ebb_channel *c);
EBB_API void ebb_channel_drop_sender(ebb_channel *c);

/* ---- JoinSet ---------------------------------------------------------- */

/* Tokio: JoinSet. Returns 0 or -ENOMEM. */
EBB_API int ebb_join_set_new(ebb_runtime *rt, ebb_join_set **out);

/* Aborts the tasks in it and frees the set. Nobody may be waiting in it. */
EBB_API void ebb_join_set_free(ebb_join_set *s);

/* Spawns into the set. `id` may be NULL. Returns 0 or -ENOMEM. */
EBB_API int ebb_join_set_spawn(ebb_join_set *s, ebb_body body, ebb_id *id);

/* The same in the place that `target` names; see ebb_spawn_on. */
EBB_API int ebb_join_set_spawn_on(ebb_join_set *s, const ebb_target *target,
                                  ebb_body body, ebb_id *id);

/* Takes the next finished task out, in the order of finishing. join_next
   waits for one; it returns 1, 0 when the set is empty, or what a wait
   returns. try_join_next never waits and returns 0 also when none has
   finished yet. `result` may be NULL. */
EBB_API int ebb_join_set_join_next(ebb_join_set *s, int64_t deadline,
                                   ebb_result *result);
EBB_API int ebb_join_set_try_join_next(ebb_join_set *s, ebb_result *result);

/* The tasks stay in the set until they are joined. */
EBB_API void ebb_join_set_abort_all(ebb_join_set *s);

/* The set is empty, the tasks run on. */
EBB_API void ebb_join_set_detach_all(ebb_join_set *s);

/* abort_all, then join_next until empty. Returns what a wait returns. */
EBB_API int ebb_join_set_shutdown(ebb_join_set *s);

/* Counts finished, unjoined tasks too. */
EBB_API size_t ebb_join_set_len(const ebb_join_set *s);
EBB_API bool ebb_join_set_contains_task(const ebb_join_set *s, ebb_id id);

/* ---- JoinMap ---------------------------------------------------------- */

/* A key is an integer (`data` NULL, the value in `bits`) or `bits` bytes at
   `data`. Byte keys are copied into the map, unless it has ops of its own. */
typedef struct ebb_key {
  const void *data;
  uint64_t bits;
} ebb_key;

#ifdef __cplusplus /* which has no compound literals */
#define EBB_KEY_INT(i) (ebb_key{nullptr, static_cast<uint64_t>(i)})
#define EBB_KEY_BYTES(p, n) (ebb_key{(p), static_cast<uint64_t>(n)})
#else
#define EBB_KEY_INT(i) ((ebb_key){NULL, (uint64_t)(i)})
#define EBB_KEY_BYTES(p, n) ((ebb_key){(p), (uint64_t)(n)})
#endif

/* Pluggable keys. `equal` returns 1, 0 or a negative errno, which the call
   that needed it returns; it may wait and may change the map. `drop`, when
   not NULL, is called once for a key that leaves the map. The map keeps an
   ebb_key as it was given. */
typedef struct ebb_key_ops {
  uint64_t (*hash)(void *ctx, ebb_key key);
  int (*equal)(void *ctx, ebb_key a, ebb_key b);
  void (*drop)(void *ctx, ebb_key key);
  void *ctx;
} ebb_key_ops;

/* Tokio: JoinMap. `ops` may be NULL: integers and bytes, hashed with a
   random seed; else it is copied. The tables are allocated at the first
   spawn or reserve. Returns 0 or -ENOMEM. */
EBB_API int ebb_join_map_new(ebb_runtime *rt, const ebb_key_ops *ops,
                             ebb_join_map **out);

/* Aborts the tasks in it and frees the map. Nobody may be waiting in it. */
EBB_API void ebb_join_map_free(ebb_join_map *m);

/* Spawns under a key. A task that is already there, finished or not, is
   aborted and replaced: join_next never shows it. `id` may be NULL. Returns
   0, -ENOMEM or an error of `equal`. */
EBB_API int ebb_join_map_spawn(ebb_join_map *m, ebb_key key, ebb_body body,
                               ebb_id *id);

/* The same in the place that `target` names; see ebb_spawn_on. */
EBB_API int ebb_join_map_spawn_on(ebb_join_map *m, ebb_key key,
                                  const ebb_target *target, ebb_body body,
                                  ebb_id *id);

/* At most `n` tasks of the map shall be unfinished; 0: no limit. A spawn then
   waits for a free place, and returns what a wait returns, too. */
EBB_API void ebb_join_map_set_max_tasks(ebb_join_map *m, size_t n);

/* As for the set; `key` (may be NULL) receives the key. With default ops, a
   byte key must be freed with ebb_join_map_key_free; with ops of your own it
   is yours again and `drop` is not called. */
EBB_API int ebb_join_map_join_next(ebb_join_map *m, int64_t deadline,
                                   ebb_key *key, ebb_result *result);
EBB_API int ebb_join_map_try_join_next(ebb_join_map *m, ebb_key *key,
                                       ebb_result *result);
EBB_API void ebb_join_map_key_free(ebb_join_map *m, ebb_key key);

/* Aborts the task under a key; the entry stays until it is joined. Returns
   1, 0 when the key is not in the map, or an error of `equal`. */
EBB_API int ebb_join_map_abort(ebb_join_map *m, ebb_key key);

/* Aborts each task whose key `pred` returns 1 for. A negative value from
   `pred` ends the walk and is returned; tasks already matched stay aborted.
   `pred` may change the map; a task spawned meanwhile may be left out. */
EBB_API int ebb_join_map_abort_matching(ebb_join_map *m,
                                        int (*pred)(void *ctx, ebb_key key),
                                        void *ctx);
EBB_API void ebb_join_map_abort_all(ebb_join_map *m);
EBB_API void ebb_join_map_detach_all(ebb_join_map *m);
EBB_API int ebb_join_map_shutdown(ebb_join_map *m);

/* 1, 0, or an error of `equal`. */
EBB_API int ebb_join_map_contains_key(ebb_join_map *m, ebb_key key);
EBB_API bool ebb_join_map_contains_task(const ebb_join_map *m, ebb_id id);
EBB_API size_t ebb_join_map_len(const ebb_join_map *m);

/* Room: capacity is how many tasks fit before the tables grow. reserve
   makes room for n more, shrink_to gives back what exceeds n and the tasks
   that are there. Both return 0 or -ENOMEM. */
EBB_API size_t ebb_join_map_capacity(const ebb_join_map *m);
EBB_API int ebb_join_map_reserve(ebb_join_map *m, size_t n);
EBB_API int ebb_join_map_shrink_to(ebb_join_map *m, size_t n);

/* ---- Lua -------------------------------------------------------------- */

struct lua_State;

/* The loader of the Lua module `ebb`; leaves the module table on the stack.
   The state gets a runtime of its own, in which its main thread may wait,
   unless ebb_lua_attach has given it one. */
EBB_API int luaopen_ebb(struct lua_State *L);

/* Gives the state `L` the engine's runtime, before `ebb` is first required.
   The runtime must outlive the state; lua_close aborts and cleans up the
   state's tasks. Returns 0, -EALREADY when the state has a runtime, or
   -ENOMEM. */
EBB_API int ebb_lua_attach(struct lua_State *L, ebb_runtime *rt);

/* Parts of the module `ebb`. */
enum {
  EBB_LUA_TASKS = 1 << 0,   /* spawn, maps, sets, select, task_local... */
  EBB_LUA_SYNC = 1 << 1,    /* ebb.sync */
  EBB_LUA_TIME = 1 << 2,    /* ebb.time, ebb.sleep */
  EBB_LUA_IO = 1 << 3,      /* ebb.io */
  EBB_LUA_NET = 1 << 4,     /* ebb.net */
  EBB_LUA_THREADS = 1 << 5, /* spawn_blocking, block_in_place, Runtime, Handle;
                               without it methods that would use another
                               thread raise an error */
};

typedef struct ebb_lua_options {
  unsigned parts; /* what `require "ebb"` has; 0: all */
} ebb_lua_options;

/* For scripts that are not trusted: as ebb_lua_attach, but the module has
   only the parts that `options` names; NULL: all. With `rt` NULL the state
   gets a runtime of its own. Also returns -EINVAL for parts that are unknown.

   States of other threads have the same parts, and of Lua's standard library
   those that this state had when `ebb` was opened and still has in
   package.loaded when the work is given away: each as a whole, with functions
   that have been taken out of its table here. So open the libraries, then
   `ebb`, then run scripts. */
EBB_API int ebb_lua_attach_with(struct lua_State *L, ebb_runtime *rt,
                                const ebb_lua_options *options);

/* The runtime of a state, as luaopen_ebb would use it; it is made if there
   is none. Raises Lua errors (not enough memory). */
EBB_API ebb_runtime *ebb_lua_runtime(struct lua_State *L);

/* Waiting in C functions. A C function that is called in a Lua task may wait
   by the calls of this header, on the stack that it runs on. When the task is
   aborted they fail with -ECANCELED, as in a C task: the function gives back
   what it holds and returns to Lua, or raises an error. No other line of the
   task's body runs then, inside a pcall or a generator neither; its variables
   are closed, and it ends as cancelled. Lua code that the function still calls
   ends the task in that call.
     A task that is aborted while it waits in Lua code that was called from C,
   as by lua_call, is shut down there: the C frames below are dropped as by
   longjmp. Nothing of theirs is run: what they must give back has to be a
   value of Lua that is closed or collected. So neither do C++ destructors of
   these frames run, and no handler of theirs catches anything; to drop frames
   with such destructors is undefined in C++. Call into Lua that may wait only
   where no object of C++ with a destructor is alive. C tasks are never cut:
   their frames are left by returning. */

/* The thread that a Lua task runs on; NULL for a task of another kind. Also
   for signal handlers, which may set a hook on it. */
EBB_API struct lua_State *ebb_lua_thread(const ebb_task *t);

/* A message handler for lua_pcall. Gives the error as text, with a traceback
   unless it is an object with a __tostring. Of an error that came from a
   task, as `await` raises it, it is the traceback of the task that raised it
   first, and below that one line for each task it came through. */
EBB_API int ebb_lua_message(struct lua_State *L);

#ifdef __cplusplus
}
#endif

#endif
