---@meta ebb

-- Annotations of the module `ebb` for the Lua language server. This file is
-- never run; .luarc.json tells the server where it is.
--
-- What holds everywhere and is not said again:
--
-- * "(may wait)" marks the calls that let other tasks run. They wait anywhere,
--   but raise "cannot wait inside a finalizer" in a `__gc`, "cannot wait
--   inside the function of set_unhandled" there, and, in the main chunk,
--   "deadlock: ..." when every task waits and nothing can ever wake one. A
--   task that is aborted does not come back from such a call.
-- * A wrong argument (type, negative duration or count, NaN, a nil key) is an
--   argument error that names the argument.
-- * Durations and times are seconds, fractions allowed. Ids are integers.
-- * "Tokio:" names the item of Tokio or tokio-util that a call mirrors.

---@class ebb
---@field _VERSION string "ebb " and the version
local ebb = {}

---What a task runs: a function, a value with `__call`, or a suspended
---coroutine.
---@alias ebb.Body function|thread|table|userdata

-- ---- tasks ----

---Makes a task of `body`. It first runs when the caller next waits, in the
---order of spawning. Never waits.
---
---When the handle is collected the task is detached: it runs on. As a
---to-be-closed variable, the handle aborts its task at the end of the scope.
---
---Tokio: `task::spawn`.
---@param body ebb.Body
---@param ... any arguments of the body
---@return ebb.JoinHandle
function ebb.spawn(body, ...) end

---As `spawn`, in the current LocalSet: that of the running task, or the one
---that was entered. Raises "`spawn_local` called from outside of a LocalSet"
---where there is none.
---
---Tokio: `task::spawn_local`.
---@param body ebb.Body
---@param ... any arguments of the body
---@return ebb.JoinHandle
function ebb.spawn_local(body, ...) end

---As `spawn_local`, in a set that is given.
---
---Tokio: `task::JoinSet::spawn_local_on`, for a single task.
---@param body ebb.Body
---@param local_set ebb.LocalSet
---@param ... any arguments of the body
---@return ebb.JoinHandle
function ebb.spawn_local_on(body, local_set, ...) end

---Makes a task of `body` in the runtime that the handle is of; the same as
---`handle:spawn(body, ...)`.
---
---Tokio: `runtime::Handle::spawn`.
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return ebb.JoinHandle
function ebb.spawn_on(body, handle, ...) end

---Runs `body` on a thread of the pool, where it may block as it likes. Never
---waits. The pool starts a thread when none is idle, up to a limit
---(`set_max_blocking_threads`), and lets it go after 10 s without work.
---
---The thread has a Lua state of its own, which later work uses again, so what
---is sent is copied: nil, booleans, numbers, strings, tables without their
---metatables, Lua functions with their upvalues, light userdata, Handles. The
---table of globals, those of the standard library and of ebb become those of
---the other state. Anything else raises an error that says where it is:
---"cannot send a userdata (upvalue 'file')". Results are copied back.
---
---`body` is a task of that state: it has the same id there, and may wait.
---`require` has the same paths. Tasks that it leaves behind are aborted.
---Of Lua's library that state has what is in package.loaded here, and was there
---when ebb was opened: what a sandbox lacks it does not get by way of a thread.
---
---An abort has an effect only until it has started.
---
---Tokio: `task::spawn_blocking`.
---@param body fun(...): ... is copied, with its upvalues
---@param ... any arguments of the body, copied
---@return ebb.JoinHandle
function ebb.spawn_blocking(body, ...) end

---As `spawn_blocking`, on the pool of the runtime that the handle is of.
---
---Tokio: `runtime::Handle::spawn_blocking`.
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return ebb.JoinHandle
function ebb.spawn_blocking_on(body, handle, ...) end

---Runs `body` on a thread of the pool, as `spawn_blocking` does, to its end,
---and gives its results, while the other tasks run (may wait). Raises as
---`JoinHandle:await` does.
---
---Tokio: `task::block_in_place`.
---@param body fun(...): ... is copied, with its upvalues
---@param ... any arguments of the body, copied
---@return any ... results of the body, copied
function ebb.block_in_place(body, ...) end

---Runs `f` so that its waits are never forced to yield by the budget: what can
---be had at once is had at once, however often. In a generator this is so while
---code inside of `f` runs, not for the consumer that `f` yields to.
---
---Tokio: `task::unconstrained`.
---@param f fun(...): ...
---@param ... any arguments of f
---@return any ... results of f
function ebb.unconstrained(f, ...) end

---Makes a key for values that each task has for itself.
---
---Tokio: `task_local!`.
---@param name string for messages
---@return ebb.LocalKey
function ebb.task_local(name) end

---Limits the threads of the pool of this state's runtime, 512 at first. Threads
---beyond it, which are there already, leave when they are idle.
---
---Tokio: `runtime::Builder::max_blocking_threads`.
---@param n integer at least 1
function ebb.set_max_blocking_threads(n) end

---How long the end of the program, and of a Runtime that is not told otherwise,
---waits for clean-ups and for blocking work that has started, on the system's
---clock: 5 s at first. What is not over then is named on stderr, by id, name, key
---and what it waits for, and left behind. With 0 clean-ups get their turns, but
---nothing is waited for.
---
---Tokio: `runtime::Runtime::shutdown_timeout`.
---@param seconds number
function ebb.set_shutdown_timeout(seconds) end

---Runs `body` as a task to its end, and gives its results (may wait). Raises
---as `JoinHandle:await` does. When the caller is aborted, so is the task, and its clean-up comes
---before the caller's. Works in tasks, too.
---
---Tokio: `runtime::Handle::block_on`.
---@param body ebb.Body
---@param ... any arguments of the body
---@return any ... results of the body
function ebb.block_on(body, ...) end

---Runs each branch as a task until the first has finished, and gives its key,
---whether it completed, and its results (may wait). A branch that panics has
---finished: instead of results comes the very value that it raised, or the
---`JoinError` of one that was aborted.
---
---At that moment the others are aborted: none of them runs another line of its
---body, so none takes a message, a permit or a result that nobody would see.
---`select` returns when their clean-ups are over; an abort of the caller that
---comes meanwhile does not take the winner's values away, and takes effect at
---the caller's next wait. An abort that comes before aborts the branches.
---
---The branches start in random order, so of several that are ready at once each
---may win; those behind the winner are not started at all.
---
---Tokio: `select!`.
---@param branches table<any, ebb.Body> at least one
---@return any key of the branch that has won
---@return boolean ok
---@return any ... its results, or what it raised
function ebb.select(branches) end

---Goes to the back of the run queue (may wait). `coroutine.yield()` in the
---body of a task does the same.
---
---Tokio: `task::yield_now`.
function ebb.yield_now() end

---Takes 1 of the budget of 128 that each turn of a task starts with, and goes
---to the back of the run queue first when none is left (may wait).
---
---Tokio: `task::consume_budget`.
function ebb.consume_budget() end

---Is there budget left in this turn?
---
---Tokio: `task::coop::has_budget_remaining`.
---@return boolean
function ebb.has_budget_remaining() end

---The id of the running task. Raises an error in the main chunk, which is not
---a task in this sense.
---
---Tokio: `task::id`.
---@return integer
function ebb.id() end

---The id of the running task, nil in the main chunk.
---
---Tokio: `task::try_id`.
---@return integer?
function ebb.try_id() end

---Waits for a number of seconds (may wait). The same as `ebb.time.sleep`.
---
---Tokio: `time::sleep`.
---@param seconds number at least 0; `math.huge` is for ever, without a timer
function ebb.sleep(seconds) end

---In a clean-up of a task that was aborted (by a handle, a map, `timeout`,
---`select`, or the end of its runtime or of the program): the JoinError that it
---ends with, unless the clean-up itself raises an error. nil anywhere else, also
---in the clean-up of a task that has completed or panicked, and in tasks that a
---clean-up spawns.
---
---A `__close` needs it: Lua passes nil as the error on abort, as on success.
---
---    local tx <close> = setmetatable({}, {__close = function(_, err)
---      if err or ebb.cancelled() then rollback() else commit() end
---    end})
---
---The task of a Handle is aborted there without the reason given here.
---
---Tokio: none; there a `Drop` does not know either.
---@return ebb.JoinError?
function ebb.cancelled() end

---Sets the function that is called once with the `JoinError` of each panic
---that nobody can join any more; nil brings the report to stderr back. The
---function must not wait. An error in it is told on stderr, and then the report
---comes there.
---
---Tokio: `runtime::Builder::unhandled_panic`.
---@param handler? fun(err: ebb.JoinError)
---@return (fun(err: ebb.JoinError))? previous the function that was set before
function ebb.set_unhandled(handler) end

---One task in the snapshot that `ebb.tasks` gives.
---@class ebb.TaskInfo
---@field id integer
---@field name string? what a Builder named it; else nil
---@field key any key in its JoinMap; nil when it is in none
---@field state "ready"|"running"|"waiting"|"finished"
---@field waiting_for string? what a waiting task waits for; else nil
---@field spawned_at number seconds, on the clock of `ebb.time.now`
---@field polls integer turns it has had
---@field busy number real seconds it ran, since the first call of `ebb.tasks`

---A snapshot of the tasks that have not finished, and of those that have but
---that nobody has joined. The main chunk is not among them.
---
---Tokio: no such call; tokio-console shows the like.
---@return ebb.TaskInfo[]
function ebb.tasks() end

