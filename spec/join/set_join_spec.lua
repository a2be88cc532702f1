-- JoinSet: join_next and its kin, and join_all.

local collections = require "collections"
local ebb = require "ebb"
local common = require "common"
local run = require "run"
local JoinSet = ebb.JoinSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, error_of, guarded =
  common.closer, common.collect, common.error_of, common.guarded
local sleeper, turns_beside = common.sleeper, common.turns_beside

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("join_next", function()
  it("serves the generic for, which goes on after a panic", function()
    local set, log = JoinSet.new(), {}
    set:spawn(sleeper, 1)
    set:spawn(error, "boom", 0)
    for ok in set.join_next, set do log[#log + 1] = ok end
    assert.same({false, true}, log)
  end)

  it("loses nothing when it is cut off as the result comes", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local task = ebb.spawn(set.join_next, set)
    ebb.spawn(function()
      ebb.sleep(1)
      task:abort()
    end)
    assert.is_false((task:join()))
    assert.same({true, 1}, {set:join_next()})
  end)

  it("passes the wake-up on when it is cut off as the result comes", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local first = ebb.spawn(set.join_next, set)
    local second = ebb.spawn(set.join_next, set)
    ebb.spawn(function()
      ebb.sleep(1)
      first:abort()
    end)
    assert.same({true, true, 1}, {second:join()})
  end)

  it("loses nothing when it is cut off in a sort comparator", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local task = ebb.spawn(table.sort, {2, 1}, function()
      set:join_next()
    end)
    settle()
    task:abort()
    task:join()
    assert.same({true, 1}, {set:join_next()})
  end)

  it("shows in the message of a deadlock", function()
    local _, out = run [[
      local set = require "ebb".JoinSet.new()
      set:spawn(function() set:join_next() end)
      print(pcall(set.join_next, set))
    ]]
    assert.matches("the main chunk waits for join_next", out, 1, true)
    assert.matches("task %d+ waits for join_next", out)
  end)
end)

describe("join_next_with_id", function()
  it("gives the id before what join_next gives", function()
    local set = JoinSet.new()
    local id = set:spawn(function() return nil, 2, nil end):id()
    assert.same({n = 5, id, true, nil, 2, nil},
                table.pack(set:join_next_with_id()))
  end)

  it("gives the id before the JoinError as well", function()
    local set = JoinSet.new()
    set:spawn(error, "boom", 0)
    local id, ok, err = set:join_next_with_id()
    assert.is_false(ok)
    assert.equal(err:id(), id)
  end)
end)

describe("try_join_next", function()
  it("gives what was aborted", function()
    local set = collections.JoinSet.waiting(1)
    set:abort_all()
    settle()
    local ok, err = set:try_join_next()
    assert.is_false(ok)
    assert.is_true(err:is_cancelled())
    assert.is_true(set:is_empty())
  end)

  it("gives the id, too, as try_join_next_with_id", function()
    local set = JoinSet.new()
    local id = set:spawn(error, "boom", 0):id()
    settle()
    local got, ok, err = set:try_join_next_with_id()
    assert.same({id, false}, {got, ok})
    assert.equal("boom", err:into_panic())
  end)
end)

describe("join_all", function()
  it("gives an empty array when the set is empty", function()
    assert.same({}, JoinSet.new():join_all())
  end)

  it("gives results in the order in which the tasks end", function()
    local set = JoinSet.new()
    for _, delay in ipairs {3, 1, 2} do set:spawn(sleeper, delay) end
    assert.same({1, 2, 3}, set:join_all())
  end)

  it("gives the first result of each task", function()
    local set = JoinSet.new()
    set:spawn(function() return 1, "dropped" end)
    set:spawn(function() return false, "dropped" end)
    assert.same({1, false}, set:join_all())
  end)

  it("leaves the place of a task without results empty", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    set:spawn(ebb.sleep, 2)
    set:spawn(sleeper, 3)
    local results = set:join_all()
    assert.same({1, nil, 3}, {results[1], results[2], results[3]})
  end)

  it("includes a task that is spawned meanwhile", function()
    local set = JoinSet.new()
    set:spawn(function()
      set:spawn(sleeper, 2)
      return 1
    end)
    assert.same({1, 2}, set:join_all())
  end)

  it("lets others run while results abound", function()
    local set = collections.JoinSet.ready(1000)
    local turns = turns_beside(function()
      assert.equal(1000, #set:join_all())
    end)
    assert.is_true(turns >= 1000 // 128)
  end)

  -- A set in which the second of three tasks panics with `value`, and the
  -- third has a clean-up that takes a second and then sets log[1].
  local function set_with_panic(value, log)
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local id = set:spawn(function()
      ebb.sleep(2)
      error(value)
    end):id()
    set:spawn(function()
      local _ <close> = closer(function()
        ebb.sleep(1)
        log[1] = "closed"
      end)
      forever()
    end)
    return set, id
  end

  it("raises the JoinError of a panic in the middle", function()
    local value = {}
    local set, id = set_with_panic(value, {})
    local err = error_of(set.join_all, set)
    assert.equal(value, err:into_panic())
    assert.equal(id, err:id())
    ebb.sleep(5)
  end)

  it("raises at the panic, not at the end of the other tasks", function()
    local set = JoinSet.new()
    set:spawn(ebb.sleep, 1000)
    set:spawn(error, "boom")
    local before = ebb.time.now()
    error_of(set.join_all, set)
    assert.near(0, ebb.time.now() - before, 1)
  end)

  it("aborts the rest, and lets its clean-up wait", function()
    local log = {}
    local set = set_with_panic("boom", log)
    error_of(set.join_all, set)
    ebb.sleep(5)
    assert.same({"closed"}, log)
  end)

  it("leaves an empty set that can be used after a panic", function()
    local set = set_with_panic("boom", {})
    error_of(set.join_all, set)
    assert.equal(0, set:len())
    assert.is_nil(set:join_next())
    set:spawn(function() return "again" end)
    assert.same({"again"}, set:join_all())
    ebb.sleep(5)
  end)

  it("raises the first of two panics", function()
    local set, old = JoinSet.new(), ebb.set_unhandled(nothing)
    for _, delay in ipairs {2, 1} do
      set:spawn(function()
        ebb.sleep(delay)
        error(delay)
      end)
    end
    ebb.sleep(3)
    local err = error_of(set.join_all, set)
    collect()
    ebb.set_unhandled(old)
    assert.equal(1, err:into_panic())
  end)

  it("raises the JoinError of a member that was aborted", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    set:spawn(forever):abort("enough")
    local err = error_of(set.join_all, set)
    assert.is_true(err:is_cancelled())
    assert.equal("enough", err:reason())
    assert.is_true(set:is_empty())
  end)

  it("leaves the tasks in the set when it is cut off", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local task = ebb.spawn(set.join_all, set)
    settle()
    task:abort()
    task:join()
    assert.same({1}, set:join_all())
  end)

  it("gives other callers nothing twice", function()
    local set = JoinSet.new()
    for i = 1, 10 do set:spawn(sleeper, i) end
    local a = ebb.spawn(set.join_all, set)
    local b = ebb.spawn(set.join_all, set)
    assert.equal(10, #a:await() + #b:await())
  end)
end)

-- Where a call waits -> a function that makes the call there.
local PLACES = {
  ["a task"] = function(call) ebb.spawn(call):await() end,
  ["a generator"] = function(call) coroutine.wrap(call)() end,
  ["a sort comparator"] = function(call)
    table.sort({2, 1}, function() call() end)
  end,
  ["a sort comparator in a task"] = function(call)
    ebb.spawn(table.sort, {2, 1}, function() call() end):await()
  end,
}

for place, from in pairs(PLACES) do
  describe("from " .. place, function()
    it("join_next waits", function()
      local set, got = JoinSet.new(), {}
      set:spawn(sleeper, 1)
      set:spawn(error, "boom", 0)
      from(function()
        for ok in set.join_next, set do got[#got + 1] = ok end
      end)
      assert.same({false, true}, got)
    end)

    it("join_all waits", function()
      local set, got = JoinSet.new(), nil
      for _, delay in ipairs {3, 1, 2} do set:spawn(sleeper, delay) end
      from(function() got = set:join_all() end)
      assert.same({1, 2, 3}, got)
    end)

    it("shutdown waits", function()
      local set, log = JoinSet.new(), {}
      set:spawn(guarded, log, 1)
      settle()
      from(function() set:shutdown() end)
      assert.same({"closed"}, log)
    end)
  end)
end
