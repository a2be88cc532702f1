-- A LocalSet as the script group of a game: its tasks run only while somebody
-- drives the set. So the scripts pause and resume together, wherever they are,
-- while other tasks (here the music) run on.
--
-- Run: ./dev run examples/07_local_set.lua
--
-- Prints:
--   music: bar 1
--   guard: draws the sword
--   guard: step 1
--   guard: step 2
--   music: bar 2
--   guard: step 3
--   -- paused: the player looks at the map
--   music: bar 3
--   music: bar 4
--   -- resumed
--   guard: step 4
--   music: bar 5
--   guard: step 5
--   -- the level ends
--   guard: sheathes the sword

local ebb = require "ebb"
ebb.time.pause() -- virtual time: the example need not take 14 seconds

local music <close> = ebb.spawn(function()
  for bar = 1, math.huge do
    print("music: bar " .. bar)
    ebb.sleep(3)
  end
end)

local scripts <close> = ebb.LocalSet.new()
local guard = scripts:spawn_local(function()
  print "guard: draws the sword"
  local sword <close> = setmetatable({}, {__close = function()
    print "guard: sheathes the sword"
  end})
  for step = 1, math.huge do
    print("guard: step " .. step)
    ebb.sleep(2)
  end
end)

scripts:run_until(ebb.sleep, 5) -- five seconds of the game
print "-- paused: the player looks at the map"
ebb.sleep(6) -- the clock goes on, and the guard's next step becomes due
print "-- resumed"
scripts:run_until(ebb.sleep, 3)
print "-- the level ends"
scripts:close() -- aborts what is in it
assert(not guard:join())
