-- Random programs: tasks that pass tokens on, and have permits and locks
-- meanwhile, are aborted at random, 10,000 times in all. In the end all tokens are
-- there, and all permits.

local ebb = require "ebb"
local common = require "common"
local sync = ebb.sync

local random = math.random
local closer = common.closer

local TOKENS <const>, PERMITS <const>, TASKS <const> = 5, 3, 12

-- Waits in different places: with and without a stack of its own.
local places = {
  function(f, ...) return f(...) end,
  function(f, ...)
    return coroutine.wrap(function(...) return f(...) end)(...)
  end,
  function(f, ...)
    local args, value = table.pack(...), nil
    table.sort({1, 2}, function(a, b)
      if args then
        value = f(table.unpack(args, 1, args.n))
        args = nil
      end
      return a < b
    end)
    return value
  end
}

local function anywhere(f, ...) return places[random(#places)](f, ...) end

local function new_world()
  local world = {
    semaphore = sync.Semaphore.new(PERMITS), mutex = sync.Mutex.new(),
    lock = sync.RwLock.new(), notify = sync.Notify.new(),
    inside = 0, locked = 0, readers = 0, writers = 0, turns = 0, between = 0
  }
  world.tx, world.rx = sync.channel()
  world.full, world.drain = sync.channel(2)
  for i = 1, TOKENS do world.tx:send(i) end
  return world
end

-- Adds to a count until the scope ends.
local function count(world, what, n)
  world[what] = world[what] + n
  return closer(function() world[what] = world[what] - n end)
end

-- A task that may close an end while it is waited at.
local function close_soon(channel_end)
  return ebb.spawn(function()
    for _ = 1, random(30) do ebb.yield_now() end
    channel_end:close()
  end)
end

local steps = {
  function(world)
    local n = random(PERMITS)
    local permit <close> = anywhere(world.semaphore.acquire,
      world.semaphore, n)
    local inside <close> = count(world, "inside", n)
    assert(world.inside <= PERMITS)
    ebb.yield_now()
  end,
  function(world)
    local guard <close> = anywhere(world.mutex.lock, world.mutex)
    local locked <close> = count(world, "locked", 1)
    assert(world.locked == 1)
    ebb.yield_now()
  end,
  function(world)
    local guard <close> = anywhere(world.lock.read, world.lock)
    local reading <close> = count(world, "readers", 1)
    assert(world.writers == 0)
    ebb.yield_now()
  end,
  function(world)
    local guard <close> = anywhere(world.lock.write, world.lock)
    local writing <close> = count(world, "writers", 1)
    assert(world.writers == 1 and world.readers == 0)
    ebb.yield_now()
  end,
  function(world)
    world.notify:notify_one()
    anywhere(world.notify.notified, world.notify)
  end,
  function(world)
    local full <close> = world.full:clone()
    local closer <close> = close_soon(full)
    local sent = anywhere(full.send, full, 1)
    if sent then world.between = world.between + 1 end
  end,
  function(world)
    local drain <close> = world.drain:clone()
    local closer <close> = close_soon(drain)
    local received = anywhere(drain.recv, drain)
    if received then world.between = world.between - 1 end
  end
}

local function work(world)
  while true do
    local token = anywhere(world.rx.recv, world.rx)
    local back <close> = closer(function() world.tx:send(token) end)
    -- Some clean-ups wait. At the end of a turn they can be aborted, too.
    local slow <close> = closer(function()
      if random(2) == 1 then return end
      local guard <close> = world.mutex:lock()
      ebb.yield_now()
    end)
    steps[random(#steps)](world)
    world.turns = world.turns + 1
  end
end

local function check(world)
  assert.equal(PERMITS, world.semaphore:available_permits())
  assert.is_userdata((world.mutex:try_lock()))
  assert.is_userdata((world.lock:try_write()))
  local seen, n = {}, 0
  for token in world.rx.try_recv, world.rx do
    assert.is_nil(seen[token])
    seen[token], n = true, n + 1
  end
  assert.equal(TOKENS, n)
  for _ in world.drain.try_recv, world.drain do
    world.between = world.between - 1
  end
  assert.equal(0, world.between)
end

local function play(seed)
  math.randomseed(seed)
  local world, map = new_world(), ebb.JoinMap.new()
  for key = 1, TASKS do map:spawn(key, work, world) end
  for _ = 1, 2500 do
    for _ = 1, random(0, 3) do ebb.yield_now() end
    local key = random(TASKS)
    map:abort(key)
    -- Replaced before or after its clean-up has ended.
    if random(2) == 1 then
      local _, err = map:join(key)
      assert.is_true(err:is_cancelled(), tostring(err))
    end
    map:spawn(key, work, world)
  end
  map:abort_all()
  for _, ok, err in map.join_next, map do
    assert.is_true(not ok and err:is_cancelled(), tostring(err))
  end
  for _ = 1, 100 do ebb.yield_now() end -- those that were replaced
  check(world)
  assert.is_true(world.turns > 100)
end

describe("random programs that share everything", function()
  after_each(function() collectgarbage "incremental" end)

  for _, collector in ipairs {"incremental", "generational"} do
    for seed = 1, 4 do
      it("lose nothing in 2500 aborts, with the collector " .. collector ..
         " and the seed " .. seed, function()
        collectgarbage(collector)
        play(seed)
      end)
    end
  end
end)
