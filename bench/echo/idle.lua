-- SPDX-License-Identifier: MIT

-- What an idle connection costs: resident bytes of a server that holds 10,000
-- of them, a task waiting to read from each. The kernel's own memory is not in
-- it. The other ends are in another process.
--
--   lua5.4 bench/echo/idle.lua        (or: ./dev bench idle)

local ebb = require "ebb"

local HOST <const>, TARGET <const> = "127.0.0.1", 4096
local N <const> = 10000

if arg[1] == "client" then
  local conns = {}
  for i = 1, N do
    conns[i] = assert(ebb.net.connect(HOST, math.tointeger(arg[2])))
  end
  conns[1]:read(1)
  return
end

local function resident()
  collectgarbage()
  collectgarbage()
  local file <close> = assert(io.open "/proc/self/statm")
  return select(2, file:read("n", "n")) * 4096
end

local function interpreter()
  local i = 0
  while arg[i - 1] do i = i - 1 end
  return arg[i]
end

local listener = assert(ebb.net.listen(HOST, 0))
local _, port = listener:local_name()
local client <close> = assert(io.popen(("'%s' '%s' client %d"):format(
  interpreter(), arg[0], port)))
local tasks <close> = ebb.JoinSet.new()
local before = resident()
for _ = 1, N do
  local conn = assert(listener:accept())
  tasks:spawn(function()
    local conn <close> = conn
    conn:read "*l"
  end)
end
ebb.yield_now()
local bytes = (resident() - before) // N
print(("%d resident bytes per idle connection, task included"):format(bytes))
print(("target: at most %d: %s"):format(TARGET,
                                        bytes <= TARGET and "ok" or "MISSED"))
tasks:shutdown()
os.exit(bytes <= TARGET)
