-- The thread of an ended task was used for another with what the debug library
-- had left there: a hook function, or hooks being off for good.

local ebb = require "ebb"

local function in_task(body)
  assert(ebb.spawn(body):join())
  collectgarbage()
  collectgarbage()
end

describe("a task on the thread of an ended one", function()
  after_each(function() debug.sethook() end)

  it("does not call a hook of it while its spawner has one", function()
    local calls = 0
    debug.sethook(function() end, "c")
    in_task(function()
      debug.sethook(function() calls = calls + 1 end, "l")
    end)
    calls = 0
    in_task(function()
      local x = 1
      x = x + 1
    end)
    debug.sethook()
    assert.equal(0, calls)
  end)

  it("does not call a hook of it when a later spawner has one", function()
    local calls = 0
    in_task(function()
      debug.sethook(function() calls = calls + 1 end, "l")
    end)
    debug.sethook(function() end, "l")
    calls = 0
    in_task(function()
      local x = 1
      x = x + 1
    end)
    debug.sethook()
    assert.equal(0, calls)
  end)

  it("can have a hook when it ended with an error in one", function()
    for _ = 1, 5 do
      local ok = ebb.spawn(function()
        debug.sethook(function() error "in the hook" end, "l")
        local x = 1
        x = x + 1
      end):join()
      assert.is_false(ok)
    end
    collectgarbage()
    collectgarbage()
    local calls = 0
    in_task(function()
      debug.sethook(function() calls = calls + 1 end, "l")
      local x = 1
      x = x + 1
      debug.sethook()
    end)
    assert.is_true(calls > 0)
  end)
end)
