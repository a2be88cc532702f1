/* SPDX-License-Identifier: MIT
   What the binding keeps for one Lua state, and for one Lua task. Every
   function of the module has the state's ebb_lua as its first upvalue.

   Values do not pass through the registry. The few tables the binding needs
   lie on the stack of `store`, a Lua thread on which nothing ever runs: they
   are read and written there, or pushed to the caller's stack, by index. On
   `store` only calls that cannot raise an error are made: reading, and
   writing into a place that exists. */
#ifndef EBB_LUA_STATE_BINDING_H
#define EBB_LUA_STATE_BINDING_H

#include <errno.h>

#include "core/loop/await.h"
#include "core/loop/scheduler.h"
#include "core/spawn/join_map.h"
#include "lua/state/class.h"
#include "lua/state/compat.h"

/* Places on the stack of `store`. */
enum {
  STORE_STATE = 1,  /* the userdata that is this ebb_lua */
  STORE_SENTINEL,   /* see close.c */
  STORE_DETAILS,    /* task id -> abort reason, or trace of a panic */
  STORE_EXPOSED,    /* weak keys: a thread that scripts know -> its shadow */
  STORE_ANCHORS,    /* the threads of all tasks, by their places */
  STORE_KEYS,       /* keys that the collector would free, by the place of the
                       task under them in a map */
  STORE_UNHANDLED,  /* the function of set_unhandled, or nil */
  STORE_NOOP,       /* a Lua function that does nothing, for pending hooks */
  STORE_EXIT,       /* the os.exit that was there before ours */
  STORE_NAMES,      /* task id -> name */
  STORE_TASK_VARS,  /* weak: a coroutine's address -> see task_vars.c */
  STORE_MODULES,    /* table of the standard library or of ebb -> its name */
  STORE_OBJECTS,    /* weak: what is in the engine's memory -> its object */
  STORE_RAISED,     /* task id -> what its body raised, while its clean-up
                       runs */
  STORE_HANDED,     /* weak: task id -> see panic.c */
  STORE_LINKS,      /* task id -> see panic.c */
  STORE_META_FIRST, /* metatables, in the order of class.h */
};

/* `text` tells which task or work it is, and what it does. */
typedef void ebb_stuck_fn(void *ctx, const char *text);

/* A finished thread to use again, and its place among the anchors. */
typedef struct ebb_lua_idle {
  lua_State *L;
  int place;
} ebb_lua_idle;

/* What a state has for its end at first, ns. */
#define EBB_LUA_SHUTDOWN_TIMEOUT INT64_C(5000000000)

struct ebb_lua {
  ebb_runtime *rt; /* NULL once the state is closed */
  lua_State *main;
  lua_State *store;
  lua_State *aux; /* for protected calls that have no caller of their own */
  ebb_lua_idle *idle;
  int idle_count, idle_size;
  int places;     /* in STORE_ANCHORS */
  int free_place; /* the first, 0: none; see thread.c */
  bool owns_runtime;
  unsigned parts;     /* of the module: EBB_LUA_TASKS... */
  unsigned libraries; /* those of Lua, see grant.h; 0 until `ebb` is opened */
  bool closing;       /* the end has begun, see close.c */
  bool refusing;      /* a task is aborted as it is started */
  int rounds;         /* in which all tasks have been aborted */
  uint32_t deadlock_turn; /* of the root: see is_deadlock in wait.c */
  const char *no_wait;    /* not NULL: where waiting is refused just now */
  const void *sentinel;
  struct ebb_lua_state_ref *ref; /* see handle.h; NULL until it is asked for */
  struct ebb_lua_state_ref
      *requester;           /* not NULL: the state is a pool thread's, and
                                    works for this one */
  bool has_external;        /* there may be Handles of other states */
  int64_t shutdown_timeout; /* ns that the end may take */
  int64_t end_by;           /* on the system's clock; 0: it has not begun */
  ebb_stuck_fn *stuck;      /* told of what outlasts it */
  void *stuck_ctx;
  uint32_t unconstrained; /* calls of it in generators */
  uint32_t resting;       /* calls of run_until in generators */
  unsigned wants;         /* in a row, of memory to close a thread in */
  ebb_list when_empty;    /* while closing: waits for a task to finish */
  uint32_t ended;         /* and how many have */
  ebb_list maps;          /* every JoinMap that has not been finalized */
  ebb_list scopes;     /* every scope that has not been closed or finalized */
  ebb_list local_sets; /* every LocalSet, likewise */
  ebb_list loads;      /* of modules, under way: see require.c */
  const void *metatables[CLASS_COUNT]; /* to tell the classes apart */
};

