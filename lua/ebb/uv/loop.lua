-- SPDX-License-Identifier: MIT
--
-- luv's loop, run by ebb: a background task waits for the loop's own file
-- descriptor, as long as its timers allow, and has it do what is due. The task
-- lives while luv has something to wait for.
--
-- The loop does not register what was started since it last ran, so whoever
-- starts something has to call loop.kick().

local ebb = require "ebb"
local call = require "ebb.uv.call"
local load = require "ebb.load"

call.leave_out(debug.getinfo(1, "S"))

local loop = {}

-- luv calls back on the Lua thread that has loaded it, and does not keep it.
-- So that this is no task's, which ends, it is one that has nothing to do.
loop.home = coroutine.create(load.require)
local ok, luv = coroutine.resume(loop.home, "luv", "lua-luv")
if not ok then error(luv, 0) end

loop.luv = luv

local pump -- the task
local is_pumping = false -- it has begun, and has not been aborted
local is_kicked = false -- something was started since the loop last ran
local is_turning = false
local is_asleep = false -- the loop's fd is waited for
local has_ended = false -- the Lua state is being closed

-- Notified after each turn of the loop.
local turned <const> = ebb.sync.Notify.new()

-- Only for waking the pump; the loop does not count it.
local waker <const> = luv.new_async(function() end)
luv.unref(waker)

-- Who writes to a pipe that nobody reads is told so by EPIPE alone. Programs
-- that are started do not inherit a handler, as they would inherit SIG_IGN.
local sigpipe <const> = luv.new_signal()
luv.signal_start(sigpipe, "sigpipe", function() end)
luv.unref(sigpipe)

-- Is it a handle of ours, which luv's users do not see?
function loop.is_hidden(handle) return handle == waker or handle == sigpipe end

-- Does what is due at once. No callback waits, so the loop is never in the
-- middle of it.
function loop.turn()
  is_kicked, is_turning = false, true
  luv.run "nowait"
  is_turning = false
  turned:notify_waiters()
end

-- For finalizers, which may run in the middle of a turn.
function loop.turn_if_free()
  if not is_turning then loop.turn() end
end

-- The callbacks of the last turn begin first. Then, until something is due.
local function rest()
  ebb.yield_now()
  local ms = luv.backend_timeout()
  if is_kicked or ms == 0 then return end
  is_asleep = true
  ebb.io.wait(luv.backend_fd(), "r", ms > 0 and ms / 1000 or nil)
  is_asleep = false
end

local is_led = false -- a task other than the pump waits for the loop

local function stop_leading()
  is_led = false
  turned:notify_waiters()
end

local function lead()
  local stop <close> = setmetatable({}, {__close = stop_leading})
  is_led = true
  rest()
end

-- Turns the loop without the pump, several tasks at a time too, until done()
-- gives something, which is the result.
local function turn_until(done)
  loop.turn()
  local result = done()
  while not result do
    if is_led then
      turned:notified()
    else
      lead()
      loop.turn()
    end
    result = done()
  end
  return result
end

local waiting = 0 -- how many tasks count on the pump

-- The pump is aborted only at the end of the state. Clean-ups that had begun
-- before wait on.
local function stop_pumping()
  is_pumping, is_asleep = false, false
  if waiting > 0 then turn_until(function() return waiting == 0 end) end
end

local function run()
  local stop <close> = setmetatable({}, {__close = stop_pumping})
  is_pumping = true
  repeat
    loop.turn()
    if luv.loop_alive() then rest() end
  until not luv.loop_alive()
  pump = nil
end

-- The state's end comes before the finalizers of what was made until the main
-- chunk last waited; and before those of what it has started, and of the loop.
local renew_sentinel <const> = debug.getregistry()["ebb.renew_sentinel"]
renew_sentinel()

function loop.kick()
  if not ebb.try_id() then renew_sentinel() end
  is_kicked = true
  if is_asleep then
    is_asleep = false
    luv.async_send(waker)
  elseif not pump or pump:is_finished() then
    pump = ebb.spawn(run)
  end
end

local function stop_waiting() waiting = waiting - 1 end