---Where a task is, as text: its Lua traceback. Of a task that has panicked, as
---`JoinError:traceback`. Nil when there is no such task.
---
---Tokio: `runtime::Handle::dump`, for one task.
---@param id integer
---@return string?
function ebb.traceback(id) end

-- ---- JoinHandle, AbortHandle ----

---What `ebb.spawn` gives. `tostring` shows `JoinHandle(id)`. `__close` aborts
---the task; a handle that is collected detaches it.
---
---Tokio: `task::JoinHandle`.
---@class ebb.JoinHandle
local JoinHandle = {}

---Waits until the task has finished, its clean-up included (may wait). May be
---called again, and by several tasks, with the same answer. Raises an error
---when a task joins itself.
---
---Tokio: awaiting a `JoinHandle`.
---@return boolean ok
---@return any ... results of the body, or the `JoinError`
function JoinHandle:join() end

---As `join`, but gives the results alone (may wait). If the task panicked, it
---raises the very value that the body raised; if it was aborted, its
---`JoinError`. So do `ebb.block_on`, `ebb.block_in_place` and
---`ebb.time.timeout`.
---
---Where such a value was raised is kept beside it. If it ends the program, or
---a task that nobody joins, the report has the traceback of the task that
---raised it first, and one line for each task that it came through.
---
---Tokio: awaiting a `JoinHandle`, and `unwrap`.
---@return any ... results of the body
function JoinHandle:await() end

---Asks the task to end at its current or next wait. Never waits; without
---effect on a task that has finished. The reason of the first call counts.
---
---Tokio: `task::JoinHandle::abort`.
---@param reason? any what `JoinError:reason` will give
function JoinHandle:abort(reason) end

---Has the task ended, its clean-up included?
---
---Tokio: `task::JoinHandle::is_finished`.
---@return boolean
function JoinHandle:is_finished() end

---Tokio: `task::JoinHandle::id`.
---@return integer
function JoinHandle:id() end

---Tokio: `task::JoinHandle::abort_handle`.
---@return ebb.AbortHandle
function JoinHandle:abort_handle() end

---A handle that can abort a task, but not join it. `tostring` shows
---`AbortHandle(id)`. `__close` aborts the task.
---
---Tokio: `task::AbortHandle`.
---@class ebb.AbortHandle
local AbortHandle = {}

---As `JoinHandle:abort`.
---
---Tokio: `task::AbortHandle::abort`.
---@param reason? any what `JoinError:reason` will give
function AbortHandle:abort(reason) end

---As `JoinHandle:is_finished`.
---
---Tokio: `task::AbortHandle::is_finished`.
---@return boolean
function AbortHandle:is_finished() end

---Tokio: `task::AbortHandle::id`.
---@return integer
function AbortHandle:id() end

-- ---- JoinError ----

---Why a task has no results: it was cancelled (aborted), or it panicked (its
---body raised an error, or a `__close` of its clean-up did). `tostring` shows
---`task 7 was cancelled`, `task 7 panicked with message "..."`, or, when the
---raised value is not shown as text, `task 7 panicked`. When the value is the
---`JoinError` of another task's panic, the message is of that one.
---
---Tokio: `task::JoinError`.
---@class ebb.JoinError
local JoinError = {}

---Tokio: `task::JoinError::is_cancelled`.
---@return boolean
function JoinError:is_cancelled() end

---Tokio: `task::JoinError::is_panic`.
---@return boolean
function JoinError:is_panic() end

---The very value that was raised, nil included. Raises an error when the task
---was cancelled.
---
---Tokio: `task::JoinError::into_panic`.
---@return any value
function JoinError:into_panic() end

---Tokio: `task::JoinError::try_into_panic`.
---@return boolean panicked
---@return any value what was raised, or the `JoinError` itself
function JoinError:try_into_panic() end

---The id of the task.
---
---Tokio: `task::JoinError::id`.
---@return integer
function JoinError:id() end

---What was given to `abort`; nil for a panic or when nothing was given.
---
---Tokio: none.
---@return any
function JoinError:reason() end

---Where the error was raised; nil when the task was cancelled, or when a
---`__close` of its clean-up raised the error. When the task had the error from
---another that it awaited, it is the traceback of the task that raised it
---first, and below that for each task it came through, the innermost first,
---`awaited by task 1 (name, key, file.lua:12)`: its name and key, if it has
---them, and where it awaited.
---
---Tokio: none.
---@return string?
function JoinError:traceback() end

-- ---- JoinMap ----

---How keys are hashed and compared, so that tables can be keys by content.
---Both functions may raise errors, which the call that needed them raises.
---
---Tokio: the `BuildHasher` of a `JoinMap`, and the key's `Eq`.
---@class ebb.Hasher
---@field hash fun(key: any): integer
---@field equal fun(a: any, b: any): boolean

---The constructors of JoinMap.
---@class ebb.JoinMapClass
ebb.JoinMap = {}

---@class ebb.JoinMapOptions
---@field max_tasks? integer so many tasks may be unfinished; `spawn` then waits
---@field capacity? integer see `with_capacity`
---@field hasher? ebb.Hasher see `with_hasher`

---An empty map. Nothing is allocated for its tasks before the first one.
---
---With `max_tasks`, every spawn waits until fewer tasks than that are unfinished
---(may wait), unless it replaces an unfinished one.
---
---Tokio: `JoinMap::new`.
---@param options? ebb.JoinMapOptions
---@return ebb.JoinMap
function ebb.JoinMap.new(options) end

---An empty map with room for `capacity` tasks.
---
---Tokio: `JoinMap::with_capacity`.
---@param capacity integer
---@return ebb.JoinMap
function ebb.JoinMap.with_capacity(capacity) end

---An empty map whose keys are hashed and compared by `hasher`.
---
---Tokio: `JoinMap::with_hasher`.
---@param hasher ebb.Hasher
---@return ebb.JoinMap
function ebb.JoinMap.with_hasher(hasher) end

---Tokio: `JoinMap::with_capacity_and_hasher`.
---@param capacity integer
---@param hasher ebb.Hasher
---@return ebb.JoinMap
function ebb.JoinMap.with_capacity_and_hasher(capacity, hasher) end

---Tasks by key. A task is in the map from its spawning until it is joined,
---detached or replaced. Without a hasher keys follow the rules of Lua's
---tables: 1 and 1.0 are one key, strings go by content, objects by identity;
---nil and NaN are argument errors.
---
---`#map` is its length, `tostring` shows `JoinMap{"key": 7, 12: 8}`. A map
---that is collected aborts its tasks; one that a task of it refers to is not
---collected before. `__close` aborts them and empties the map, which may be
---used again.
---
---The loop over all results:
---`for key, ok, value in map.join_next, map do ... end`.
---
---Tokio: `tokio_util::task::JoinMap`.
---@class ebb.JoinMap
---@operator len: integer
local JoinMap = {}

---Makes a task under a key. A task that is there already, finished or not, is
---aborted and replaced: `join_next` never shows it. Never waits.
---
---Tokio: `JoinMap::spawn`.
---@param key any
---@param body ebb.Body
---@param ... any arguments of the body
---@return integer id
function JoinMap:spawn(key, body, ...) end

---As `JoinMap:spawn`, in the runtime that the handle is of. What is sent there is
---copied; see `ebb.spawn_blocking`. When that runtime goes before the task has
---finished, the task ends as cancelled.
---
---Tokio: `tokio_util::task::JoinMap::spawn_on`.
---@param key any
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return integer id
function JoinMap:spawn_on(key, body, handle, ...) end

---As `JoinMap:spawn`, in the current LocalSet. Raises an error where there is none.
---
---Tokio: `tokio_util::task::JoinMap::spawn_local`.
---@param key any
---@param body ebb.Body
---@param ... any arguments of the body
---@return integer id
function JoinMap:spawn_local(key, body, ...) end

---As `JoinMap:spawn`, in a LocalSet.
---
---Tokio: `tokio_util::task::JoinMap::spawn_local_on`.
---@param key any
---@param body ebb.Body
---@param local_set ebb.LocalSet
---@param ... any arguments of the body
---@return integer id
function JoinMap:spawn_local_on(key, body, local_set, ...) end

---As `JoinMap:spawn`, on a thread of the pool; see `ebb.spawn_blocking`.
---
---Tokio: `tokio_util::task::JoinMap::spawn_blocking`.
---@param key any
---@param body fun(...): ... is copied, with its upvalues
---@param ... any arguments of the body, copied
---@return integer id
function JoinMap:spawn_blocking(key, body, ...) end

---As `JoinMap:spawn`, on a thread of the pool of the runtime that the handle is of;
---see `ebb.spawn_blocking`.
---
---Tokio: `tokio_util::task::JoinMap::spawn_blocking_on`.
---@param key any
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return integer id
function JoinMap:spawn_blocking_on(key, body, handle, ...) end

---A builder that spawns into this map: `map:build_task():name("page 1")`.
---
---Tokio: `JoinMap::build_task`.
---@return ebb.JoinMapBuilder
function JoinMap:build_task() end

---As `spawn`, but does nothing when the key is in the map.
---
---Tokio: none.
---@param key any
---@param body ebb.Body
---@param ... any arguments of the body
---@return integer? id nil when the key was there
function JoinMap:spawn_if_absent(key, body, ...) end

