-- #threads
-- Blocking work that is aborted, or panics.

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local pool = require "pool"
local run = require "run"

local settle = ebb.yield_now

local nothing = common.nothing
local collect, error_of = common.collect, common.error_of

local THREADS, fill_pool, read, write =
  pool.THREADS, pool.fill_pool, pool.read, pool.write

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
    assert.matches("blocking_abort_spec.lua:%d+: boom", err:into_panic())
  end)

  it("has the traceback of the other thread", function()
    local _, err = ebb.spawn_blocking(function() culprit() end):join()
    assert.matches("blocking_abort_spec.lua:%d+: in .-culprit", err:traceback())
  end)

  it("has a traceback also when no string was raised", function()
    local _, err = ebb.spawn_blocking(function() error {} end):join()
    assert.matches("blocking_abort_spec.lua:%d+", err:traceback())
  end)

  it("is raised by await", function()
    local err = error_of(function()
      ebb.spawn_blocking(culprit):await()
    end)
    assert.matches("blocking_abort_spec.lua:%d+: boom", err)
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
