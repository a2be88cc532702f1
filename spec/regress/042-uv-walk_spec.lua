-- uv.walk showed the handle by which ebb wakes luv's loop. Programs that close
-- all handles closed it, too: timers came late, then the process crashed.

local ebb = require "ebb"
local uv = require "ebb.uv"

local function all_handles()
  local handles = {}
  uv.walk(function(handle) handles[#handles + 1] = handle end)
  return handles
end

describe("uv.walk of ebb.uv", function()
  it("shows the program's own handles only", function()
    uv.run()
    assert.same({}, all_handles())
    local timer = uv.new_timer()
    assert.same({timer}, all_handles())
    uv.walk(uv.close)
    assert.same({}, all_handles())
  end)

  it("leaves the loop in order when it closes all", function()
    uv.walk(uv.close)
    local timer, fired = uv.new_timer(), false
    ebb.spawn(function()
      timer:start(1000000, 0, error)
    end)
    ebb.yield_now()
    uv.run "nowait"
    timer:start(1, 0, function()
      fired = true
      timer:close()
    end)
    uv.run()
    assert.is_true(fired)
  end)

  it("raises what its function raises", function()
    local timer = uv.new_timer()
    assert.has_error(function() uv.walk(function() error("no", 0) end) end,
                     "no")
    timer:close()
  end)
end)
