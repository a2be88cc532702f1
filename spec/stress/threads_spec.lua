-- #threads
-- Many jobs and runtimes at once, aborted at random times: each task has one
-- result, which is the one it must have, its clean-up has run, and no thread,
-- state or file is left. EBB_THREADS="JOBS RUNTIMES TASKS ROUNDS" sets the
-- size; EBB_SEED the numbers.

local ebb = require "ebb"
local common = require "common"
local process = require "process"

local collect = common.collect
local random = math.random
local settle = ebb.yield_now

-- Bodies for the other side set globals there, and call its module `ebb`.
-- luacheck: ignore 11 431

local sizes = os.getenv "EBB_THREADS" or
  (process.is_sanitized() and "60 4 150 1" or "200 4 1000 3")
local JOBS, RUNTIMES, TASKS, ROUNDS = sizes:match "(%d+) (%d+) (%d+) (%d+)"
JOBS, RUNTIMES = math.tointeger(JOBS), math.tointeger(RUNTIMES)
TASKS, ROUNDS = math.tointeger(TASKS), math.tointeger(ROUNDS)
local THREADS <const> = 8 -- of the pool

-- ---- what the tasks do; `n` is the number of the task ----

local KINDS = {
  function(n) return n end,
  function(n) error {n} end,
  function(n)
    local ebb = require "ebb"
    for _ = 1, n % 7 do ebb.yield_now() end
    return n
  end,
  function(n)
    require "ebb".sleep(n % 5 / 10000)
    return n
  end,
  function(n)
    local ebb = require "ebb"
    table.sort({3, 2, 1}, function(a, b) ebb.yield_now() return a < b end)
    return coroutine.wrap(function() ebb.yield_now() return n end)()
  end,
  function(n)
    local ebb = require "ebb"
    local set <close> = ebb.JoinSet.new()
    for _ = 1, 3 do set:spawn(function() ebb.yield_now() return n end) end
    return (select(2, set:join_next()))
  end,
  function(n)
    local ebb = require "ebb"
    ebb.set_max_blocking_threads(1) -- of the state that this runs in
    return ebb.block_in_place(function() return n end)
  end,
  function(n, home)
    return home:spawn(function() return n end):await()
  end,
  function(n, home, next)
    return next:spawn(function(h)
      return h:spawn(function() return n end):await()
    end, home):await()
  end,
  function(n)
    local t = {n}
    for i = 2, 100 do t[i] = {i, tostring(i)} end
    return t[1], t
  end,
}

-- Counts, in the globals of the state that it runs in, how many have started
-- and how many have been closed. An abort that comes when the body has ended
-- may cut a clean-up off that waits.
local function counted(kind, n, ...)
  started = (started or 0) + 1
  local _ <close> = setmetatable({}, {__close = function()
    closed = (closed or 0) + 1
    if n % 3 == 0 then require "ebb".yield_now() end
  end})
  return kind(n, ...)
end

-- ---- the account of what must come of them ----

local function check(condition, message, task)
  if condition then return end
  error(("task %d of kind %d: %s"):format(task.n, task.kind, message), 2)
end

local function saw(task, ok, value)
  task.seen = (task.seen or 0) + 1
  check(task.seen == 1, "seen twice", task)
  if ok then
    check(value == task.n and task.kind ~= 2, "another's result", task)
  elseif value:is_panic() then
    local raised = value:into_panic()
    check(task.kind == 2, "a panic: " .. tostring(raised), task)
    check(type(raised) == "table" and raised[1] == task.n, "whose?", task)
  else
    check(task.aborted, "cancelled by nobody", task)
    check(value:id() == task.id, "another's id", task)
  end
end

