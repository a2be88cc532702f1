-- os.exit closes the state from a task, and waits for the clean-ups. One of them
-- may call os.exit, too: then the second goes on in the first one's place, which
-- waits on a stack of the pool and never comes back.

local run = require "run"

it("os.exit in a clean-up that os.exit waits for ends the program", function()
  local status, out, err = run [[
    local ebb = require "ebb"
    local function closing(f) return setmetatable({}, {__close = f}) end
    local map = ebb.JoinMap.new()
    map:spawn("last", function()
      local _ <close> = closing(function() os.exit(3, true) end)
      local _ <close> = closing(function()
        ebb.spawn(function() ebb.spawn(print, "spawned") end)
      end)
      ebb.sleep(1e6)
    end)
    ebb.spawn(function() os.exit(2, true) end)
    ebb.sleep(1)
  ]]
  assert.equal("", err)
  assert.equal("", out)
  assert.equal(3, status)
end)