/* A task that is a Lua coroutine. When it has finished, L's stack holds its
   results; of a panic the value; and on top the JoinError, once somebody has
   asked for it who may ask again. A thread that scripts know
   must look dead then and not be used again: it is *exposed*, and has a shadow,
   a thread with the task's id on its stack, that becomes L in its place. */
typedef struct ebb_lua_task {
  ebb_task task;
  lua_State *L;
  ebb_lua *el;
  struct ebb_lua_job *job; /* that another thread does; NULL: it runs here */
  int place;               /* among the anchors */
  int count;        /* arguments before the first poll, results when finished */
  uint32_t handles; /* JoinHandles there are */
  bool exposed : 1; /* L is known to scripts, and has a shadow */
  bool unclean : 1; /* the body has not returned: L is not used again */
  bool started : 1;
  bool waits : 1;      /* on its stack, in wait.c, which deals with an abort */
  bool cut : 1;        /* a wait of a C function was cut off; see cut.c */
  bool cancelling : 1; /* its clean-up runs, after an abort */
  bool foretold : 1;   /* its detail is its JoinError already */
  bool detailed : 1;   /* STORE_DETAILS has an entry */
  bool named : 1;      /* STORE_NAMES has one */
  bool localized : 1;  /* STORE_TASK_VARS had one for L */
  bool handed : 1;     /* STORE_LINKS has one */
  bool seen : 1;       /* somebody has joined it */
  bool has_error : 1;  /* the JoinError is on top of L */
} ebb_lua_task;

extern const ebb_task_ops ebb_lua_task_ops;
extern const ebb_task_ops ebb_lua_job_proxy_ops;

/* The traits of the binding's kinds of task. */
enum {
  EBB_LUA_IS_TASK = 1,      /* an ebb_lua_task, known to scripts */
  EBB_LUA_IS_COROUTINE = 2, /* its thread runs here */
  EBB_LUA_IS_INNER = 4      /* only the binding knows of it */
};

/* Is it a Lua task, of any state, that runs here or on another thread? */
static inline bool ebb_lua_is_task(const ebb_task *t) {
  return (t->ops->traits & EBB_LUA_IS_TASK) != 0;
}

/* Is it one that runs here? */
static inline bool ebb_lua_is_coroutine(const ebb_task *t) {
  return (t->ops->traits & EBB_LUA_IS_COROUTINE) != 0;
}

/* ---- state.c ---- */

