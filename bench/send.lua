-- SPDX-License-Identifier: MIT

-- What it costs to have something done in another Lua state. `send`: a table of
-- n numbers, half of them floats, is packed, handed over to a thread of the
-- pool and unpacked there; the peer copies it twice within one state. The
-- other two are round trips without a load. The clock is the one on the wall,
-- since more than one thread is at work; the peer has none and takes os.clock.

local function numbers(n)
  local list = {}
  for i = 1, n do list[i] = i % 2 == 0 and i or i / 2 end
  return list
end

-- Runs `f(...)` once to warm up, then `times`; returns seconds per time.
local function seconds_each(clock, times, f, ...)
  f(...)
  local start = clock()
  for _ = 1, times do f(...) end
  return (clock() - start) / times
end

local ROUNDS <const> = 20

local function copy_twice(list)
  local n = #list
  return table.move(list, 1, n, 1, {}), table.move(list, 1, n, 1, {})
end

local function plain_send(_, n)
  return seconds_each(os.clock, ROUNDS, copy_twice, numbers(n)) * 1e3
end

local function length(list) return #list end

local function ebb_send(ebb, n)
  return 1e3 * seconds_each(ebb.time.now, ROUNDS, function(list)
    assert(ebb.spawn_blocking(length, list):await() == n)
  end, numbers(n))
end

local function nothing() end

local function blocking(ebb, n)
  return 1e6 * seconds_each(ebb.time.now, n, function()
    ebb.spawn_blocking(nothing):await()
  end)
end

local function remote(ebb, n)
  local rt <close> = ebb.Runtime.new()
  local handle = rt:handle()
  return 1e6 * seconds_each(ebb.time.now, n, function()
    handle:spawn(nothing):await()
  end)
end

return {{
  name = "send", what = "ms per table of %s numbers sent", n = 100000,
  plain = plain_send, ebb = ebb_send, ratio = 5,
}, {
  name = "blocking", what = "us per spawn_blocking and join, %s", n = 20000,
  ebb = blocking,
}, {
  name = "remote", what = "us per handle:spawn and join, %s", n = 20000,
  ebb = remote,
}}
