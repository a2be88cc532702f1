-- SPDX-License-Identifier: MIT
--
-- cqueues in tasks of ebb. A controller runs in whatever task calls its loop
-- or step, and that task waits for it by the descriptor, the events and the
-- timeout that it names. Outside of controllers cqueues.poll waits as well, so
-- that sockets of cqueues, and what is built on them, work in any task.

local ebb = require "ebb"
local load = require "ebb.load"

local now = ebb.time.now

if package.loaded.cqueues then
  error("require \"ebb.cqueues\" before what uses cqueues, which would keep " ..
        "functions that block", 0)
end

-- The step that is one system call and no more; cqueues adds to it.
local raw_step <const> = load.require("_cqueues", "lua-cqueues").create().step
local cqueues = load.require("cqueues", "lua-cqueues")

-- Timeouts of cqueues may be negative, of what is over already; infinities and
-- nan never end.
local function seconds_of(timeout)
  if timeout and math.abs(timeout) < math.huge then
    return math.max(timeout, 0)
  end
end

-- ---- steps ----

-- Cqueues keeps on the C stack which controller is running, so one step must
-- end before another one begins, also when a coroutine in it makes the task
-- wait, and must not be aborted in the middle. So each is a task of its own.
local stepper -- its handle, while there is one

local released <const> = setmetatable({}, {
  __close = function() stepper = nil end
})

local function is_stepping()
  return stepper ~= nil and stepper:id() == ebb.try_id()
end

local function results_of(ok, ...)
  if ok then return ... end
  local err = ...
  error(err:is_panic() and err:into_panic() or err, 0)
end

local step
local function resume_released(co, ...)
  local release <close> = released
  return coroutine.resume(co, ...)
end

local function resume_alone(...)
  while stepper do stepper:join() end
  local handle = ebb.spawn(resume_released, ...)
  stepper = handle
  return results_of(handle:join())
end

-- What a coroutine of the controller yields is for the one that resumed the
-- caller, and so a step may be resumed by several tasks, one after the other.
-- No controller counts as running meanwhile.
local function go_on(co, ok, ...)
  if not ok then error(..., 0) end
  if coroutine.status(co) == "dead" then return ... end
  return go_on(co, resume_alone(co, coroutine.yield(...)))
end

local function step_alone(controller)
  local co = coroutine.create(raw_step)
  return go_on(co, resume_alone(co, controller, 0))
end

step = cqueues.interpose("step", function(self, timeout)
  if is_stepping() then return step(self, timeout) end
  if not self:empty() then ebb.io.wait(self, nil, seconds_of(timeout)) end
  return step_alone(self)
end)

-- ---- poll ----

local poll_in_controller <const> = cqueues.poll
local condition <const> = require "cqueues.condition"

-- For conditions, and for several objects at once, a coroutine of this
-- controller polls. It is one for all tasks, because an event has to reach
-- everybody who polls for it before any of them takes it away. Nothing else
-- runs in it, so its steps never wait and need not be alone.
local helper <const> = cqueues.new()
local driver -- the task that runs it, while somebody polls
local driver_due -- when that one looks again at the latest

local function drive()
  while not helper:empty() do
    driver_due = now() + (helper:timeout() or math.huge)
    ebb.io.wait(helper)
    assert(raw_step(helper, 0))
  end
  driver = nil
end

-- There may be something to do earlier than the driver knows of.
local function keep_driving()
  local due = now() + (helper:timeout() or math.huge)
  if driver and not driver:is_finished() then
    if due >= driver_due then return end
    driver:abort()
  end
  driver_due = due
  driver = ebb.spawn(drive)
end

-- The coroutine begins at once, so that no signal is missed. When the task is
-- aborted it is told to end.
local function poll_by_helper(...)
  local tx, rx = ebb.sync.oneshot()
  local gone = condition.new()
  local guard <close> = setmetatable({}, {
    __close = function() gone:signal() end
  })
  helper:wrap(function(...)
    tx:send(table.pack(poll_in_controller(...)))
  end, gone, ...)
  assert(raw_step(helper, 0))
  keep_driving()
  local ready = rx:recv()
  return table.unpack(ready, 1, ready.n)
end

local function poll_one(object, timeout)
  local own = object.timeout and object:timeout()
  local ready, why = ebb.io.wait(object, nil, seconds_of(timeout))
  if not ready and why == "timeout" and timeout and
     (not own or timeout <= own) then
    return timeout
  end
  return object
end

local function has_fd(object)
  local kind = type(object)
  return (kind == "userdata" or kind == "table") and
         type(object.pollfd) == "function" and
         math.type(object:pollfd()) == "integer"
end

local function poll(object, timeout, ...)
  if object == nil then
    ebb.yield_now()
  elseif type(object) == "number" and timeout == nil then
    ebb.sleep(seconds_of(object) or math.huge)
    return object
  elseif select("#", ...) == 0 and has_fd(object) and
         (timeout == nil or type(timeout) == "number") then
    return poll_one(object, timeout)
  else
    return poll_by_helper(object, timeout, ...)
  end
end

function cqueues.poll(...)
  if is_stepping() then return poll_in_controller(...) end
  return poll(...)
end

-- This one yields to a controller by itself, even where there is none.
local function is_signalled(self, first, ...)
  if first == self then return true, ... end
  return false, first, ...
end

local wait
wait = condition.interpose("wait", function(self, ...)
  if is_stepping() then return wait(self, ...) end
  return is_signalled(self, poll(self, ...))
end)

-- ---- closing ----

local cancel <const> = cqueues.cancel

function cqueues.cancel(...)
  for i = 1, select("#", ...) do
    local object = select(i, ...)
    if object ~= nil then ebb.io.forget(object) end
  end
  return cancel(...)
end

local socket = require "cqueues.socket"
local close
close = socket.interpose("close", function(self, ...)
  if socket.type(self) == "socket" then ebb.io.forget(self) end
  return close(self, ...)
end)

-- ---- from cqueues to ebb ----

-- Runs f as a task and gives its results, like ebb.block_on. In a coroutine of
-- a controller only that one waits, not all of the controller.
local function block_on(f, ...)
  if not is_stepping() then return ebb.block_on(f, ...) end
  local done, result = condition.new(), nil
  local task = ebb.spawn(f, ...)
  ebb.spawn(function()
    result = table.pack(task:join())
    done:signal()
  end)
  while not result do poll_in_controller(done) end
  return results_of(table.unpack(result, 1, result.n))
end

return setmetatable({block_on = block_on}, {__index = cqueues})
