-- A job left a task behind whose clean-up did not end in time, so that its
-- thread gave up its state. When the thread itself ended it closed that state
-- once more: SIGSEGV at the end of the program.

local run = require "run"

local CODE <const> = [[
  local ebb = require "ebb"
  local function job()
    local ebb = require "ebb"
    ebb.set_shutdown_timeout(0)
    ebb.spawn(function()
      local _ <close> = setmetatable({}, {__close = function()
        ebb.sleep(1e6)
      end})
      ebb.sleep(1e6)
    end)
    ebb.yield_now()
    return "done"
  end
  ebb.set_max_blocking_threads(1)
  print(ebb.spawn_blocking(job):await())
]]

describe("a thread whose state had to be given up", function()
  it("ends well", function()
    local exit, out = run(CODE)
    assert.same({0, "done\n"}, {exit, out})
  end)

  it("does the next job in a new one", function()
    local exit, out = run(CODE .. [[
      print(ebb.spawn_blocking(function() return "again" end):await())
    ]])
    assert.same({0, "done\nagain\n"}, {exit, out})
  end)
end)
