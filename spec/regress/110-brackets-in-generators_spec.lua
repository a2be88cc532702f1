-- `ebb.unconstrained` in a generator freed its consumer, too, and for good if
-- the generator was dropped; `run_until` drove its set while its generator was
-- suspended; and none of this, nor a task-local scope, went with a generator
-- that another task resumed. What a call waits for in place had a budget of its
-- own inside of `unconstrained`.

local ebb = require "ebb"
local common = require "common"

local BUDGET <const> = 128

local settle = ebb.yield_now
local collect, error_of = common.collect, common.error_of

local function in_task(f, ...) return ebb.spawn(f, ...):await() end

local function spend(n) for _ = 1, n do ebb.consume_budget() end end

-- How often the running task, in a turn of its own, may take from its budget
-- before another task gets one; at most `most` times.
local function takes_of(most, take)
  settle()
  local over = false
  local other = ebb.spawn(function() over = true end)
  local n = 0
  while n < most and not over do
    (take or ebb.consume_budget)()
    n = n + 1
  end
  other:join()
  return n
end

-- A generator that calls `bracket` and, inside, gives what `f` returns.
local function generator(bracket, f)
  return coroutine.wrap(function()
    bracket(function() while true do coroutine.yield(f()) end end)
  end)
end

local function in_generators(f)
  return coroutine.wrap(function() return coroutine.wrap(f)() end)()
end

before_each(ebb.time.pause)

after_each(ebb.time.resume)

describe("unconstrained in a generator", function()
  local function take_much()
    spend(3 * BUDGET)
    return ebb.has_budget_remaining()
  end

  it("is for the code inside, and takes nothing of the consumer", function()
    in_task(function()
      local next_one = generator(ebb.unconstrained, take_much)
      for _ = 1, 3 do
        settle()
        spend(BUDGET - 1)
        assert.is_true(next_one())
        assert.is_true(ebb.has_budget_remaining())
        ebb.consume_budget()
        assert.is_false(ebb.has_budget_remaining())
        assert.is_true(next_one())
        assert.is_false(ebb.has_budget_remaining())
      end
    end)
  end)

  it("does not starve other tasks when the generator is dropped", function()
    in_task(function()
      for _ in generator(ebb.unconstrained, take_much) do break end
      assert.equal(BUDGET + 1, takes_of(1000))
      collect()
      assert.equal(BUDGET + 1, takes_of(1000))
    end)
  end)

  it("does not starve others when it begins anew in each round", function()
    in_task(function()
      local next_one = coroutine.wrap(function()
        while true do ebb.unconstrained(coroutine.yield, 1) end
      end)
      assert.equal(BUDGET + 1, takes_of(1000, function()
        next_one()
        ebb.consume_budget()
      end))
    end)
  end)

  it("leaves the main chunk its budget, too", function()
    for _ in generator(ebb.unconstrained, take_much) do break end
    assert.equal(BUDGET + 1, takes_of(1000))
  end)

  it("holds when another task resumes the generator", function()
    local next_one = generator(ebb.unconstrained, take_much)
    in_task(function() assert.is_true(next_one()) end)
    in_task(function()
      spend(BUDGET)
      assert.is_true(next_one())
      assert.is_false(ebb.has_budget_remaining())
    end)
    assert.equal(BUDGET + 1, in_task(takes_of, 1000))
  end)

  it("holds when the generator becomes a task", function()
    local co = coroutine.create(function()
      return ebb.unconstrained(function()
        coroutine.yield()
        return take_much()
      end)
    end)
    coroutine.resume(co)
    assert.is_true(ebb.spawn(co):await())
  end)

  it("holds in the generators that are resumed inside", function()
    in_task(function()
      coroutine.wrap(function()
        ebb.unconstrained(in_generators, function()
          assert.equal(1000, takes_of(1000))
        end)
        assert.equal(BUDGET + 1, takes_of(1000))
      end)()
    end)
  end)

  it("is not for a task that runs while the generator waits", function()
    local inside = ebb.spawn(function()
      coroutine.wrap(ebb.unconstrained)(ebb.sleep, 1)
    end)
    settle()
    assert.equal(BUDGET + 1, in_task(takes_of, 1000))
    inside:await()
  end)

  it("is over when its function has failed, or was closed", function()
    in_task(function()
      coroutine.wrap(pcall)(ebb.unconstrained, error)
      assert.equal(BUDGET + 1, takes_of(1000))
      local co = coroutine.create(ebb.unconstrained)
      coroutine.resume(co, coroutine.yield)
      coroutine.close(co)
      assert.equal(BUDGET + 1, takes_of(1000))
    end)
  end)
end)

describe("unconstrained in a task", function()
  it("holds for what is waited for in place, in a generator, too", function()
    for _, within in ipairs {in_task, in_generators} do
      within(function()
        ebb.unconstrained(function()
          assert.equal(1000, ebb.block_on(takes_of, 1000))
          local _, n = ebb.time.timeout(1, takes_of, 1000)
          assert.equal(1000, n)
        end)
        assert.equal(BUDGET + 1, ebb.block_on(takes_of, 1000))
      end)
    end
  end)

  it("ends for that task when another closes its coroutine", function()
    local co
    local task = ebb.spawn(function()
      co = coroutine.running()
      ebb.unconstrained(coroutine.yield)
    end)
    settle()
    in_task(function()
      ebb.unconstrained(function()
        coroutine.close(co)
        assert.equal(1000, takes_of(1000))
      end)
      assert.equal(BUDGET + 1, takes_of(1000))
    end)
    task:abort()
    task:join()
  end)
end)

