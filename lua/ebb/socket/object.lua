-- SPDX-License-Identifier: MIT
--
-- What all waiting sockets have in common. Each is a table around a socket of
-- LuaSocket or LuaSec (`raw`) that never blocks, since its own timeout is 0.
-- The timeouts of the user are kept here and mean what they mean there.

local ebb = require "ebb"

local max, min = math.max, math.min
local now = ebb.time.now
local wait = ebb.io.wait

local object = {}

-- What an operation that was cut short waits for. LuaSec says it by the error
-- itself, since a TLS connection may have to write in order to read.
local EVENTS <const> = {
  wantread = {receive = "r", send = "r"},
  wantwrite = {receive = "w", send = "w"},
  timeout = {receive = "r", send = "w"}
}

-- The events to wait for after `err`; nil when it is a real error.
function object.events(err, direction)
  local events = EVENTS[err]
  return events and events[direction]
end

-- Seconds that are left for a wait of an operation that began at `begun`; nil
-- is without limit. As in LuaSocket, a block timeout that stands alone counts
-- from the beginning, too; beside a total one, it limits each wait.
local function time_left(self, begun)
  local block, total = self.block, self.total
  if not total then
    return block and max(block - (now() - begun), 0)
  end
  local left = max(total - (now() - begun), 0)
  return block and min(block, left) or left
end

-- Waits as long as the user's timeouts allow, or one of so many equal shares
-- of that. True when the operation may be tried again, or else nil and why not.
function object.wait(self, events, begun, shares)
  local left = time_left(self, begun)
  if left and shares then left = left / shares end
  local ready, why = wait(self.raw:getfd(), events, left)
  return ready and true, why
end

-- Tries f(raw, ...) until it is something else than too early.
function object.retry(self, direction, f, ...)
  local begun = now()
  ebb.consume_budget()
  while true do
    local result, err, more = f(self.raw, ...)
    local events = not result and object.events(err, direction)
    if not events then return result, err, more end
    local ok, why = object.wait(self, events, begun)
    if not ok then return nil, why == "timeout" and err or why end
  end
end

-- ---- one task at a time ----

local LINE <const> = {receive = "receivers", send = "senders"}

-- A permit goes into a table that is to be closed, so that neither the end of
-- the time nor an abort can lose it between two tasks.
local function take(held, line) held.permit = line:acquire() end

local HELD <const> = {
  __close = function(held) if held.permit then held.permit:release() end end
}

local function take_within(line, seconds)
  local held <close> = setmetatable({}, HELD)
  ebb.time.timeout(seconds, take, held, line)
  local permit = held.permit
  held.permit = nil
  return permit, "timeout"
end

-- The right to receive or to send, which others do not get while this task
-- waits in the middle: a permit to be closed, or nil and "timeout".
function object.turn(self, direction, begun)
  local name = LINE[direction]
  local line = self[name]
  if not line then
    line = ebb.sync.Semaphore.new(1)
    self[name] = line
  end
  local permit = line:try_acquire()
  if permit then return permit end
  local left = time_left(self, begun)
  if left then return take_within(line, left) end
  return line:acquire()
end

-- ---- methods that all have ----

local methods = {}

local function limit(seconds)
  if seconds and seconds >= 0 then return seconds end
end

local FIELD <const> = {b = "block", t = "total", r = "total"}

function methods:settimeout(seconds, mode)
  if seconds ~= nil and type(seconds) ~= "number" then
    seconds = tonumber(seconds) or
              error("bad argument #1 to 'settimeout' (number expected)", 2)
  end
  local field = FIELD[(mode or "b"):sub(1, 1)]
  if not field then
    error("bad argument #2 to 'settimeout' (invalid timeout mode)", 2)
  end
  self[field] = limit(seconds)
  return 1
end

function methods:gettimeout()
  return self.block or -1, self.total or -1
end

-- Whoever waits for the socket in another task is told that it is closed.
function methods:close()
  local fd = self.raw:getfd()
  if fd >= 0 then ebb.io.forget(fd) end
  return self.raw:close()
end

-- ---- classes ----

local function forward(name)
  return function(self, ...)
    local raw = self.raw
    return raw[name](raw, ...)
  end
end

-- A class of sockets around those that are like `raw`: it has `own` methods,
-- and hands all others on. Its metatable is open, as LuaSocket's are: LuaSec's
-- ssl.https reads the methods there. An object is a table, and whatever its
-- methods are changed to, LuaSocket checks what it is given.
local function class_of(raw, own)
  local class = {}
  for name, value in pairs(getmetatable(raw).__index) do
    class[name] = type(value) == "function" and forward(name) or value
  end
  for name, method in pairs(methods) do class[name] = method end
  for name, method in pairs(own) do class[name] = method end
  return {
    __index = class,
    __close = function(self) self:close() end,
    __tostring = function(self) return tostring(self.raw) end
  }
end

-- A function that makes a socket with these methods around a raw one; an error
-- that came instead of that it hands on.
function object.wrapper(own)
  local class
  return function(raw, ...)
    if not raw then return raw, ... end
    class = class or class_of(raw, own)
    raw:settimeout(0)
    return setmetatable({raw = raw}, class)
  end
end

-- Methods for datagrams, in a new table.
function object.datagrams()
  local own = {}
  for method, direction in pairs {
    receive = "receive", receivefrom = "receive",
    send = "send", sendto = "send"
  } do
    own[method] = function(self, ...)
      return object.retry(self, direction, self.raw[method], ...)
    end
  end
  return own
end

return object
