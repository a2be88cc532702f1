-- A Runtime that did not end in time was said to have a task that "runs on
-- without waiting", also when it was a clean-up that waited.

local ebb = require "ebb"
local gate = require "gate"

-- Its clean-up waits until there is a file.
local function hang_on(pass, path, name)
  local ebb = require "ebb"
  local _ <close> = setmetatable({}, {__close = function()
    local file
    repeat
      ebb.sleep(0.001)
      file = io.open(name)
    until file
    file:close()
  end})
  pass(path)
  ebb.sleep(1e6)
end

describe("shutdown of a Runtime that does not end in time", function()
  it("does not say that a clean-up runs on which waits", function()
    local at <close>, name <const> = gate.new(), os.tmpname()
    local runtime = ebb.Runtime.new()
    os.remove(name)
    runtime:handle():spawn(hang_on, gate.pass, at.path, name)
    at:arrived(1)
    at:open(1)
    local ended, why = runtime:shutdown(0)
    assert.is_nil(ended)
    assert.matches("its clean%-up waits", why)
    io.open(name, "w"):close()
    assert.is_true(runtime:shutdown())
    os.remove(name)
  end)
end)
