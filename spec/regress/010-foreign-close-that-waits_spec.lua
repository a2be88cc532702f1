-- While a clean-up waited in a coroutine.close of a task's thread by another,
-- the task itself was polled over and over: time stood still, and outside of
-- tests a processor was kept busy.

local run = require "run"

describe("coroutine.close of a task's thread by another", function()
  it("may wait in a __close while the task's own wait ends", function()
    local status, out, err = run [[
      local ebb = require "ebb"
      local thread, id
      local task = ebb.spawn(function()
        thread, id = coroutine.running(), ebb.id()
        local _ <close> = setmetatable({}, {__close = function()
          ebb.sleep(0.05)
        end})
        ebb.sleep(0.01)
      end)
      ebb.yield_now()
      print(coroutine.close(thread))
      for _, task in ipairs(ebb.tasks()) do
        if task.id == id then print(task.polls < 1000) end
      end
      task:join()
    ]]
    assert.equal("", err)
    assert.matches("^true\n", out)
    assert.not_matches("false", out)
    assert.equal(0, status)
  end)
end)
