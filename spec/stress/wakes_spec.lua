-- Random programs that wait for all there is to wait for, anywhere, and are
-- aborted at random. When every nap is over, whatever still waits must wait
-- for what has not come: no wake-up is lost. The main chunk is told of a
-- deadlock only then. EBB_WAKES="1 5000" runs those seeds.

local common = require "common"
local ebb = require "ebb"
local places = require "wakes.places"
local state = require "wakes.state"

local closer, unfinished = common.closer, common.unfinished
local random = math.random
local sync, time = ebb.sync, ebb.time
local TASKS <const>, DEPTH <const>, PERMITS <const> = 60, 3, 3
local world -- of the program that runs, as in `state`
local check, pick, waits, nap, count_waits, keep =
  state.check, state.pick, state.waits, state.nap, state.count_waits, state.keep

-- ---- what can be waited for

local ops, act, body

local function send()
  local w, id = world, #world.tried + 1
  w.tried[id] = true
  local is_vain = function()
    return select(2, w.tx:try_send(0)) == "full"
  end
  if waits("send", is_vain, w.tx.send, w.tx, id) then w.sent[id] = true end
end

local function received(id)
  if id == nil then return end
  check(world.tried[id] and not world.received[id], "a message twice")
  world.received[id] = true
end

local function receive()
  local w = world
  received(waits("recv", function()
    return select(2, w.rx:try_recv()) == "empty"
  end, w.rx.recv, w.rx))
end

local function hold(guard, name, amount, most)
  world[name] = world[name] + amount
  check(world[name] <= most, "too many in " .. name)
  local _ <close> = closer(function()
    world[name] = world[name] - amount
    guard:release()
  end)
  if random(3) > 1 then nap() end
  if random(9) == 1 then act(DEPTH) end
end

-- Of those that wait in line, the first wants more than there is.
local function want_too_much()
  local most = 0
  for wait in pairs(world.waits) do most = math.max(most, wait.wants or 0) end
  return most > world.semaphore:available_permits()
end

local function acquire()
  local wants = random(PERMITS)
  local permit = waits("acquire", want_too_much, function()
    for wait in pairs(world.waits) do
      -- This one's own, which has no other mark yet.
      if wait.name == "acquire" and not wait.wants then wait.wants = wants end
    end
    return world.semaphore:acquire(wants)
  end)
  hold(permit, "permits", wants, PERMITS)
end

local function lock()
  local guard = waits("lock", function()
    return world.mutex:try_lock() == nil
  end, world.mutex.lock, world.mutex)
  hold(guard, "locked", 1, 1)
end

local function read_or_write()
  local rw, is_write = world.rw, random(2) == 1
  local guard = waits("rw", function() return rw:try_write() == nil end,
                      is_write and rw.write or rw.read, rw)
  hold(guard, "rw_locked", is_write and 100 or 1, 100)
end

local function notified()
  waits("notified", function(wait) return not wait.is_over end,
        world.notify.notified, world.notify)
end

local function wait_at_barrier()
  waits("barrier", function() return count_waits "barrier" < 3 end,
        world.barrier.wait, world.barrier)
end

local function watch()
  local rx = world.watch:subscribe()
  waits("watch", function() return not rx:has_changed() end, rx.changed, rx)
end

local function listen()
  local rx <close> = world.cast:subscribe()
  waits("broadcast", function()
    return select(2, rx:try_recv()) == "empty"
  end, rx.recv, rx)
end

local function oneshot()
  local tx, rx = sync.oneshot()
  local has_come = false
  world.aborts[#world.aborts + 1] = ebb.spawn(function()
    local _ <close> = closer(function()
      if random(2) == 1 then tx:send(1) else tx:close() end
      has_come = true
    end)
    nap()
  end):abort_handle()
  waits("oneshot", function() return not has_come end, rx.recv, rx)
end

local function tick()
  local interval = time.interval(random(9))
  for _ = 1, random(3) do waits("tick", nil, interval.tick, interval) end
end

-- ---- tasks

local function is_free() return #world.aborts < TASKS end

local function spawn(depth)
  if not is_free() then return end
  local handle
  if random(3) == 1 then
    handle = ebb.Builder.new():name("named"):spawn(body, depth)
  else
    handle = ebb.spawn(body, depth)
  end
  world.handles[random(6)] = keep(handle)
end

-- A task of a map may be detached, so that what waits is in another.
local function in_map(depth) keep(ebb.spawn(body, depth)):join() end

local function is_full(m)
  local unfinished = 0
  for key in m.map:keys() do
    if not m.map:is_finished(key) then unfinished = unfinished + 1 end
  end
  return m.max_tasks and unfinished >= m.max_tasks