---Takes the task that finished first out of the map; waits for one if there
---is none (may wait). Gives nil alone when the map is empty. Cancel safe: a
---task that is aborted in this call has taken nothing. Several tasks may
---wait here in one map.
---
---Tokio: `JoinMap::join_next`.
---@return any key
---@return boolean? ok
---@return any ... results of the body, or the `JoinError`
function JoinMap:join_next() end

---As `join_next`, but never waits: nil also when no task has finished yet.
---
---Tokio: `JoinMap::try_join_next`.
---@return any key
---@return boolean? ok
---@return any ... results of the body, or the `JoinError`
function JoinMap:try_join_next() end

---Waits for the task under a key, and takes it out of the map (may wait).
---Gives nil when the key is not there, or when, meanwhile, somebody else has
---joined the task, or another has replaced it. Raises an error when a task
---joins itself.
---
---Tokio: none.
---@param key any
---@return boolean? ok
---@return any ... results of the body, or the `JoinError`
function JoinMap:join(key) end

---Aborts the task under a key; it stays in the map until it is joined. True
---when the key is in the map, even if its task has finished.
---
---Tokio: `JoinMap::abort`.
---@param key any
---@param reason? any what `JoinError:reason` will give
---@return boolean
function JoinMap:abort(key, reason) end

---Aborts every task for whose key `predicate` gives a true value. An error in
---it is raised; tasks that have matched by then stay aborted. It may change
---the map; a task that is spawned meanwhile may be left out.
---
---Tokio: `JoinMap::abort_matching`.
---@param predicate fun(key: any): any
function JoinMap:abort_matching(predicate) end

---Aborts every task; they stay in the map until they are joined.
---
---Tokio: `JoinMap::abort_all`.
function JoinMap:abort_all() end

---Aborts every task and waits until the map is empty (may wait). Results and
---panics are dropped without a report.
---
---Tokio: `JoinMap::shutdown`.
function JoinMap:shutdown() end

---Takes the task under a key out of the map; it runs on. False when the key is
---not there.
---
---Tokio: none.
---@param key any
---@return boolean
function JoinMap:detach(key) end

---Takes every task out of the map; they run on.
---
---Tokio: `JoinMap::detach_all`.
function JoinMap:detach_all() end

---True until the result of the task under the key has been joined.
---
---Tokio: `JoinMap::contains_key`.
---@param key any
---@return boolean
function JoinMap:contains_key(key) end

---True until the result of the task has been joined.
---
---Tokio: `JoinMap::contains_task`.
---@param id integer
---@return boolean
function JoinMap:contains_task(id) end

---Is there a task under the key, and has it finished?
---
---Tokio: none.
---@param key any
---@return boolean
function JoinMap:is_finished(key) end

---The id of the task under a key, nil when there is none.
---
---Tokio: none.
---@param key any
---@return integer?
function JoinMap:id(key) end

---Iterates over the keys and the ids of their tasks, in any order. The map may
---be changed meanwhile.
---
---Tokio: `JoinMap::keys`.
---@return fun(): (key: any, id: integer)
function JoinMap:keys() end

---How many tasks are in the map, those that have finished included. The same
---as `#map`.
---
---Tokio: `JoinMap::len`.
---@return integer
function JoinMap:len() end

---Tokio: `JoinMap::is_empty`.
---@return boolean
function JoinMap:is_empty() end

---How many tasks fit before the map has to grow.
---
---Tokio: `JoinMap::capacity`.
---@return integer
function JoinMap:capacity() end

---Makes room for `additional` more tasks.
---
---Tokio: `JoinMap::reserve`.
---@param additional integer
function JoinMap:reserve(additional) end

---Gives back the room that the tasks in the map do not need.
---
---Tokio: `JoinMap::shrink_to_fit`.
function JoinMap:shrink_to_fit() end

---As `shrink_to_fit`, but keeps room for `capacity` tasks.
---
---Tokio: `JoinMap::shrink_to`.
---@param capacity integer
function JoinMap:shrink_to(capacity) end

-- ---- JoinSet ----

---The constructor of JoinSet.
---@class ebb.JoinSetClass
ebb.JoinSet = {}

---An empty set.
---
---Tokio: `task::JoinSet::new`.
---@return ebb.JoinSet
function ebb.JoinSet.new() end

---Tasks without keys. A task is in the set from its spawning until it is
---joined or detached.
---
---`#set` is its length, `tostring` shows the ids, `JoinSet{7, 8}`, in any
---order. A set that is collected aborts its tasks; one that a task of it refers
---to is not collected before. `__close` aborts them and empties the set, which
---may be used again.
---
---The loop over all results: `for ok, value in set.join_next, set do ... end`.
---
---Tokio: `task::JoinSet`.
---@class ebb.JoinSet
---@operator len: integer
local JoinSet = {}

---Makes a task in the set. Never waits.
---
---Tokio: `task::JoinSet::spawn`.
---@param body ebb.Body
---@param ... any arguments of the body
---@return ebb.AbortHandle
function JoinSet:spawn(body, ...) end

---As `JoinSet:spawn`, in the runtime that the handle is of. What is sent there is
---copied; see `ebb.spawn_blocking`. When that runtime goes before the task has
---finished, the task ends as cancelled.
---
---Tokio: `task::JoinSet::spawn_on`.
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return ebb.AbortHandle
function JoinSet:spawn_on(body, handle, ...) end

---As `JoinSet:spawn`, in the current LocalSet. Raises an error where there is none.
---
---Tokio: `task::JoinSet::spawn_local`.
---@param body ebb.Body
---@param ... any arguments of the body
---@return ebb.AbortHandle
function JoinSet:spawn_local(body, ...) end

---As `JoinSet:spawn`, in a LocalSet.
---
---Tokio: `task::JoinSet::spawn_local_on`.
---@param body ebb.Body
---@param local_set ebb.LocalSet
---@param ... any arguments of the body
---@return ebb.AbortHandle
function JoinSet:spawn_local_on(body, local_set, ...) end

---As `JoinSet:spawn`, on a thread of the pool; see `ebb.spawn_blocking`.
---
---Tokio: `task::JoinSet::spawn_blocking`.
---@param body fun(...): ... is copied, with its upvalues
---@param ... any arguments of the body, copied
---@return ebb.AbortHandle
function JoinSet:spawn_blocking(body, ...) end

---As `JoinSet:spawn`, on a thread of the pool of the runtime that the handle is of;
---see `ebb.spawn_blocking`.
---
---Tokio: `task::JoinSet::spawn_blocking_on`.
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return ebb.AbortHandle
function JoinSet:spawn_blocking_on(body, handle, ...) end

---A builder that spawns into this set: `set:build_task():name("crawler")`.
---
---Tokio: `task::JoinSet::build_task`.
---@return ebb.JoinSetBuilder
function JoinSet:build_task() end

---Takes the task that finished first out of the set; waits for one if there
---is none (may wait). Gives nil alone when the set is empty. Cancel safe: a
---task that is aborted in this call has taken nothing. Several tasks may
---wait here in one set.
---
---Tokio: `task::JoinSet::join_next`.
---@return boolean? ok
---@return any ... results of the body, or the `JoinError`
function JoinSet:join_next() end

---As `join_next`, with the id of the task before the rest (may wait).
---
---Tokio: `task::JoinSet::join_next_with_id`.
---@return integer? id
---@return boolean? ok
---@return any ... results of the body, or the `JoinError`
function JoinSet:join_next_with_id() end

---As `join_next`, but never waits: nil also when no task has finished yet.
---
---Tokio: `task::JoinSet::try_join_next`.
---@return boolean? ok
---@return any ... results of the body, or the `JoinError`
function JoinSet:try_join_next() end

---As `join_next_with_id`, but never waits: nil also when no task has finished
---yet.
---
---Tokio: `task::JoinSet::try_join_next_with_id`.
---@return integer? id
---@return boolean? ok
---@return any ... results of the body, or the `JoinError`
function JoinSet:try_join_next_with_id() end

---Waits until the set is empty, and gives the first result of each task, in
---the order in which they finished (may wait). A task without results leaves
---nil in its place. At the first task that panicked or was aborted, raises
---its `JoinError`, which tells which task it was; the rest are aborted then, and the set is empty. Not
---cancel safe: results that were taken by then are lost with the call.
---
---Tokio: `task::JoinSet::join_all`.
---@return any[] results
function JoinSet:join_all() end

---Aborts every task; they stay in the set until they are joined.
---
---Tokio: `task::JoinSet::abort_all`.
function JoinSet:abort_all() end

---Takes every task out of the set; they run on.
---
---Tokio: `task::JoinSet::detach_all`.
function JoinSet:detach_all() end

---Aborts every task, those that a clean-up spawns meanwhile too, and waits
---until the set is empty (may wait). Results and panics are dropped without a
---report.
---
---Tokio: `task::JoinSet::shutdown`.
function JoinSet:shutdown() end

---True until the result of the task has been joined.
---
---Tokio: none; `JoinMap::contains_task` is the like.
---@param id integer
---@return boolean
function JoinSet:contains_task(id) end

---How many tasks are in the set, those that have finished included. The same
---as `#set`.
---
---Tokio: `task::JoinSet::len`.
---@return integer
function JoinSet:len() end

