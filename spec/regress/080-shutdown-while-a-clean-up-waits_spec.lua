-- A Runtime that did not end in time was said to have a task that "runs on
-- without waiting", also when it was a clean-up that waited.

local ebb = require "ebb"
local gate = require "gate"

local function hang_on(pass, path)
  local ebb = require "ebb"
  local _ <close> = setmetatable({}, {__close = function()
    while true do ebb.sleep(1e6) end
  end})
  pass(path)
  ebb.sleep(1e6)
end

describe("shutdown of a Runtime that does not end in time", function()
  it("names the task whose clean-up waits", function()
    local at <close> = gate.new()
    local runtime = ebb.Runtime.new()
    local handle = runtime:handle():spawn(hang_on, gate.pass, at.path)
    at:arrived(1)
    at:open(1)
    local expected = ("task %d still waits for sleep"):format(handle:id())
    assert.same({nil, expected}, {runtime:shutdown(0)})
    assert.same({nil, expected}, {runtime:shutdown()})
  end)
end)
