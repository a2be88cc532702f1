-- Waiters that are aborted: every position in line, every moment, every place
-- to wait in. Whatever was given is there in the end, and went to who was
-- first in line.

local ebb = require "ebb"
local common = require "common"
local sync = ebb.sync

local settle = ebb.yield_now
local closer = common.closer
local WAITERS <const> = 4

-- ---- where a task can wait

local PLACES <const> = {
  ["the body"] = function(f) return f() end,
  pcall = function(f) return select(2, pcall(f)) end,
  ["a generator"] = function(f)
    return coroutine.wrap(function() return f() end)()
  end,
  ["a comparator"] = function(f)
    local value, called
    table.sort({1, 2}, function(a, b)
      if not called then
        called = true
        value = f()
      end
      return a < b
    end)
    return value
  end,
  ["a metamethod"] = function(f)
    local value
    tostring(setmetatable({}, {__tostring = function()
      value = f()
      return ""
    end}))
    return value
  end,
  ["a callback in a generator"] = function(f)
    local value
    coroutine.wrap(function()
      ("x"):gsub("x", function() value = f() end)
    end)()
    return value
  end
}

-- ---- what they can wait for
--
-- Each maker returns
--   wait(i)   what the i-th waiter does, which gives what it got
--   give(i)   gives one thing more, the i-th, without waiting
--   expected  the i-th thing, as wait gives it
--   left()    how many things nobody has; takes them
--   one_by_one  true: another thing can be given only when the last was taken

local function constant() return true end

local function count(f)
  local n = 0
  while f() do n = n + 1 end
  return n
end

-- Is there a notification? Looks at it without waiting.
local function is_notified(notify)
  local task = ebb.spawn(notify.notified, notify)
  settle()
  local yes = task:is_finished()
  task:abort()
  settle()
  return yes
end

