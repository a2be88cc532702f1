-- 10,000 random rounds of select over join_next, recv, tick, notified and
-- acquire, in any mix, by several tasks that are aborted now and then: nothing
-- is lost, and nothing comes twice. EBB_SELECT_ROUNDS sets another number.

local ebb = require "ebb"
local time, sync = ebb.time, ebb.sync

local common = require "common"
local closer = common.closer

local random = math.random
local ROUNDS <const> = tonumber(os.getenv "EBB_SELECT_ROUNDS") or 10000
local WORLDS <const>, CONSUMERS <const> = 20, 4
local PERMITS <const>, PERIOD <const> = 2, 3

-- Small whole numbers, so that much happens at one moment.
local function nap()
  if random(3) == 1 then ebb.yield_now() else ebb.sleep(random(0, 3)) end
end

local function new_world(rounds)
  local w = {rounds = rounds, map = ebb.JoinMap.new(), spawned = 0, joined = {},
    sent = 0, received = {}, notify = sync.Notify.new(), notices = 0,
    noticed = 0, semaphore = sync.Semaphore.new(PERMITS), held = 0,
    ticks = {}, aborts = 0}
  w.tx, w.rx = sync.channel(2)
  w.interval = time.interval(PERIOD)
  w.started = time.now()
  return w
end

-- ---- who makes it happen

local function producers(w)
  local set = ebb.JoinSet.new()
  set:spawn(function()
    while true do
      nap()
      w.spawned = w.spawned + 1
      w.map:spawn(w.spawned, function(key) nap() return key end, w.spawned)
    end
  end)
  set:spawn(function()
    while true do
      nap()
      -- Counted when it is in: this task may be aborted while it waits.
      if w.tx:send(w.sent + 1) then w.sent = w.sent + 1 end
    end
  end)
  set:spawn(function()
    while true do
      nap()
      -- A second notification would be the same one as long as nobody waits.
      if w.notices == w.noticed then
        w.notices = w.notices + 1
        w.notify:notify_one()
      end
    end
  end)
  return set
end

-- ---- what a branch waits for, and what comes of it when it has won

local sources = {
  join_next = function(w) return w.map:join_next() end,
  recv = function(w) return w.rx:recv() end,
  tick = function(w) return w.interval:tick() end,
  notified = function(w) w.notify:notified() return true end,
  acquire = function(w) return w.semaphore:acquire() end,
}

local takes = {
  join_next = function(w, key)
    if key == nil then return end
    w.joined[key] = (w.joined[key] or 0) + 1
  end,
  recv = function(w, value) w.received[#w.received + 1] = value end,
  tick = function(w, due) w.ticks[#w.ticks + 1] = due end,
  notified = function(w) w.noticed = w.noticed + 1 end,
  acquire = function(w, permit)
    w.held = w.held + 1
    assert(w.held <= PERMITS, "too many permits")
    local _ <close> = closer(function()
      w.held = w.held - 1
      permit:release()
    end)
    if random(2) == 1 then nap() end
  end,
}

-- Ways to wait for a source that must not lose anything either.
local wrappers = {
  function(f, w) return f(w) end,
  function(f, w) return f(w) end,
  function(f, w) return coroutine.wrap(f)(w) end,
  function(f, w)
    return select(2, assert(time.timeout(1e6, f, w)))
  end,
  function(f, w)
    return select(3, ebb.select {f = function() return f(w) end,
      never = common.forever})
  end,
  function(f, w)
    return select(2, assert(pcall(f, w)))
  end,
}

local names = {"join_next", "recv", "tick", "notified", "acquire"}

local function branches(w)
  local all = {}
  for _ = 1, random(5) do
    local name, wrap = names[random(5)], wrappers[random(#wrappers)]
    all[name] = function() return wrap(sources[name], w) end
  end
  if random(4) == 1 then all.time_out = function() ebb.sleep(random(0, 2)) end end
  return all
end

local function round(w)
  w.rounds = w.rounds - 1
  local function take(key, ok, ...)
    assert(ok, tostring((...)))
    if takes[key] then takes[key](w, ...) end
  end
  -- Not take(ebb.select(...)) in a tail call: what select gives is taken in
  -- the same turn.
  take(ebb.select(branches(w)))
end

local function consumer(w)
  while w.rounds > 0 do
    round(w)
    if random(9) == 1 then nap() end
  end
end

-- Keeps the consumers going, and aborts one now and then.
local function consume(w)
  local map = ebb.JoinMap.new()
  for i = 1, CONSUMERS do map:spawn(i, consumer, w) end
  local aborter = ebb.spawn(function()
    while true do
      nap()
      if map:abort(random(CONSUMERS)) then w.aborts = w.aborts + 1 end
    end
  end)
  for key, ok, err in map.join_next, map do
    if not ok and err:is_panic() then
      error(err:into_panic() .. "\n" .. (err:traceback() or ""), 0)
    end
    if w.rounds > 0 then map:spawn(key, consumer, w) end
  end
  aborter:abort()
  aborter:join()
end

-- ---- the account

local function drain(w)
  for key in w.map.join_next, w.map do takes.join_next(w, key) end
  w.tx:close()
  for value in w.rx.recv, w.rx do takes.recv(w, value) end
  if w.notices > w.noticed then
    assert.is_true((time.timeout(0, sources.notified, w)))
    w.noticed = w.noticed + 1
  end
end

local function check(w)
  for key = 1, w.spawned do assert.equal(1, w.joined[key], "task " .. key) end
  assert.equal(w.sent, #w.received)
  for i = 1, w.sent do assert.equal(i, w.received[i], "message " .. i) end
  for i, due in ipairs(w.ticks) do
    assert.near(w.started + (i - 1) * PERIOD, due, 1e-6, "tick " .. i)
  end
  assert.equal(w.notices, w.noticed)
  assert.equal(0, w.held)
  assert.equal(PERMITS, w.semaphore:available_permits())
end

describe("select over join_next, recv, tick, notified, acquire", function()
  before_each(function() time.pause() end)
  after_each(function() time.resume() end)

  it("loses nothing in " .. ROUNDS .. " random rounds", function()
    local aborts = 0
    for seed = 1, WORLDS do
      math.randomseed(seed)
      local w = new_world(ROUNDS // WORLDS)
      local busy <close> = producers(w)
      consume(w)
      busy:shutdown()
      drain(w)
      check(w)
      aborts = aborts + w.aborts
    end
    assert.is_true(aborts > ROUNDS / 100)
  end)
end)
