-- JoinMap and JoinSet by one face, for what both of them do.
--
-- For each class:
--   noun              its word in sentences
--   place             at which argument of `spawn` the body is
--   new()             an empty collection
--   spawn(c, f, ...)  spawns into it, a map under a new key; gives the id
--   call(c, method, f, ...)    the same by another method
--   next(c), try_next(c)       what join_next gives, without the key

local assert = require "luassert"
local common = require "common"
local ebb = require "ebb"

local collections = {JoinMap = {}, JoinSet = {}}
local map, set = collections.JoinMap, collections.JoinSet

map.noun, map.place, map.new = "map", 2, ebb.JoinMap.new

local keys = 0 -- the keys of maps are numbers, each is used once

function map.call(c, method, f, ...)
  keys = keys + 1
  return common.call(c, method, keys, f, ...)
end

local function without_key(c, key, ...)
  if key ~= nil then assert.is_false(c:contains_key(key)) end
  return ...
end

function map.next(c) return without_key(c, c:join_next()) end

function map.try_next(c) return without_key(c, c:try_join_next()) end

set.noun, set.place, set.new = "set", 1, ebb.JoinSet.new

function set.call(c, method, f, ...)
  return common.call(c, method, f, ...):id()
end

function set.next(c) return c:join_next() end

function set.try_next(c) return c:try_join_next() end

for _, kind in pairs(collections) do
  function kind.spawn(c, f, ...) return kind.call(c, "spawn", f, ...) end

  -- Has n tasks that wait for good, all of them started.
  function kind.waiting(n)
    local c = kind.new()
    for _ = 1, n do kind.spawn(c, ebb.sleep, 1e6) end
    ebb.yield_now()
    return c
  end

  -- Has tasks that have all finished, with the values 1 to n.
  function kind.ready(n)
    local c = kind.new()
    for i = 1, n do kind.spawn(c, function() return i end) end
    ebb.yield_now()
    return c
  end

  -- Joins all: how many had results, how many were cancelled.
  function kind.drain(c)
    local completed, cancelled = 0, 0
    for ok, err in kind.next, c do
      if ok then
        completed = completed + 1
      else
        assert.is_true(err:is_cancelled())
        cancelled = cancelled + 1
      end
    end
    return completed, cancelled
  end

  -- The first values of the results, in the order of the joins.
  function kind.values(c)
    local values = {}
    for _, value in kind.next, c do values[#values + 1] = value end
    return values
  end
end

return collections
