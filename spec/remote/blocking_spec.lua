-- #threads
-- spawn_blocking and block_in_place: Lua on the threads of a pool. The first
-- part follows Tokio's tests in task_blocking.rs, under their names. What
-- may cross to a thread is in remote/parcel_spec, the end of a program with
-- work that goes on in remote/shutdown_spec.

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local pool = require "pool"
local run = require "run"

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, entry, error_of =
  common.closer, common.collect, common.entry, common.error_of

local THREADS, fill_pool = pool.THREADS, pool.fill_pool
local read, write = pool.read, pool.write

describe("as in Tokio, blocking work", function()
  it("gives its result (basic_blocking)", function()
    for _ = 1, 100 do
      assert.equal("hello", ebb.spawn(function()
        return ebb.spawn_blocking(function() return "hello" end):await()
      end):await())
    end
  end)

  it("may block in place (block_in_blocking)", function()
    for _ = 1, 20 do
      assert.equal("hello", ebb.spawn_blocking(function()
        local inside = require "ebb"
        return inside.block_in_place(function() return "hello" end)
      end):await())
    end
  end)

  it("may block in place in place (block_in_block)", function()
    for _ = 1, 20 do
      assert.equal("hello", ebb.spawn(function()
        return ebb.block_in_place(function()
          local inside = require "ebb"
          inside.block_in_place(nothing)
          return "hello"
        end)
      end):await())
    end
  end)

  it("may block in place in block_on (yes_block_in_threaded_block_on)",
     function()
    assert.equal(7, ebb.block_on(function()
      return ebb.block_in_place(function() return 7 end)
    end))
  end)

  it("may block in place in a LocalSet (block_in_place_cases)", function()
    local set <close> = ebb.LocalSet.new()
    assert.equal(1, set:run_until(ebb.block_in_place, function()
      return 1
    end))
    local task = set:spawn_local(ebb.block_in_place, function() return 2 end)
    set:await()
    assert.equal(2, task:await())
    local closed
    task = set:spawn_local(function()
      local _ <close> = closer(function()
        closed = ebb.block_in_place(function() return 3 end)
      end)
      forever()
    end)
    set:run_until(settle)
    set:close()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.equal(3, closed)
  end)

  it("may be spawned by a local task (local_threadpool_blocking_run)",
     function()
    local set <close> = ebb.LocalSet.new()
    local task = set:spawn_local(function()
      return ebb.spawn_blocking(function() return 7 end):await()
    end)
    set:await()
    assert.equal(7, task:await())
  end)

  it("may have a runtime of its own"
     .. " (can_enter_current_thread_rt_from_within_block_in_place)",
     function()
    assert.equal("inner", ebb.block_in_place(function()
      local inside = require "ebb"
      return inside.block_on(function()
        inside.yield_now()
        return "inner"
      end)
    end))
  end)

  describe("under a paused clock", function()
    before_each(function() ebb.time.pause() end)
    after_each(function() ebb.time.resume() end)

    it("is not overtaken by a timeout (blocking_when_paused)", function()
      for _, limit in ipairs {3, 0.001} do
        assert.same({true, true, 7}, {ebb.time.timeout(limit, function()
          return ebb.spawn_blocking(function() return 7 end):join()
        end)})
      end
    end)

    it("keeps the time from jumping, however little", function()
      local before = ebb.time.now()
      local sleeper = ebb.spawn(ebb.sleep, 0.001)
      for _ = 1, 20 do ebb.spawn_blocking(nothing):join() end
      assert.is_false(sleeper:is_finished())
      assert.equal(before, ebb.time.now())
      sleeper:join()
    end)

    it("wakes who waits (blocking_task_wakes_paused_runtime)", function()
      local sleeper = ebb.spawn(ebb.sleep, 15)
      assert.same({true, 7}, {ebb.spawn_blocking(function()
        return 7
      end):join()})
      assert.is_false(sleeper:is_finished())
      sleeper:join()
    end)

    it("lets time jump at its end"
       .. " (unawaited_blocking_task_wakes_paused_runtime)", function()
      local job = ebb.spawn_blocking(nothing)
      ebb.sleep(15)
      assert.is_true(job:is_finished())
    end)

    it("lets time jump at its panic"
       .. " (panicking_blocking_task_wakes_paused_runtime)", function()
      local job = ebb.spawn_blocking(function() error "boom" end)
      ebb.sleep(15)
      assert.is_true(job:is_finished())
      assert.is_true(select(2, job:join()):is_panic())
    end)
  end)
end)

