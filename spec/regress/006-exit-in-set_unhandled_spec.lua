-- The function of set_unhandled may run in the moment in which its task is
-- finished but still the running one; os.exit closed that task once more.

local run = require "run"

describe("os.exit that closes the state in the function of set_unhandled",
  function()
    for name, detach in pairs {
      ["when a detached task panics"] = "",
      ["when the handle of a panicked task is collected"] = [[
        ebb.yield_now()
      ]],
    } do
      it("ends the process, " .. name, function()
        local status, out, err = run([[
          local ebb = require "ebb"
          ebb.set_unhandled(function() os.exit(3, true) end)
          local closer = setmetatable({}, {__close = function()
            ebb.yield_now()
            print "closed"
          end})
          ebb.spawn(function()
            local _ <close> = closer
            ebb.sleep(1e6)
          end)
          ebb.spawn(function() error "boom" end)
        ]] .. detach .. [[
          collectgarbage()
          collectgarbage()
          ebb.yield_now()
          ebb.yield_now()
          print "not reached"
        ]])
        assert.equal("", err)
        assert.equal("closed\n", out)
        assert.equal(3, status)
      end)
    end
  end)
