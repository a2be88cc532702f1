-- #threads
-- SPDX-License-Identifier: MIT
-- At the end of the state a Runtime's task is over before its thread is. A
-- clean-up that shut the Runtime down then read what the thread was writing,
-- and was told that it had ended.
local run = require "run"

describe("the shutdown of a Runtime in a clean-up at the end of the state",
  function()
    it("does not claim that the runtime has ended", function()
      local status, out, err = run [[
        local ebb = require "ebb"
        ebb.spawn(function()
          local runtime = ebb.Runtime.new()
          local _ <close> = setmetatable({}, {__close = function()
            print(runtime:shutdown())
          end})
          ebb.spawn_blocking_on(function()
            local t = os.clock()
            repeat until os.clock() - t > 0.2
          end, runtime:handle())
          runtime:shutdown(0.01)
        end)
        ebb.yield_now()
        ebb.yield_now()
      ]]
      assert.equal("", err)
      assert.equal(
        "nil\tthe state that has made the runtime is being closed\n", out)
      assert.equal(0, status)
    end)
  end)
