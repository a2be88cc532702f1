-- SPDX-License-Identifier: MIT

-- The peer: a round-robin scheduler with a keyed map in plain Lua, as one
-- writes it who wants from it what the measured part of ebb gives. Tasks take
-- any arguments and give any results; a map belongs to a scheduler and there
-- may be many of both; spawning under a used key replaces; the main chunk and
-- tasks alike may join; the running task is known; errors keep a traceback.
--
-- lean.lua beside it leaves all of that out, for comparison.

local create, resume, close, status, yield =
  coroutine.create, coroutine.resume, coroutine.close, coroutine.status,
  coroutine.yield
local pack, unpack = table.pack, table.unpack

local plain = {}

local Task = {}
Task.__index = Task

local current = nil
local queue, head, tail = {}, 1, 0

local function push(task)
  tail = tail + 1
  queue[tail] = task
end

local function pop()
  if head > tail then return nil end
  local task = queue[head]
  queue[head] = nil
  head = head + 1
  return task
end

-- ---- tasks

local function wake_all(list)
  for i = 1, #list do
    list[i].state = "ready"
    push(list[i])
  end
end

function Task:finish(ok, ...)
  self.state = "finished"
  self.ok, self.results = ok, pack(...)
  local map = self.map
  if map then
    map.last = map.last + 1
    map.finished[map.last] = self
    if map.waiting then
      wake_all(map.waiting)
      map.waiting = nil
    end
  end
end

function Task:settle(ok, ...)
  if status(self.co) ~= "dead" then
    if self.state == "running" then
      self.state = "ready"
      push(self)
    end
  elseif ok then
    self:finish(true, ...)
  else
    self:finish(false, debug.traceback(self.co, (...)))
  end
end

function Task:poll()
  if self.state ~= "ready" then return end
  current, self.state = self, "running"
  local args = self.args
  if args then
    self.args = nil
    self:settle(resume(self.co, unpack(args, 1, args.n)))
  else
    self:settle(resume(self.co))
  end
  current = nil
end

function Task:abort()
  if self.state == "finished" then return end
  local ok, err = close(self.co)
  self:finish(false, ok and "aborted" or err)
end

-- ---- waiting

-- ---- time

-- A binary heap of the sleeping tasks, and a clock: that of the CPU time, which
-- is that on the wall while nothing but this runs, and there is no better one in
-- plain Lua.
local heap, heap_len = {}, 0
local paused_at = nil

local function clock() return paused_at or os.clock() end

local function sift_up(task, i)
  local wake_at = task.wake_at
  while i > 1 do
    local parent = i // 2
    if heap[parent].wake_at <= wake_at then break end
    heap[i] = heap[parent]
    i = parent
  end
  heap[i] = task
end

local function sift_down(task, i)
  local wake_at = task.wake_at
  while true do
    local child = 2 * i
    if child > heap_len then break end
    if child < heap_len and heap[child + 1].wake_at < heap[child].wake_at then
      child = child + 1
    end
    if wake_at <= heap[child].wake_at then break end
    heap[i] = heap[child]
    i = child
  end
  heap[i] = task
end

local function wake_first()
  local first, last = heap[1], heap[heap_len]
  heap[heap_len] = nil
  heap_len = heap_len - 1
  if heap_len > 0 then sift_down(last, 1) end
  if first.state == "waiting" then
    first.state = "ready"
    push(first)
  end
end

-- Makes the tasks ready whose time has come, once there is one.
local function wake_sleepers()
  if paused_at then paused_at = math.max(paused_at, heap[1].wake_at) end
  while clock() < heap[1].wake_at do end
  local now = clock()
  while heap_len > 0 and heap[1].wake_at <= now do wake_first() end
end

function plain.pause() paused_at = clock() end

function plain.sleep(seconds)
  current.wake_at = clock() + seconds
  heap_len = heap_len + 1
  sift_up(current, heap_len)
  return plain.park()
end

-- ---- running

local function run_one()
  if head > tail and heap_len > 0 then wake_sleepers() end
  local task = pop()
  if not task then error("deadlock: every task waits", 0) end
  task:poll()
end

function plain.yield()
  if current then return yield() end
  for _ = head, tail do run_one() end
end

-- Waits for nothing.
function plain.park()
  current.state = "waiting"
  return yield()
end

-- ---- channels: bounded, closable, any number of tasks at both ends

local Queue = {}
Queue.__index = Queue

local function new_queue()
  return setmetatable({first = 1, last = 0}, Queue)
end

function Queue:push(value)
  self.last = self.last + 1
  self[self.last] = value
end

function Queue:pop()
  local first = self.first
  local value = self[first]
  if value == nil then return nil end
  self[first] = nil
  self.first = first + 1
  return value
end

function Queue:is_empty() return self.first > self.last end

local Channel = {}
Channel.__index = Channel

function plain.channel(limit)
  return setmetatable({limit = limit, values = new_queue(), closed = false,
    senders = new_queue(), receivers = new_queue()}, Channel)
end

local function wake_first(queue)
  local task = queue:pop()
  if task and task.state == "waiting" then
    task.state = "ready"
    push(task)
  end
end

local function wait_in(waiting)
  if current then
    waiting:push(current)
    plain.park()
  else
    run_one()
  end
end

function Channel:send(value)
  local values = self.values
  while not self.closed and values.last - values.first + 1 >= self.limit do
    wait_in(self.senders)
  end
  if self.closed then return nil, "closed" end
  values:push(value)
  wake_first(self.receivers)
  return true
end

function Channel:recv()
  local values = self.values
  while values:is_empty() do
    if self.closed then return nil end
    wait_in(self.receivers)
  end
  local value = values:pop()
  wake_first(self.senders)
  return value
end

function Channel:close()
  self.closed = true
  while not self.senders:is_empty() do wake_first(self.senders) end
  while not self.receivers:is_empty() do wake_first(self.receivers) end
end

-- ---- maps

local Map = {}
Map.__index = Map

function plain.new()
  return setmetatable({tasks = {}, len = 0, finished = {}, first = 1, last = 0},
    Map)
end

function Map:spawn(key, f, ...)
  local old = self.tasks[key]
  if old then
    old.map = nil
    old:abort()
  else
    self.len = self.len + 1
  end
  local task = setmetatable({co = create(f), args = pack(...),
    key = key, map = self, state = "ready"}, Task)
  self.tasks[key] = task
  push(task)
  return task
end

function Map:abort(key)
  local task = self.tasks[key]
  if not task then return false end
  task:abort()
  return true
end

function Map:next_finished()
  while self.first <= self.last do
    local task = self.finished[self.first]
    self.finished[self.first] = nil
    self.first = self.first + 1
    if task.map then return task end
  end
end

function Map:join_next()
  while self.len > 0 do
    local task = self:next_finished()
    if task then
      self.tasks[task.key] = nil
      self.len = self.len - 1
      task.map = nil
      return task.key, task.ok, unpack(task.results, 1, task.results.n)
    elseif current then
      self.waiting = self.waiting or {}
      table.insert(self.waiting, current)
      plain.park()
    else
      run_one()
    end
  end
end

return plain
