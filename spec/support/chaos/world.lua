-- What the programs of closing chaos share, in each state that they reach:
-- a few of everything, under short names. The chunk is given its own text,
-- which it takes along to other states.

WORLD = ...

-- Set before ebb is loaded, so called after ebb is gone.
EARLY = setmetatable({}, {__gc = function() if early then early() end end})

ebb = require "ebb"
sync, time = ebb.sync, ebb.time
time.pause()
ebb.set_shutdown_timeout(0.2)

-- Every program comes to its end: a function costs 1.
local fuel = 300

function step()
  if fuel == 0 then error "no fuel" end
  fuel = fuel - 1
end

function closing(f) return setmetatable({}, {__close = f}) end
function finalized(f) return setmetatable({}, {__gc = f}) end
function shown(f) return setmetatable({}, {__tostring = f}) end

-- Runs code in another state, to which this function can be sent.
away = load [[
  local world, code = ...
  load(world, "=world")(world)
  return load(code, "=away")()
]]

function hasher(hash, equal)
  return {
    hash = function(key) hash() return 1 end,
    equal = function(a, b) equal() return a == b end
  }
end

local function several(make)
  local list = {}
  for i = 1, 3 do list[i] = make() end
  return list
end

handles, aborts, threads, generators = {}, {}, {}, {}
runtimes, kept, permits, ends = {}, {}, {}, {}
maps = several(function() return ebb.JoinMap.new() end)
sets = several(function() return ebb.JoinSet.new() end)
locals = several(function() return ebb.LocalSet.new() end)
keys = several(function() return ebb.task_local "key" end)
mutexes = several(function() return sync.Mutex.new() end)
locks = several(function() return sync.RwLock.new() end)
notifies = several(function() return sync.Notify.new() end)
barriers = several(function() return sync.Barrier.new(2) end)
intervals = several(function() return time.interval(1) end)
semaphores = several(function() return sync.Semaphore.new(1) end)
tx, rx, once_tx, once_rx = {}, {}, {}, {}
watch_tx, watch_rx, cast_tx, cast_rx = {}, {}, {}, {}
for i = 1, 3 do
  tx[i], rx[i] = sync.channel(i < 3 and i or nil)
  once_tx[i], once_rx[i] = sync.oneshot()
  watch_tx[i], watch_rx[i] = sync.watch(0)
  cast_tx[i], cast_rx[i] = sync.broadcast(1)
end
