-- A finalizer that used a scope of its own just when a task entered its first
-- one made the task forget that it had: the value was not found inside.

local run = require "run"

describe("a scope that is entered while finalizers use scopes", function()
  it("is in force", function()
    -- With the smallest step, any allocation may be the one at which a
    -- finalizer runs.
    local code, out, err = run [[
      local common, ebb = require "common", require "ebb"
      local key, other = ebb.task_local "key", ebb.task_local "other"
      local function nothing() end
      local function use(k)
        return {__gc = function() k:scope("finalizer", nothing) end}
      end
      local uses = {use(key), use(other)}
      common.collect_in_steps(100, 100, 1)
      for i = 1, 60000 do
        for _ = 1, i % 7 do setmetatable({}, uses[i % 2 + 1]) end
        key:scope(i, function() assert(key:get() == i) end)
        assert(key:try_get() == nil and other:try_get() == nil)
      end
      print "in force"
    ]]
    assert.same({0, "in force\n", ""}, {code, out, err})
  end)
end)
