-- #threads
-- Tasks of another runtime that are aborted from this one.

-- Bodies for the other side set globals there, and call its module `ebb`.
-- luacheck: ignore 11 431

local ebb = require "ebb"
local gate = require "gate"
local remote = require "remote"

local settle = ebb.yield_now

local forever, guarded, is_closed, until_started =
  remote.forever, remote.guarded, remote.is_closed, remote.until_started

local rt, there -- a runtime and its handle, new for each test

before_each(function() rt, there = remote.new_runtime() end)
after_each(function() assert.is_true(rt:shutdown()) end)

-- What f(...) gives as a task of the other runtime.
local function ask(f, ...) return there:spawn(f, ...):await() end

describe("aborting a task on another runtime", function()
  it("closes its variables there, before it counts as finished", function()
    local task = there:spawn(guarded, "key")
    ask(until_started, 1)
    task:abort "reason"
    local ok, err = task:join()
    assert.is_false(ok)
    assert.is_true(err:is_cancelled())
    assert.equal("reason", err:reason())
    assert.equal(task:id(), err:id())
    assert.is_true(ask(is_closed, "key"))
  end)

  it("does not wait", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    local task = there:spawn(forever)
    task:abort()
    assert.is_false(ran)
    task:join()
  end)

  it("keeps one that has not started from ever running", function()
    -- The other thread is held up, so that nothing can start there.
    local at <close> = gate.new()
    local holder = there:spawn(gate.pass, at.path)
    at:arrived(1)
    local task = there:spawn(function() has_run = true end)
    task:abort()
    at:open()
    assert.is_true(select(2, task:join()):is_cancelled())
    holder:await()
    assert.is_nil(ask(function() return has_run end))
  end)

  it("changes nothing when it has ended", function()
    local task = there:spawn(function() return 7 end)
    task:join()
    task:abort()
    assert.same({true, 7}, {task:join()})
  end)

  it("works by its AbortHandle, and by a <close>", function()
    local task = there:spawn(forever)
    local handle = task:abort_handle()
    assert.equal(task:id(), handle:id())
    handle:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
    local kept
    do
      local scoped <close> = there:spawn(forever)
      kept = scoped
    end
    assert.is_true(select(2, kept:join()):is_cancelled())
  end)

  it("gives its result when it ends before its next wait", function()
    local at <close> = gate.new()
    local task = there:spawn(gate.pass, at.path, "its end")
    at:arrived(1)
    task:abort()
    at:open()
    assert.same({true, "its end"}, {task:join()})
  end)

  it("makes an error of a __close a panic", function()
    local task = there:spawn(function()
      local _ <close> = setmetatable({}, {__close = function()
        error("in the clean-up", 0)
      end})
      started = 1
      require "ebb".sleep(1e6)
    end)
    ask(until_started, 1)
    task:abort()
    assert.equal("in the clean-up", select(2, task:join()):into_panic())
  end)

  it("is done by a timeout, and by a select that it loses", function()
    ebb.time.pause()
    local task = there:spawn(guarded, "timeout")
    ask(until_started, 1)
    ebb.time.resume()
    assert.same({nil, "elapsed"}, {ebb.time.timeout(0, function()
      local held <close> = task
      held:join()
    end)})
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_true(ask(is_closed, "timeout"))
    task = there:spawn(guarded, "select")
    ask(until_started, 2)
    assert.same({"near", true, 7}, {ebb.select {
      far = function()
        local held <close> = task
        held:join()
      end,
      near = function() settle() return 7 end,
    }})
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_true(ask(is_closed, "select"))
  end)

  it("may come many times, from many tasks, at once", function()
    for _ = 1, 20 do
      local task = there:spawn(forever)
      local aborts = ebb.JoinSet.new()
      for _ = 1, 10 do aborts:spawn(function() task:abort() end) end
      assert.is_true(select(2, task:join()):is_cancelled())
      aborts:join_all()
    end
  end)
end)
