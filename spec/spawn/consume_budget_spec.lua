-- How far the budget of a turn lasts; spawn/budget_spec says which calls take
-- from it.

local budget = require "budget"
local ebb = require "ebb"

local settle = ebb.yield_now

local BUDGET, spend = budget.FULL, budget.spend

describe("the budget", function()
  it("lasts for 128 calls of consume_budget", function()
    local log = {}
    ebb.spawn(function()
      spend(BUDGET)
      log[#log + 1] = "spent"
      ebb.consume_budget()
      log[#log + 1] = "again"
    end)
    ebb.spawn(function() log[#log + 1] = "other" end)
    settle()
    settle()
    assert.same({"spent", "other", "again"}, log)
  end)

  it("is there before it is spent", function()
    local task = ebb.spawn(function()
      spend(BUDGET - 1)
      return ebb.has_budget_remaining()
    end)
    assert.same({true, true}, {task:join()})
  end)

  it("is gone once it is spent", function()
    local task = ebb.spawn(function()
      spend(BUDGET)
      return ebb.has_budget_remaining()
    end)
    assert.same({true, false}, {task:join()})
  end)

  it("is there again in the next turn", function()
    local task = ebb.spawn(function()
      spend(BUDGET)
      ebb.yield_now()
      return ebb.has_budget_remaining()
    end)
    assert.same({true, true}, {task:join()})
  end)

  it("is each task's own", function()
    ebb.spawn(spend, BUDGET)
    local task = ebb.spawn(ebb.has_budget_remaining)
    assert.same({true, true}, {task:join()})
  end)

  it("is taken by a join that is satisfied at once", function()
    local done = ebb.spawn(function() end)
    done:join()
    local task = ebb.spawn(function()
      for _ = 1, BUDGET do done:join() end
      return ebb.has_budget_remaining()
    end)
    assert.same({true, false}, {task:join()})
  end)

  it("ends the turn of a task whose join_next is always ready", function()
    local seen
    local joined = 0
    local task = ebb.spawn(function()
      local map = ebb.JoinMap.new()
      for i = 1, 3 * BUDGET do map:spawn(i, function() end) end
      ebb.yield_now()
      ebb.spawn(function() seen = joined end)
      for _ in map.join_next, map do joined = joined + 1 end
    end)
    task:join()
    assert.equal(BUDGET, seen)
  end)
end)
