-- A wait looked through all frames for a finalizer while the collector was
-- stopped, which took quadratic time: this program, minutes.

local run = require "run"

describe("waits at the end of a deep recursion", function()
  it("take the time of a few, also while the collector is stopped", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      collectgarbage "stop"
      local function descend(depth)
        if depth > 0 then return 1 + descend(depth - 1) end
        for _ = 1, 100 do ebb.yield_now() end
        return 0
      end
      print(descend(90000))
    ]]
    assert.same({0, "90000\n", ""}, {code, out, err})
  end)
end)