end

local function spawn_into_map(depth)
  if not is_free() then return end
  local m, map = pick(world.maps), nil
  map = m.map
  local key, how = random(5), random(5)
  local is_vain = function() return is_full(m) end
  if how == 1 then
    waits("place", is_vain, map.spawn_if_absent, map, key, in_map, depth)
  elseif how == 2 then
    local builder = map:build_task():name "named"
    waits("place", is_vain, builder.spawn, builder, key, in_map, depth)
  elseif how == 3 then
    waits("place", is_vain, map.spawn_local_on, map, key, in_map,
          world.local_set, depth)
  elseif how == 4 and m.threads then
    waits("place", is_vain, map.spawn_blocking, map, key, function() end)
  else
    waits("place", is_vain, map.spawn, map, key, in_map, depth)
  end
end

local function is_any_finished(map)
  for key in map:keys() do
    if map:is_finished(key) then return true end
  end
  return false
end

local function on_map()
  local m, key, how = pick(world.maps), random(5), random(16)
  local map = m.map
  if how < 4 then
    waits("join_next", function()
      return not map:is_empty() and not is_any_finished(map)
    end, map.join_next, map)
  elseif how < 7 then
    waits("join", function()
      return map:contains_key(key) and not map:is_finished(key)
    end, map.join, map, key)
  elseif how == 7 then
    map:abort(key)
  elseif how == 8 then
    map:abort_matching(function(k) return k == key end)
  elseif how == 9 then
    map:detach(key)
  elseif how == 10 then
    map:try_join_next()
  elseif how == 11 and not m.hashes_slowly then
    local found = map:contains_key(key)
    check(found == (map:id(key) ~= nil), "contains_key and id differ")
    check(not found or map:contains_task(map:id(key)), "contains_task")
  elseif how == 12 then
    waits("shutdown", function() return not map:is_empty() end,
          map.shutdown, map)
  elseif how == 13 then
    map:detach_all()
  elseif how == 14 then
    map:abort_all()
  elseif how == 15 then
    map:shrink_to(random(9))
  else
    map:reserve(random(9))
  end
end

local function on_handle()
  local handle = world.handles[random(6)]
  if not handle or handle:id() == ebb.try_id() then return end
  if random(4) == 1 then return handle:abort() end
  waits("handle", function() return not handle:is_finished() end,
        handle.join, handle)
end

