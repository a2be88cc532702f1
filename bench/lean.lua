-- SPDX-License-Identifier: MIT

-- The least that can be called a scheduler: one argument and one result per
-- task, no running task, no maps beside the one, `join_next` from the main
-- chunk only. It shows what coroutines alone cost; plain.lua is the peer that
-- does what is measured.

local create, resume, close =
  coroutine.create, coroutine.resume, coroutine.close

local YIELD, PARK = {}, {}
local lean = {}

-- A task is an array of four: cheaper to make and to index than named fields.
-- VALUE is what the next resume passes in, and the result once it has finished.
-- STATE is YIELD or PARK while it lives, then its success: true or false.
local CO <const>, KEY <const>, VALUE <const>, STATE <const> = 1, 2, 3, 4

local tasks, count = {}, 0        -- by key, until joined

-- The run queue is two arrays that change places every turn. That is quicker
-- than a ring buffer, whose index needs a mask and two moving ends per poll.
local ready, nready, spare = {}, 0, {}

-- Finished tasks in order of completion, at done[first .. last].
local done, first, last = {}, 1, 0

local function push(t)
  nready = nready + 1
  ready[nready] = t
end

local function finish(t, ok, value)
  local state = t[STATE]
  if state ~= YIELD and state ~= PARK then return end  -- aborted while ready
  t[STATE], t[VALUE] = ok, value
  last = last + 1
  done[last] = t
end

function lean:spawn(key, f, value)
  if tasks[key] then error("key in use", 2) end
  local t = {create(f), key, value, YIELD}
  tasks[key], count = t, count + 1
  push(t)
end

-- Polls every task that is ready now; returns whether there was one.
function lean.turn()
  local now, n = ready, nready
  ready, nready, spare = spare, 0, now
  for i = 1, n do
    local t = now[i]
    now[i] = false
    local ok, value = resume(t[CO], t[VALUE])
    if value == YIELD then
      nready = nready + 1
      ready[nready] = t
    elseif value == PARK then
      t[STATE] = PARK
    else
      finish(t, ok, value)
    end
  end
  return n > 0
end

function lean.new() return lean end

local yield = coroutine.yield

-- From the main chunk only before the tasks are joined.
function lean.yield()
  if coroutine.isyieldable() then return yield(YIELD) end
  lean.turn()
end

function lean.park() return yield(PARK) end

function lean:abort(key)
  local t = tasks[key]
  if not t then return false end
  local state = t[STATE]
  if state == YIELD or state == PARK then
    local ok, err = close(t[CO])
    finish(t, false, ok and "aborted" or err)
  end
  return true
end

-- Returns key, ok, value in completion order, nil when the map is empty.
function lean.join_next()
  if count == 0 then return nil end
  while first > last do
    if not lean.turn() then error("deadlock: every task waits", 2) end
  end
  local t = done[first]
  done[first] = false
  if first == last then first, last = 1, 0 else first = first + 1 end
  local key = t[KEY]
  tasks[key], count = nil, count - 1
  return key, t[STATE], t[VALUE]
end

return lean