describe("run_until in a generator", function()
  local set, turns

  local function take_turns() while true do turns = turns + 1 settle() end end

  before_each(function()
    set, turns = ebb.LocalSet.new(), 0
    set:spawn_local(take_turns)
  end)

  after_each(function()
    set:close()
    settle()
  end)

  local function rounds(n)
    local before = turns
    for _ = 1, n do settle() end
    return turns - before
  end

  local function bracket(f) set:run_until(f) end

  local function generate() return rounds(3) end

  for name, within in pairs {
    ["the main chunk"] = function(f) f() end,
    ["a task"] = in_task,
    ["a generator"] = in_generators,
  } do
    it("drives the set while the code inside waits, in " .. name, function()
      within(function()
        local next_rounds = generator(bracket, generate)
        for _ = 1, 3 do
          assert.equal(3, next_rounds())
          assert.equal(0, rounds(5))
        end
      end)
    end)
  end

  it("drives while another generator waits inside", function()
    local next_rounds = generator(bracket, function()
      return in_generators(generate)
    end)
    assert.equal(3, next_rounds())
    assert.equal(0, rounds(5))
  end)

  it("drives for another task that resumes the generator", function()
    local next_rounds = generator(bracket, generate)
    assert.equal(3, in_task(next_rounds))
    assert.equal(0, rounds(5))
    assert.equal(3, in_task(next_rounds))
    assert.equal(0, rounds(5))
  end)

  it("drives when the generator becomes a task, until that ends", function()
    local co = coroutine.create(set.run_until)
    coroutine.resume(co, set, function()
      coroutine.yield()
      return rounds(3)
    end)
    assert.equal(3, ebb.spawn(co):await())
    assert.equal(0, rounds(5))
  end)

  it("drives nothing any more when the generator is dropped", function()
    do
      local next_rounds = generator(bracket, generate)
      assert.equal(3, next_rounds())
    end
    assert.equal(0, rounds(5))
    collect()
    assert.equal(0, rounds(5))
    set:run_until(function() assert.equal(3, rounds(3)) end)
  end)

  it("drives on where the set is driven besides", function()
    local next_rounds = generator(bracket, generate)
    set:run_until(function()
      assert.equal(3, next_rounds())
      assert.equal(3, rounds(3))
      assert.equal(3, next_rounds())
      assert.equal(3, rounds(3))
    end)
    assert.equal(0, rounds(5))
  end)

  it("drives in the clean-up of an abort, and then no more", function()
    local seen
    local task = ebb.spawn(coroutine.wrap(bracket), function()
      local _ <close> = common.closer(function() seen = rounds(3) end)
      common.forever()
    end)
    settle()
    task:abort()
    task:join()
    assert.equal(3, seen)
    assert.equal(0, rounds(5))
  end)

  it("may see the set closed while it waits", function()
    local next_rounds = generator(bracket, generate)
    ebb.spawn(set.close, set)
    assert.equal(0, next_rounds())
    assert.equal(0, next_rounds())
  end)
end)

describe("a scope in a generator", function()
  local key <const> = ebb.task_local "key"

  local function bracket(f) key:scope("inside", f) end

  local function look() return (key:try_get()) end

  it("is in force for every task that resumes the generator", function()
    local next_value = generator(bracket, function()
      settle()
      return look()
    end)
    for _ = 1, 2 do
      assert.equal("inside", in_task(next_value))
      assert.is_nil(look())
      assert.equal("inside", next_value())
    end
  end)

  it("is not in force for the task that entered it, meanwhile", function()
    in_task(function()
      local next_value = generator(bracket, function()
        ebb.sleep(1)
        return look()
      end)
      assert.equal("inside", next_value())
      local other = ebb.spawn(next_value)
      settle()
      assert.is_nil(look())
      assert.equal("inside", other:await())
    end)
  end)

  it("is in force when the generator becomes a task", function()
    local co = coroutine.create(bracket)
    coroutine.resume(co, function()
      coroutine.yield()
      assert.equal("inside", look())
      return ebb.block_on(look)
    end)
    assert.is_true(coroutine.status(co) == "suspended")
    ebb.spawn(co):await()
  end)

  it("is seen by what a generator inside waits for in place", function()
    in_task(function()
      coroutine.wrap(bracket)(function()
        assert.equal("inside", ebb.block_on(in_generators, look))
        assert.equal("inside", in_generators(function()
          return ebb.block_on(look)
        end))
      end)
    end)
  end)
end)

describe("the guard of enter in a generator", function()
  it("is for the code of the generator alone", function()
    local set <close> = ebb.LocalSet.new()
    local next_task = coroutine.wrap(function()
      local _ <close> = set:enter()
      while true do coroutine.yield(ebb.spawn_local(common.nothing)) end
    end)
    for _ = 1, 2 do
      assert.is_false(next_task():is_finished())
      assert.matches("outside of a LocalSet",
                     error_of(ebb.spawn_local, common.nothing))
    end
  end)
end)
