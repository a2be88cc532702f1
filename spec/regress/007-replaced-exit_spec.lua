-- An os.exit that a test framework had replaced before ebb was loaded was
-- called on the main thread, also in a task: its error went to a pcall of the
-- main chunk, across the stacks.

local run = require "run"

describe("os.exit that was replaced before ebb was loaded", function()
  it("raises its error in the task that called it", function()
    local status, out, err = run [[
      os.exit = function(code) error("exit " .. code, 0) end
      for name in pairs(package.loaded) do
        if name:find("^ebb") then package.loaded[name] = nil end
      end
      local ebb = require "ebb"
      local task = ebb.spawn(function()
        print(pcall(os.exit, 4))
        return 5
      end)
      print(task:join())
      print(ebb.try_id())
    ]]
    assert.equal("", err)
    assert.equal("false\texit 4\ntrue\t5\nnil\n", out)
    assert.equal(0, status)
  end)
end)