---Tokio: `task::JoinSet::is_empty`.
---@return boolean
function JoinSet:is_empty() end

-- ---- Builder ----

---The constructor of Builder.
---@class ebb.BuilderClass
ebb.Builder = {}

---A builder that spawns as `ebb.spawn` does.
---
---Tokio: `task::Builder::new`.
---@return ebb.Builder
function ebb.Builder.new() end

---Gives the tasks that it spawns a name, which `ebb.tasks`, the message of a
---deadlock and the report of a panic show. It may be used any number of
---times: `ebb.Builder.new():name("crawler"):spawn(body)`.
---
---Tokio: `task::Builder`.
---@class ebb.Builder
local Builder = {}

---Sets the name of the tasks that are spawned from now on.
---
---Tokio: `task::Builder::name`.
---@param name string
---@return ebb.Builder self
function Builder:name(name) end

---As `ebb.spawn`.
---
---Tokio: `task::Builder::spawn`.
---@param body ebb.Body
---@param ... any arguments of the body
---@return ebb.JoinHandle
function Builder:spawn(body, ...) end

---As `ebb.spawn`, in the runtime that the handle is of. What is sent there is
---copied; see `ebb.spawn_blocking`. When that runtime goes before the task has
---finished, the task ends as cancelled.
---
---Tokio: `task::Builder::spawn_on`.
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return ebb.JoinHandle
function Builder:spawn_on(body, handle, ...) end

---As `ebb.spawn`, in the current LocalSet. Raises an error where there is none.
---
---Tokio: `task::Builder::spawn_local`.
---@param body ebb.Body
---@param ... any arguments of the body
---@return ebb.JoinHandle
function Builder:spawn_local(body, ...) end

---As `ebb.spawn`, in a LocalSet.
---
---Tokio: `task::Builder::spawn_local_on`.
---@param body ebb.Body
---@param local_set ebb.LocalSet
---@param ... any arguments of the body
---@return ebb.JoinHandle
function Builder:spawn_local_on(body, local_set, ...) end

---As `ebb.spawn`, on a thread of the pool; see `ebb.spawn_blocking`.
---
---Tokio: `task::Builder::spawn_blocking`.
---@param body fun(...): ... is copied, with its upvalues
---@param ... any arguments of the body, copied
---@return ebb.JoinHandle
function Builder:spawn_blocking(body, ...) end

---As `ebb.spawn`, on a thread of the pool of the runtime that the handle is of;
---see `ebb.spawn_blocking`.
---
---Tokio: `task::Builder::spawn_blocking_on`.
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return ebb.JoinHandle
function Builder:spawn_blocking_on(body, handle, ...) end

---A builder that spawns into a JoinMap, which it keeps from being collected.
---
---Tokio: `tokio_util::task::join_map::Builder`.
---@class ebb.JoinMapBuilder
local JoinMapBuilder = {}

---As `Builder:name`.
---
---Tokio: `join_map::Builder::name`.
---@param name string
---@return ebb.JoinMapBuilder self
function JoinMapBuilder:name(name) end

---As `JoinMap:spawn`.
---
---Tokio: `join_map::Builder::spawn`.
---@param key any
---@param body ebb.Body
---@param ... any arguments of the body
---@return integer id
function JoinMapBuilder:spawn(key, body, ...) end

---As `JoinMap:spawn`, in the runtime that the handle is of. What is sent there is
---copied; see `ebb.spawn_blocking`. When that runtime goes before the task has
---finished, the task ends as cancelled.
---
---Tokio: `join_map::Builder::spawn_on`.
---@param key any
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return integer id
function JoinMapBuilder:spawn_on(key, body, handle, ...) end

---As `JoinMap:spawn`, in the current LocalSet. Raises an error where there is none.
---
---Tokio: `join_map::Builder::spawn_local`.
---@param key any
---@param body ebb.Body
---@param ... any arguments of the body
---@return integer id
function JoinMapBuilder:spawn_local(key, body, ...) end

---As `JoinMap:spawn`, in a LocalSet.
---
---Tokio: `join_map::Builder::spawn_local_on`.
---@param key any
---@param body ebb.Body
---@param local_set ebb.LocalSet
---@param ... any arguments of the body
---@return integer id
function JoinMapBuilder:spawn_local_on(key, body, local_set, ...) end

---As `JoinMap:spawn`, on a thread of the pool; see `ebb.spawn_blocking`.
---
---Tokio: `join_map::Builder::spawn_blocking`.
---@param key any
---@param body fun(...): ... is copied, with its upvalues
---@param ... any arguments of the body, copied
---@return integer id
function JoinMapBuilder:spawn_blocking(key, body, ...) end

---As `JoinMap:spawn`, on a thread of the pool of the runtime that the handle is of;
---see `ebb.spawn_blocking`.
---
---Tokio: `join_map::Builder::spawn_blocking_on`.
---@param key any
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return integer id
function JoinMapBuilder:spawn_blocking_on(key, body, handle, ...) end

---A builder that spawns into a JoinSet, which it keeps from being collected.
---
---Tokio: `task::join_set::Builder`.
---@class ebb.JoinSetBuilder
local JoinSetBuilder = {}

---As `Builder:name`.
---
---Tokio: `join_set::Builder::name`.
---@param name string
---@return ebb.JoinSetBuilder self
function JoinSetBuilder:name(name) end

---As `JoinSet:spawn`.
---
---Tokio: `join_set::Builder::spawn`.
---@param body ebb.Body
---@param ... any arguments of the body
---@return ebb.AbortHandle
function JoinSetBuilder:spawn(body, ...) end

---As `JoinSet:spawn`, in the runtime that the handle is of. What is sent there is
---copied; see `ebb.spawn_blocking`. When that runtime goes before the task has
---finished, the task ends as cancelled.
---
---Tokio: `join_set::Builder::spawn_on`.
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return ebb.AbortHandle
function JoinSetBuilder:spawn_on(body, handle, ...) end

---As `JoinSet:spawn`, in the current LocalSet. Raises an error where there is none.
---
---Tokio: `join_set::Builder::spawn_local`.
---@param body ebb.Body
---@param ... any arguments of the body
---@return ebb.AbortHandle
function JoinSetBuilder:spawn_local(body, ...) end

---As `JoinSet:spawn`, in a LocalSet.
---
---Tokio: `join_set::Builder::spawn_local_on`.
---@param body ebb.Body
---@param local_set ebb.LocalSet
---@param ... any arguments of the body
---@return ebb.AbortHandle
function JoinSetBuilder:spawn_local_on(body, local_set, ...) end

---As `JoinSet:spawn`, on a thread of the pool; see `ebb.spawn_blocking`.
---
---Tokio: `join_set::Builder::spawn_blocking`.
---@param body fun(...): ... is copied, with its upvalues
---@param ... any arguments of the body, copied
---@return ebb.AbortHandle
function JoinSetBuilder:spawn_blocking(body, ...) end

---As `JoinSet:spawn`, on a thread of the pool of the runtime that the handle is of;
---see `ebb.spawn_blocking`.
---
---Tokio: `join_set::Builder::spawn_blocking_on`.
---@param body fun(...): ... is copied, with its upvalues
---@param handle ebb.Handle
---@param ... any arguments of the body, copied
---@return ebb.AbortHandle
function JoinSetBuilder:spawn_blocking_on(body, handle, ...) end

-- ---- LocalSet ----

---@class ebb.LocalSetClass
ebb.LocalSet = {}

---An empty set.
---
---Tokio: `task::LocalSet::new`.
---@return ebb.LocalSet
function ebb.LocalSet.new() end

---Tasks that run only while somebody drives their set, with `run_until`,
---`block_on` or `await`; otherwise they stand still, ready or not.
---
---Collected, closed, or at the end of its scope (`<close>`), the set aborts its
---tasks, whose clean-up then runs as that of any other. A set that its own tasks
---refer to is not collected while they live.
---
---Tokio: `task::LocalSet`.
---@class ebb.LocalSet
local LocalSet = {}

---Makes a task in the set, whether it is driven or not.
---
---Tokio: `task::LocalSet::spawn_local`.
---@param body ebb.Body
---@param ... any arguments of the body
---@return ebb.JoinHandle
function LocalSet:spawn_local(body, ...) end

---Calls `f` in the running task, with the set as the current one, and drives
---the set until it returns (may wait, as far as `f` does). While `f` has yielded
---out of a generator nobody drives the set for it; when the generator is
---resumed, by whatever task, the driving goes on.
---
---Tokio: `task::LocalSet::run_until`.
---@param f fun(...): ...
---@param ... any arguments of f
---@return any ... results of f
function LocalSet:run_until(f, ...) end

---The same as `run_until`, for the main chunk.
---
---Tokio: `task::LocalSet::block_on`.
---@param f fun(...): ...
---@param ... any arguments of f
---@return any ... results of f
function LocalSet:block_on(f, ...) end

---Drives the set until all its tasks have finished (may wait).
---
---Tokio: awaiting a `task::LocalSet`.
function LocalSet:await() end

---Makes the set the current one of the running task, for `spawn_local`, until
---the guard is closed; in a generator, that of the generator's own code. Does
---not drive it.
---
---Tokio: `task::LocalSet::enter`.
---@return ebb.LocalEnterGuard
function LocalSet:enter() end

