-- SPDX-License-Identifier: MIT

-- 100,000 tasks that each sleep once, for a random time of up to a second.
-- `sleeps` is by the real clock: plain Lua cannot wait for it but by looking at
-- it again and again, so its figure is a second at the least. `timers` is the
-- same with the clock paused (plain.lua sets its own on to the next timer), and
-- so compares nothing but the machinery.

local LONGEST <const> = 1.0

local function side(map, sleep, n)
  math.randomseed(42)
  local random = math.random
  local start = os.clock()
  for key = 1, n do map:spawn(key, sleep, random() * LONGEST) end
  for _, ok in map.join_next, map do assert(ok) end
  return (os.clock() - start) * 1e3
end

local function plain_side(plain, n)
  return side(plain.new(), plain.sleep, n)
end

local function plain_paused(plain, n)
  plain.pause()
  return plain_side(plain, n)
end

local function ebb_side(ebb, n)
  return side(ebb.JoinMap.new(), ebb.sleep, n)
end

local function ebb_paused(ebb, n)
  ebb.time.pause()
  return ebb_side(ebb, n)
end

return {
  {
    name = "sleeps", what = "ms of CPU, %s sleeps of 0 to 1000 ms",
    n = 100000, plain = plain_side, ebb = ebb_side, ratio = 0.50, reps = 5,
  },
  {
    name = "timers", what = "ms of CPU, the same by a paused clock, %s",
    n = 100000, plain = plain_paused, ebb = ebb_paused, ratio = 0.50,
  },
}
