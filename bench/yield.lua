-- SPDX-License-Identifier: MIT

-- 1000 tasks yield in turn. Spawning is not timed; the ends of the bodies are,
-- once per thousand yields.

local TASKS <const> = 1000

local function side(map, yield, n)
  local function body()
    for _ = 1, n do yield() end
  end
  for key = 1, TASKS do map:spawn(key, body) end
  local start = os.clock()
  for _, ok in map.join_next, map do assert(ok) end
  return (os.clock() - start) / (TASKS * n) * 1e9
end

local function plain_side(plain, n)
  return side(plain.new(), plain.yield, n)
end

local function ebb_side(ebb, n)
  return side(ebb.JoinMap.new(), ebb.yield_now, n)
end

return {{
  name = "yield", what = "ns per yield, 1000 tasks %s times", n = 1000,
  plain = plain_side, lean = plain_side, ebb = ebb_side, ratio = 0.40,
}}