---Aborts the tasks of the set; it takes no more. Never waits.
---
---Tokio: dropping a `task::LocalSet`.
function LocalSet:close() end

---To be closed, at the latest by the collector.
---
---Tokio: `task::LocalEnterGuard`.
---@class ebb.LocalEnterGuard
local LocalEnterGuard = {}

---Leaves the set again. Guards may be closed in any order; a second time does
---nothing.
---
---Tokio: dropping a `task::LocalEnterGuard`.
function LocalEnterGuard:close() end

-- ---- task-local values ----

---A key for values that each task has for itself. A value is in force while a
---function runs, waits included, and in the clean-up of its variables. A task
---that is spawned there does not inherit it. The main chunk has values, too.
---In a generator a value goes with its function: whatever task resumes it.
---
---Tokio: `task::LocalKey`.
---@class ebb.LocalKey
local LocalKey = {}

---What `try_get` and `try_with` give outside of any scope; `tostring` says
---which key was not set.
---
---Tokio: `task::AccessError`.
---@class ebb.AccessError

---Calls `f` with a value in force; before and after it there is what there was.
---
---Tokio: `task::LocalKey::scope`.
---@param value any
---@param f fun(...): ...
---@param ... any arguments of f
---@return any ... results of f
function LocalKey:scope(value, f, ...) end

---The same as `scope`.
---
---Tokio: `task::LocalKey::sync_scope`.
---@param value any
---@param f fun(...): ...
---@param ... any arguments of f
---@return any ... results of f
function LocalKey:sync_scope(value, f, ...) end

---The value in force. Raises an error outside of any scope.
---
---Tokio: `task::LocalKey::get`.
---@return any value
function LocalKey:get() end

---The value in force.
---
---Tokio: `task::LocalKey::try_get`.
---@return any value nil outside of any scope
---@return ebb.AccessError? err
function LocalKey:try_get() end

---`f(value)`. Raises an error outside of any scope.
---
---Tokio: `task::LocalKey::with`.
---@param f fun(value: any): ...
---@return any ... results of f
function LocalKey:with(f) end

---`f(value)`, or nil and an AccessError outside of any scope.
---
---Tokio: `task::LocalKey::try_with`.
---@param f fun(value: any): ...
---@return any ... results of f
function LocalKey:try_with(f) end

-- ---- other runtimes ----

---@class ebb.RuntimeOptions
---@field name? string for messages
---@field max_blocking_threads? integer of its pool; 512

---@class ebb.RuntimeClass
ebb.Runtime = {}

---Starts a scheduler, with a Lua state of its own, on a thread of its own. Raises
---an error when there is no memory, or no thread.
---
---Tokio: `runtime::Builder::build`.
---@param options? ebb.RuntimeOptions
---@return ebb.Runtime
function ebb.Runtime.new(options) end

---At the end of its scope (`<close>`) a Runtime is shut down; collected, it is
---asked to shut down, and nobody waits for that.
---
---Tokio: `runtime::Runtime`.
---@class ebb.Runtime
local Runtime = {}

---What others can have of the runtime.
---
---Tokio: `runtime::Runtime::handle`.
---@return ebb.Handle
function Runtime:handle() end

---Aborts the tasks of the runtime, runs their clean-up, and ends its thread (may
---wait). Tasks of this state that it has not finished end as cancelled. Clean-ups
---and blocking work that has started get `seconds` (`set_shutdown_timeout` when
---nil) to end, and a task that never waits a second more. May be called again.
---
---Tokio: `runtime::Runtime::shutdown_timeout`.
---@param seconds? number
---@return true? ok
---@return string? stuck what is left behind
function Runtime:shutdown(seconds) end

---@class ebb.HandleClass
ebb.Handle = {}

---A handle to the runtime that the caller runs in; in blocking work, to the one
---that it is done for.
---
---Tokio: `runtime::Handle::current`.
---@return ebb.Handle
function ebb.Handle.current() end

---A way to spawn on a runtime from wherever the handle has been sent. Handles
---of one runtime are equal. While others have one of this state's, a wait here
---is never called a deadlock.
---
---Tokio: `runtime::Handle`.
---@class ebb.Handle
local Handle = {}

---As `ebb.spawn_on`. On the caller's own runtime it is `ebb.spawn`: nothing is
---copied.
---
---Tokio: `runtime::Handle::spawn`.
---@param body fun(...): ... is copied, with its upvalues
---@param ... any arguments of the body, copied
---@return ebb.JoinHandle
function Handle:spawn(body, ...) end

---As `ebb.spawn_blocking_on`.
---
---Tokio: `runtime::Handle::spawn_blocking`.
---@param body fun(...): ... is copied, with its upvalues
---@param ... any arguments of the body, copied
---@return ebb.JoinHandle
function Handle:spawn_blocking(body, ...) end

---A number that no other runtime of the process has.
---
---Tokio: `runtime::Handle::id`.
---@return integer id
function Handle:id() end

-- ---- time ----

---Tokio: `tokio::time`.
---@class ebb.time
ebb.time = {}

---Seconds since some fixed moment, on a clock that never goes back; the
---virtual time while time is paused.
---
---Tokio: `time::Instant::now`.
---@return number
function ebb.time.now() end

---Waits for a number of seconds (may wait); lets the other tasks run once even
---when that is 0.
---
---Tokio: `time::sleep`.
---@param seconds number at least 0; `math.huge` is for ever, without a timer
function ebb.time.sleep(seconds) end

---Waits until `time.now()` is `deadline` (may wait). One that has passed lets
---the other tasks run once.
---
---Tokio: `time::sleep_until`.
---@param deadline number seconds, on the clock of `now`
function ebb.time.sleep_until(deadline) end

---Runs `body` as a task, for a number of seconds at the most (may wait). Raises
---as `JoinHandle:await` does. When the time is over the task is
---aborted, and this returns once its clean-up has ended. When the caller is
---aborted, so is the task, and its clean-up comes before the caller's.
---
---The body has its first turn even when the time is 0, and another when it is
---ready at the moment at which the time is over. If it returns in that turn, its
---results are given.
---
---Tokio: `time::timeout`.
---@param seconds number at least 0; `math.huge` sets no limit
---@param body ebb.Body
---@param ... any arguments of the body
---@return true? in_time nil when the time was over
---@return any ... results of the body, or "elapsed"
function ebb.time.timeout(seconds, body, ...) end

---A clock that ticks at fixed times: now, and then every `period` seconds.
---
---Tokio: `time::interval`.
---@param period number above 0
---@return ebb.Interval
function ebb.time.interval(period) end

---Stops the clock, for tests. Then it moves only with `advance`, or, when
---nothing can run, by a jump to the next timer. Raises an error when time is
---paused already.
---
---Tokio: `time::pause`.
function ebb.time.pause() end

---Lets the clock run again, from where it stands. Raises an error when time is
---not paused.
---
---Tokio: `time::resume`.
function ebb.time.resume() end

---Moves the paused clock on, and lets the sleepers that are due by then run
---first, in the order of their deadlines (may wait). Raises an error when time
---is not paused, or would be beyond what the clock can count, some 290 years.
---
---Tokio: `time::advance`.
---@param seconds number at least 0
function ebb.time.advance(seconds) end

---What `ebb.time.interval` gives. Several tasks may share one: each tick is one
---task's.
---
---Tokio: `time::Interval`.
---@class ebb.Interval
local Interval = {}

---Waits for the next tick (may wait). A tick that is late does not shift those
---after it, see `set_missed_tick_behavior`. Cancel safe: a task that is aborted
---here takes no tick with it.
---
---Tokio: `time::Interval::tick`.
---@return number due seconds: the time that the tick was due at
function Interval:tick() end

---The next tick comes one period from now.
---
---Tokio: `time::Interval::reset`.
function Interval:reset() end

---Seconds between two ticks.
---
---Tokio: `time::Interval::period`.
---@return number
function Interval:period() end

---What happens when a tick is more than 5 ms late. "burst": the ticks that were
---missed come at once, one after the other. "delay": the next one comes a whole
---period from then. "skip": the next one comes at the first of the fixed times
---that has not passed.
---
---Tokio: `time::Interval::set_missed_tick_behavior`.
---@param behavior "burst"|"delay"|"skip" "burst" unless it is set
function Interval:set_missed_tick_behavior(behavior) end

---Tokio: `time::Interval::missed_tick_behavior`.
---@return "burst"|"delay"|"skip"
function Interval:missed_tick_behavior() end

-- ---- sync ----

---What tasks tell each other, and how they share. Who waits for any of it is
---served in the order of coming, and is given what he waits for when it is
---there: from then on nobody else can have it. A task that is aborted
---meanwhile loses nothing: it goes to the next in line.
---
---Tokio: `tokio::sync`.
---@class ebb.sync
ebb.sync = {}

---A channel: values go from any number of tasks to any number of tasks, each
---value to one of them. A value sent while a receiver waits is that one's,
---and takes no place in the channel.
---
---Either end can be closed; an end that is collected is closed. Of several
---producers, or consumers, each should have a clone of its own: the channel
---closes with the last.
---
---Tokio: `sync::mpsc::channel`, `sync::mpsc::unbounded_channel`, but with any
---number of receivers.
---@param capacity? integer values that it holds, at least 1; default: no limit
---@return ebb.sync.Sender
---@return ebb.sync.Receiver
function ebb.sync.channel(capacity) end

