-- #threads
-- spawn_blocking: Lua on the threads of a pool. Which values may cross to a
-- thread is in remote/pack_*_spec, the end of a program with work that goes on
-- in remote/shutdown_spec.

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local pool = require "pool"
local run = require "run"

local settle = ebb.yield_now

local nothing = common.nothing
local collect, entry, error_of = common.collect, common.entry, common.error_of

local THREADS, fill_pool, read, write =
  pool.THREADS, pool.fill_pool, pool.read, pool.write

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
