-- Waits in sort comparators, generators and finalizers, one by one and by the
-- thousand.

local ebb = require "ebb"
local common = require "common"
local places = require "places"

local settle, collect = ebb.yield_now, common.collect
local dry_run, sorted_with = places.dry_run, places.sorted_with

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("in a sort comparator", function()
  it("join gives the result", function()
    local task = ebb.spawn(function()
      return sorted_with(function()
        assert(ebb.spawn(ebb.sleep, 1):join())
      end)
    end)
    assert.same({true, "123"}, {task:join()})
  end)

  it("await raises what the joined task raised", function()
    local value = {}
    local task = ebb.spawn(function()
      local _, err = pcall(sorted_with, function()
        ebb.spawn(error, value):await()
      end)
      return err
    end)
    local _, got = task:join()
    assert.equal(value, got)
  end)

  it("join_next gives key, outcome and values", function()
    local map = ebb.JoinMap.new()
    local got = {}
    local task = ebb.spawn(function()
      table.sort({2, 1}, function()
        map:spawn("key", function() ebb.sleep(1) return 1, nil, 3 end)
        got = table.pack(map:join_next())
        return false
      end)
    end)
    task:await()
    assert.same({n = 5, "key", true, 1, nil, 3}, got)
  end)

  it("shutdown drains a map", function()
    local map = ebb.JoinMap.new()
    map:spawn("key", ebb.sleep, 1000)
    ebb.spawn(function() sorted_with(function() map:shutdown() end) end)
      :await()
    assert.is_true(map:is_empty())
  end)

  it("block_on gives the results", function()
    local task = ebb.spawn(function()
      local got
      sorted_with(function() got = ebb.block_on(math.max, 1, 2) end)
      return got
    end)
    assert.same({true, 2}, {task:join()})
  end)

  it("tasks can be spawned", function()
    local count = 0
    local task = ebb.spawn(function()
      sorted_with(function()
        ebb.spawn(function() count = count + 1 end)
        ebb.yield_now()
      end)
      return count
    end)
    local _, calls = dry_run(sorted_with)
    assert.same({true, calls}, {task:join()})
  end)

  it("an error that is raised after a wait reaches pcall", function()
    local task = ebb.spawn(function()
      return pcall(sorted_with, function()
        ebb.sleep(1)
        error("boom", 0)
      end)
    end)
    assert.same({true, false, "boom"}, {task:join()})
  end)

  it("an error that nobody catches is the task's panic", function()
    local task = ebb.spawn(sorted_with, function()
      ebb.sleep(1)
      error("boom", 0)
    end)
    local _, err = task:join()
    assert.equal("boom", err:into_panic())
  end)
end)

describe("a generator that waits", function()
  it("keeps the id of its task", function()
    local task = ebb.spawn(function()
      return coroutine.wrap(function()
        ebb.sleep(1)
        return ebb.id()
      end)()
    end)
    assert.same({true, task:id()}, {task:join()})
  end)

  it("raises its error in the consumer", function()
    local task = ebb.spawn(function()
      return pcall(coroutine.wrap(function()
        ebb.sleep(1)
        error("boom", 0)
      end))
    end)
    assert.same({true, false, "boom"}, {task:join()})
  end)

  it("may be handed to another task between two values", function()
    local numbers = coroutine.wrap(function()
      for n = 1, 4 do
        ebb.sleep(1)
        coroutine.yield(n)
      end
    end)
    local function take_two() return numbers(), numbers() end
    assert.same({1, 2}, {ebb.spawn(take_two):await()})
    assert.same({3, 4}, {ebb.spawn(take_two):await()})
  end)

  it("may be handed from a task to the main chunk", function()
    local numbers = coroutine.wrap(function()
      for n = 1, 2 do
        ebb.sleep(1)
        coroutine.yield(n)
      end
    end)
    assert.equal(1, ebb.spawn(numbers):await())
    assert.equal(2, numbers())
  end)

  it("cannot be resumed by another task meanwhile", function()
    local co = coroutine.create(function()
      ebb.sleep(1)
      return "end"
    end)
    local task = ebb.spawn(function() return coroutine.resume(co) end)
    settle()
    assert.is_false((coroutine.resume(co)))
    assert.same({true, true, "end"}, {task:join()})
  end)
end)

