-- LocalSets: driven for some turns, and which of them is the current one.

local assert = require "luassert"
local common = require "common"
local ebb = require "ebb"

local settle, nothing = ebb.yield_now, common.nothing

local local_sets = {}

local_sets.OUTSIDE = "`spawn_local` called from outside of a LocalSet"

-- Lets the tasks of a set take their turns, n times.
function local_sets.drive(set, n)
  set:run_until(function() for _ = 1, n or 1 do settle() end end)
end

-- Is there a set that spawn_local would use? Leaves no task behind.
function local_sets.has_current()
  local ok, handle = pcall(ebb.spawn_local, nothing)
  if ok then
    handle:abort()
  else
    assert.matches(local_sets.OUTSIDE, handle, 1, true)
  end
  return ok
end

-- Is that set `set`? Its task runs at once if it is, and the set is driven.
function local_sets.is_current(set)
  local task = ebb.spawn_local(nothing)
  settle()
  settle()
  if task:is_finished() then task:abort() return "another, driven" end
  local_sets.drive(set, 2)
  return task:is_finished()
end

return local_sets
