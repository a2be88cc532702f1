-- SPDX-License-Identifier: MIT
--
-- Calling functions of luv without their callback: the task waits for what
-- the callback would be given.

local ebb = require "ebb"
local loop = require "ebb.uv.loop"

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
  loop.kick()
  local result = self.rx:recv()
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

-- Calls f with its callback as argument number `position`.
function wait.request(f, position, undo, ...)
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
  local request, message, code = f(unpack(arguments, 1, n))
  if message then return nil, message, code end
  if type(request) == "userdata" then w.request = request end
  return finish(w:take(cancel))
end

-- ---- events: they come until they are stopped ----

-- What has come for a task that was aborted before it could take it, by
-- handle: the next one to wait gets it.
local kept <const> = setmetatable({}, {__mode = "k"})

-- The wait for whose sake a handle is started, until its event has come. One that was aborted gets to
-- its end only later; it must not stop what another task has started since.
local current <const> = setmetatable({}, {__mode = "k"})

local function take_kept(handle)
  local result = kept[handle]
  kept[handle] = nil
  if result then return unpack(result, 1, result.n) end
end

-- The handle is about to be closed, after which libuv says nothing more.
function wait.cancel(handle)
  local w = current[handle]
  if not w then return end
  current[handle] = nil
  w.cancelled, w.undo = true, nil
  w:give "ECANCELED: operation canceled"
end

-- A callback is to have the events from now on.
function wait.supersede(handle) current[handle] = nil end

function wait.has_kept(handle) return kept[handle] ~= nil end

wait.take_kept = take_kept

-- Starts `handle` by f, waits for one event, and stops it. `convert` makes
-- results of the event; `is_empty` knows events that are none.
function wait.event(f, position, kind, handle, ...)
  local convert = kind.convert or finish
  if kept[handle] then
    ebb.consume_budget()
    return convert(take_kept(handle))
  end
  local function keep(...) kept[handle] = pack(...) end
  local w <close> = new(keep)
  local function stop()
    if current[handle] ~= w then return end
    current[handle] = nil
    kind.stop(handle)
  end
  local function results(...)
    if w.cancelled then return finish(...) end
    return convert(...)
  end
  local arguments = pack(handle, ...)
  arguments[position] = loop.callback(function(...)
    if kind.is_empty and kind.is_empty(...) then return end
    stop()
    w:give(...)
  end)
  local n = math.max(arguments.n, position)
  local started, message, code = f(unpack(arguments, 1, n))
  if not started then return nil, message, code end
  current[handle] = w
  return results(w:take(stop))
end

-- ---- connections: the next comes when one has been accepted ----

local listening <const> = setmetatable({}, {__mode = "k"})

local function listen(stream, backlog)
  local arrival = {notify = ebb.sync.Notify.new()}
  local ok, message, code = luv.listen(stream, backlog,
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
  return finish(arrival.err)
end

-- ---- work for a thread of libuv, which cannot be told to stop ----

-- A context has one callback for whatever is queued; so each has its own.
function wait.work(work, ...)
  local w <close> = new()
  local context = luv.new_work(work, loop.callback(function(...)
    w:give(...)
  end))
  local ok, message, code = luv.queue_work(context, ...)
  if not ok then return nil, message, code end
  return w:take()
end

-- ---- processes ----

-- luv.spawn; on_exit is a callback of luv. A process that could not be started
-- leaves a handle to luv that it must be rid of before the Lua state ends.
function wait.start_process(path, options, on_exit)
  local handle, pid, code = luv.spawn(path, options, on_exit)
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