---Tokio: `sync::mpsc::Sender`.
---@class ebb.sync.Sender
local Sender = {}

---Sends, and waits while the channel is full (may wait). One without a limit is
---never full: then it never waits, and may be called in finalizers.
---
---Tokio: `mpsc::Sender::send`, `mpsc::UnboundedSender::send`.
---@param value any but nil
---@return true? sent nil: the value was not sent
---@return "closed"? why
function Sender:send(value) end

---As `send`, but never waits.
---
---Tokio: `mpsc::Sender::try_send`.
---@param value any but nil
---@return true? sent nil: the value was not sent
---@return "full"|"closed"|nil why
function Sender:try_send(value) end

---Another sender to the same channel, which is closed apart from this one. The
---clone of a closed sender is closed.
---
---Tokio: `Clone` of `mpsc::Sender`.
---@return ebb.sync.Sender
function Sender:clone() end

---Ends the sends of this sender, those that wait too. With the last sender the
---channel is closed; what is in it can still be received. As a to-be-closed
---variable, the sender is closed at the end of the scope.
---
---Tokio: dropping an `mpsc::Sender`.
function Sender:close() end

---Is this sender closed, or the channel?
---
---Tokio: `mpsc::Sender::is_closed`.
---@return boolean
function Sender:is_closed() end

---Tokio: `sync::mpsc::Receiver`.
---@class ebb.sync.Receiver
local Receiver = {}

---The oldest value, which it waits for (may wait); nil when the channel is
---closed and empty. So `for value in rx.recv, rx do` takes all.
---
---Tokio: `mpsc::Receiver::recv`.
---@return any? value
function Receiver:recv() end

---As `recv`, but never waits.
---
---Tokio: `mpsc::Receiver::try_recv`.
---@return any? value
---@return "empty"|"closed"|nil why there is none
function Receiver:try_recv() end

---Another receiver of the same channel, which is closed apart from this one.
---Each value goes to one of them. The clone of a closed receiver is closed.
---
---Tokio: nothing; an `mpsc::Receiver` is alone.
---@return ebb.sync.Receiver
function Receiver:clone() end

---Waits no more: what is in the channel can still be received. With the last
---receiver the channel is closed, and all sends end. As a to-be-closed
---variable, the receiver is closed at the end of the scope.
---
---Tokio: `mpsc::Receiver::close`.
function Receiver:close() end

---A channel for one value.
---
---Tokio: `sync::oneshot::channel`.
---@return ebb.sync.OneshotSender
---@return ebb.sync.OneshotReceiver
function ebb.sync.oneshot() end

---Tokio: `sync::oneshot::Sender`.
---@class ebb.sync.OneshotSender
local OneshotSender = {}

---Sends the value; never waits.
---
---Tokio: `oneshot::Sender::send`.
---@param value any but nil
---@return boolean sent false: there was one already, or an end is closed
function OneshotSender:send(value) end

---Nothing will be sent.
---
---Tokio: dropping the `oneshot::Sender`.
function OneshotSender:close() end

---Can nothing be sent (any more)?
---
---Tokio: `oneshot::Sender::is_closed`.
---@return boolean
function OneshotSender:is_closed() end

---Tokio: `sync::oneshot::Receiver`.
---@class ebb.sync.OneshotReceiver
local OneshotReceiver = {}

---The value, which it waits for (may wait). It can be had once.
---
---Tokio: awaiting the `oneshot::Receiver`.
---@return any? value
---@return "closed"? why there is none and will be none
function OneshotReceiver:recv() end

---As `recv`, but never waits.
---
---Tokio: `oneshot::Receiver::try_recv`.
---@return any? value
---@return "empty"|"closed"|nil why there is none
function OneshotReceiver:try_recv() end

---Nothing can be sent any more; what was sent can still be received.
---
---Tokio: `oneshot::Receiver::close`.
function OneshotReceiver:close() end

---One value that can be changed, and receivers that learn when it has been.
---Between two looks of a receiver there may have been several changes: only
---the last can be seen.
---
---Tokio: `sync::watch::channel`.
---@param value any the first value
---@return ebb.sync.WatchSender
---@return ebb.sync.WatchReceiver
function ebb.sync.watch(value) end

---Tokio: `sync::watch::Sender`.
---@class ebb.sync.WatchSender
local WatchSender = {}

---Changes the value, unless there is no receiver.
---
---Tokio: `watch::Sender::send`.
---@param value any
---@return true? sent nil: the value is the old one
---@return "closed"? why: no receiver, or the sender is closed
function WatchSender:send(value) end

---Changes the value, also without receivers. Raises an error when the sender
---is closed.
---
---Tokio: `watch::Sender::send_replace`.
---@param value any
---@return any old
function WatchSender:send_replace(value) end

---A new receiver, which has seen the value as it is now.
---
---Tokio: `watch::Sender::subscribe`.
---@return ebb.sync.WatchReceiver
function WatchSender:subscribe() end

---Tokio: `watch::Sender::borrow`.
---@return any value
function WatchSender:borrow() end

---How many receivers are there, not counting those closed or collected?
---
---Tokio: `watch::Sender::receiver_count`.
---@return integer
function WatchSender:receiver_count() end

---Is there no receiver, or is the sender closed?
---
---Tokio: `watch::Sender::is_closed`.
---@return boolean
function WatchSender:is_closed() end

---Another sender of the same value, which is closed apart from this one.
---
---Tokio: `Clone` of `watch::Sender`.
---@return ebb.sync.WatchSender
function WatchSender:clone() end

---Sends no more. With the last sender, there will be no change any more.
---
---Tokio: dropping a `watch::Sender`.
function WatchSender:close() end

---Each task that waits for changes should have a receiver of its own: it is the
---receiver that has seen a value or not.
---
---Tokio: `sync::watch::Receiver`.
---@class ebb.sync.WatchReceiver
local WatchReceiver = {}

---The value; it does not count as seen.
---
---Tokio: `watch::Receiver::borrow`.
---@return any value
function WatchReceiver:borrow() end

---The value, which counts as seen.
---
---Tokio: `watch::Receiver::borrow_and_update`.
---@return any value
function WatchReceiver:borrow_and_update() end

---Waits until the value is one that this receiver has not seen, which counts as
---seen then (may wait).
---
---Tokio: `watch::Receiver::changed`.
---@return true? changed nil: it will not change any more
---@return "closed"? why
function WatchReceiver:changed() end

---Is the value one that this receiver has not seen?
---
---Tokio: `watch::Receiver::has_changed`.
---@return boolean? changed nil: the sender or the receiver is closed
---@return "closed"? why
function WatchReceiver:has_changed() end

---Another receiver, which has seen what this one has seen.
---
---Tokio: `Clone` of `watch::Receiver`.
---@return ebb.sync.WatchReceiver
function WatchReceiver:clone() end

---Does not count as a receiver any more.
---
---Tokio: dropping the `watch::Receiver`.
function WatchReceiver:close() end

---A channel that gives each value to each receiver. It keeps the last
---`capacity` values; a receiver that is further behind misses some.
---
---Tokio: `sync::broadcast::channel`, whose capacity is rounded up.
---@param capacity integer at least 1
---@return ebb.sync.BroadcastSender
---@return ebb.sync.BroadcastReceiver
function ebb.sync.broadcast(capacity) end

---Tokio: `sync::broadcast::Sender`.
---@class ebb.sync.BroadcastSender
local BroadcastSender = {}

---Sends to all receivers there are; never waits.
---
---Tokio: `broadcast::Sender::send`.
---@param value any but nil
---@return integer? receivers how many there are
---@return "closed"? why: no receiver, or the sender is closed
function BroadcastSender:send(value) end

---A new receiver, of what is sent from now on.
---
---Tokio: `broadcast::Sender::subscribe`.
---@return ebb.sync.BroadcastReceiver
function BroadcastSender:subscribe() end

---How many receivers are there, not counting those closed or collected?
---
---Tokio: `broadcast::Sender::receiver_count`.
---@return integer
function BroadcastSender:receiver_count() end

---Another sender to the same receivers, which is closed apart from this one.
---
---Tokio: `Clone` of `broadcast::Sender`.
---@return ebb.sync.BroadcastSender
function BroadcastSender:clone() end

---Sends no more. With the last sender the broadcast is closed.
---
---Tokio: dropping a `broadcast::Sender`.
function BroadcastSender:close() end

---Tokio: `sync::broadcast::Receiver`.
---@class ebb.sync.BroadcastReceiver
local BroadcastReceiver = {}

---The next value, which it waits for (may wait). A receiver that has missed
---values gets nil, "lagged" and their number once, and then the oldest that
---there is.
---
---Tokio: `broadcast::Receiver::recv`.
---@return any? value
---@return "closed"|"lagged"|nil why there is none
---@return integer? missed how many, if lagged
function BroadcastReceiver:recv() end

---As `recv`, but never waits.
---
---Tokio: `broadcast::Receiver::try_recv`.
---@return any? value
---@return "empty"|"closed"|"lagged"|nil why there is none
---@return integer? missed how many, if lagged
function BroadcastReceiver:try_recv() end

---A new receiver, of what is sent from now on.
---
---Tokio: `broadcast::Receiver::resubscribe`.
---@return ebb.sync.BroadcastReceiver
function BroadcastReceiver:resubscribe() end