describe("spawn_blocking", function()
  it("gives a JoinHandle", function()
    local job = ebb.spawn_blocking(nothing)
    assert.equal(("JoinHandle(%d)"):format(job:id()), tostring(job))
    assert.same({n = 1, true}, table.pack(job:join()))
  end)

  it("does not wait", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    local at <close> = gate.new()
    local job = ebb.spawn_blocking(gate.pass, at.path)
    assert.is_false(ran)
    at:open()
    job:join()
  end)

  it("passes arguments and results, nils included", function()
    local job = ebb.spawn_blocking(function(...)
      return select("#", ...), ...
    end, nil, 2, nil)
    assert.same({n = 5, true, 3, nil, 2, nil}, table.pack(job:join()))
  end)

  it("lets other tasks run meanwhile", function()
    local at <close> = gate.new()
    local job = ebb.spawn_blocking(gate.pass, at.path, "passed")
    at:arrived(1)
    local turns = 0
    ebb.spawn(function()
      for _ = 1, 10 do turns = turns + 1 settle() end
    end):join()
    assert.equal(10, turns)
    assert.is_false(job:is_finished())
    at:open()
    assert.same({true, "passed"}, {job:join()})
    assert.is_true(job:is_finished())
  end)

  it("runs jobs at the same time", function()
    local at <close> = gate.new()
    local jobs = fill_pool(at)
    at:open(THREADS)
    for i, job in ipairs(jobs) do assert.same({true, i}, {job:join()}) end
  end)

  it("runs no more jobs at once than the limit", function()
    local at <close> = gate.new()
    local jobs = fill_pool(at)
    jobs[#jobs + 1] = ebb.spawn_blocking(gate.pass, at.path, THREADS + 1)
    for _ = 1, 100 do settle() end
    assert.equal(THREADS, at:count())
    at:open()
    at:arrived(THREADS + 1)
    at:open(THREADS)
    for i, job in ipairs(jobs) do assert.same({true, i}, {job:join()}) end
  end)

  it("starts jobs that queue in their order", function()
    local at <close> = gate.new()
    local path <const> = os.tmpname()
    local others = fill_pool(at)
    local queued = {}
    for i = 1, 5 do
      queued[i] = ebb.spawn_blocking(function(p, text, w) w(p, text) end,
                                     path, tostring(i), write)
    end
    at:open(1) -- one thread does them all
    for _, job in ipairs(queued) do job:await() end
    assert.equal("12345", read(path))
    at:open(THREADS)
    for _, job in ipairs(others) do job:await() end
    os.remove(path)
  end)

  it("loses no result of many jobs", function()
    local jobs = {}
    for i = 1, 300 do
      jobs[i] = ebb.spawn_blocking(function(n) return n, ("x"):rep(n) end, i)
    end
    for i = 300, 1, -1 do
      assert.same({true, i, ("x"):rep(i)}, {jobs[i]:join()})
    end
  end)

  it("may be called in a task, a generator and a comparator", function()
    local function job() return ebb.spawn_blocking(function()
      return 7
    end):await() end
    assert.equal(7, ebb.spawn(job):await())
    assert.equal(7, coroutine.wrap(job)())
    local seen
    table.sort({2, 1}, function() seen = job() return false end)
    assert.equal(7, seen)
  end)

  it("gives a handle that two tasks may join, again and again", function()
    local job = ebb.spawn_blocking(function() return {7} end)
    local a = ebb.spawn(function() return job:await() end)
    local b = ebb.spawn(function() return job:await() end)
    assert.same({7}, a:await())
    assert.is_true(rawequal(a:await(), b:await()))
    assert.is_true(rawequal(a:await(), job:await()))
  end)

  it("runs the job also when its handle is collected", function()
    local at <close> = gate.new()
    local path <const> = os.tmpname()
    ebb.spawn_blocking(function(pass, p, out, w)
      pass(p)
      w(out, "ran")
    end, gate.pass, at.path, path, write)
    at:arrived(1)
    collect()
    at:open()
    repeat settle() until read(path) == "ran"
    os.remove(path)
  end)

  for kind, body in pairs {
    ["a number"] = 42, ["a string"] = "text", ["a table"] = {},
  } do
    it("names the argument when the body is " .. kind, function()
      assert.matches("bad argument #1 to 'spawn_blocking'",
                     error_of(function() ebb.spawn_blocking(body) end),
                     1, true)
      assert.matches("bad argument #1 to 'block_in_place'",
                     error_of(function() ebb.block_in_place(body) end),
                     1, true)
    end)
  end

  it("names the argument when the body is missing", function()
    assert.matches("bad argument #1 to 'spawn_blocking'",
                   error_of(function() ebb.spawn_blocking() end), 1, true)
  end)

  it("is no deadlock while the job runs", function()
    local at <close> = gate.new()
    local opener = ebb.spawn_blocking(function(path)
      -- From another thread, so that this one has nothing to do but wait.
      local file = assert(io.open(path .. ".log", "rb"))
      repeat local size = file:seek "end" until size == 1
      file:close()
      file = assert(io.open(path, "wb"))
      file:write "x"
      file:close()
    end, at.path)
    assert.same({true, "passed"},
                {ebb.spawn_blocking(gate.pass, at.path, "passed"):join()})
    opener:await()
  end)

  it("shows the job among the tasks while it runs", function()
    local at <close> = gate.new()
    local job = ebb.spawn_blocking(gate.pass, at.path)
    at:arrived(1)
    local seen = entry(job:id())
    assert.is_table(seen)
    assert.is_not.equal("finished", seen.state)
    assert.is_number(seen.spawned_at)
    at:open()
    job:join()
  end)
end)

describe("aborting blocking work", function()
  it("cancels a job that has not started", function()
    local at <close> = gate.new()
    local path <const> = os.tmpname()
    local others = fill_pool(at)
    local job = ebb.spawn_blocking(write, path, "ran")
    job:abort "reason"
    local ok, err = job:join()
    assert.is_false(ok)
    assert.is_true(err:is_cancelled())
    assert.equal("reason", err:reason())
    assert.equal(job:id(), err:id())
    at:open(THREADS)
    for i, other in ipairs(others) do
      assert.same({true, i}, {other:join()})
    end
    ebb.spawn_blocking(nothing):join()
    assert.equal("", read(path))
    os.remove(path)
  end)

  it("has no effect on a job that has started", function()
    local at <close> = gate.new()
    local job = ebb.spawn_blocking(gate.pass, at.path, "its end")
    at:arrived(1)
    job:abort()
    for _ = 1, 10 do settle() end
    assert.is_false(job:is_finished())
    at:open()
    assert.same({true, "its end"}, {job:join()})
  end)

  it("has no effect on a job that has ended", function()
    local job = ebb.spawn_blocking(function() return 7 end)
    job:join()
    job:abort()
    assert.same({true, 7}, {job:join()})
  end)

  it("works by an AbortHandle, too", function()
    local at <close> = gate.new()
    local others = fill_pool(at)
    local job = ebb.spawn_blocking(nothing)
    local handle = job:abort_handle()
    assert.equal(job:id(), handle:id())
    handle:abort()
    assert.is_true(select(2, job:join()):is_cancelled())
    assert.is_true(handle:is_finished())
    at:open(THREADS)
    for _, other in ipairs(others) do other:join() end
  end)

  it("in the middle of many that queue takes out the right ones", function()
    local at <close> = gate.new()
    local others, jobs = fill_pool(at), {}
    for i = 1, 50 do
      jobs[i] = ebb.spawn_blocking(function(n) return n end, i)
    end
    for i = 1, 50, 2 do jobs[i]:abort() end
    at:open(THREADS)
    for i, job in ipairs(jobs) do
      local ok, value = job:join()
      assert.equal(i % 2 == 0, ok)
      if ok then
        assert.equal(i, value)
      else
        assert.is_true(value:is_cancelled())
      end
    end
    for _, other in ipairs(others) do other:join() end
  end)

  it("is done by a <close> of its handle", function()
    local at <close> = gate.new()
    local others = fill_pool(at)
    local kept
    do
      local job <close> = ebb.spawn_blocking(nothing)
      kept = job
    end
    assert.is_true(select(2, kept:join()):is_cancelled())
    at:open(THREADS)
    for _, other in ipairs(others) do other:join() end
  end)
end)

describe("a panic of blocking work", function()
  local function culprit() error "boom" end

  it("gives its JoinError", function()
    local job = ebb.spawn_blocking(function() error("boom", 0) end)
    local ok, err = job:join()
    assert.is_false(ok)
    assert.is_true(err:is_panic())
    assert.is_false(err:is_cancelled())
    assert.equal("boom", err:into_panic())
    assert.equal(job:id(), err:id())
    assert.equal(('task %d panicked with message "boom"'):format(job:id()),
                 tostring(err))
  end)

  it("has the position that the error was raised at", function()
    local _, err = ebb.spawn_blocking(culprit):join()
    assert.matches("blocking_spec.lua:%d+: boom", err:into_panic())
  end)

  it("has the traceback of the other thread", function()
    local _, err = ebb.spawn_blocking(function() culprit() end):join()
    assert.matches("blocking_spec.lua:%d+: in .-culprit", err:traceback())
  end)

  it("has a traceback also when no string was raised", function()
    local _, err = ebb.spawn_blocking(function() error {} end):join()
    assert.matches("blocking_spec.lua:%d+", err:traceback())
  end)

  it("is raised by await", function()
    local err = error_of(function()
      ebb.spawn_blocking(culprit):await()
    end)
    assert.matches("blocking_spec.lua:%d+: boom", err)
  end)

  it("does not harm the thread for the next job", function()
    for i = 1, 3 * THREADS do
      assert.is_false((ebb.spawn_blocking(culprit):join()))
      assert.equal(i, ebb.block_in_place(function(n) return n end, i))
    end
  end)

  it("of a stack overflow is one, too", function()
    local _, err = ebb.spawn_blocking(function()
      local function deeper() return 1 + deeper() end
      deeper()
    end):join()
    assert.matches("stack overflow", err:into_panic())
  end)

  it("that nobody can join is reported to stderr, with the name", function()
    local code, _, err = run [[
      local ebb = require "ebb"
      local function culprit() error("boom", 0) end
      ebb.Builder.new():name("hasher"):spawn_blocking(function()
        culprit()
      end)
      collectgarbage()
      collectgarbage()
      repeat
        ebb.yield_now()
        collectgarbage()
      until #ebb.tasks() == 0
    ]]
    assert.equal(0, code)
    assert.matches('^ebb: task %d+ panicked with message "boom"\n'
                   .. "  name: hasher\n.*culprit", err)
    assert.equal(1, select(2, err:gsub("boom", "")))
  end)

  it("that nobody can join goes to set_unhandled", function()
    local seen
    local old = ebb.set_unhandled(function(err) seen = err:into_panic() end)
    ebb.spawn_blocking(function() error("boom", 0) end)
    repeat
      settle()
      collect()
    until seen
    ebb.set_unhandled(old)
    assert.equal("boom", seen)
  end)
end)

describe("block_in_place", function()
  it("gives the results of its function, nils included", function()
    assert.same({n = 3, nil, 2, nil}, table.pack(ebb.block_in_place(
      function(...) return ... end, nil, 2, nil)))
  end)

  it("raises what its function raised", function()
    assert.equal("boom", error_of(ebb.block_in_place, function()
      error("boom", 0)
    end))
    assert.same({7}, error_of(ebb.block_in_place, function() error {7} end))
  end)

  it("lets other tasks run meanwhile", function()
    local at <close> = gate.new()
    local waiter = ebb.spawn(ebb.block_in_place, gate.pass, at.path, 7)
    at:arrived(1)
    local turns = 0
    for _ = 1, 5 do settle() turns = turns + 1 end
    assert.equal(5, turns)
    assert.is_false(waiter:is_finished())
    at:open()
    assert.same({true, 7}, {waiter:join()})
  end)

  it("works where a call may not yield", function()
    local seen
    local function double(n)
      return ebb.block_in_place(function(m) return 2 * m end, n)
    end
    table.sort({2, 1}, function() seen = double(4) return false end)
    assert.equal(8, seen)
    assert.equal(10, coroutine.wrap(double)(5))
    assert.equal("12", (string.gsub("6", "%d", function(n)
      return double(math.tointeger(n))
    end)))
  end)

  it("works in the clean-up of an aborted task", function()
    local seen
    local task = ebb.spawn(function()
      local _ <close> = closer(function()
        seen = ebb.block_in_place(function() return 7 end)
      end)
      forever()
    end)
    settle()
    task:abort()
    task:join()
    assert.equal(7, seen)
  end)

  it("may be cut off by an abort", function()
    local at <close> = gate.new()
    local went_on = false
    local task = ebb.spawn(function()
      ebb.block_in_place(gate.pass, at.path)
      went_on = true
    end)
    at:arrived(1)
    task:abort()
    at:open()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_false(went_on)
  end)

  it("never runs its function when it is cut off before", function()
    local at <close> = gate.new()
    local path <const> = os.tmpname()
    local others = fill_pool(at)
    local task = ebb.spawn(ebb.block_in_place, write, path, "ran")
    settle()
    settle()
    task:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
    at:open(THREADS)
    for _, other in ipairs(others) do other:join() end
    ebb.block_in_place(nothing)
    assert.equal("", read(path))
    os.remove(path)
  end)

  it("shows what its task waits for", function()
    local at <close> = gate.new()
    local task = ebb.spawn(ebb.block_in_place, gate.pass, at.path)
    at:arrived(1)
    assert.equal("waiting", entry(task:id()).state)
    assert.is_string(entry(task:id()).waiting_for)
    at:open()
    task:join()
  end)

  it("refuses to wait inside a finalizer", function()
    local message
    do
      setmetatable({}, {__gc = function()
        message = select(2, pcall(ebb.block_in_place, nothing))
      end})
    end
    collect()
    assert.matches("cannot wait inside a finalizer", message)
  end)
end)

describe("inside of blocking work", function()
  it("the id is that of the job", function()
    local job = ebb.spawn_blocking(function()
      local inside = require "ebb"
      return inside.id(), inside.try_id(), coroutine.wrap(inside.id)()
    end)
    local id = job:id()
    assert.same({true, id, id, id}, {job:join()})
  end)

  it("the id is that of the job after a wait, and in a __close", function()
    local job = ebb.spawn_blocking(function()
      local inside = require "ebb"
      inside.yield_now()
      local ids = {inside.id()}
      do
        local _ <close> = setmetatable({}, {__close = function()
          ids[2] = inside.id()
        end})
      end
      return ids
    end)
    assert.same({job:id(), job:id()}, job:await())
  end)

  it("the id of a task differs from that of the job"
     .. " (task_id_block_in_place_block_on_spawn)", function()
    ebb.spawn(function()
      local parent = ebb.id()
      local job, inner = ebb.block_in_place(function()
        local inside = require "ebb"
        return inside.id(), inside.spawn(inside.id):await()
      end)
      assert.is_not.equal(job, inner)
      assert.is_not.equal(parent, inner)
      assert.equal(parent, ebb.id())
    end):await()
  end)

  it("waits work", function()
    assert.same({"slept", "joined", "key"}, {ebb.block_in_place(function()
      local inside = require "ebb"
      inside.sleep(0.0001)
      local map = inside.JoinMap.new()
      map:spawn("key", function()
        inside.yield_now()
        return "joined"
      end)
      local key, _, value = map:join_next()
      return "slept", value, key
    end)})
  end)

  it("the tasks that are left at its end are aborted", function()
    local path <const> = os.tmpname()
    local out = ebb.block_in_place(function(p, w)
      local inside = require "ebb"
      inside.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          inside.yield_now()
          w(p, "closed")
        end})
        inside.sleep(1e6)
        w(p, "must not go on")
      end)
      inside.yield_now()
      return "end"
    end, path, write)
    assert.equal("end", out)
    assert.equal("closed", read(path))
    os.remove(path)
  end)

  it("the tasks that are left are aborted after an error, too", function()
    local path <const> = os.tmpname()
    assert.equal("boom", error_of(ebb.block_in_place, function(p, w)
      local inside = require "ebb"
      inside.spawn(function()
        local _ <close> = setmetatable({}, {__close = function()
          w(p, "closed")
        end})
        inside.sleep(1e6)
      end)
      inside.yield_now()
      error("boom", 0)
    end, path, write))
    assert.equal("closed", read(path))
    os.remove(path)
  end)

  it("nothing is left of a job in the next one on its thread", function()
    for _ = 1, 3 * THREADS do
      ebb.spawn_blocking(function()
        local inside = require "ebb"
        for _, info in ipairs(inside.tasks()) do
          assert(info.id == inside.id() or info.state == "finished",
                 "a task of another job")
        end
        assert(pcall(inside.time.pause), "time is paused")
        assert(not pcall(inside.spawn_local, print), "a LocalSet is current")
        assert(inside.set_unhandled(function() end) == nil, "unhandled is set")
        local guard = inside.LocalSet.new():enter()
        map = inside.JoinMap.new() -- luacheck: ignore
        map:spawn("key", inside.sleep, 1e6) -- luacheck: ignore
        inside.yield_now()
        return tostring(guard)
      end):await()
    end
  end)

  it("a deadlock is an error", function()
    local _, err = ebb.spawn_blocking(function()
      local inside = require "ebb"
      inside.spawn(inside.sleep, math.huge):join()
    end):join()
    assert.matches("deadlock: ", tostring(err:into_panic()))
  end)

  it("the current Handle is that of the runtime it is done for", function()
    assert.is_true(ebb.Handle.current() == ebb.block_in_place(function()
      return require "ebb".Handle.current()
    end))
  end)

  it("select and timeouts work", function()
    local key, ok, value, none, why = ebb.block_in_place(function()
      local inside = require "ebb"
      inside.time.pause()
      local winner, fine, text = inside.select {
        slow = function() inside.sleep(2) return "slow" end,
        fast = function() inside.sleep(1) return "fast" end,
      }
      return winner, fine, text, inside.time.timeout(1, inside.sleep, 2)
    end)
    assert.same({"fast", true, "fast", nil, "elapsed"},
                {key, ok, value, none, why})
  end)

  it("a paused clock is the job's own", function()
    local before = ebb.time.now()
    ebb.block_in_place(function()
      local inside = require "ebb"
      inside.time.pause()
      inside.sleep(1e6)
    end)
    assert.is_true(ebb.time.now() - before < 1e5)
  end)

  it("require finds modules by the same paths", function()
    local path, cpath = package.path, package.cpath
    package.path = path .. ";./first/?.lua"
    assert.same({package.path, cpath}, {ebb.block_in_place(function()
      return package.path, package.cpath
    end)})
    package.path = path
    package.cpath = cpath .. ";./second/?.so"
    assert.same({path, package.cpath}, {ebb.block_in_place(function()
      return package.path, package.cpath
    end)})
    package.cpath = cpath
    assert.is_true(ebb.block_in_place(function()
      return type(require "common".forever) == "function"
    end))
  end)

  it("a module is loaded once for a thread's state", function()
    assert.is_true(ebb.block_in_place(function()
      return rawequal(require "ebb", require "ebb")
    end))
  end)

  it("blocking work may be spawned", function()
    assert.equal(6, ebb.block_in_place(function()
      local inside = require "ebb"
      local set = inside.JoinSet.new()
      for i = 1, 3 do set:spawn_blocking(function() return i end) end
      local sum = 0
      for _, n in set.join_next, set do sum = sum + n end
      return sum
    end))
  end)

  it("the names of builders and the maps work", function()
    assert.equal("inner", ebb.block_in_place(function()
      local inside = require "ebb"
      local task = inside.Builder.new():name("inner"):spawn(inside.yield_now)
      for _, info in ipairs(inside.tasks()) do
        if info.id == task:id() then return info.name end
      end
    end))
  end)

  it("the panics of its tasks are reported to stderr", function()
    local _, _, err = run [[
      local ebb = require "ebb"
      ebb.block_in_place(function()
        local ebb = require "ebb"
        ebb.spawn(error, "boom inside")
        ebb.yield_now()
        collectgarbage()
        collectgarbage()
      end)
    ]]
    assert.equal(1, select(2, err:gsub("boom inside", "")))
  end)

  it("print writes to the same stdout", function()
    local code, out = run [[
      local ebb = require "ebb"
      ebb.block_in_place(function() print "from a thread" end)
    ]]
    assert.same({0, "from a thread\n"}, {code, out})
  end)

  it("coroutines, pcall and generators work as ever", function()
    assert.same({false, 6}, {ebb.block_in_place(function()
      local sum = 0
      for n in coroutine.wrap(function()
        for i = 1, 3 do coroutine.yield(i) end
      end) do sum = sum + n end
      return pcall(error) and true, sum
    end)})
  end)

  it("coroutine.yield at its own level is yield_now", function()
    assert.equal(0, ebb.block_in_place(function()
      return select("#", coroutine.yield(1, 2))
    end))
  end)
