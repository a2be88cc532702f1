-- SPDX-License-Identifier: MIT

-- Waiting tasks are aborted by key in random order, then joined.

local waiters = require "waiters"

local function shuffled(n)
  math.randomseed(1)
  local keys = {}
  for i = 1, n do
    local j = math.random(i)
    keys[i] = keys[j]
    keys[j] = i
  end
  return keys
end

local function side(fill, lib, n)
  local keys = shuffled(n)
  local map = fill(lib, n)
  local start = os.clock()
  for i = 1, n do map:abort(keys[i]) end
  for _, ok in map.join_next, map do assert(not ok) end
  return (os.clock() - start) / n * 1e6
end

local function plain_side(plain, n) return side(waiters.plain, plain, n) end

local function ebb_side(ebb, n) return side(waiters.ebb, ebb, n) end

return {{
  name = "abort", what = "us per abort by key + join, %s tasks", n = 100000,
  plain = plain_side, lean = plain_side, ebb = ebb_side, ratio = 0.50,
}}
