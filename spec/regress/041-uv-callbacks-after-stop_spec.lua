-- Callbacks run as tasks after the turn of the loop that found their events,
-- and ran also when another callback of the turn had stopped or closed the
-- handle: 6 datagrams came where luv gives 1, and bytes were lost to whoever
-- wanted to read on.

local ebb = require "ebb"
local uv = require "ebb.uv"

-- A stream that has data and its end to give in one turn, or in two.
local function stream_with(data)
  local fds = uv.socketpair()
  local mine, theirs = uv.new_tcp(), uv.new_tcp()
  assert(mine:open(fds[1]))
  assert(theirs:open(fds[2]))
  assert(theirs:write(data))
  theirs:close()
  return mine
end

describe("a callback of ebb.uv is not called", function()
  it("after read_stop: who reads next gets the rest", function()
    local stream, calls = stream_with "data", 0
    stream:read_start(function()
      calls = calls + 1
      stream:read_stop()
    end)
    for _ = 1, 10 do uv.run "nowait" end
    assert.equal(1, calls)
    assert.same({n = 1}, table.pack(stream:read_start()))
    stream:close()
  end)

  it("after close", function()
    local stream, calls = stream_with "data", 0
    stream:read_start(function()
      calls = calls + 1
      stream:close()
    end)
    uv.run()
    assert.equal(1, calls)
  end)

  it("while the one before still waits", function()
    local stream, order = stream_with "data", {}
    stream:read_start(function(_, data)
      order[#order + 1] = data or "end"
      for _ = 1, 20 do ebb.yield_now() end
      order[#order + 1] = "done"
      if not data then stream:close() end
    end)
    uv.run()
    assert.same({"data", "done", "end", "done"}, order)
  end)

  it("after udp_recv_stop: no datagram is lost, or comes twice", function()
    local to, from = uv.new_udp(), uv.new_udp()
    assert(to:bind("127.0.0.1", 0))
    local port = to:getsockname().port
    for i = 1, 6 do assert(from:send(tostring(i), "127.0.0.1", port)) end
    local got = {}
    to:recv_start(function(_, data)
      got[#got + 1] = data
      to:recv_stop()
    end)
    for _ = 1, 10 do uv.run "nowait" end
    assert.same({"1"}, got)
    got[2] = to:recv_start()
    to:recv_start(function(_, data)
      got[#got + 1] = data
      if data == "6" then to:close() end
    end)
    from:close()
    uv.run()
    assert.same({"1", "2", "3", "4", "5", "6"}, got)
  end)

  it("after timer_stop by another timer that was due", function()
    local one, other, calls = uv.new_timer(), uv.new_timer(), 0
    one:start(0, 0, function() other:stop() end)
    other:start(0, 0, function() calls = calls + 1 end)
    uv.run()
    assert.equal(0, calls)
    one:close()
    other:close()
  end)

  it("for a timer that has been started again since", function()
    local one, other, calls = uv.new_timer(), uv.new_timer(), {}
    one:start(0, 0, function()
      other:start(1, 0, function() calls[#calls + 1] = "new" end)
    end)
    other:start(0, 0, function() calls[#calls + 1] = "old" end)
    uv.run()
    assert.same({"new"}, calls)
    one:close()
    other:close()
  end)

  it("for an async handle that is closed", function()
    local calls, other = 0, nil
    local one = uv.new_async(function() other:close() end)
    other = uv.new_async(function() calls = calls + 1 end)
    one:send()
    other:send()
    uv.run "nowait"
    one:close()
    uv.run()
    assert.equal(0, calls)
  end)
end)
