-- How long tasks ran was measured on the clock of sleeps: while it was paused
-- nobody was ever busy, and where it jumped somebody was for years.

local ebb = require "ebb"

local function entry(task)
  for _, info in ipairs(ebb.tasks()) do
    if info.id == task:id() then return info end
  end
end

-- Runs until this process has had some CPU time.
local function toil()
  local start = os.clock()
  repeat until os.clock() > start
end

describe("busy", function()
  before_each(function()
    ebb.tasks() -- from here on turns are measured
    ebb.time.pause()
  end)
  after_each(function() ebb.time.resume() end)

  it("counts although the clock is paused", function()
    local task = ebb.spawn(function()
      toil()
      ebb.sleep(1)
    end)
    ebb.yield_now()
    assert.is_true(entry(task).busy > 0)
    task:join()
  end)

  it("does not count what the clock is advanced by", function()
    local task = ebb.spawn(function()
      ebb.time.advance(1e8)
      ebb.yield_now()
      ebb.sleep(1)
    end)
    ebb.yield_now()
    assert.is_true(entry(task).busy < 1e7)
    task:join()
  end)
end)
