-- SPDX-License-Identifier: MIT

-- Not a workload: fills a map with n tasks, each at its wait, for the workloads
-- that look at waiting tasks. Keys are 1 .. n.

local waiters = {}

function waiters.plain(plain, n)
  local map, park, reached = plain.new(), plain.park, 0
  local function body()
    reached = reached + 1
    park()
  end
  for key = 1, n do map:spawn(key, body) end
  plain.yield()
  assert(reached == n)
  return map
end

-- Every task sleeps for ever, which like park is a wait for nothing: no timer,
-- no list. With `through`, the body is through(wait), so that the wait can be
-- made from inside something. All tasks share one closure.
function waiters.ebb(ebb, n, through)
  local map = ebb.JoinMap.new()
  local reached = 0
  local function wait()
    reached = reached + 1
    ebb.sleep(math.huge)
  end
  local body = through and function() through(wait) end or wait
  for key = 1, n do map:spawn(key, body) end
  for _ = 1, 100 do
    ebb.yield_now()
    if reached == n then return map end
  end
  error(("only %d of %d tasks reached their wait"):format(reached, n))
end

-- Bytes of this process that are in memory. Garbage is collected first, so
-- that only what lives is counted, with whatever malloc keeps around it.
local function resident()
  collectgarbage()
  for line in io.lines("/proc/self/status") do
    local kib = line:match("^VmRSS:%s*(%d+) kB")
    if kib then return kib * 1024 end
  end
  error("no VmRSS in /proc/self/status")
end

-- Bytes that each of n tasks takes once fill(...) has brought them to their
-- wait. The map is returned too, so that nothing may drop it any earlier.
function waiters.bytes_each(n, fill, ...)
  local before = resident()
  local map = fill(...)
  return (resident() - before) / n, map
end

return waiters
