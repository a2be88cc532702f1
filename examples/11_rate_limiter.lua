-- A rate limiter: at most two requests at a time, by a semaphore, and at most
-- one per second, by an interval. A request that takes longer than 3 seconds is
-- given up, and its place is free again. A watchdog ends it all, by select, if
-- nothing comes of it.
--
-- Run: ./dev run examples/11_rate_limiter.lua
--
-- Prints:
--   0.0 s: get /a
--   1.0 s: get /b
--   1.5 s: /a is there
--   2.0 s: get /slow
--   2.5 s: /b is there
--   3.0 s: get /c
--   4.5 s: /c is there
--   4.5 s: get /d
--   5.0 s: /slow took too long
--   6.0 s: /d is there
--   the requests came first

local ebb = require "ebb"
ebb.time.pause() -- virtual time: the example need not take six seconds

local start <const> = ebb.time.now()
local function log(...)
  print(("%.1f s: "):format(ebb.time.now() - start) .. string.format(...))
end

local places = ebb.sync.Semaphore.new(2)
local pace = ebb.time.interval(1)
pace:set_missed_tick_behavior("delay") -- no burst after a wait for a place

local function get(path) -- what would be a request
  log("get %s", path)
  ebb.sleep(path == "/slow" and 60 or 1.5)
  return path .. " is there"
end

local function limited(path)
  local place <close> = places:acquire()
  pace:tick()
  local in_time, answer = ebb.time.timeout(3, get, path)
  log("%s", in_time and answer or path .. " took too long")
end

local function all_requests()
  local set <close> = ebb.JoinSet.new()
  for _, path in ipairs {"/a", "/b", "/slow", "/c", "/d"} do
    set:spawn(limited, path)
  end
  set:join_all()
end

local first = ebb.select {
  requests = all_requests,
  watchdog = function() ebb.sleep(60) end,
}
print("the " .. first .. " came first") -- and not the watchdog