local function new_task(tasks)
  local task = {n = #tasks + 1, kind = random(#KINDS)}
  tasks[task.n] = task
  return task
end

-- Lets some time pass for the others: turns, or a real wait.
local function pause()
  if random(4) == 1 then ebb.sleep(random() / 5000) else settle() end
end

-- Aborts about a third of the tasks, at various moments, and some again.
local function abort_some(tasks, abort)
  for _ = 1, #tasks // 3 do
    local task = tasks[random(#tasks)]
    task.aborted = true
    abort(task)
    if random(20) == 1 then pause() end
  end
end

-- ---- the three ways of holding tasks; each gives the account of a part ----

local function by_handles(spawn, count)
  local tasks = {}
  for _ = 1, count do
    local task = new_task(tasks)
    task.handle = spawn(task)
    task.id = task.handle:id()
    if random(50) == 1 then pause() end
  end
  abort_some(tasks, function(task) task.handle:abort() end)
  for _, task in ipairs(tasks) do
    saw(task, task.handle:join())
    check(task.handle:is_finished(), "joined, but not finished", task)
  end
end

local function by_map(spawn, count)
  local tasks, map = {}, ebb.JoinMap.new {max_tasks = count // 2 + 1}
  local joiner = ebb.spawn(function()
    for _ = 1, count do
      while map:is_empty() do settle() end
      local key, ok, value = map:join_next()
      saw(tasks[key], ok, value)
    end
  end)
  for _ = 1, count do
    local task = new_task(tasks)
    task.id = spawn(task, map)
    if random(20) == 1 then
      local other = tasks[random(#tasks)]
      other.aborted = other.aborted or map:abort(other.n)
    end
  end
  abort_some(tasks, function(task) map:abort(task.n) end)
  joiner:await()
  assert.is_true(map:is_empty())
end

local function by_set(spawn, count)
  local tasks, set, by_id = {}, ebb.JoinSet.new(), {}
  for _ = 1, count do
    local task = new_task(tasks)
    task.handle = spawn(task, set)
    task.id = task.handle:id()
    by_id[task.id] = task
    if random(50) == 1 then pause() end
  end
  abort_some(tasks, function(task) task.handle:abort() end)
  for id, ok, value in set.join_next_with_id, set do
    saw(by_id[id], ok, value)
  end
  for _, task in ipairs(tasks) do check(task.seen, "lost", task) end
end

-- Runs all of the functions as tasks; the first error ends it.
local function all_of(functions)
  local set <close> = ebb.JoinSet.new()
  for _, f in ipairs(functions) do set:spawn(f) end
  for ok, err in set.join_next, set do
    if not ok then
      error(tostring(err) .. "\n" .. (err:traceback() or ""), 0)
    end
  end
end

-- ---- the programs ----

local function blocking_round(home)
  local function on(method)
    return function(task, place)
      local kind = KINDS[task.kind]
      if method == "map" then
        return place:spawn_blocking(task.n, kind, task.n, home, home)
      end
      return (place or ebb):spawn_blocking(kind, task.n, home, home)
    end
  end
  all_of {
    function()
      by_handles(function(task)
        return ebb.spawn_blocking(KINDS[task.kind], task.n, home, home)
      end, JOBS // 3)
    end,
    function() by_map(on "map", JOBS // 3) end,
    function() by_set(on "set", JOBS - 2 * (JOBS // 3)) end,
  }
end

local function runtime_part(home, there, next)
  local count <const> = TASKS // 3
  return function()
    by_handles(function(task)
      return there:spawn(counted, KINDS[task.kind], task.n, home, next)
    end, count)
  end, function()
    by_map(function(task, map)
      return map:spawn_on(task.n, counted, there, KINDS[task.kind], task.n,
                          home, next)
    end, count)
  end, function()
    by_set(function(task, set)
      return set:spawn_on(counted, there, KINDS[task.kind], task.n, home,
                          next)
    end, TASKS - 2 * count)
  end
end

local function runtimes_round(home)
  local runtimes, parts = {}, {}
  for i = 1, RUNTIMES do runtimes[i] = ebb.Runtime.new() end
  for i, rt in ipairs(runtimes) do
    local next = runtimes[i % RUNTIMES + 1]:handle()
    local n = #parts
    parts[n + 1], parts[n + 2], parts[n + 3] =
      runtime_part(home, rt:handle(), next)
  end
  all_of(parts)
  for _, rt in ipairs(runtimes) do
    local counts = rt:handle():spawn(function()
      return {started or 0, closed or 0}
    end):await()
    assert.equal(counts[1], counts[2])
    assert.is_true(counts[1] > 0)
  end
  for _, rt in ipairs(runtimes) do assert.is_true(rt:shutdown()) end
end

describe("random programs on many threads", function()
  local home, old
  local unhandled = {}

  setup(function()
    math.randomseed(math.tointeger(os.getenv "EBB_SEED" or 0) or os.time())
    home = ebb.Handle.current()
    ebb.set_max_blocking_threads(THREADS)
    old = ebb.set_unhandled(function(err)
      unhandled[#unhandled + 1] = tostring(err)
    end)
  end)

  teardown(function() ebb.set_unhandled(old) end)

  -- Beside the main thread there may be those of the pool, and one of each of
  -- their own pools; each with two files at the most. All else must go: it
  -- would be far more than that.
  local MOST <const> = 1 + 2 * THREADS

  local function rounds(f)
    local files <const> = process.files()
    for _ = 1, ROUNDS do f(home) end
    collect()
    while process.threads() > MOST do settle() end
    collect()
    assert.is_true(process.files() <= files + 2 * MOST)
    assert.same({}, unhandled)
    assert.same({}, ebb.tasks())
  end

  it("lose no result of blocking jobs", function()
    rounds(blocking_round)
  end)

  it("lose no result of tasks on other runtimes", function()
    rounds(runtimes_round)
  end)

  it("leave no state when runtimes go in the middle of it", function()
    for _ = 1, 5 do
      local rt, results = ebb.Runtime.new(), 0
      local map = ebb.JoinMap.new()
      local there <const> = rt:handle()
      for i = 1, 50 do
        map:spawn_on(i, counted, there, KINDS[random(#KINDS)], i, home, home)
      end
      pause()
      if random(2) == 1 then
        assert.is_true(rt:shutdown())
      else
        rt = nil -- luacheck: ignore
        collect()
      end
      while map:join_next() do results = results + 1 end
      assert.equal(50, results)
    end
    while process.threads() > MOST do settle() end
    assert.same({}, unhandled)
  end)
end)
