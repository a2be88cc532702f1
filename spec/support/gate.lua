-- Lets a spec see that work on another thread has begun, and hold it there,
-- without a sleep.
--
--   local gate <close> = gate.new()
--   local task = ebb.spawn_blocking(gate.pass, gate.path)
--   gate:arrived(1)  -- waits until one caller of pass is at the gate
--   gate:open(1)     -- lets one of them go on
--
-- `pass` refers to nothing but globals, so that it can be sent anywhere. The
-- gate is a fifo that this end holds open; who passes reads one byte from it.

local ebb = require "ebb"

local gate = {}
gate.__index = gate

-- The size of the file is how many have arrived.
local function arrivals(path)
  local file = assert(io.open(path .. ".log", "rb"))
  local size = file:seek "end"
  file:close()
  return size
end

function gate.new()
  local path <const> = os.tmpname()
  os.remove(path)
  assert(os.execute("mkfifo " .. path))
  assert(io.open(path .. ".log", "wb")):close()
  local writer = assert(io.open(path, "r+"))
  writer:setvbuf "no"
  return setmetatable({path = path, writer = writer}, gate)
end

-- Waits at the gate, and gives back what follows the path. Who has arrived is
-- let go also when the gate is taken away.
function gate.pass(path, ...)
  local reader = assert(io.open(path, "rb"))
  reader:setvbuf "no"
  local log = assert(io.open(path .. ".log", "ab"))
  log:write "x"
  log:close()
  reader:read(1)
  reader:close()
  return ...
end

-- Has anybody arrived? Never waits.
function gate:count() return arrivals(self.path) end

-- The work is on another thread; the tasks of this one run meanwhile.
function gate:arrived(n)
  while arrivals(self.path) < n do ebb.yield_now() end
end

function gate:open(n) self.writer:write(("x"):rep(n or 1)) end

-- Takes the files away; who is still at the gate goes on.
function gate:close()
  self.writer:close()
  os.remove(self.path)
  os.remove(self.path .. ".log")
end

gate.__close = gate.close

return gate
