-- The world of the random program that runs, and its account of what is waited
-- for; see stress/wakes_spec.

local common = require "common"
local ebb = require "ebb"

local closer, random = common.closer, math.random

local state = {world = nil}

function state.check(condition, message)
  if not condition and not state.world.failure then
    state.world.failure = debug.traceback(message)
  end
end

function state.pick(list) return list[random(#list)] end

-- Calls f, which may wait. Meanwhile `is_vain` says whether what it waits for
-- has not come, or nil if it always comes.
function state.waits(name, is_vain, f, ...)
  local wait = {name = name, is_vain = is_vain}
  state.world.waits[wait] = true
  local _ <close> = closer(function() state.world.waits[wait] = nil end)
  return f(...)
end

function state.nap()
  if random(3) == 1 then return ebb.yield_now() end
  state.waits("sleep", nil, ebb.sleep, random(0, 9))
end

function state.count_waits(name)
  local count = 0
  for wait in pairs(state.world.waits) do
    if wait.name == name then count = count + 1 end
  end
  return count
end

-- So that it can be aborted in the end.
function state.keep(handle)
  state.world.aborts[#state.world.aborts + 1] = handle:abort_handle()
  return handle
end

return state
