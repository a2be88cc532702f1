-- #threads
-- SPDX-License-Identifier: MIT
-- An os.exit that closes the state waits for every task of it. Called by a
-- finalizer that ran while a result came in from another thread, or by the
-- __tostring of an error that was to go there, it waited for good for the
-- very task in whose turn it was.
local run = require "run"

describe("os.exit that closes the state while values cross", function()
  for where, script in pairs {
    ["in a finalizer, as a result comes in"] = [[
      setmetatable({}, {__gc = function() os.exit(3, true) end})
      collectgarbage("stop")
      local handle = ebb.spawn_blocking(function()
        local list = {}
        for i = 1, 1e4 do list[i] = {i} end
        return list
      end)
      collectgarbage("restart")
      handle:await()
    ]],
    ["in the __tostring of a runtime's error"] = [[
      local runtime = ebb.Runtime.new()
      ebb.spawn_on(function()
        error(setmetatable({coroutine.create(print)},
                           {__tostring = function() os.exit(3, true) end}))
      end, runtime:handle()):join()
      ebb.sleep(1e6) -- until the other thread has ended the process
    ]],
    ["in the __tostring of a blocking task's error"] = [[
      ebb.spawn_blocking(function()
        error(setmetatable({coroutine.create(print)},
                           {__tostring = function() os.exit(3, true) end}))
      end):join()
    ]],
  } do
    it("ends the process, " .. where, function()
      local status, out, err = run([[
        local ebb = require "ebb"
      ]] .. script .. [[
        print "not reached"
      ]])
      assert.equal("", err)
      assert.equal("", out)
      assert.equal(3, status)
    end)
  end
end)
