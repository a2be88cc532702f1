-- SPDX-License-Identifier: MIT

-- What tasks cost while they only wait: memory, and time in the collector,
-- which looks at every live coroutine again in the atomic end of each cycle.

local waiters = require "waiters"

-- `map` is a parameter so that it, and thus its tasks, live while this runs.
local function longest_step(map)
  collectgarbage()
  local longest, ended = 0, false
  while not ended do
    local start = os.clock()
    ended = collectgarbage("step")
    longest = math.max(longest, os.clock() - start)
  end
  return longest * 1e3, map
end

local function full_cycle(map)
  collectgarbage()
  local start = os.clock()
  collectgarbage()
  return (os.clock() - start) * 1e3, map
end

return {
  {
    name = "waiting", what = "bytes per waiting task, %s tasks", n = 1000000,
    plain = function(plain, n)
      return waiters.bytes_each(n, waiters.plain, plain, n)
    end,
    ebb = function(ebb, n)
      return waiters.bytes_each(n, waiters.ebb, ebb, n)
    end,
    at_most = 1450, reps = 1,
  },
  {
    name = "gc_step", what = "ms, longest collector step, %s waiting",
    n = 100000,
    plain = function(plain, n) return longest_step(waiters.plain(plain, n)) end,
    ebb = function(ebb, n) return longest_step(waiters.ebb(ebb, n)) end,
  },
  {
    name = "gc_full", what = "ms, full collection, %s waiting", n = 100000,
    plain = function(plain, n) return full_cycle(waiters.plain(plain, n)) end,
    ebb = function(ebb, n) return full_cycle(waiters.ebb(ebb, n)) end,
  },
}