static inline ebb_lua *ebb_lua_state_raw(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* As ebb_lua_state_raw; an error when the state is being closed and the runtime
   is gone. */
ebb_lua *ebb_lua_state_checked(lua_State *L);

/* As ebb_lua_state_checked, in a function that is no method, of at most so many
   arguments: a value beyond them is an argument error. nil is none, since a
   caller may hand on what it was not given. What a generic `for` may call
   allows for the control variable, and what may be a __close for the error.
   Not for what takes the arguments of another function, nor for yield_now and
   consume_budget, which Lua may call with its own, as hooks and
   metamethods. */
ebb_lua *ebb_lua_state_enter(lua_State *L, int most);

/* That check alone. */
void ebb_lua_args_refuse_surplus(lua_State *L, int most);
static inline void ebb_lua_args_check_surplus(lua_State *L, int most) {
  if (lua_gettop(L) > most) ebb_lua_args_refuse_surplus(L, most);
}

/* Pushes what is at a place of the store. */
void ebb_lua_slot_push(lua_State *L, ebb_lua *el, int place);

/* Pops a value into a place of the store. */
void ebb_lua_slot_set(lua_State *L, ebb_lua *el, int place);

/* A userdata of a class, without user values beyond `uservalues`, pushed. */
void *ebb_lua_class_new(lua_State *L, ebb_lua *el, ebb_lua_class class,
                        size_t size, int uservalues);

/* What it is called in errors. */
const char *ebb_lua_class_name(ebb_lua_class class);

/* The userdata at `arg` if it is of the class, else NULL. */
void *ebb_lua_class_is(lua_State *L, ebb_lua *el, int arg, ebb_lua_class class);

/* The userdata at `arg`, which must be of the class. */
void *ebb_lua_class_check(lua_State *L, ebb_lua *el, int arg,
                          ebb_lua_class class);

/* The same of index 1, in a method of at most so many arguments, counting
   that: see ebb_lua_state_enter. */
void *ebb_lua_class_check_self(lua_State *L, ebb_lua *el, ebb_lua_class class,
                               int most);

/* The span at `arg`, in seconds, as ns; EBB_NEVER for one beyond counting.
   time.c. */
int64_t ebb_lua_args_duration(lua_State *L, int arg);

/* The integer at `arg`, which must not be negative. */
lua_Integer ebb_lua_args_count(lua_State *L, int arg);

/* The seconds at `arg`, which must not be negative, in ns. */
int64_t ebb_lua_args_duration(lua_State *L, int arg);

/* Fills a class's metatable. Its functions get the ebb_lua as upvalue.
   Scripts cannot reach it without the debug library, so they cannot wrap a
   method for others nor take a finalizer away. With that library they can:
   nothing is called that was looked up there, and an object whose finalizer
   never comes leaks, but nothing points into it. */
void ebb_lua_class_define(lua_State *L, ebb_lua *el, ebb_lua_class class,
                          const luaL_Reg *methods, const luaL_Reg *metamethods);

/* The running task, if it is a Lua task of any state and runs here; else
   NULL. */
static inline ebb_lua_task *ebb_lua_current(const ebb_lua *el) {
  ebb_task *t = el->rt->current;
  return ebb_lua_is_coroutine(t) ? (ebb_lua_task *)t : NULL;
}

/* The same for a class that shares functions with others: they get the class
   as their second upvalue. */
void ebb_lua_class_define_shared(lua_State *L, ebb_lua *el, ebb_lua_class class,
                                 const luaL_Reg *methods,
                                 const luaL_Reg *metamethods);

/* The class that the running function of those is of. */
static inline ebb_lua_class ebb_lua_class_of(lua_State *L) {
  return (ebb_lua_class)lua_tointeger(L, lua_upvalueindex(2));
}

/* Raises the Lua error for a negative errno of the engine. */
_Noreturn void ebb_lua_error_raise(lua_State *L, int err);

/* luaL_error, for where the compiler has to know that it does not return. */
_Noreturn void ebb_lua_error(lua_State *L, const char *format, ...);

/* The ebb_lua of a state, made if there is none; pushes its userdata, or does
   not. Raise errors. */
ebb_lua *ebb_lua_state_ensure(lua_State *L);

/* Makes it, for a runtime or, if that is NULL, with one of its own; pushes its
   userdata. Raises errors. */
ebb_lua *ebb_lua_state_new(lua_State *L, ebb_runtime *rt, unsigned parts);
ebb_lua *ebb_lua_state_find(lua_State *L);

/* Puts `f` in the place of a function of Lua's library, unless it is there;
   the one that was there before is its second upvalue. Raises errors. */
void ebb_lua_library_replace(lua_State *L, ebb_lua *el, const char *library,
                             const char *name, lua_CFunction f);

/* ---- functions that a wait inside would break ---- */

/* require.c, load.c. Raise errors. */
void ebb_lua_require_replace(lua_State *L, ebb_lua *el);
void ebb_lua_load_replace(lua_State *L, ebb_lua *el);

/* Frees the records of loads that no finalizer has come for. */
void ebb_lua_require_free_loads(ebb_lua *el);

/* ---- thread.c: anchors and recycling ---- */

/* Sees to it that there is an idle thread. May run finalizers; raises
   errors. */
void ebb_lua_thread_reserve(lua_State *L, ebb_lua *el);

/* The thread that ebb_lua_thread_take will return: there must be one. */
static inline const ebb_lua_idle *ebb_lua_thread_next(const ebb_lua *el) {
  return &el->idle[el->idle_count - 1];
}

/* Takes an idle thread for a task. Cannot fail. */
ebb_lua_idle ebb_lua_thread_take(lua_State *L, ebb_lua *el);

/* Keeps the thread of a task that is no more for another, if it may. Cannot
   fail. */
void ebb_lua_thread_give(ebb_lua *el, const ebb_lua_task *lt);

/* Pops the thread at the top of the stack into a place that is in use.
   Cannot fail. */
void ebb_lua_thread_anchor_instead(lua_State *L, ebb_lua *el, int place);

void ebb_lua_thread_free_idle(ebb_lua *el);

/* Gives the thread at the top of the stack a shadow, unless it has one.
   Raises errors. */
void ebb_lua_thread_expose(lua_State *L, ebb_lua *el);

/* The shadow of the exposed thread at `arg`, or NULL. Until the task's first
   turn it holds the task's id at 1, and above it the arguments. */
lua_State *ebb_lua_thread_shadow(lua_State *L, ebb_lua *el, int arg);

/* A task with an exposed thread has finished with `count` values on its stack:
   moves them to the shadow, which becomes the task's thread. Cannot fail; for
   want of memory the thread remains the task's. */
void ebb_lua_thread_let_go(ebb_lua_task *lt, int count);

/* coroutine.running, which holds a task's thread. */
int ebb_lua_thread_running(lua_State *L);

/* ---- task.c: the kind of task that is a Lua coroutine ---- */

/* Gets what a task with the body at `body` will need. This is the part of
   making a task in which the collector may run finalizers. Raises errors. */
void ebb_lua_task_prepare(lua_State *L, ebb_lua *el, int body);

/* Makes a task, not started, of the body at `body` and the arguments above it
   up to the top, which are popped. It has been prepared, and no Lua code has
   run since. Raises errors, having changed nothing, and runs no Lua code. */
ebb_lua_task *ebb_lua_task_new(lua_State *L, ebb_lua *el, int body);

/* A new task, not started, that has a thread, but nothing to run. */
ebb_lua_task *ebb_lua_task_create(lua_State *L, ebb_lua *el,
                                  const ebb_task_ops *ops);

/* Starts it. */
void ebb_lua_task_start(ebb_lua_task *lt);

/* Raises an argument error unless the value can be a task's body. */
void ebb_lua_task_check_body(lua_State *L, ebb_lua *el, int arg);

/* Aborts with the reason at index `reason` (may be none). Raises errors. */
void ebb_lua_task_abort(lua_State *L, ebb_lua_task *lt, int reason);

/* The running task, suspended in the middle of a call on L, has been
   aborted: closes its variables on top of its frames and ends it. */
_Noreturn void ebb_lua_task_shut_down_here(ebb_lua_task *lt, lua_State *L);

/* The ebb_task_ops.owner of these tasks: their state. */
void *ebb_lua_task_owner(const ebb_task *t);

/* The ebb_task_ops.cut of these tasks. cut.c. */
void ebb_lua_cut(ebb_task *t);

/* Closes the variables of a task that is in the middle of a call, innermost
   first; `L` is the innermost thread, NULL: not known. Sets outcome and
   result. */
void ebb_lua_task_close(ebb_lua_task *lt, lua_State *L);

/* Pops the value from a stack and keeps it as the task's detail; without
   memory it is lost. */
void ebb_lua_detail_keep(ebb_lua_task *lt, lua_State *from);

/* Pops the JoinError that a task will end with; it is its detail from here on.
   Raises errors. */
void ebb_lua_detail_keep_foretold(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Pushes the detail kept for a task, or nil. */
void ebb_lua_detail_push(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Tells the end of the state that a task or a executor has finished. */
static inline void ebb_lua_task_note_end(ebb_lua *el) {
  if (!el->closing) return;
  el->ended++;
  ebb_wake_all(&el->when_empty);
}

/* ---- join_error.c: what a task came to ---- */

/* Pushes `true, values...` or `false, JoinError` and returns how many. The
   task must have finished; it keeps what it has. Raises errors. */
int ebb_lua_join_error_push_result(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Turns that into the values alone: returns how many of `count` are left, or
   raises what the task has raised; a JoinError if it was cancelled. */
int ebb_lua_join_error_unwrap_result(lua_State *L, ebb_lua *el,
                                     ebb_lua_task *lt, int count);

/* Pushes a task's JoinError, the same one each time. Raises errors. */
void ebb_lua_join_error_push(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Pushes a JoinError of a task in a map that nobody else will ask; false,
   with nothing pushed, when the map has changed meanwhile. Raises errors. */
bool ebb_lua_join_error_push_last(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Pushes the value that a task has raised. */
void ebb_lua_join_error_push_panic(lua_State *L, ebb_lua_task *lt);

/* Pushes the trace of the JoinError at `arg`; false: it is no JoinError of a
   panic. */
bool ebb_lua_join_error_push_trace(lua_State *L, ebb_lua *el, int arg);

/* Reports a task that has panicked if nobody has seen it and nobody can join
   it any more: it has no JoinHandle and is in no collection. Called when it
   finishes, and when it loses one of those. Runs Lua code, which cannot
   wait. */
void ebb_lua_join_error_check_unhandled(ebb_lua_task *lt);

/* ebb.cancelled, set_unhandled. */
void ebb_lua_join_error_open(lua_State *L, ebb_lua *el);

/* ---- panic.c: where a panic comes from ---- */

/* Pops the trace of the value below it, which the running task is handed here,
   and keeps it. */
void ebb_lua_panic_hand_over(lua_State *L, ebb_lua *el);

/* Pushes the value that a task has raised, and hands it to the running one. */
void ebb_lua_panic_push_handed(lua_State *L, ebb_lua *el, ebb_lua_task *lt);

/* Pushes the trace of the value at the top, which the running task has raised,
   if it came from another; false: it is the task's own. What has raised it is
   at `level` of `at`, which may be NULL: not known. Raises errors. */
bool ebb_lua_panic_push_origin(lua_State *L, ebb_lua *el, lua_State *at,
                               int level);

/* Forgets what the task was handed. Cannot fail. */
void ebb_lua_panic_forget(ebb_lua *el, ebb_lua_task *lt);

/* Pops a trace and pushes it as text, or nil. Raises errors. */
void ebb_lua_panic_trace_to_text(lua_State *L);

/* ---- message.c: errors that nobody catches ---- */

/* Pushes the value at `arg` as text, if it is a string or a number, or has a
   __tostring that gives one; else false. */
bool ebb_lua_message_push_text(lua_State *L, int arg);

/* Raises the value at the top, as it is; unless only the stock interpreter
   will see it, which gets a text of it that says where it comes from. */
_Noreturn void ebb_lua_message_throw(lua_State *L, ebb_lua *el);

/* The coroutine that L has resumed and that has not come back, or NULL. */
lua_State *ebb_lua_thread_resumed_by(lua_State *L);

/* ---- wait.c: the one way to wait ---- */

/* A primitive: see core/loop/await.h. The poll finds its arguments on the
   stack, and on top of that nothing. It pushes results and returns how many;
   or it answers that it has to wait, and leaves the stack as high as it was. It
   may raise errors, and run Lua code that does not wait. */
typedef int ebb_lua_poll(lua_State *L, ebb_lua *el, ebb_await *w);

/* Static, since a wait refers to it. */
typedef struct ebb_lua_op {
  const char *what; /* it waits for, in what people are shown */
  ebb_lua_poll *poll;
  bool tidies; /* it is polled once more when a wait has failed: `status` is
                  one for which ebb_lua_wait_failed is true, and the poll must
                  end with ebb_lua_wait_raise */
} ebb_lua_op;

/* Polls and waits until there is a result, and returns how many values it has.
   To be called as `return ebb_lua_await(...)` in a function of the module:
   where Lua may yield, the function ends here, and a continuation goes on
   with the poll. An abort does not return. */
int ebb_lua_await(lua_State *L, ebb_lua *el, const ebb_lua_op *op);

/* Waits in `list` until `deadline`. Where Lua may yield this does not
   return: `k` is called instead when the wait is over, and must begin with
   ebb_lua_wait_over. Elsewhere it returns. Both give how the wait ended: 0,
   -ETIMEDOUT, or -EINTR, for a signal or so, which callers treat like 0: they
   look at what they wait for, and wait again; in the lists of fd.h also what
   the waiter was woken with, above 0. The idiom:

     static int f_k(lua_State *L, int status, lua_KContext ctx) {
       ebb_lua *el = (ebb_lua *)ctx;
       return f_on(L, el, ebb_lua_wait_over(L, el, f_k));
     }

   Any other end is raised as an error, and an abort does not return. */
int ebb_lua_wait(lua_State *L, ebb_lua *el, ebb_list *list, int64_t deadline,
                 const char *what, lua_KFunction k);
int ebb_lua_wait_over(lua_State *L, ebb_lua *el, lua_KFunction k);

/* The same two for a caller that has to tidy up before an error is raised:
   where the others raise one, these return a status for which
   ebb_lua_wait_failed is true, and which ebb_lua_wait_raise then raises. */
int ebb_lua_wait_try(lua_State *L, ebb_lua *el, ebb_list *list,
                     int64_t deadline, const char *what, lua_KFunction k);
int ebb_lua_wait_try_over(lua_State *L, ebb_lua *el, lua_KFunction k);

static inline bool ebb_lua_wait_failed(int status) {
  return status < 0 && status != -ETIMEDOUT && status != -EINTR;
}

_Noreturn void ebb_lua_wait_raise(lua_State *L, ebb_lua *el, int status);

/* The same in a line. ebb_wait_queue_take, called before anything else when the
   wait is over, tells whether something was granted. If not, callers look
   again: all who waited have been dismissed, or a signal has come. */
int ebb_lua_wait_in(lua_State *L, ebb_lua *el, ebb_wait_queue *queue,
                    uint32_t amount, const char *what, lua_KFunction k);

/* Calls fn(arg) on a thread of the pool while the task waits here on its
   stack, so that `arg` may be there. `fn` must not touch Lua. 0; -EINTR: a
   signal came and it was not called; -EAGAIN, -EMFILE or -ENFILE: there was
   no thread for it, or no way to hear from it. */
int ebb_lua_wait_in_place(lua_State *L, ebb_lua *el, void (*fn)(void *arg),
                          void *arg);

/* The same to the back of the run queue. */
int ebb_lua_wait_yield(lua_State *L, ebb_lua *el, lua_KFunction k);

/* Raises an error where waiting is refused. The waits do it themselves. */
void ebb_lua_wait_check(lua_State *L, ebb_lua *el);

/* ---- unconstrained.c: the budget ---- */

/* Is a call of unconstrained in a generator in force? */
bool ebb_lua_budget_is_suspended(lua_State *L, ebb_lua *el);

/* Takes 1 of the running task's budget, if it has one just now; false when
   there is none left: yield first. */
static inline bool ebb_lua_budget_take(lua_State *L, ebb_lua *el) {
  if (el->unconstrained > 0 && ebb_lua_budget_is_suspended(L, el)) return true;
  return ebb_budget_take(el->rt);
}

/* ---- close.c: the end of the state ---- */

/* Aborts every task, and runs their clean-up; new ones can be made after. False
   when one was left behind. */
bool ebb_lua_close_end_tasks(ebb_lua *el);

/* Has the end of the state taken all the time it may? */
bool ebb_lua_close_is_time_up(const ebb_lua *el);

/* Renews the object whose finalizer aborts the tasks. Raises errors. */
void ebb_lua_close_renew_sentinel(lua_State *L, ebb_lua *el);

/* Puts an os.exit in place that, asked to close the state, aborts the tasks
   while all still works. */
void ebb_lua_close_replace_exit(lua_State *L, ebb_lua *el);

/* ---- inspect.c ---- */

/* Pushes the key that a person knows a task by, or nil. */
void ebb_lua_inspect_push_key(lua_State *L, ebb_lua *el, ebb_task *t);

/* Pops a key and pushes it as text, or nil. An object is not asked how it is
   shown, since it could do anything. Raises errors. */
void ebb_lua_key_to_text(lua_State *L);

/* Raises "deadlock: ..." with a list of the waiting tasks. */
_Noreturn void ebb_lua_inspect_raise_deadlock(lua_State *L, ebb_lua *el);

/* Tells people of a task whose clean-up is not over. */
void ebb_lua_inspect_describe_stuck(ebb_lua_task *lt, char *text, size_t size);

/* ---- keys of maps: key.c ---- */

/* The engine's key for the Lua value at `arg`; nil and NaN are argument
   errors. *anchored tells whether the value must be kept from the collector
   while the key is in use. */
ebb_key ebb_lua_key(lua_State *L, int arg, bool *anchored);

uint32_t ebb_lua_key_hash(ebb_key key);
int ebb_lua_key_equal(void *ctx, ebb_key a, ebb_key b);

/* Must the key's value be kept from the collector? */
bool ebb_lua_key_is_anchored(ebb_key key);

/* Pushes the value of a key that is not anchored; false when it is. */
bool ebb_lua_key_push(lua_State *L, ebb_key key);

/* The key of a map whose hasher is in Lua: a task's key by its place among
   the anchors, 0 for the key that is looked for. */
ebb_key ebb_lua_key_by_place(int place);

/* Pops the name of a task; pushes it, or nil. */
void ebb_lua_detail_set_name(lua_State *L, ebb_lua *el, ebb_lua_task *lt);
void ebb_lua_detail_push_name(lua_State *L, ebb_lua *el, ebb_task *t);

/* ---- args.c ---- */

/* All raise argument errors. Checks that `arg` is a table that has no other
   keys than `names`, which end with NULL. */
void ebb_lua_args_check_options(lua_State *L, int arg,
                                const char *const *names);

/* An integer of the table at `arg`, between the two; 0 when it is not there. */
lua_Integer ebb_lua_args_count_option(lua_State *L, int arg, const char *name,
                                      lua_Integer least, lua_Integer most);

/* Pushes what the table at `arg` has, which must be of that type, or nil;
   then it is false. */
bool ebb_lua_args_push_option(lua_State *L, int arg, const char *name,
                              int type);

/* ---- join_handle.c, builder.c ---- */

/* The module's spawn functions; the place is the second upvalue, see
   spawn.h. */
int ebb_lua_spawn(lua_State *L);

/* Pushes a JoinHandle for a task to come. */
void ebb_lua_join_handle_new(lua_State *L, ebb_lua *el);

/* Pushes an AbortHandle for a task to come; fills the handle at `arg`. */
void ebb_lua_join_handle_new_abort(lua_State *L, ebb_lua *el);
void ebb_lua_join_handle_fill(lua_State *L, int arg, ebb_lua_task *lt);

/* The task of the handle, of either class, at `arg`. */
ebb_lua_task *ebb_lua_join_handle_task(lua_State *L, int arg);

/* The method build_task of JoinMap and JoinSet; the class is its second
   upvalue. */
int ebb_lua_builder_build_task(lua_State *L);

/* ---- scope.c: tasks that end with the call that made them ---- */

/* The tasks of a call that waits for them: a race of its caller. It is to be
   closed, and that aborts them and waits for their clean-ups; so, when the
   caller is aborted, theirs come before its own. It lies in the engine's
   memory, and the object that is to be closed points to it. */
typedef struct ebb_lua_scope {
  ebb_list link; /* in el->scopes */
  ebb_join_set set;
  ebb_lua *el;
  int count;     /* how many results are on the stack already */
  bool shielded; /* its owner's `closing` is set for it */
} ebb_lua_scope;

/* Makes a scope for `size` tasks, pushes it and moves it to index 1, in the
   place of what was there. Raises errors. */
void ebb_lua_scope_new(lua_State *L, ebb_lua *el, size_t size);

/* Frees a scope whose tasks are gone. */
void ebb_lua_scope_free(ebb_lua_scope *s);

/* The scope at index 1. Raises an error when it has been finalized. */
ebb_lua_scope *ebb_lua_scope_here(lua_State *L);

/* Spawns into the scope at index 1 a task, under a number, with the body at
   `body` and the arguments above it up to the top; these are popped. */
void ebb_lua_scope_spawn(lua_State *L, ebb_lua *el, int body, uint32_t key);

/* Takes a finished task out. */
void ebb_lua_scope_let_go(ebb_lua_scope *s, ebb_task *t);

/* From here until it is closed, no abort of its owner cuts off a wait: the
   owner has got what must not be lost. */
void ebb_lua_scope_shield(ebb_lua_scope *s);

/* Pushes what a finished task has returned, or raises what it has raised; a
   JoinError if it was cancelled. */
int ebb_lua_scope_results(lua_State *L, ebb_lua_scope *s, ebb_task *t);

/* Frees the scopes that no finalizer will come for. */
void ebb_lua_scope_free_all(ebb_lua *el);

/* The module's block_on. */
int ebb_lua_scope_block_on(lua_State *L);

/* ---- interval.c ---- */

/* Pushes an Interval. */
void ebb_lua_interval_new(lua_State *L, ebb_lua *el, int64_t period);

/* ---- the collections ---- */

/* Frees the maps and sets that no finalizer will come for. */
void ebb_lua_collection_free_all(ebb_lua *el);

/* ---- the classes ---- */

/* Each fills the table at the top of the stack with functions. */
void ebb_lua_join_handle_open(lua_State *L, ebb_lua *el);
void ebb_lua_join_map_open(lua_State *L, ebb_lua *el);
void ebb_lua_join_set_open(lua_State *L, ebb_lua *el);
void ebb_lua_builder_open(lua_State *L, ebb_lua *el);
void ebb_lua_select_open(lua_State *L, ebb_lua *el);
void ebb_lua_time_open(lua_State *L, ebb_lua *el);
void ebb_lua_net_io_open(lua_State *L, ebb_lua *el);
void ebb_lua_net_io_select_open(lua_State *L, ebb_lua *el);
void ebb_lua_net_open(lua_State *L, ebb_lua *el);
void ebb_lua_inspect_open(lua_State *L, ebb_lua *el);
void ebb_lua_unconstrained_open(lua_State *L, ebb_lua *el);
void ebb_lua_task_local_open(lua_State *L, ebb_lua *el);
void ebb_lua_local_set_open(lua_State *L, ebb_lua *el);
void ebb_lua_handle_open(lua_State *L, ebb_lua *el);
void ebb_lua_runtime_open(lua_State *L, ebb_lua *el);
void ebb_lua_sync_open(lua_State *L, ebb_lua *el);

/* Pushes the key of a task, nil if it has none; and as text for people, the
   string in quotes. */
void ebb_lua_map_key_push(lua_State *L, ebb_lua *el, ebb_task *t);
void ebb_lua_map_key_push_text(lua_State *L, ebb_lua *el, ebb_task *t);

#endif