describe("a finalizer", function()
  local REFUSAL = "cannot wait inside a finalizer"

  -- Calls `wait` in a finalizer and returns the error.
  local function finalizer_error(wait)
    local err
    setmetatable({}, {__gc = function() err = select(2, pcall(wait)) end})
    collect()
    return tostring(err)
  end

  local WAITS = {
    ["yield now"] = ebb.yield_now,
    ["sleep"] = function() ebb.sleep(1) end,
    ["join"] = function() ebb.spawn(ebb.yield_now):join() end,
    ["join the next of a map"] = function()
      local map = ebb.JoinMap.new()
      map:spawn("key", ebb.yield_now)
      map:join_next()
    end,
    ["block on a task"] = function() ebb.block_on(ebb.yield_now) end,
  }

  for name, wait in pairs(WAITS) do
    it("cannot " .. name .. " in the main chunk", function()
      assert.matches(REFUSAL, finalizer_error(wait))
      settle()
    end)

    it("cannot " .. name .. " in a task", function()
      local task = ebb.spawn(finalizer_error, wait)
      assert.matches(REFUSAL, select(2, task:join()))
      settle()
    end)
  end

  it("cannot wait in a generator either", function()
    assert.matches(REFUSAL, finalizer_error(function()
      coroutine.wrap(ebb.yield_now)()
    end))
  end)

  it("cannot wait in a sort comparator either", function()
    assert.matches(REFUSAL, finalizer_error(function()
      table.sort({2, 1}, ebb.yield_now)
    end))
  end)

  it("cannot wait when it runs in a generator of a task", function()
    local task = ebb.spawn(function()
      return coroutine.wrap(finalizer_error)(ebb.yield_now)
    end)
    assert.matches(REFUSAL, select(2, task:join()))
  end)

  it("may spawn a task, which may wait", function()
    local done = false
    setmetatable({}, {__gc = function()
      ebb.spawn(function()
        ebb.sleep(1)
        done = true
      end)
    end})
    collect()
    ebb.sleep(2)
    assert.is_true(done)
  end)

  it("may abort a task", function()
    local task = ebb.spawn(ebb.sleep, 1000)
    settle()
    setmetatable({}, {__gc = function() task:abort() end})
    collect()
    local _, err = task:join()
    assert.is_true(err:is_cancelled())
  end)

  it("leaves the collector on", function()
    finalizer_error(ebb.yield_now)
    assert.is_true(collectgarbage("isrunning"))
    local weak = setmetatable({{}}, {__mode = "v"})
    collect()
    assert.is_nil(weak[1])
  end)
end)

-- Spawns `n` tasks that sleep in a sort comparator each, all at once, and
-- returns how many got sorted.
local function sort_in_tasks(n)
  local tasks, sorted = {}, 0
  for i = 1, n do
    tasks[i] = ebb.spawn(function()
      local list = {2, 1}
      table.sort(list, function(a, b) ebb.sleep(1) return a < b end)
      if list[1] == 1 then sorted = sorted + 1 end
    end)
  end
  for i = 1, n do assert(tasks[i]:join()) end
  return sorted
end

describe("many tasks", function()
  it("may wait in sort comparators at once", function()
    assert.equal(1000, sort_in_tasks(1000))
  end)

  it("may wait inside C calls at once, 30,000 of them #slow", function()
    assert.equal(30000, sort_in_tasks(30000))
  end)

  it("may wait at different depths of C calls at once", function()
    local function nested(depth)
      if depth == 0 then
        ebb.sleep(1)
        return "x"
      end
      return (("."):gsub(".", function() return nested(depth - 1) end))
    end
    local tasks = {}
    for depth = 0, 40 do tasks[depth] = ebb.spawn(nested, depth) end
    for depth = 0, 40 do
      assert.same({true, "x"}, {tasks[depth]:join()})
    end
  end)
end)
