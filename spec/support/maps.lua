-- JoinMaps for the specs of them: their keys, their results.

local assert = require "luassert"
local common = require "common"
local ebb = require "ebb"
local JoinMap = ebb.JoinMap

local forever, settle = common.forever, ebb.yield_now

local maps = {}

-- Joins all of a map: key -> table.pack(ok, values...), and their number.
function maps.drain(map)
  local seen, count = {}, 0
  local function take(key, ...)
    if key == nil then return false end
    assert.is_nil(seen[key])
    seen[key] = table.pack(...)
    count = count + 1
    return true
  end
  while take(map:join_next()) do end
  return seen, count
end

-- The keys that join_next gives, in its order.
function maps.keys_in_join_order(map)
  local keys = {}
  for key in map.join_next, map do keys[#keys + 1] = key end
  return keys
end

-- A map with tasks 1 to n that wait for good, all of them started.
function maps.waiting(n)
  local map = JoinMap.new()
  for i = 1, n do map:spawn(i, forever) end
  settle()
  return map
end

-- The number of tasks in a map that were aborted; joins those.
function maps.count_aborted(map)
  settle()
  local count = 0
  for _, ok in map.try_join_next, map do
    if not ok then count = count + 1 end
  end
  return count
end

-- A long string made at run time, so that no two are the same object.
function maps.long_string()
  return ("long "):rep(20) .. "key"
end

return maps