local function wait_for_pump(rx)
  local stop <close> = setmetatable({}, {__close = stop_waiting})
  waiting = waiting + 1
  return rx:recv()
end

-- Waits for what a callback of luv sends. At the end of the state no pump
-- begins any more: then the clean-ups that wait turn the loop themselves.
function loop.wait(rx)
  loop.kick()
  if not is_pumping then ebb.yield_now() end
  if is_pumping then return wait_for_pump(rx) end
  return turn_until(function() return rx:try_recv() end)
end

-- ---- callbacks ----

local function id() return ebb.try_id() or 0 end

-- The tasks of callbacks that have not ended, by id, and how many these and
-- those to come are. Those that wait in uv.run themselves do not count.
local callbacks <const> = {}
local under_way = 0
local events = 0

local function change_under_way(by)
  under_way = under_way + by
  if under_way == 0 then turned:notify_waiters() end
end

local function leave_callback()
  callbacks[id()] = nil
  change_under_way(-1)
end

local function call_back(f, ...)
  local leave <close> = setmetatable({}, {__close = leave_callback})
  callbacks[id()] = true
  f(...)
end

-- luv ends the process when a callback raises an error. Ours can only do so
-- when memory is out.
local function protect(f, ...)
  if has_ended then return end
  events = events + 1
  local done, message = pcall(f, ...)
  if not done then warn("ebb.uv: lost an event of luv: ", tostring(message)) end
end

local function spawn(f, ...)
  ebb.spawn(call_back, f, ...)
  change_under_way(1)
end

-- Calls f in a task, which may wait and fail, as a callback of luv.
function loop.spawn(f, ...) protect(spawn, f, ...) end

-- f as a callback of luv; it must not wait.
function loop.callback(f)
  return function(...) protect(f, ...) end
end

-- f as a callback of luv that runs as a task, so that it may wait and fail.
function loop.in_task(f)
  return function(...) protect(spawn, f, ...) end
end

-- ---- uv.run ----

local mode -- of the uv.run that waits
local running = 0 -- how many wait
local stops = 0 -- the calls of uv.stop that ended some
local is_stopped = false -- one that ends the next

local function leave_run(self)
  running = running - 1
  if running == 0 then mode = nil end
  if self.in_callback then change_under_way(1) end
end

local function enter_run(new_mode)
  local in_callback = callbacks[id()]
  if in_callback then change_under_way(-1) end
  running, mode = running + 1, new_mode
  return setmetatable({in_callback = in_callback}, {__close = leave_run})
end

-- What has to go on for each mode to wait on.
local is_going_on <const> = {
  default = function() return luv.loop_alive() or under_way > 0 end,
  once = function(since)
    return events == since and under_way == 0 and luv.loop_alive()
  end,
  nowait = function() return false end
}

function loop.run(new_mode)
  local run <close> = enter_run(new_mode)
  local before, since = stops, events
  if new_mode == "nowait" and not is_stopped then loop.turn() end
  while not is_stopped and stops == before and is_going_on[new_mode](since) do
    if luv.loop_alive() then loop.kick() end
    turned:notified()
  end
  is_stopped = false
  -- The callbacks of the last turn begin before this task goes on.
  ebb.yield_now()
  return luv.loop_alive()
end

function loop.stop()
  if running == 0 then
    is_stopped = true
  else
    stops = stops + 1
    turned:notify_waiters()
  end
end

-- What uv.run was called with, for a callback.
function loop.mode()
  return mode or callbacks[id()] and "default" or nil
end

-- ---- the end of the Lua state ----

-- What has been finalized already is no handle any more, and closed.
local function close(handle)
  local ok, is_closing = pcall(luv.is_closing, handle)
  if ok and not is_closing then luv.close(handle) end
end

-- luv frees what its handles need when these are finalized, closed to the end
-- or not, so by then the loop must have nothing left to do. The state calls
-- this when all tasks have had their clean-up.
local function drain()
  has_ended = true
  luv.walk(close)
  luv.run "default"
end

debug.getregistry()["ebb.at_close"] = drain

function loop.has_ended() return has_ended end

return loop
