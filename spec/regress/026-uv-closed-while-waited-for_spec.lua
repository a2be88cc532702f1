-- Libuv tells nobody who waits for events of a handle that it has been
-- closed: a task that read from a stream waited on for ever when another one
-- closed it.

local ebb = require "ebb"
local uv = require "ebb.uv"

local function assert_cancelled(handle, ...)
  local waits = ebb.spawn(...)
  ebb.yield_now()
  assert.is_true(handle:close())
  local result, message = waits:await()
  assert.is_nil(result)
  assert.matches("^ECANCELED", message)
end

describe("a task is told that another one closes", function()
  it("the stream that it reads from", function()
    local fds = uv.socketpair()
    local pipe, other = uv.new_tcp(), uv.new_tcp()
    assert(pipe:open(fds[1]))
    assert(other:open(fds[2]))
    assert_cancelled(pipe, uv.read_start, pipe)
    other:close()
  end)

  it("the timer that it waits for", function()
    local timer = uv.new_timer()
    assert_cancelled(timer, uv.timer_start, timer, 60000, 0)
  end)

  it("the signal that it waits for", function()
    local signal = uv.new_signal()
    assert_cancelled(signal, uv.signal_start, signal, "sigusr2")
  end)

  it("but nothing, once it was aborted", function()
    local timer = uv.new_timer()
    local waits = ebb.spawn(uv.timer_start, timer, 60000, 0)
    ebb.yield_now()
    waits:abort()
    assert.is_true(timer:close())
    assert.is_false((waits:join()))
  end)
end)
