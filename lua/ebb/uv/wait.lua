-- SPDX-License-Identifier: MIT
--
-- Calling functions of luv without their callback: the task waits for what
-- the callback would be given.

local ebb = require "ebb"
local call = require "ebb.uv.call"
local loop = require "ebb.uv.loop"
local Source = require "ebb.uv.source"

call.leave_out(debug.getinfo(1, "S"))

local luv = loop.luv
local oneshot = ebb.sync.oneshot
local pack, unpack = table.pack, table.unpack

local wait = {}

-- One wait. What has come by the time it is aborted, or comes later, goes to
-- `undo`; if nothing has come, `on_abort` is called.
local Wait = {__metatable = false}
Wait.__index = Wait

local function new(undo)
  local tx, rx = oneshot()
  return setmetatable({tx = tx, rx = rx, undo = undo}, Wait)
end

function Wait:give(...)
  local result = pack(...)
  if not self.tx:send(result) and self.undo then
    self.undo(unpack(result, 1, result.n))
  end
end

function Wait:take(on_abort)
  self.on_abort = on_abort
  local result = loop.wait(self.rx)
  self.taken = true
  return unpack(result, 1, result.n)
end

function Wait:__close()
  if self.taken then return end
  self.rx:close()
  local late = self.rx:try_recv()
  if late then
    if self.undo then self.undo(unpack(late, 1, late.n)) end
  elseif self.on_abort then
    self.on_abort(self)
  end
end

-- ---- results ----

-- What a callback was given, as results: luv's own functions give the name of
-- an error as a third one.
local function finish(err, ...)
  if err then return nil, err, err:match "^[%u%d_]+" end
  if select("#", ...) == 0 then return true end
  return ...
end

-- ---- requests: they end once, by themselves ----

local function cancel(w)
  -- Libuv cannot cancel every kind: then it ends in vain.
  if w.request then luv.cancel(w.request) end
end

-- Calls f, luv's function `name`, with its callback as argument number
-- `position`.
function wait.request(name, f, position, undo, ...)
  local function undo_if_done(err, ...)
    if not err and undo then undo(...) end
  end
  local w <close> = new(undo_if_done)
  local arguments = pack(...)
  arguments[position] = loop.callback(function(...)
    w.request = nil
    w:give(...)
  end)
  local n = math.max(arguments.n, position)
  local request, message, code = call.luv(name, f, unpack(arguments, 1, n))
  if message then return nil, message, code end
  if type(request) == "userdata" then w.request = request end
  return finish(w:take(cancel))
end

-- ---- events: they come until they are stopped ----

-- A wait is told that nothing will come: its task gets the error, and there is
-- nothing to put back.
function Wait:cancel(err)
  self.is_cancelled, self.undo = true, nil
  self:give(err)
end

local EALREADY <const> = "EALREADY: connection already in progress"

-- Whether it can be waited for what a callback gets.
local function find_error(source, was_closed)
  if source.is_closed and not was_closed then
    return "ECANCELED: operation canceled"
  end
  if source.kind.keeps and source.callback then return EALREADY end
end

local function start(source, name, f, position, ...)
  local arguments = pack(source.handle, ...)
  arguments[position] = source.listener
  local n = math.max(arguments.n, position)
  return call.luv(name, f, unpack(arguments, 1, n))
end

-- Starts the source's handle by f, luv's function `name`, waits for one event,
-- and stops it. Several tasks that do so get an event each, in their order.
function wait.event(source, name, f, position, ...)
  local kind = source.kind
  local convert = kind.convert or finish
  local was_closed = source.is_closed
  local turn <close> = source.turn:lock()
  local err = find_error(source, was_closed)
  if err then return finish(err) end
  if kind.merges then source:clear() end
  if not source:is_empty() then return convert(source:take()) end
  local w <close> = new(function(...) source:put_back(...) end)
  local started, message, code = start(source, name, f, position, ...)
  if not started then return nil, message, code end
  source.callback, source.waiter = nil, w
  return wait.results(w, convert, w:take(function()
    if source.waiter ~= w then return end
    source.waiter = nil
    kind.stop(source.handle)
  end))
end

function wait.results(w, convert, ...)
  if w.is_cancelled then return finish(...) end
  return convert(...)
end

-- ---- connections: the next comes when one has been accepted ----

local listening <const> = setmetatable({}, {__mode = "k"})

-- Those who wait for connections of a stream are told that none will come.
function wait.stop_listening(stream)
  local arrival = listening[stream]
  if not arrival then return end
  listening[stream] = nil
  arrival.cancelled = "ECANCELED: operation canceled"
  arrival.notify:notify_waiters()
end

local function listen(stream, backlog)
  local arrival = {notify = ebb.sync.Notify.new()}
  local ok, message, code = call.luv("listen", luv.listen, stream, backlog,
                                     loop.callback(function(err)
    arrival.err = err
    arrival.notify:notify_one()
  end))
  if not ok then return nil, message, code end
  listening[stream] = arrival
  return arrival
end

-- Waits for a connection that can be accepted.
function wait.connection(stream, backlog)
  local arrival, message, code = listening[stream]
  if not arrival then
    arrival, message, code = listen(stream, backlog)
    if not arrival then return nil, message, code end
  end
  loop.kick()
  arrival.notify:notified()
  return finish(arrival.cancelled or arrival.err)
end

-- ---- work for a thread of libuv, which cannot be told to stop ----

-- A context has one callback for whatever is queued; so each has its own.
function wait.work(work, ...)
  local w <close> = new()
  local callback = loop.callback(function(...) w:give(...) end)
  local context = call.luv("new_work", luv.new_work, work, callback)
  local ok, message, code =
    call.luv("queue_work", luv.queue_work, context, ...)
  if not ok then return nil, message, code end
  return w:take()
end

-- ---- processes ----

-- luv.spawn; on_exit is a callback of luv. A process that could not be started
-- leaves a handle to luv that it must be rid of before the Lua state ends.
function wait.start_process(path, options, on_exit)
  local handle, pid, code =
    call.luv("spawn", luv.spawn, path, options, on_exit)
  if handle then loop.kick() else loop.turn() end
  return handle, pid, code
end

-- Waits for the end of a process; an abort ends it.
function wait.process(path, options)
  local w <close> = new()
  local handle
  local function on_exit(...)
    luv.close(handle)
    w:give(...)
  end
  local message, code
  handle, message, code =
    wait.start_process(path, options, loop.callback(on_exit))
  if not handle then return nil, message, code end
  return w:take(function() luv.process_kill(handle, "sigterm") end)
end

return wait
