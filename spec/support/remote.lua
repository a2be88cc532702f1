-- For the specs of other threads: values that are sent, runtimes, and bodies for
-- their tasks, which refer to globals alone.
-- luacheck: ignore 11 431

local ebb = require "ebb"

local remote = {}

-- Sends values to another thread and back.
function remote.send(...)
  return ebb.block_in_place(function(...) return ... end, ...)
end

-- A runtime and its handle.
function remote.new_runtime()
  local runtime = ebb.Runtime.new()
  return runtime, runtime:handle()
end

function remote.forever() require "ebb".sleep(1e6) end

-- Waits for good; its clean-up waits too, and then sets closed[key].
function remote.guarded(key)
  local ebb = require "ebb"
  closed = closed or {}
  local _ <close> = setmetatable({}, {__close = function()
    ebb.yield_now()
    closed[key] = true
  end})
  started = (started or 0) + 1
  ebb.sleep(1e6)
end

-- Waits until n calls of `remote.guarded` have started in its runtime.
function remote.until_started(n)
  while (started or 0) < n do
    require "ebb".yield_now()
  end
end

function remote.is_closed(key)
  return closed ~= nil and closed[key] == true
end

return remote
