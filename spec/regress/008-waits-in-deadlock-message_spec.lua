-- The message of a deadlock shows keys with the user's __tostring, which may
-- wait; the task whose key it was could be gone after.

local run = require "run"

describe("the message of a deadlock", function()
  it("survives a key whose __tostring waits for its task's end", function()
    local status, out, err = run [[
      local ebb = require "ebb"
      local map = ebb.JoinMap.new()
      local key = setmetatable({}, {__tostring = function()
        map:abort_all()
        map:detach_all()
        ebb.yield_now()
        ebb.yield_now()
        return "key"
      end})
      map:spawn(key, function() ebb.sleep(math.huge) end)
      ebb.yield_now()
      local _, message = pcall(map.join_next, map)
      print(message:match "deadlock")
    ]]
    assert.equal("", err)
    assert.equal("deadlock\n", out)
    assert.equal(0, status)
  end)
end)