end)

describe("set_max_blocking_threads", function()
  for kind, n in pairs {
    ["0"] = 0, ["negative"] = -1, ["a fraction"] = 1.5, ["a string"] = "x",
  } do
    it("names the argument when it is " .. kind, function()
      assert.matches("bad argument #1 to 'set_max_blocking_threads'",
                     error_of(function()
        ebb.set_max_blocking_threads(n)
      end), 1, true)
    end)
  end

  it("of 1 makes jobs run one after the other", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      local gate = require "gate"
      ebb.set_max_blocking_threads(1)
      local at <close> = gate.new()
      local first = ebb.spawn_blocking(gate.pass, at.path, "first")
      local second = ebb.spawn_blocking(gate.pass, at.path, "second")
      at:arrived(1)
      for _ = 1, 100 do ebb.yield_now() end
      print(at:count(), first:is_finished(), second:is_finished())
      at:open(2)
      print(first:await(), second:await())
    ]]
    assert.same({0, "1\tfalse\tfalse\nfirst\tsecond\n", ""}, {code, out, err})
  end)

  it("makes room for jobs that queue when it is raised", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      local gate = require "gate"
      ebb.set_max_blocking_threads(1)
      local at <close> = gate.new()
      local jobs = {}
      for i = 1, 2 do jobs[i] = ebb.spawn_blocking(gate.pass, at.path, i) end
      at:arrived(1)
      ebb.set_max_blocking_threads(3)
      jobs[3] = ebb.spawn_blocking(gate.pass, at.path, 3)
      at:arrived(3)
      at:open(3)
      for i = 1, 3 do print(jobs[i]:await()) end
    ]]
    assert.same({0, "1\n2\n3\n", ""}, {code, out, err})
  end)
end)

describe("no thread is there", function()
  it("until the first job", function()
    local code, out = run [[
      local ebb, threads = require "ebb", require "process".threads
      local before = threads()
      ebb.spawn(ebb.yield_now):join()
      local set = ebb.LocalSet.new()
      set:spawn_local(ebb.yield_now)
      set:await()
      print(threads() - before)
      ebb.spawn_blocking(function() end):join()
      print(threads() - before)
    ]]
    assert.same({0, "0\n1\n"}, {code, out})
  end)

  it("more than the limit", function()
    local code, out = run [[
      local ebb, threads = require "ebb", require "process".threads
      local before = threads()
      ebb.set_max_blocking_threads(2)
      for _ = 1, 50 do ebb.block_in_place(function() end) end
      for _ = 1, 50 do ebb.spawn_blocking(function() end) end
      print(threads() - before <= 2)
    ]]
    assert.same({0, "true\n"}, {code, out})
  end)
end)
