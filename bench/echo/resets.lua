-- SPDX-License-Identifier: MIT

-- What clients that reset their connections do to those that do not: 100 of
-- them a second, for 30 s, beside one that plays ping-pong. Its slowest request
-- is compared with the slowest of as long a time without resets.
--
--   lua5.4 bench/echo/resets.lua [SECONDS]     (or: ./dev bench resets)

local ebb = require "ebb"

local HOST <const>, RATE <const> = "127.0.0.1", 100
local seconds <const> = tonumber(arg[1]) or 30

local listener = assert(ebb.net.listen(HOST, 0))
local _, port = listener:local_name()

local function serve(conn)
  local conn <close> = conn
  for line in conn:lines() do
    if not conn:write(line, "\n") then return end
  end
end

local served = ebb.JoinSet.new()
ebb.spawn(function()
  while true do served:spawn(serve, assert(listener:accept())) end
end)
ebb.spawn(function()
  while true do
    if not served:join_next() then ebb.sleep(0.01) end
  end
end)

local resets = 0
local function disturb()
  local clock = ebb.time.interval(1 / RATE)
  while true do
    clock:tick()
    local conn = assert(ebb.net.connect(HOST, port))
    conn:write "never answered\n"
    conn:reset()
    resets = resets + 1
  end
end

-- Requests of the steady client, and the slowest in ms.
local function steady()
  local conn <close> = assert(ebb.net.connect(HOST, port))
  local stop, count, slowest = ebb.time.now() + seconds, 0, 0
  while ebb.time.now() < stop do
    local begun = ebb.time.now()
    assert(conn:write("ping\n"))
    assert(conn:read "*l" == "ping")
    slowest = math.max(slowest, ebb.time.now() - begun)
    count = count + 1
    ebb.sleep(0.001)
  end
  return count, slowest * 1e3
end

print(("alone: %d requests, the slowest took %.2f ms"):format(steady()))
local task = ebb.spawn(disturb)
local count, slowest = steady()
task:abort()
task:join()
print(("beside %d resets: %d requests, the slowest took %.2f ms"):format(
  resets, count, slowest))
os.exit(resets >= 0.9 * RATE * seconds, true)
