-- `unconstrained`: a function whose waits are never forced to yield.

local ebb = require "ebb"
local budget = require "budget"
local common = require "common"

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local error_of = common.error_of

local BUDGET, spend, in_task = budget.FULL, budget.spend, budget.in_task

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("unconstrained", function()
  it("gives the results of its function, nils included", function()
    local got = table.pack(ebb.unconstrained(function(...)
      settle()
      return ...
    end, nil, 2, nil))
    assert.same({n = 3, nil, 2, nil}, got)
  end)

  it("runs its function in the calling task, at once", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    ebb.unconstrained(nothing)
    assert.is_false(ran)
    settle()
    local task = ebb.spawn(function() return ebb.unconstrained(ebb.id) end)
    assert.equal(task:id(), task:await())
  end)

  it("raises the very error of its function", function()
    local value = {}
    assert.equal(value, error_of(ebb.unconstrained, function()
      error(value)
    end))
    assert.equal(value, error_of(ebb.unconstrained, function()
      settle()
      error(value)
    end))
  end)

  it("names the argument when its function cannot be called", function()
    for _, f in ipairs {42, "text", {}} do
      assert.matches("bad argument #1 to 'unconstrained'", error_of(function()
        ebb.unconstrained(f)
      end), 1, true)
    end
  end)

  it("always has budget remaining", function()
    in_task(function()
      ebb.unconstrained(function()
        spend(3 * BUDGET)
        assert.is_true(ebb.has_budget_remaining())
      end)
    end)
  end)

  it("leaves the rest of the budget as it was", function()
    in_task(function()
      spend(BUDGET - 1)
      ebb.unconstrained(spend, 3 * BUDGET)
      assert.is_true(ebb.has_budget_remaining())
      ebb.consume_budget()
      assert.is_false(ebb.has_budget_remaining())
    end)
  end)

  it("is over when its function has returned, or failed", function()
    for _, f in ipairs {nothing, error, settle, function()
      settle()
      error "boom"
    end} do
      in_task(function()
        pcall(ebb.unconstrained, f)
        settle()
        spend(BUDGET)
        assert.is_false(ebb.has_budget_remaining())
      end)
    end
  end)

  it("lasts over a wait", function()
    in_task(function()
      ebb.unconstrained(function()
        settle()
        local over = false
        ebb.spawn(function() over = true end)
        spend(3 * BUDGET)
        assert.is_false(over)
      end)
    end)
  end)

  it("still waits when it has to", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    ebb.unconstrained(ebb.sleep, 1)
    assert.is_true(ran)
  end)

  it("may be nested, and ends with the outermost", function()
    in_task(function()
      ebb.unconstrained(function()
        ebb.unconstrained(settle)
        spend(3 * BUDGET)
        assert.is_true(ebb.has_budget_remaining())
      end)
      settle()
      spend(BUDGET)
      assert.is_false(ebb.has_budget_remaining())
    end)
  end)

  it("is not inherited by a spawned task", function()
    in_task(function()
      ebb.unconstrained(function()
        assert.is_false(ebb.spawn(function()
          spend(BUDGET)
          return ebb.has_budget_remaining()
        end):await())
      end)
    end)
  end)

  it("is not for other tasks that run meanwhile", function()
    local constrained = ebb.spawn(function()
      settle()
      spend(BUDGET)
      return ebb.has_budget_remaining()
    end)
    in_task(ebb.unconstrained, function()
      for _ = 1, 5 do settle() end
    end)
    assert.is_false(constrained:await())
  end)

  it("lasts in the clean-up of its function, and not beyond", function()
    local inside, outside
    local task = ebb.spawn(function()
      local _ <close> = common.closer(function()
        settle()
        spend(BUDGET)
        outside = ebb.has_budget_remaining()
      end)
      ebb.unconstrained(function()
        local _ <close> = common.closer(function()
          spend(3 * BUDGET)
          inside = ebb.has_budget_remaining()
        end)
        forever()
      end)
    end)
    settle()
    task:abort()
    task:join()
    assert.same({true, false}, {inside, outside})
  end)

  it("is not left to the next task on a recycled thread", function()
    local task = ebb.spawn(ebb.unconstrained, forever)
    settle()
    task:abort()
    task:join()
    in_task(function()
      spend(BUDGET)
      assert.is_false(ebb.has_budget_remaining())
    end)
  end)

  for place, call in pairs {
    ["a generator"] = function(f) coroutine.wrap(f)() end,
    ["a sort comparator"] = function(f)
      table.sort({2, 1}, function() f() return false end)
    end,
    ["pcall"] = function(f) assert(pcall(f)) end,
  } do
    it("holds inside " .. place .. ", and may be called there", function()
      in_task(function()
        ebb.unconstrained(call, function()
          settle()
          spend(3 * BUDGET)
          assert.is_true(ebb.has_budget_remaining())
        end)
        settle()
        call(function()
          ebb.unconstrained(function()
            settle()
            spend(3 * BUDGET)
            assert.is_true(ebb.has_budget_remaining())
          end)
        end)
        settle()
        spend(BUDGET)
        assert.is_false(ebb.has_budget_remaining())
      end)
    end)
  end

  it("of the main chunk lets no task run", function()
    local over = false
    ebb.spawn(function() over = true end)
    ebb.unconstrained(spend, 3 * BUDGET)
    assert.is_false(over)
    settle()
  end)
end)
