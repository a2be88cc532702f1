-- Two generators of one task, suspended in scopes of their own, saw each
-- other's values; a generator that was dropped there left its value behind.

local ebb = require "ebb"

local key <const> = ebb.task_local "key"

local function generator(value)
  return coroutine.wrap(function()
    key:scope(value, function()
      for _ = 1, 2 do coroutine.yield(key:get()) end
    end)
    return "end"
  end)
end

describe("scopes of two generators", function()
  it("are each in force in their own", function()
    key:scope("outer", function()
      local a, b = generator "a", generator "b"
      assert.same({"a", "b", "a", "b"}, {a(), b(), a(), b()})
      assert.equal("outer", key:get())
      assert.same({"end", "end"}, {a(), b()})
      assert.equal("outer", key:get())
    end)
    assert.is_nil((key:try_get()))
  end)

  it("are not in force outside, nor left behind", function()
    do
      local dropped = generator "dropped"
      dropped()
      assert.is_nil((key:try_get()))
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil((key:try_get()))
    key:scope("later", function() assert.equal("later", key:get()) end)
    assert.is_nil((key:try_get()))
  end)

  it("are in force in the clean-up of an abort", function()
    local seen = {}
    local function noting()
      return setmetatable({}, {
        __close = function() seen[#seen + 1] = key:get() end
      })
    end
    local task = ebb.spawn(key.scope, key, "task", function()
      local _ <close> = noting()
      coroutine.wrap(key.scope)(key, "generator", function()
        local _ <close> = noting()
        ebb.sleep(1000)
      end)
    end)
    ebb.yield_now()
    task:abort()
    task:join()
    assert.same({"generator", "task"}, seen)
  end)
end)
