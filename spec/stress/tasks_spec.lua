-- Random programs: tasks that spawn, join, abort and detach each other, in
-- maps, sets and by handles, out of generators, comparators, pcalls and
-- clean-ups that wait, while a model keeps account of what must come of each of them.
-- EBB_STRESS="1 300" runs the seeds 1 to 300, each under every collector.

local common = require "common"
local ebb = require "ebb"

local random = math.random
local TASKS, DEPTH, CLEANUP = 120, 4, 9 -- the last is the depth of no waits
local world -- of the program that runs

-- An assert that no pcall of a program can hide.
local function check(condition, message)
  if not condition and not world.failure then
    world.failure = debug.traceback(message or "check failed")
  end
end

local function closer(f) return setmetatable({}, {__close = f}) end
local function pick(list) return list[random(#list)] end
local function wait()
  if random(2) == 1 then ebb.yield_now() else ebb.sleep(random(20)) end
end

-- In the main chunk, what waits for a task that waits for ever is told so.
local function unless_deadlocked(f, ...)
  local ok, err = pcall(f, ...)
  check(ok or tostring(err):find "deadlock", tostring(err))
end

local places = {
  function(f) f() end,
  function(f) coroutine.wrap(f)() end,
  function(f) for _ in coroutine.wrap(function() f() coroutine.yield(1) end) do
    end end,
  function(f) table.sort({1, 2}, function() if f then f() f = nil end end) end,
  function(f) string.gsub("x", "x", function() f() end) end,
  function(f) return setmetatable({}, {__index = function() f() end}).x end,
  function(f) xpcall(function() f() error {} end, function() wait() end) end,
  function(f) pcall(function() local _ <close> = closer(f) error {} end) end,
  function(f) unless_deadlocked(ebb.block_on, f) end,
  function(f) unless_deadlocked(ebb.time.timeout, random(0, 20), f) end,
  function(f) unless_deadlocked(ebb.select, {f, wait}) end,
  function(f) ebb.unconstrained(f) end,
  function(f)
    local set = ebb.LocalSet.new()
    unless_deadlocked(set.run_until, set, f)
  end,
  function(f) ebb.task_local("key"):scope(1, f) end,
  function(f) load(function() if f then f() f = nil end end) end,
  function(f) return tostring(setmetatable({}, {
    __tostring = function() f() return "" end})) end,
  function(f) for _ in function() if f then f() f = nil end end do end end,
}
local ops

local function act(depth, map)
  pick(places)(function()
    local ok, err = xpcall(pick(ops), debug.traceback, depth, map)
    err = tostring(err)
    check(ok or err:find "deadlock" or err:find "been finalized", err)
  end)
end

-- ---- tasks, and what must come of them ----

local function new_task(depth, map)
  local t = {entered = 0, closed = 0, seen = 0, unhandled = 0}
  world.tasks[#world.tasks + 1] = t
  return t, function()
    t.started = true
    local _ <close> = closer(function()
      t.entered = t.entered + 1
      if random(3) == 1 then pick(places)(wait) end
      if random(3) == 1 then act(CLEANUP, map) end
      t.closed = t.closed + 1
    end)
    for _ = 1, random(0, 5) do act(depth + 1, map) end
    t.panics = random(4) == 1
    if t.panics then error(t) end
    return t
  end
end

-- An abort cuts off a clean-up only if the body had come to its end before.
local function check_clean_up(t)
  local once = t.started and 1 or 0
  check(t.entered == once, "clean-up ran " .. t.entered .. " times")
  check(t.closed == once or t.panics == false and t.aborted, "cut clean-up")
end

local function saw(t, ok, value)
  t.seen = t.seen + 1
  check_clean_up(t)
  if ok then
    check(value == t and t.panics == false, "not its result")
  elseif value:is_panic() then
    check(value:into_panic() == t and t.panics, "not its panic")
  else
    check(t.aborted and value:id() == t.id, "cancelled by nobody")
  end
end

-- What await gives: the panic itself.
local function saw_raised(t, value)
  if type(value) == "userdata" then return saw(t, false, value) end
  t.seen = t.seen + 1
  check_clean_up(t)
  check(value == t and t.panics, "not its panic")
end

-- ---- maps ----

local function new_map()
  local m = {model = {}, text = random(2) == 1 and "key" or nil}
  local function maybe_wait() if random(9) == 1 then wait() end end
  m.map = random(3) > 1 and ebb.JoinMap.new {
    max_tasks = random(4) == 1 and random(4) or nil, capacity = random(9)
  } or ebb.JoinMap.with_hasher {
    hash = function() maybe_wait() return 1 end,
    equal = function(a, b) maybe_wait() return a == b end}
  world.all_maps[#world.all_maps + 1] = m.map
  return m
end

local function mark_aborted(m)
  for _, t in pairs(m.model) do t.aborted = true end
end

local function take(m, key, ok, value)
  if key == nil then return end
  local t = m.model[key]
  m.model[key] = nil
  check(t, "not in the map")
  if t then saw(t, ok, value) end
end

-- What comes of it is in the map, or has a reason to be in none.
local function spawn_by(m, key, t, body)
  local map, how = m.map, random(4)
  if how == 1 then return map:build_task():name("named"):spawn(key, body) end
  if how > 2 then return map:spawn(key, body) end
  local id = map:spawn_if_absent(key, body)
  check(id or m.short_lived or m.model[key], "it was absent")
  if not id then t.left = "was not absent" end
  return id
end

local function spawn_into(m, depth)
  if #world.tasks >= TASKS or depth > DEPTH then return end
  local key = m.text and m.text .. random(8) or random(8)
  local t, body = new_task(depth, m)
  t.left = "never spawned: cut off in the hasher, or for want of a place"
  t.id = spawn_by(m, key, t, body)
  if not t.id then return end
  local old = m.model[key]
  if old then old.left, old.aborted = "replaced", true end
  if m.short_lived then
    t.left, t.aborted = "in a short-lived map", true
  else
    m.model[key], t.left = t, nil
  end
end

local function agrees(m)
  local keys, modelled = 0, 0
  for key, id in m.map:keys() do
    keys = keys + 1
    check(m.model[key] and m.model[key].id == id, "keys() differs")
    check(m.map:contains_task(id) and key ~= nil)
  end
  for _ in pairs(m.model) do modelled = modelled + 1 end
  check(keys == modelled and #m.map == keys and m.map:len() == keys, "len")
  check(m.map:is_empty() == (keys == 0) and m.map:capacity() >= keys)
end

-- The model and the map change at once: no task runs in between.
local on_map = {
  spawn_into, spawn_into, spawn_into, agrees,
  function(m) take(m, m.map:try_join_next()) end,
  function(m, depth)
    if depth ~= CLEANUP then take(m, m.map:join_next()) end
  end,
  function(m, depth, key)
    local t = m.model[key]
    if depth == CLEANUP or not t or t.id == ebb.try_id() then return end
    local result = table.pack(m.map:join(key))
    if result[1] ~= nil then take(m, key, result[1], result[2]) end
  end,
  function(m, _, key)
    local found = m.map:abort(key, "reason")
    check(found == (m.model[key] ~= nil), "abort")
    if found then m.model[key].aborted = true end
  end,
  function(m, _, key)
    if not m.map:detach(key) then return end
    m.model[key].left, m.model[key] = "detached", nil
  end,
  function(m)
    m.map:abort_matching(function(key)
      if random(3) > 1 then return false end
      m.model[key].aborted = true
      return true
    end)
  end,
  function(m) m.map:shrink_to_fit() m.map:reserve(random(20)) end,
  function(m) m.map:shrink_to(random(20)) end,
  function(m, _, key)
    local id = m.map:id(key)
    check(id == (m.model[key] and m.model[key].id), "id")
    check(not id or m.map:contains_task(id), "contains_task")
  end,
  function(m, _, key)
    local found = m.map:contains_key(key)
    check(found == (m.model[key] ~= nil), "contains_key")
  end,
  function(m)
    for _, t in pairs(m.model) do t.left = "detached" end
    m.model = {}
    m.map:detach_all()
  end,
  function(m) mark_aborted(m) m.map:abort_all() end,
}

-- The tasks of a short-lived map: it may be closed, emptied, or left to the
-- collector, at any time, and must do no harm then.
local function take_any(_, ok, value)
  if ok then
    saw(value, true, value)
  elseif value and value:is_panic() then
    saw(value:into_panic(), false, value)
  end
end

local function on_short_lived(m, depth)
  local name = pick {"len", "abort_all", "detach_all", "is_empty",
    "contains_key", "keys", "join_next", "try_join_next", "shutdown"}
  local waits = name == "join_next" or name == "shutdown"
  if waits and depth == CLEANUP then return end
  local result = table.pack(pcall(m.map[name], m.map, 1))
  if result[1] and name:find "join_next" then
    take_any(table.unpack(result, 2))
  end
end

local function short_lived_map(depth)
  local m = new_map()
  m.short_lived = true
  local _ <close> = random(3) == 1 and m.map or nil
  for _ = 1, random(4) do spawn_into(m, depth) end
  wait()
  if depth ~= CLEANUP and random(2) == 1 then take_any(m.map:join_next()) end
  if random(3) == 1 then m.map:detach_all() end
end

local function map_op(depth, own)
  local m = random(3) == 1 and own or pick(world.maps)
  if m.short_lived then return on_short_lived(m, depth) end
  pick(on_map)(m, depth, m.text and m.text .. random(8) or random(8))
end

-- ---- sets ----

local function new_set() return {set = ebb.JoinSet.new(), model = {}} end

local function take_from(s, id, ok, value)
  if id == nil then return end
  local t = s.model[id]
  s.model[id] = nil
  check(t, "not in the set")
  if t then saw(t, ok, value) end
end

local function spawn_into_set(s, depth)
  if #world.tasks >= TASKS or depth > DEPTH then return end
  local t, body = new_task(depth)
  local abort = random(3) > 1 and s.set:spawn(body) or
                s.set:build_task():name("named"):spawn(body)
  t.id, s.model[abort:id()] = abort:id(), t
  if random(4) > 1 then return end
  t.aborted = true
  abort:abort()
end

local on_set = {
  spawn_into_set, spawn_into_set, spawn_into_set,
  function(s) take_from(s, s.set:try_join_next_with_id()) end,
  function(s, depth)
    if depth ~= CLEANUP then take_from(s, s.set:join_next_with_id()) end
  end,
  function(s, depth)
    if depth == CLEANUP then return end
    local ok, value = s.set:join_next()
    if ok == nil then return end
    take_from(s, ok and value.id or value:id(), ok, value)
  end,
  function(s)
    local count = 0
    for id in pairs(s.model) do
      count = count + 1
      check(s.set:contains_task(id), "contains_task of a set")
    end
    check(s.set:len() == count and #s.set == count, "len of a set")
  end,
  function(s)
    for _, t in pairs(s.model) do t.left = "detached" end
    s.model = {}
    s.set:detach_all()
  end,
  function(s) mark_aborted(s) s.set:abort_all() end,
}

local function set_op(depth) pick(on_set)(pick(world.sets), depth) end

-- ---- handles ----

local function spawn(depth)
  if #world.tasks >= TASKS or depth > DEPTH then return end
  local t, body = new_task(depth)
  local handle = random(3) > 1 and ebb.spawn(body) or
                 ebb.Builder.new():name("named"):spawn(body)
  t.id, t.left = handle:id(), "in no map"
  world.aborts[#world.aborts + 1] = handle:abort_handle()
  world.handles[random(8)] = {handle, t}
end

local function on_handle(depth)
  local handle, t = table.unpack(world.handles[random(8)] or {})
  if not handle then return end
  if random(3) == 1 then
    t.aborted = true
    handle:abort()
  elseif depth ~= CLEANUP and t.id ~= ebb.try_id() then
    if random(2) == 1 then return saw(t, handle:join()) end
    local ok, value = pcall(handle.await, handle)
    if ok then return saw(t, ok, value) end
    if tostring(value):find "deadlock" then error(value, 0) end
    saw_raised(t, value)
  end
end

ops = {
  wait, wait, wait, map_op, map_op, map_op, map_op, map_op, map_op,
  set_op, set_op, set_op, short_lived_map, spawn, spawn,
  on_handle, on_handle, on_handle,
  function() world.handles[random(8)] = nil end,
  function() collectgarbage(pick {"step", "collect"}) end,
  function() ebb.traceback(random(#world.tasks)) ebb.tasks() end,
}

-- ---- a program ----

local function unhandled(err)
  local t = err:into_panic()
  if type(t) ~= "table" or not t.unhandled then
    return check(false, tostring(err) .. "\n" .. tostring(err:traceback()))
  end
  t.unhandled = t.unhandled + 1
end

-- Those that are aborted may have spawned others meanwhile, which may wait for
-- each other for good.
local function drain(collection, owner, take_one)
  while not collection:is_empty() do
    mark_aborted(owner)
    collection:abort_all()
    take_one()
    ebb.sleep(1)
  end
end

local function end_all()
  for _, m in ipairs(world.maps) do
    agrees(m)
    drain(m.map, m, function() take(m, m.map:try_join_next()) end)
  end
  for _, s in ipairs(world.sets) do
    drain(s.set, s, function()
      take_from(s, s.set:try_join_next_with_id())
    end)
  end
  for _, t in ipairs(world.tasks) do t.aborted = true end
  for _, handle in ipairs(world.aborts) do handle:abort() end
  for _, map in pairs(world.all_maps) do map:abort_all() end
  world.handles, world.aborts = {}, {}
  ebb.sleep(1000)
  collectgarbage()
  collectgarbage()
end

local function run(seed)
  -- Names the seed if there is an error.
  local _ <close> = closer(function(_, err)
    if err then print("seed " .. seed) end
  end)
  math.randomseed(seed)
  world = {tasks = {}, maps = {}, sets = {}, handles = {}, aborts = {},
    all_maps = setmetatable({}, {__mode = "v"})}
  for i = 1, 3 do world.maps[i] = new_map() end
  for i = 1, 2 do world.sets[i] = new_set() end
  for _ = 1, 60 do
    unless_deadlocked(spawn_into, pick(world.maps), 1)
    act(1, world.maps[1])
  end
  local enough = ebb.time.now() + 1e5
  repeat end_all() until #ebb.tasks() == 0 or ebb.time.now() > enough
  check(#ebb.tasks() == 0, "tasks are left")
  for _, t in ipairs(world.tasks) do
    check_clean_up(t)
    check(not t.panics or t.unhandled == (t.seen > 0 and 0 or 1), "panic lost")
    check(t.seen > 0 or t.left, "result lost")
  end
  if world.failure then error("seed " .. seed .. ": " .. world.failure, 0) end
end

describe("a random program keeps its account", function()
  local first, last = (os.getenv "EBB_STRESS" or "1 8"):match "(%d+) (%d+)"
  local reporter

  before_each(function()
    ebb.time.pause()
    reporter = ebb.set_unhandled(unhandled)
  end)

  after_each(function()
    ebb.set_unhandled(reporter)
    common.collect_in_steps(200, 100)
    collectgarbage("generational")
    ebb.time.resume()
  end)

  for name, set_collector in pairs {
    ["with the generational collector"] = function()
      collectgarbage("generational")
    end,
    ["with an incremental collector in a hurry"] = function()
      common.collect_in_steps(50, 1000)
    end,
    ["with the collector stopped"] = function() collectgarbage("stop") end,
  } do
    it(name, function()
      set_collector()
      for seed = first, last do run(seed) end
      collectgarbage("restart")
    end)
  end
end)
