-- SPDX-License-Identifier: MIT

-- Short-lived tasks: batches of 1000 are spawned into a map under integer keys
-- and joined. Creation, the run, the result's way back and the garbage count.

local BATCH <const> = 1000

local function body(key)
  return key
end

local function side(map, n)
  local start = os.clock()
  for base = 0, n - 1, BATCH do
    for key = base + 1, base + BATCH do map:spawn(key, body, key) end
    for key, ok, value in map.join_next, map do assert(ok and value == key) end
  end
  return (os.clock() - start) / n * 1e9
end

local function plain_side(plain, n) return side(plain.new(), n) end

local function ebb_side(ebb, n) return side(ebb.JoinMap.new(), n) end

return {{
  name = "spawn_join", what = "ns per spawn + join_next, %s tasks", n = 1000000,
  plain = plain_side, lean = plain_side, ebb = ebb_side, ratio = 0.25,
}}
