-- A task that waited for an event of a libuv handle, and was aborted, stopped
-- the handle when it came to its end: also when another task had started it
-- again by then, which waited for ever.

local ebb = require "ebb"
local uv = require "ebb.uv"

-- A task that waits for the timer, aborted but not at its end yet.
local function abort_wait_for(timer)
  local waits = ebb.spawn(uv.timer_start, timer, 60000, 0)
  ebb.yield_now()
  waits:abort()
  return waits
end

describe("a timer of luv that is started again", function()
  local timer

  before_each(function() timer = uv.new_timer() end)
  after_each(function() timer:close() end)

  it("is not stopped by the end of an aborted wait", function()
    local waits = abort_wait_for(timer)
    assert.is_true(uv.timer_start(timer, 1, 0))
    assert.is_false((waits:join()))
  end)

  it("nor when a callback was given", function()
    local waits = abort_wait_for(timer)
    local tx, rx = ebb.sync.oneshot()
    uv.timer_start(timer, 1, 0, function() tx:send(true) end)
    assert.is_false((waits:join()))
    assert.is_true(rx:recv())
  end)

  it("is stopped by an abort that nothing came after", function()
    abort_wait_for(timer):join()
    assert.is_false(timer:is_active())
  end)
end)
