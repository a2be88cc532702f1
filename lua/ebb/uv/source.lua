-- SPDX-License-Identifier: MIT
--
-- Where the events of a handle of luv go: to a callback, which runs as a task,
-- or to one task that waits. As in luv, the callback for an event begins when
-- that for the one before is over, though it may wait; libuv finds several in
-- one turn of its loop, too. So events stand in line, and each is taken out
-- when its callback begins: by then the handle may have been stopped or closed,
-- or others may want what comes.

local ebb = require "ebb"
local call = require "ebb.uv.call"
local loop = require "ebb.uv.loop"

call.leave_out(debug.getinfo(1, "S"))

local luv = loop.luv
local pack, unpack = table.pack, table.unpack

local Source = {__metatable = false}
Source.__index = Source

local sources <const> = setmetatable({}, {__mode = "k"})

-- The source of a handle, which `kind` (see uv.lua) says more about.
function Source.of(handle, kind)
  local source = sources[handle]
  if not source then
    source = setmetatable({
      handle = handle, kind = kind, first = 1, last = 0,
      turn = ebb.sync.Mutex.new() -- of those who wait
    }, Source)
    source.done = setmetatable({}, {__close = function()
      source.is_busy = false
      source:deliver_next()
    end})
    source.listener = loop.callback(function(...) source:event(...) end)
    sources[handle] = source
  end
  return source
end

-- The source of a handle that has one.
function Source.find(handle) return sources[handle] end

-- ---- the line ----

function Source:is_empty() return self.first > self.last end

function Source:put(event)
  self.last = self.last + 1
  self[self.last] = event
end

-- For an event whose taker has gone: it is older than the others.
function Source:put_back(...)
  self.first = self.first - 1
  self[self.first] = pack(...)
end

function Source:take()
  local event = self[self.first]
  self[self.first] = nil
  self.first = self.first + 1
  return unpack(event, 1, event.n)
end

function Source:clear()
  while not self:is_empty() do self:take() end
end

-- ---- events ----

-- Why a wait for a handle ends that somebody closed or stopped.
local CANCELED <const> = "ECANCELED: operation canceled"

-- The task that waits goes on with an error.
function Source:cancel()
  local w = self.waiter
  self.waiter = nil
  if w then w:cancel(CANCELED) end
end

-- Between an event and the beginning of this task, the handle may have been
-- stopped, or closed by luv itself.
local function deliver(self)
  local done <close> = self.done
  local is_due = self.callback and not self:is_empty()
  if is_due and not luv.is_closing(self.handle) then
    self.callback(self:take())
  end
end

function Source:deliver_next()
  if self.is_busy or self:is_empty() or not self.callback then return end
  self.is_busy = true
  loop.spawn(deliver, self)
end

-- To the task that waits, which wants no more than one.
function Source:give(...)
  local w = self.waiter
  self.waiter = nil
  self.kind.stop(self.handle)
  w:give(...)
end

function Source:event(...)
  local kind = self.kind
  if kind.is_empty and kind.is_empty(...) then return end
  if self.waiter then return self:give(...) end
  if kind.merges and not self:is_empty() then return end
  self:put(pack(...))
  self:deliver_next()
end

-- ---- starting and stopping ----

-- f has started the handle for a callback.
function Source:set_callback(callback)
  self:cancel()
  if not self.kind.keeps then self:clear() end
  self.callback = callback
  self:deliver_next()
end

-- What has been read stays, for the next who reads.
function Source:stopped()
  self:cancel()
  self.callback = nil
  if not self.kind.keeps then self:clear() end
end

-- A timer counts anew: it is not due any more.
function Source:restarted() self:clear() end

function Source:closed()
  self.is_closed = true
  self:cancel()
  self.callback = nil
  self:clear()
end

return Source
