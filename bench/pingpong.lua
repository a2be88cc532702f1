-- SPDX-License-Identifier: MIT

-- Two tasks and two channels: a message goes to and fro. Both are spawned
-- before the clock is read, but have not run.

local function measure(map, n)
  local start = os.clock()
  for _, ok in map.join_next, map do assert(ok) end
  return (os.clock() - start) / n * 1e9
end

local function plain_side(plain, n)
  local map, ping, pong = plain.new(), plain.channel(1), plain.channel(1)
  map:spawn("ping", function()
    for i = 1, n do
      ping:send(i)
      assert(pong:recv() == i)
    end
    ping:close()
  end)
  map:spawn("pong", function()
    for i in ping.recv, ping do pong:send(i) end
  end)
  return measure(map, n)
end

local function ebb_side(ebb, n)
  local map = ebb.JoinMap.new()
  local ping_tx, ping_rx = ebb.sync.channel(1)
  local pong_tx, pong_rx = ebb.sync.channel(1)
  map:spawn("ping", function()
    for i = 1, n do
      ping_tx:send(i)
      assert(pong_rx:recv() == i)
    end
    ping_tx:close()
  end)
  map:spawn("pong", function()
    for i in ping_rx.recv, ping_rx do pong_tx:send(i) end
  end)
  return measure(map, n)
end

return {{
  name = "pingpong", what = "ns per round trip, %s of them", n = 1000000,
  plain = plain_side, ebb = ebb_side, ratio = 0.35,
}}
