-- A supervisor: workers that panic are started again under their key, after a
-- delay that doubles each time. One that has panicked too often in a row ends
-- all of it, with a report that says who it was, how often, and why.
--
-- Run: ./dev run examples/10_supervisor.lua
--
-- Prints:
--   at 0.7 s: printer panicked (paper jam), attempt 2 in 1 s
--   at 1.0 s: clock ticks
--   at 2.0 s: clock ticks
--   at 2.4 s: printer panicked (paper jam), attempt 3 in 2 s
--   at 3.0 s: clock ticks
--   at 3.0 s: clock panicked (spring broke), attempt 2 in 1 s
--   at 5.0 s: clock ticks
--   at 5.1 s: printer panicked (paper jam), attempt 4 in 4 s
--   at 6.0 s: clock ticks
--   at 7.0 s: clock ticks
--   at 7.0 s: clock panicked (spring broke), attempt 2 in 1 s
--   at 9.0 s: clock ticks
--   at 9.8 s: the clock is put away
--   at 9.8 s: gave up on printer after 4 attempts, the last error: paper jam

local ebb = require "ebb"
ebb.time.pause() -- virtual time

local start = ebb.time.now()
local function say(...)
  local seconds = ebb.time.now() - start
  print(("at %.1f s: "):format(seconds) .. string.format(...))
end

-- Runs the workers, a table key -> {body, healthy = seconds}, until one of
-- them has failed `attempts` times in a row; one that lived longer than
-- `healthy` starts anew. Returns the report.
local function supervise(workers, attempts)
  local map <close> = ebb.JoinMap.new()
  local failures, born = {}, {}

  local function launch(key, delay)
    map:spawn(key, function()
      ebb.sleep(delay)
      born[key] = ebb.time.now()
      return workers[key].body()
    end)
  end

  for key in pairs(workers) do
    failures[key] = 0
    launch(key, 0)
  end
  for key, ok, err in map.join_next, map do
    if not ok then
      local lived = ebb.time.now() - born[key]
      if lived > workers[key].healthy then failures[key] = 0 end
      failures[key] = failures[key] + 1
      local why = err:is_panic() and err:into_panic() or tostring(err)
      if failures[key] == attempts then
        map:shutdown() -- the others clean up before the report
        return ("gave up on %s after %d attempts, the last error: %s")
          :format(key, attempts, why)
      end
      local delay = 2 ^ (failures[key] - 1)
      say("%s panicked (%s), attempt %d in %g s", key, why,
        failures[key] + 1, delay)
      launch(key, delay)
    end
  end
  return "all workers are done"
end

local function clock()
  local case <close> = setmetatable({}, {__close = function(_, err)
    if not err then say("the clock is put away") end
  end})
  for _ = 1, 3 do
    ebb.sleep(1)
    say("clock ticks")
  end
  error("spring broke", 0)
end

local function printer()
  ebb.sleep(0.7)
  error("paper jam", 0)
end

say("%s", supervise({
  clock = {body = clock, healthy = 2},
  printer = {body = printer, healthy = 60},
}, 4))