local MAKERS <const> = {
  ["recv of a channel"] = function(tx, rx)
    return {
      wait = function() return rx:recv() end,
      give = function(i) assert(tx:try_send(i)) end,
      expected = function(i) return i end,
      left = function() return count(function() return rx:try_recv() end) end
    }
  end,

  ["send to a channel"] = function()
    local tx, rx = sync.channel(WAITERS)
    local received = {}
    for _ = 1, WAITERS do tx:send "filler" end
    return {
      wait = function(i) return tx:send(i) end,
      give = function() received[#received + 1] = assert(rx:try_recv()) end,
      expected = constant,
      left = function()
        return count(function() return tx:try_send "filler" end)
      end,
      received = function()
        for value in rx.try_recv, rx do received[#received + 1] = value end
        local list = {}
        for _, value in ipairs(received) do
          if value ~= "filler" then list[#list + 1] = value end
        end
        return list
      end
    }
  end,

  ["notified of a Notify"] = function()
    local notify = sync.Notify.new()
    return {
      wait = function()
        notify:notified()
        return true
      end,
      give = function() notify:notify_one() end,
      expected = constant,
      left = function() return count(function()
        return is_notified(notify)
      end) end
    }
  end,

  ["acquire of a Semaphore"] = function()
    local semaphore, held = sync.Semaphore.new(0), {}
    return {
      wait = function()
        local permit = semaphore:acquire()
        held[#held + 1] = permit
        return true
      end,
      give = function() semaphore:add_permits(1) end,
      expected = constant,
      left = function() return semaphore:available_permits() end
    }
  end,

  ["acquire of several permits"] = function()
    local semaphore, held = sync.Semaphore.new(0), {}
    return {
      wait = function()
        local permits = semaphore:acquire(3)
        held[#held + 1] = permits
        return true
      end,
      give = function() semaphore:add_permits(3) end,
      expected = constant,
      left = function() return semaphore:available_permits() // 3 end
    }
  end,

  ["lock of a Mutex"] = function()
    local mutex = sync.Mutex.new()
    local holder = mutex:lock()
    return {
      wait = function()
        holder = mutex:lock()
        return true
      end,
      give = function()
        local guard = holder
        holder = nil
        guard:release()
      end,
      expected = constant,
      left = function() return mutex:try_lock() and 1 or 0 end,
      one_by_one = true
    }
  end,

  ["write of an RwLock"] = function()
    local lock = sync.RwLock.new()
    local holder = lock:read()
    return {
      wait = function()
        holder = lock:write()
        return true
      end,
      give = function()
        local guard = holder
        holder = nil
        guard:release()
      end,
      expected = constant,
      left = function() return lock:try_write() and 1 or 0 end,
      one_by_one = true
    }
  end
}

local function make(maker)
  return maker(sync.channel())
end

-- ---- the rounds

-- Spawns the waiters. `log` gets `{who, what}` in the order of getting.
local function spawn_waiters(thing, place, log)
  local tasks = {}
  for i = 1, WAITERS do
    tasks[i] = ebb.spawn(function()
      local got = place(function() return thing.wait(i) end)
      log[#log + 1] = {i, got}
    end)
  end
  return tasks
end

-- Gives the things from..to. The last is not taken yet when this returns,
-- nor are the others if they can be had together.
local function give(thing, from, to, together)
  for i = from, to do
    thing.give(i)
    if i < to and (thing.one_by_one or not together) then settle() end
  end
end

-- Who has got what, if `victim` got nothing.
local function expected_log(thing, victim)
  local list = {}
  for i = 1, WAITERS do
    if i ~= victim then
      list[#list + 1] = {i, thing.expected(#list + 1)}
    end
  end
  return list
end

local function everyone_but(victim)
  local list = {}
  for i = 1, WAITERS do
    if i ~= victim then list[#list + 1] = i end
  end
  return list
end

-- The task `victim` is aborted when `given` things have been given.
local function abort_one(maker, place, victim, given, together)
  local thing, log = make(maker), {}
  local tasks = spawn_waiters(thing, place, log)
  settle()
  give(thing, 1, given, together)
  -- A victim that has not its thing yet, or has it and has not run.
  local has_run = #log
  tasks[victim]:abort()
  settle()
  give(thing, given + 1, WAITERS, together)
  settle()
  settle()
  local cancelled = victim > has_run
  assert.equal(not cancelled, (tasks[victim]:join()))
  local nobody = cancelled and victim or 0
  assert.same(expected_log(thing, nobody), log)
  if thing.received then
    assert.same(everyone_but(nobody), thing.received())
  else
    assert.equal(cancelled and 1 or 0, thing.left())
  end
end

for name, maker in pairs(MAKERS) do
  describe(name, function()
    for where, place in pairs(PLACES) do
      it("loses nothing, wherever in line and whenever a task is aborted " ..
         "that waits in " .. where, function()
        for victim = 1, WAITERS do
          for given = 0, WAITERS do
            abort_one(maker, place, victim, given, true)
            abort_one(maker, place, victim, given, false)
          end
        end
      end)
    end

    it("gives a task nothing that was aborted before it started", function()
      for victim = 1, WAITERS do
        local thing, log = make(maker), {}
        local tasks = spawn_waiters(thing, PLACES["the body"], log)
        tasks[victim]:abort()
        settle()
        give(thing, 1, WAITERS, true)
        settle()
        assert.same(expected_log(thing, victim), log)
      end
    end)

    it("loses nothing when all tasks are aborted that it was given to",
       function()
      local thing, log = make(maker), {}
      local tasks = spawn_waiters(thing, PLACES["the body"], log)
      settle()
      thing.give(1)
      for i = 1, WAITERS do tasks[i]:abort() end
      settle()
      assert.same({}, log)
      assert.equal(1, thing.left())
    end)

    it("can be waited for in the clean-up of a task that was aborted in " ..
       "that very wait, which no second abort cuts off", function()
      for victim = 1, WAITERS do
        for given = 0, victim do
          local thing, log, late = make(maker), {}, {}
          local tasks = {}
          for i = 1, WAITERS do
            tasks[i] = ebb.spawn(function()
              local again <close> = closer(function()
                if i == victim then late[1] = {i, thing.wait(i)} end
              end)
              local got = thing.wait(i)
              log[#log + 1] = {i, got}
            end)
          end
          settle()
          give(thing, 1, given, true)
          local has_run = #log
          tasks[victim]:abort()
          settle()
          tasks[victim]:abort()
          if victim > has_run then
            -- Given back, the last thing is there for the clean-up at once.
            assert.equal(given == WAITERS, tasks[victim]:is_finished())
            give(thing, given + 1, WAITERS, false)
            settle()
            settle()
            assert.same(expected_log(thing, victim), log)
            assert.same({{victim, thing.expected(WAITERS)}}, late)
            assert.is_true(tasks[victim]:is_finished())
          end
        end
      end
    end)

    it("is left to the next while the clean-up of an aborted task waits " ..
       "for something else", function()
      for victim = 1, WAITERS do
        local thing, log = make(maker), {}
        local tasks = {}
        local gate = sync.Notify.new()
        for i = 1, WAITERS do
          tasks[i] = ebb.spawn(function()
            local slow <close> = closer(function()
              if i == victim then gate:notified() end
            end)
            local got = thing.wait(i)
            log[#log + 1] = {i, got}
          end)
        end
        settle()
        give(thing, 1, victim, false)
        tasks[victim]:abort()
        settle()
        give(thing, victim + 1, WAITERS, false)
        settle()
        settle()
        assert.same(expected_log(thing, victim), log)
        assert.is_false(tasks[victim]:is_finished())
        gate:notify_one()
        settle()
        assert.is_true(tasks[victim]:is_finished())
      end
    end)

    it("serves the main chunk in its turn", function()
      local thing, log = make(maker), {}
      local tasks = spawn_waiters(thing, PLACES["the body"], log)
      local giver = ebb.spawn(function()
        give(thing, 1, WAITERS + 1, false)
      end)
      settle()
      local got = thing.wait(WAITERS + 1)
      assert.equal(WAITERS, #log)
      assert.equal(thing.expected(WAITERS + 1), got)
      giver:await()
      for i = 1, WAITERS do tasks[i]:await() end
    end)
  end)
end
