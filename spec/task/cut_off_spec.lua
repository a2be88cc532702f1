-- Waits that an abort has cut off take nothing with them.

local abort = require "abort"
local common = require "common"
local ebb = require "ebb"

local settle = ebb.yield_now

local closer = common.closer
local abort_waiting, assert_cancelled = abort.waiting, abort.assert_cancelled

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("a wait in join that was cut off", function()
  it("leaves the joined task alone", function()
    local sleeper = ebb.spawn(function() ebb.sleep(1) return "fine" end)
    assert_cancelled(abort_waiting(function() sleeper:join() end))
    assert.same({true, "fine"}, {sleeper:join()})
  end)

  it("leaves the other joiners alone", function()
    local sleeper = ebb.spawn(function() ebb.sleep(1) return "fine" end)
    local function join() return sleeper:await() end
    local before = ebb.spawn(join)
    local cut = ebb.spawn(join)
    local after = ebb.spawn(join)
    settle()
    cut:abort()
    assert.same({true, "fine"}, {before:join()})
    assert.same({true, "fine"}, {after:join()})
    assert_cancelled(cut:join())
  end)

  it("may be cut off by the task that was joined", function()
    local joiner
    local joined = ebb.spawn(function()
      ebb.yield_now()
      joiner:abort()
      return "fine"
    end)
    joiner = ebb.spawn(function() joined:join() end)
    assert_cancelled(joiner:join())
    assert.same({true, "fine"}, {joined:join()})
  end)
end)

describe("a wait in join_next that was cut off", function()
  it("loses no result that comes later", function()
    local map = ebb.JoinMap.new()
    map:spawn("key", function() ebb.sleep(1) return "fine" end)
    abort_waiting(function() map:join_next() end)
    assert.same({"key", true, "fine"}, {map:join_next()})
  end)

  it("loses no result that had been granted to it", function()
    local map = ebb.JoinMap.new()
    local cut = ebb.spawn(function() map:join_next() end)
    map:spawn("key", function() ebb.yield_now() return "fine" end)
    settle()
    -- The next turn: the map's task ends, which wakes `cut`; then this.
    ebb.spawn(function() cut:abort() end)
    assert_cancelled(cut:join())
    assert.same({"key", true, "fine"}, {map:try_join_next()})
  end)

  it("hands a result granted to it over to the next in line", function()
    local map = ebb.JoinMap.new()
    local joined = {}
    local function join()
      local key = map:join_next()
      joined[#joined + 1] = key
    end
    local cut, next_in_line = ebb.spawn(join), ebb.spawn(join)
    map:spawn("key", function() ebb.yield_now() end)
    settle()
    ebb.spawn(function() cut:abort() end)
    cut:join()
    next_in_line:join()
    assert.same({"key"}, joined)
  end)

  it("leaves the tasks of the map alone", function()
    local map = ebb.JoinMap.new()
    map:spawn(1, ebb.sleep, 1)
    map:spawn(2, ebb.sleep, 2)
    abort_waiting(function() map:join_next() end)
    assert.equal(2, map:len())
    assert.same({1, true}, {map:join_next()})
    assert.same({2, true}, {map:join_next()})
  end)
end)

describe("a wait in sleep that was cut off", function()
  it("does not wake anybody at its deadline", function()
    local log = {}
    local cut = ebb.spawn(function()
      local _ <close> = closer(function() ebb.sleep(5) end)
      ebb.sleep(1)
      log[#log + 1] = "must not run"
    end)
    settle()
    cut:abort()
    local start = ebb.time.now()
    assert_cancelled(cut:join())
    assert.near(5, ebb.time.now() - start, 1e-6)
    assert.same({}, log)
  end)
end)
