-- The budget of a task's turn, for the specs of what takes from it.

local ebb = require "ebb"

local budget = {FULL = 128}

function budget.spend(n)
  for _ = 1, n do ebb.consume_budget() end
end

-- Runs f as a task, and gives what it returns.
function budget.in_task(f, ...)
  return ebb.spawn(f, ...):await()
end

return budget
