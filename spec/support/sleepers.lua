-- Tasks that sleep, for the specs of the clock.

local assert = require "luassert"
local ebb = require "ebb"

local sleepers = {}

-- Spawns a task for each delay, which notes it in `log` when it wakes.
function sleepers.spawn(delays, log)
  local tasks = {}
  for i, delay in ipairs(delays) do
    tasks[i] = ebb.spawn(function()
      ebb.sleep(delay)
      log[#log + 1] = delay
    end)
  end
  return tasks
end

function sleepers.join_all(tasks)
  for _, task in ipairs(tasks) do task:await() end
end

function sleepers.assert_elapsed(seconds, since)
  assert.near(seconds, ebb.time.now() - since, 1e-6)
end

return sleepers
