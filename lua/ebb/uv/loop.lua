-- SPDX-License-Identifier: MIT
--
-- luv's loop, run by ebb: a background task waits for the loop's own file
-- descriptor, as long as its timers allow, and has it do what is due. The task
-- lives while luv has something to wait for.
--
-- The loop does not register what was started since it last ran, so whoever
-- starts something has to call loop.kick().

local ebb = require "ebb"
local load = require "ebb.load"

local loop = {}

-- luv calls back on the Lua thread that has loaded it, and does not keep it.
-- So that this is no task's, which ends, it is one that has nothing to do.
loop.home = coroutine.create(load.require)
local ok, luv = coroutine.resume(loop.home, "luv", "lua-luv")
if not ok then error(luv, 0) end

loop.luv = luv

local pump -- the task
local is_asleep = false -- it waits, so that it has to be told

-- Only for waking the pump; the loop does not count it.
local waker <const> = luv.new_async(function() end)
luv.unref(waker)

local function rest()
  local ms = luv.backend_timeout()
  if ms == 0 then return ebb.yield_now() end
  is_asleep = true
  ebb.io.wait(luv.backend_fd(), "r", ms > 0 and ms / 1000 or nil)
  is_asleep = false
end

local function run()
  repeat
    luv.run "nowait"
    local is_alive = luv.loop_alive()
    if is_alive then rest() end
  until not is_alive
  pump = nil
end

function loop.kick()
  if not pump or pump:is_finished() then
    is_asleep = false
    pump = ebb.spawn(run)
  elseif is_asleep then
    is_asleep = false
    luv.async_send(waker)
  end
end

-- Does what is due at once. No callback waits, so the loop is never in the
-- middle of it.
function loop.turn() luv.run "nowait" end

-- Waits until luv has nothing to wait for any more.
function loop.join()
  loop.kick()
  if pump then pump:join() end
end

-- ---- callbacks ----

-- luv ends the process when a callback raises an error. Ours can only do so
-- when memory is out, or when the Lua state is being closed: luv lets its
-- last requests end after ebb is gone.
local function call(f, ...)
  local done, message = pcall(f, ...)
  if not done then warn("ebb.uv: lost an event of luv: ", tostring(message)) end
end

-- f as a callback of luv; it must not wait.
function loop.callback(f)
  return function(...) call(f, ...) end
end

-- f as a callback of luv that runs as a task, so that it may wait and fail.
function loop.in_task(f)
  return function(...) call(ebb.spawn, f, ...) end
end

return loop