---Does not count as a receiver any more.
---
---Tokio: dropping the `broadcast::Receiver`.
function BroadcastReceiver:close() end

---@class ebb.sync.NotifyClass
ebb.sync.Notify = {}

---Tokio: `sync::Notify::new`.
---@return ebb.sync.Notify
function ebb.sync.Notify.new() end

---Tells tasks that something has happened.
---
---Tokio: `sync::Notify`.
---@class ebb.sync.Notify
local Notify = {}

---Waits for a notification, or takes the one that was kept (may wait).
---
---Tokio: `Notify::notified`.
function Notify:notified() end

---Notifies the task that has waited longest; if nobody waits, one notification
---is kept for the next, however often this is called.
---
---Tokio: `Notify::notify_one`.
function Notify:notify_one() end

---Notifies all who wait now, and keeps nothing.
---
---Tokio: `Notify::notify_waiters`.
function Notify:notify_waiters() end

---@class ebb.sync.SemaphoreClass
ebb.sync.Semaphore = {}

---Tokio: `sync::Semaphore::new`.
---@param permits integer from 0 to 2^32 - 1
---@return ebb.sync.Semaphore
function ebb.sync.Semaphore.new(permits) end

---A number of permits, which tasks take and give back. Fair: while a task
---waits, nobody who comes later gets a permit, even if he wants fewer.
---
---Tokio: `sync::Semaphore`.
---@class ebb.sync.Semaphore
local Semaphore = {}

---Takes permits, which it waits for (may wait).
---
---Tokio: `Semaphore::acquire`, `Semaphore::acquire_many`.
---@param permits? integer default: 1
---@return ebb.sync.Permit? permit for all of them
---@return "closed"? why there is none
function Semaphore:acquire(permits) end

---As `acquire`, but never waits.
---
---Tokio: `Semaphore::try_acquire`, `Semaphore::try_acquire_many`.
---@param permits? integer default: 1
---@return ebb.sync.Permit? permit for all of them
---@return "no permits"|"closed"|nil why there is none
function Semaphore:try_acquire(permits) end

---Tokio: `Semaphore::add_permits`.
---@param permits integer
function Semaphore:add_permits(permits) end

---How many permits who comes now could have: 0 while somebody waits.
---
---Tokio: `Semaphore::available_permits`.
---@return integer
function Semaphore:available_permits() end

---Who waits, and who comes later, gets nil, "closed".
---
---Tokio: `Semaphore::close`.
function Semaphore:close() end

---Tokio: `Semaphore::is_closed`.
---@return boolean
function Semaphore:is_closed() end

---What one has of a Semaphore, or the guard of a lock. It is released at the
---end of the scope of a to-be-closed variable, and when it is collected, too.
---Any task may release it.
---
---Tokio: `sync::SemaphorePermit`, `sync::MutexGuard`,
---`sync::RwLockReadGuard`, `sync::RwLockWriteGuard`.
---@class ebb.sync.Permit
local Permit = {}

---Gives it back, to the next in line. The second time it does nothing.
---
---Tokio: dropping the permit or guard.
function Permit:release() end

---@class ebb.sync.MutexClass
ebb.sync.Mutex = {}

---Tokio: `sync::Mutex::new`.
---@return ebb.sync.Mutex
function ebb.sync.Mutex.new() end

---A lock that one has at a time: `local guard <close> = mutex:lock()`. It is
---needed only where the task waits while it has it. A task that locks it twice
---waits for itself.
---
---Tokio: `sync::Mutex`.
---@class ebb.sync.Mutex
local Mutex = {}

---Waits until it is free (may wait), in the order of coming.
---
---Tokio: `Mutex::lock`.
---@return ebb.sync.Permit guard
function Mutex:lock() end

---As `lock`, but never waits.
---
---Tokio: `Mutex::try_lock`.
---@return ebb.sync.Permit? guard
---@return "locked"? why there is none
function Mutex:try_lock() end

---@class ebb.sync.RwLockClass
ebb.sync.RwLock = {}

---Tokio: `sync::RwLock::new`.
---@return ebb.sync.RwLock
function ebb.sync.RwLock.new() end

---A lock that many have to read, or one to write, in the order of coming: a
---writer that waits holds up the readers that come after it.
---
---Tokio: `sync::RwLock`.
---@class ebb.sync.RwLock
local RwLock = {}

---Waits until nobody writes (may wait).
---
---Tokio: `RwLock::read`.
---@return ebb.sync.Permit guard
function RwLock:read() end

---Waits until nobody reads or writes (may wait).
---
---Tokio: `RwLock::write`.
---@return ebb.sync.Permit guard
function RwLock:write() end

---As `read`, but never waits.
---
---Tokio: `RwLock::try_read`.
---@return ebb.sync.Permit? guard
---@return "locked"? why there is none
function RwLock:try_read() end

---As `write`, but never waits.
---
---Tokio: `RwLock::try_write`.
---@return ebb.sync.Permit? guard
---@return "locked"? why there is none
function RwLock:try_write() end

---@class ebb.sync.BarrierClass
ebb.sync.Barrier = {}

---Tokio: `sync::Barrier::new`.
---@param size integer how many wait for each other; 0 is as 1
---@return ebb.sync.Barrier
function ebb.sync.Barrier.new(size) end

---Where tasks wait until so many have come. Then it begins anew.
---
---Tokio: `sync::Barrier`.
---@class ebb.sync.Barrier
local Barrier = {}

---Waits until all have come (may wait). Other than in Tokio, a task that is
---aborted before that does not count.
---
---Tokio: `Barrier::wait`.
---@return boolean is_leader true for one of them, the last
function Barrier:wait() end

-- ---- io ----

---Waiting for file descriptors that others own: those of other C modules, and
---of Lua's own files.
---
---Tokio: `io::unix::AsyncFd`.
ebb.io = {}

---What can be waited for: a file descriptor; a Lua file; an object whose
---`getfd` gives one (as sockets of LuaSocket do), and whose `dirty`, if it has
---it, tells whether it has read ahead; or one that says by `pollfd`, `events`
---and `timeout` what it waits for (as those of cqueues do, whose negative
---timeouts are over).
---@alias ebb.Pollable integer|file*|table|userdata

---Waits until `object` can be read from ("r"), or written to ("w"), without
---blocking, or until either is so ("rw") (may wait). The end of a stream, an
---error and a hang-up count as both. Regular files are always ready.
---
---Gives nil and "timeout" when `seconds`, or what the object's `timeout` gave,
---are over first; nil and "closed" when it is closed, or `ebb.io.forget` came
---meanwhile. Any number of tasks may wait for one object, and an event wakes
---them all: another may have taken what there was, so use it without blocking
---and wait again. What Lua's files have read ahead does not count. With the
---clock paused, time jumps over this wait, unless the object is ready.
---
---Tokio: `io::unix::AsyncFd::ready`.
---@param object ebb.Pollable
---@param events? "r"|"w"|"rw" may be left out when the object has `events`
---@param seconds? number at least 0; 0 only looks
---@return "r"|"w"|"rw"|nil ready what can be done, of what was asked for
---@return "timeout"|"closed"|nil why
function ebb.io.wait(object, events, seconds) end

---Waits until one of the objects in the first list can be read from without
---blocking, or one in the second written to (may wait): one wait of one task,
---however many there are. Gives those that are ready in the order of the lists,
---but first of all those that have read ahead; or nil and "timeout" when
---`seconds` are over first. What is closed, or is closed meanwhile, is passed
---over; an object's own `events` and `timeout` are not asked. The lists may
---change while the task waits for what was in them. For the rest, see
---`ebb.io.wait`.
---
---Tokio: no such call; `FuturesUnordered` of `AsyncFd::ready`.
---@param readers? ebb.Pollable[]
---@param writers? ebb.Pollable[]
---@param seconds? number at least 0; 0 only looks
---@return ebb.Pollable[]? readable
---@return ebb.Pollable[]|"timeout" writable or why there is nothing
function ebb.io.select(readers, writers, seconds) end

---To be called before a file descriptor that tasks may be waiting for is
---closed: their waits end with nil and "closed". (A task that waits for one
---that was closed without this waits on, until another task waits for a new
---one of the same number.) Never waits.
---
---Tokio: `io::unix::AsyncFd::into_inner`.
---@param object ebb.Pollable
function ebb.io.forget(object) end

-- ---- net ----

---Sockets. What goes wrong at run time is told by three results: nil, a
---message for people, and a code: the name of the system's error, as
---"ECONNRESET"; "EOF" at the end of a stream; "EBADF" for what was closed
---here; "ETIMEDOUT"; or, of a host's name, "EAI_NONAME" and the like. Of the
---first two and of a time that is over the message is "closed" and "timeout".
---A path that is too long is "ENAMETOOLONG"; a host or path with a NUL in it is
---an argument error.
---
---Any task may call any of it, in generators and callbacks, too, and several
---tasks may use one object. Each error ends one call of one object: nothing
---raises SIGPIPE.
---
---Tokio: `tokio::net`.
ebb.net = {}

---Connects by TCP, which sends without delay from then on (may wait). A host's
---name is looked up off the loop's thread; its addresses are tried in turn,
---and the last error is told. When the task is aborted the socket is closed.
---
---Tokio: `net::TcpStream::connect`.
---@param host string a name, or a numeric address of either IP
---@param port integer 1 to 65535
---@param seconds? number at least 0: not longer than that, but for the lookup
---@return ebb.net.Connection?
---@return string? message
---@return string? code
function ebb.net.connect(host, port, seconds) end

