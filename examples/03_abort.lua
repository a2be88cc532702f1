-- Abort: a task is shut down where it waits. Its to-be-closed variables are
-- closed, innermost first, and no other line of it runs; pcall sees nothing.
--
-- Run: ./dev run examples/03_abort.lua
--
-- Prints:
--   connected
--   began a transaction
--   rolled back
--   said goodbye
--   the task ended: cancelled, because of the weather

local ebb = require "ebb"

local function on_close(f)
  return setmetatable({}, {__close = f})
end

local function transaction()
  print "began a transaction"
  local rollback <close> = on_close(function() print "rolled back" end)
  ebb.sleep(3600)
  print "committed"
end

local task = ebb.spawn(function()
  print "connected"
  local connection <close> = on_close(function()
    ebb.sleep(0.01) -- clean-up may wait, too
    print "said goodbye"
  end)
  print("pcall gave", pcall(transaction))
end)

ebb.yield_now() -- the task runs up to its sleep
task:abort("because of the weather")

-- The task has ended only when its clean-up has.
local ok, err = task:join()
assert(not ok and err:is_cancelled())
print("the task ended: cancelled, " .. err:reason())