local function with_set(depth)
  local set <close> = ebb.JoinSet.new()
  for _ = 1, is_free() and random(3) or 0 do
    local abort = set:spawn(body, depth)
    world.aborts[#world.aborts + 1] = abort
    if random(5) == 1 then abort:abort() end
  end
  local how = random(5)
  if how == 1 then return pcall(set.join_all, set) end
  if how == 2 then return set:detach_all() end
  if how == 3 then return set:shutdown() end
  while not set:is_empty() do
    if how == 5 and random(4) == 1 then return set:abort_all() end
    waits("set", function()
      return not set:is_empty() and set:try_join_next() == nil
    end, set.join_next_with_id, set)
  end
end

local function block()
  local handle = ebb.spawn_blocking(function() end)
  waits("blocking", function() return not handle:is_finished() end,
        handle.join, handle)
end

local function in_place()
  if random(20) == 1 then
    waits("in place", nil, ebb.block_in_place, function() end)
  end
end

-- Where the wait of the one is the turn of the other.
local function give()
  pick {
    function() world.notify:notify_one() end,
    function() world.notify:notify_waiters() end,
    function() world.watch:send(random(9)) end,
    function() world.cast:send(random(9)) end,
    function() world.handles[random(6)] = nil end,
    function() pick(world.aborts):abort() end,
    function() collectgarbage "step" end,
    function() collectgarbage() end,
    function() ebb.tasks() end
  }()
end

ops = {
  nap, nap, nap, send, receive, send, receive, acquire, acquire, lock, lock,
  read_or_write, notified, wait_at_barrier, watch, listen, oneshot, tick,
  spawn, spawn, spawn_into_map, spawn_into_map, spawn_into_map, on_map,
  on_map, on_map, on_map, on_handle, on_handle, on_handle, with_set, block,
  in_place, give, give, give
}

local function is_deadlock(err)
  if not tostring(err):find "deadlock" then return false end
  check(count_waits "sleep" + count_waits "tick" == 0,
        "a deadlock although there are timers")
  return true
end

-- Errors of tasks that are awaited come by.
local function attempt(op, depth)
  local ok, err = xpcall(op, function(err)
    return type(err) == "string" and debug.traceback(err) or err
  end, depth)
  check(ok or type(err) == "userdata" or err:find "expected" or
        not ebb.try_id() and is_deadlock(err), tostring(err))
end

function act(depth)
  local is_low = not ebb.try_id() or depth >= DEPTH
  local limit = is_low and places.IN_MAIN or #places
  places[random(limit)](function()
    attempt(pick(ops), depth + 1)
  end)
end

function body(depth)
  local _ <close> = closer(function() if random(3) == 1 then nap() end end)
  if depth > DEPTH then return nap() end
  for _ = 1, random(6) do act(depth) end
  if random(9) == 1 then error("expected", 0) end
end

-- ---- a program

local function new_map()
  local how, m = random(3), {threads = random(9) == 1}
  if how == 1 then
    m.map = ebb.JoinMap.new()
  elseif how == 2 then
    m.max_tasks = random(3)
    m.map = ebb.JoinMap.new {max_tasks = m.max_tasks}
  else
    m.hashes_slowly = true
    local function maybe_nap()
      if not world.is_checked and random(9) == 1 then nap() end
    end
    m.map = ebb.JoinMap.with_capacity_and_hasher(random(9), {
      hash = function() maybe_nap() return 1 end,
      equal = function(a, b) maybe_nap() return a == b end
    })
  end
  return m
end

local function new_world()
  world = {
    waits = {}, handles = {}, aborts = {}, maps = {}, tried = {}, sent = {},
    received = {}, permits = 0, locked = 0, rw_locked = 0,
    mutex = sync.Mutex.new(), rw = sync.RwLock.new(),
    semaphore = sync.Semaphore.new(PERMITS), notify = sync.Notify.new(),
    barrier = sync.Barrier.new(3), watch = sync.watch(0),
    cast = sync.broadcast(2), key = ebb.task_local "key",
    local_set = ebb.LocalSet.new()
  }
  state.world = world
  world.tx, world.rx = sync.channel(2)
  for i = 1, 3 do world.maps[i] = new_map() end
  world.driver = ebb.spawn(function()
    local never = sync.Notify.new()
    world.local_set:run_until(never.notified, never)
  end)
end

local function settle()
  ebb.sleep(1e4)
  for _ = 1, 50 do ebb.yield_now() end
end

local function check_waits()
  settle()
  for wait in pairs(world.waits) do wait.is_over = wait.name == "notified" end
  world.notify:notify_waiters()
  settle()
  world.is_checked = true
  for wait in pairs(world.waits) do
    check(wait.is_vain and wait:is_vain(), "left waiting: " .. wait.name)
  end
end

local function end_all()
  world.driver:abort()
  world.local_set:close()
  for _ = 1, 50 do
    for _, m in ipairs(world.maps) do m.map:abort_all() end
    for _, handle in ipairs(world.aborts) do handle:abort() end
    ebb.sleep(1e4)
    if unfinished() == 0 then return end
  end
  for _, task in ipairs(ebb.tasks()) do
    check(task.state == "finished", ("task %d is left: %s"):format(
      task.id, task.waiting_for) .. (ebb.traceback(task.id) or ""))
  end
end

local function check_account()
  check(next(world.waits) == nil, "a wait is left")
  local rx = world.rx
  for id in rx.try_recv, rx do received(id) end
  for id in pairs(world.sent) do
    check(world.received[id], "a message is lost")
  end
  check(world.semaphore:available_permits() == PERMITS, "a permit is lost")
  check(world.mutex:try_lock() and world.rw:try_write(), "a lock is lost")
end

local function run(seed)
  -- Names the seed if there is an error.
  local _ <close> = closer(function(_, err)
    if err then print("seed " .. seed) end
  end)
  math.randomseed(seed)
  new_world()
  for _ = 1, 30 do
    attempt(spawn, 1)
    attempt(spawn_into_map, 1)
    act(1)
  end
  if world.failure then error("seed " .. seed .. ": " .. world.failure, 0) end
  check_waits()
  end_all()
  check_account()
  if world.failure then error("seed " .. seed .. ": " .. world.failure, 0) end
end

describe("a random program that waits for everything", function()
  local first, last = (os.getenv "EBB_WAKES" or "1 40"):match "(%d+) (%d+)"
  local reporter

  before_each(function()
    time.pause()
    reporter = ebb.set_unhandled(common.nothing)
  end)

  after_each(function()
    ebb.set_unhandled(reporter)
    time.resume()
  end)

  it("leaves nothing waiting for what has come", function()
    for seed = first, last do run(seed) end
  end)
end)