---Connects to a Unix socket (may wait). "EAGAIN" when its backlog is full.
---
---Tokio: `net::UnixStream::connect`.
---@param path string one that begins with "@" is a name in no file system
---@param seconds? number at least 0
---@return ebb.net.Connection?
---@return string? message
---@return string? code
function ebb.net.connect_unix(path, seconds) end

---Listens for TCP connections (may wait, for a host's name).
---
---Tokio: `net::TcpListener::bind`.
---@param host string? whose address it is; nil or "*": any of this host's
---@param port integer 0: one that is free, which `local_name` tells
---@param backlog? integer connections that nobody has accepted; default 1024
---@return ebb.net.Listener?
---@return string? message
---@return string? code
function ebb.net.listen(host, port, backlog) end

---Listens on a Unix socket. A path must not exist, and stays when the listener
---is closed. Never waits.
---
---Tokio: `net::UnixListener::bind`.
---@param path string one that begins with "@" is a name in no file system
---@param backlog? integer default 1024
---@return ebb.net.Listener?
---@return string? message
---@return string? code
function ebb.net.listen_unix(path, backlog) end

---Two connections, each the other's end. Never waits.
---
---Tokio: `net::UnixStream::pair`.
---@return ebb.net.Connection?
---@return ebb.net.Connection|string|nil other or the message
---@return string? code
function ebb.net.pair() end

---A socket for datagrams (may wait, for a host's name).
---
---Tokio: `net::UdpSocket::bind`.
---@param host? string whose address it is; nil or "*": any of this host's
---@param port? integer default 0: one that is free
---@return ebb.net.Udp?
---@return string? message
---@return string? code
function ebb.net.udp(host, port) end

-- ---- Connection ----

---A stream of bytes both ways, over TCP or a Unix socket. While nobody reads it
---has no buffer. What was received and not asked for yet, also when a task is
---aborted or a time is over in the middle, is there for the next who reads.
---
---Tokio: `net::TcpStream`, `net::UnixStream`.
---@class ebb.net.Connection
local Connection = {}

---Reads (may wait). `what` is
---
---* a number: so many bytes. 0 waits until there is something to read.
---* "*l": a line, without the "\n" or "\r\n" that ends it. The last one may
---  lack its end.
---* "*a": all up to the end of the stream; "" at the end.
---* any other string: what comes before that string, which is taken, too, and
---  has no magic.
---
---When the stream ends before that: nil, "closed", "EOF"; what there was stays,
---and can be read. Two tasks that read at a time get what they asked for, in
---no certain order.
---
---Tokio: `AsyncReadExt::read_exact`, `AsyncBufReadExt::read_until`.
---@param what integer|string
---@param limit? integer not a number: nil, message, "EMSGSIZE" when it would be longer
---@return string? data
---@return string? message
---@return string? code
function Connection:read(what, limit) end

---What is there, at least a byte (may wait).
---
---Tokio: `AsyncReadExt::read`.
---@param limit? integer at most so many bytes; default 8192
---@return string? data
---@return string? message
---@return string? code
function Connection:read_some(limit) end

---An iterator that calls `read`, and ends the loop where that gives nil.
---
---Tokio: `AsyncBufReadExt::lines`, `split`.
---@param what? integer|string default "*l"
---@param limit? integer as for `read`
---@return fun(): string?, string?, string?
function Connection:lines(what, limit) end

---Writes all the pieces (may wait). They stay together: another task's write
---comes before them or after. When the task is aborted, some of it may have
---been sent.
---
---Tokio: `AsyncWriteExt::write_all`.
---@param ... string|number
---@return true?
---@return string? message
---@return string? code
---@return integer? sent how many bytes were, nonetheless
function Connection:write(...) end

---Ends one way of the stream, or both. Never waits.
---
---Tokio: `AsyncWriteExt::shutdown`.
---@param way? "w"|"r"|"rw" default "w": the other end sees the end
---@return true?
---@return string? message
---@return string? code
function Connection:shutdown(way) end

---Closes it so that the other end sees an error: what was not sent is dropped.
---
---Tokio: `TcpStream::set_linger`, and dropping it.
function Connection:reset() end

---May TCP wait with small pieces until what was sent before has arrived? Not so
---from the beginning. Never waits.
---
---Tokio: `TcpStream::set_nodelay`.
---@param on boolean true: no
---@return true?
---@return string? message
---@return string? code
function Connection:set_nodelay(on) end

---Has more been received than was read? `ebb.io.wait` asks that, too.
---
---Tokio: `io::BufReader::buffer`.
---@return boolean
function Connection:dirty() end

---The address of the other end: host and port, or the path alone.
---
---Tokio: `TcpStream::peer_addr`.
---@return string? host
---@return integer|string|nil port or why there is none
---@return string? code
function Connection:peer_name() end

---Closes it; what tasks wait for on it ends with nil, "closed", "EBADF". May
---be called again. As a to-be-closed variable it is closed at the end of the
---scope; it is also closed when it is collected.
---
---Tokio: dropping a `TcpStream`.
function Connection:close() end

---Its file descriptor, for `ebb.io.wait` and other modules; -1 once it is
---closed.
---
---Tokio: `TcpStream::as_raw_fd`.
---@return integer
function Connection:getfd() end

---Its own address: host and port, or the path alone.
---
---Tokio: `TcpStream::local_addr`.
---@return string? host
---@return integer|string|nil port or why there is none
---@return string? code
function Connection:local_name() end

---Each later call that waits gives up after so many seconds, with nil,
---"timeout", "ETIMEDOUT"; nil: none does.
---
---Tokio: no such call; `time::timeout` around each.
---@param seconds? number at least 0
function Connection:set_timeout(seconds) end

-- ---- Listener ----

---Where connections come in: `for conn in listener.accept, listener do`.
---
---Tokio: `net::TcpListener`, `net::UnixListener`.
---@class ebb.net.Listener
local Listener = {}

---The next connection (may wait). While the process has no file descriptor left
---for it, or the system no memory, it stays in the backlog, and accept tries
---again every 50 ms. An abort loses none.
---
---Tokio: `TcpListener::accept`.
---@return ebb.net.Connection?
---@return string? message
---@return string? code
function Listener:accept() end

---Closes it; what tasks wait for on it ends with nil, "closed", "EBADF". May
---be called again. As a to-be-closed variable it is closed at the end of the
---scope; it is also closed when it is collected.
---
---Tokio: dropping a `TcpListener`.
function Listener:close() end

---Its file descriptor, for `ebb.io.wait` and other modules; -1 once it is
---closed.
---
---Tokio: `TcpListener::as_raw_fd`.
---@return integer
function Listener:getfd() end

---Its own address: host and port, or the path alone.
---
---Tokio: `TcpListener::local_addr`.
---@return string? host
---@return integer|string|nil port or why there is none
---@return string? code
function Listener:local_name() end

---Each later call that waits gives up after so many seconds, with nil,
---"timeout", "ETIMEDOUT"; nil: none does.
---
---Tokio: no such call; `time::timeout` around each.
---@param seconds? number at least 0
function Listener:set_timeout(seconds) end

-- ---- Udp ----

---A socket for datagrams.
---
---Tokio: `net::UdpSocket`.
---@class ebb.net.Udp
local Udp = {}

---Sends one datagram (may wait).
---
---Tokio: `UdpSocket::send_to`.
---@param data string
---@param host string a name, or a numeric address
---@param port integer
---@return true?
---@return string? message
---@return string? code
function Udp:send_to(data, host, port) end

---The next datagram, whole (may wait).
---
---Tokio: `UdpSocket::recv_from`.
---@return string? data
---@return string? host whose it is; or the message
---@return integer|string|nil port or the code
function Udp:receive() end

---From now on `send` sends to that address, and only what comes from there is
---received (may wait, for a host's name).
---
---Tokio: `UdpSocket::connect`.
---@param host string
---@param port integer
---@return true?
---@return string? message
---@return string? code
function Udp:connect(host, port) end

---Sends one datagram to the address it is connected to (may wait).
---
---Tokio: `UdpSocket::send`.
---@param data string
---@return true?
---@return string? message
---@return string? code
function Udp:send(data) end

---Closes it; what tasks wait for on it ends with nil, "closed", "EBADF". May
---be called again. As a to-be-closed variable it is closed at the end of the
---scope; it is also closed when it is collected.
---
---Tokio: dropping a `UdpSocket`.
function Udp:close() end

---Its file descriptor, for `ebb.io.wait` and other modules; -1 once it is
---closed.
---
---Tokio: `UdpSocket::as_raw_fd`.
---@return integer
function Udp:getfd() end

---Its own address: host and port, or the path alone.
---
---Tokio: `UdpSocket::local_addr`.
---@return string? host
---@return integer|string|nil port or why there is none
---@return string? code
function Udp:local_name() end

---Each later call that waits gives up after so many seconds, with nil,
---"timeout", "ETIMEDOUT"; nil: none does.
---
---Tokio: no such call; `time::timeout` around each.
---@param seconds? number at least 0
function Udp:set_timeout(seconds) end

return ebb
