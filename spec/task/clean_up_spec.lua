-- The to-be-closed variables of an aborted task: their order, their waits and
-- their errors.

local abort = require "abort"
local common = require "common"
local ebb = require "ebb"

local settle = ebb.yield_now

local closer, forever = common.closer, common.forever
local abort_waiting, assert_cancelled, PLACES =
  abort.waiting, abort.assert_cancelled, abort.PLACES

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("the to-be-closed variables of an aborted task", function()
  it("are closed innermost first", function()
    local log = {}
    local function note(word) return function() log[#log + 1] = word end end
    abort_waiting(function()
      local _ <close> = closer(note "first")
      local _ <close> = closer(note "second");
      (function()
        local _ <close> = closer(note "callee")
        forever()
      end)()
    end)
    assert.same({"callee", "second", "first"}, log)
  end)

  it("are closed on the task's own thread", function()
    local own, closing
    abort_waiting(function()
      own = coroutine.running()
      local _ <close> = closer(function() closing = coroutine.running() end)
      forever()
    end)
    assert.is_not_nil(own)
    assert.equal(own, closing)
  end)

  it("are closed with the task's id", function()
    local id
    local task = ebb.spawn(function()
      local _ <close> = closer(function() id = ebb.try_id() end)
      forever()
    end)
    settle()
    task:abort()
    task:join()
    assert.equal(task:id(), id)
  end)

  it("see no error", function()
    local got
    abort_waiting(function()
      local _ <close> = closer(function(_, err) got = {err} end)
      forever()
    end)
    assert.same({}, got)
  end)

  it("include the closing value of a for loop", function()
    local closed = false
    abort_waiting(function()
      local value = closer(function() closed = true end)
      for _ in function() return 1 end, nil, nil, value do forever() end
    end)
    assert.is_true(closed)
  end)

  it("include those of generators, innermost first", function()
    local log = {}
    local function note(word) return function() log[#log + 1] = word end end
    local function level(name, inner)
      return function()
        local _ <close> = closer(note(name))
        inner()
      end
    end
    abort_waiting(level("task", coroutine.wrap(
      level("outer generator", coroutine.wrap(
        level("inner generator", forever))))))
    assert.same({"inner generator", "outer generator", "task"}, log)
  end)

  it("are closed on the generator's own thread in a generator", function()
    local own, closing
    abort_waiting(function()
      coroutine.wrap(function()
        own = coroutine.running()
        local _ <close> = closer(function() closing = coroutine.running() end)
        forever()
      end)()
    end)
    assert.is_not_nil(own)
    assert.equal(own, closing)
  end)

  it("are those of the generator in use, not of one that rests", function()
    local closed = false
    local resting
    abort_waiting(function()
      resting = coroutine.create(function()
        local _ <close> = closer(function() closed = true end)
        coroutine.yield()
      end)
      coroutine.resume(resting)
      forever()
    end)
    assert.is_false(closed)
    assert.equal("suspended", coroutine.status(resting))
  end)

  it("are closed once, however often the task is aborted", function()
    local closed = 0
    local task = ebb.spawn(function()
      local _ <close> = closer(function() closed = closed + 1 end)
      forever()
    end)
    settle()
    for _ = 1, 3 do task:abort() end
    task:join()
    task:abort()
    settle()
    assert.equal(1, closed)
  end)
end)

-- Spawns a task whose clean-up takes a second, where `place` puts it.
local function spawn_slow_closer(log, place)
  return ebb.spawn(function()
    place(function()
      local _ <close> = closer(function()
        log[#log + 1] = "begin"
        ebb.sleep(1)
        log[#log + 1] = "end"
      end)
      forever()
    end)
  end)
end

local function directly(f) f() end

describe("a __close that waits", function()
  it("runs to its end", function()
    local log = {}
    local task = spawn_slow_closer(log, directly)
    settle()
    task:abort()
    assert_cancelled(task:join())
    assert.same({"begin", "end"}, log)
  end)

  for name, place in pairs(PLACES) do
    it("runs to its end in " .. name, function()
      local log = {}
      local task = spawn_slow_closer(log, place)
      settle()
      task:abort()
      assert_cancelled(task:join())
      assert.same({"begin", "end"}, log)
    end)
  end

  it("lets other tasks run meanwhile", function()
    local log = {}
    local task = spawn_slow_closer(log, directly)
    settle()
    task:abort()
    settle()
    log[#log + 1] = "main"
    task:join()
    assert.same({"begin", "main", "end"}, log)
  end)

  it("keeps the task unfinished until it has ended", function()
    local task = spawn_slow_closer({}, directly)
    settle()
    task:abort()
    settle()
    assert.is_false(task:is_finished())
    ebb.sleep(2)
    assert.is_true(task:is_finished())
  end)

  it("keeps joiners waiting until it has ended", function()
    local log = {}
    local task = spawn_slow_closer(log, directly)
    local joiner = ebb.spawn(function()
      task:join()
      log[#log + 1] = "joined"
    end)
    settle()
    task:abort()
    joiner:join()
    assert.same({"begin", "end", "joined"}, log)
  end)

  it("is not cut short by another abort", function()
    local log = {}
    local task = spawn_slow_closer(log, directly)
    settle()
    task:abort()
    settle()
    task:abort()
    assert_cancelled(task:join())
    assert.same({"begin", "end"}, log)
  end)

  it("is not cut short in a C call by another abort", function()
    local log = {}
    local task = spawn_slow_closer(log, PLACES["a sort comparator in pcall"])
    settle()
    task:abort()
    settle()
    task:abort()
    assert_cancelled(task:join())
    assert.same({"begin", "end"}, log)
  end)

  it("lets the outer ones run after it", function()
    local log = {}
    abort_waiting(function()
      local _ <close> = closer(function() log[#log + 1] = "outer" end)
      local _ <close> = closer(function()
        ebb.sleep(1)
        log[#log + 1] = "inner"
      end)
      forever()
    end)
    assert.same({"inner", "outer"}, log)
  end)

  it("may wait inside a C call", function()
    local sorted
    abort_waiting(function()
      local _ <close> = closer(function()
        local list = {3, 1, 2}
        table.sort(list, function(a, b) ebb.sleep(1) return a < b end)
        sorted = list
      end)
      forever()
    end)
    assert.same({1, 2, 3}, sorted)
  end)

  it("may join another task", function()
    local got
    local other = ebb.spawn(function() ebb.sleep(1) return "other" end)
    abort_waiting(function()
      local _ <close> = closer(function() got = other:await() end)
      forever()
    end)
    assert.equal("other", got)
  end)
end)

describe("an error in a __close of an aborted task", function()
  it("makes the result a panic with that value", function()
    local value = {}
    local ok, err = abort_waiting(function()
      local _ <close> = closer(function() error(value) end)
      forever()
    end)
    assert.is_false(ok)
    assert.is_true(err:is_panic())
    assert.equal(value, err:into_panic())
  end)

  it("makes the result a panic also when it is nil", function()
    local _, err = abort_waiting(function()
      local _ <close> = closer(function() error(nil) end)
      forever()
    end)
    assert.is_true(err:is_panic())
    assert.equal(common.raised_nil, err:into_panic())
  end)

  it("makes the result a panic also inside a C call", function()
    local _, err = abort_waiting(function()
      pcall(table.sort, {2, 1}, function()
        local _ <close> = closer(function() error("boom", 0) end)
        forever()
      end)
    end)
    assert.is_true(err:is_panic())
    assert.equal("boom", err:into_panic())
  end)

  it("makes the result a panic also in a generator", function()
    local _, err = abort_waiting(function()
      pcall(coroutine.wrap(function()
        local _ <close> = closer(function() error("boom", 0) end)
        forever()
      end))
    end)
    assert.is_true(err:is_panic())
    assert.equal("boom", err:into_panic())
  end)

  it("does not keep the outer variables from being closed", function()
    local closed = false
    abort_waiting(function()
      local _ <close> = closer(function() closed = true end)
      local _ <close> = closer(function() error "inner" end)
      forever()
    end)
    assert.is_true(closed)
  end)

  it("is seen by the next variable's __close", function()
    local seen
    abort_waiting(function()
      local _ <close> = closer(function(_, err) seen = err end)
      local _ <close> = closer(function() error("inner", 0) end)
      forever()
    end)
    assert.equal("inner", seen)
  end)

  it("is replaced by that of an outer variable", function()
    local _, err = abort_waiting(function()
      local _ <close> = closer(function() error("outer", 0) end)
      local _ <close> = closer(function() error("inner", 0) end)
      forever()
    end)
    assert.equal("outer", err:into_panic())
  end)

  it("does no harm to other tasks", function()
    local other = ebb.spawn(function() ebb.sleep(1) return "fine" end)
    abort_waiting(function()
      local _ <close> = closer(function() error "boom" end)
      forever()
    end)
    assert.same({true, "fine"}, {other:join()})
  end)
end)
