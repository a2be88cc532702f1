-- A send on an unbounded channel can never wait, but it took 1 of the budget:
-- it let others run in the middle when none was left, and failed in a
-- finalizer. So must no other call that cannot wait.

local ebb = require "ebb"
local common = require "common"

local sync = ebb.sync

local BUDGET <const> = 128

-- Each makes a call that can never wait, to be made any number of times.
local CALLS <const> = {
  ["send on an unbounded channel"] = function()
    local tx, rx = sync.channel()
    return function() return tx:send(rx) end
  end,
  ["send on a closed unbounded channel"] = function()
    local tx = sync.channel()
    tx:close()
    return function() return select(2, tx:send(1)) == "closed" end
  end,
  ["try_send"] = function()
    local tx, rx = sync.channel(1)
    return function()
      tx:try_send(rx)
      return select(2, tx:try_send(rx)) == "full"
    end
  end,
  ["try_recv"] = function()
    local tx, rx = sync.channel()
    return function() return tx:send(1) and rx:try_recv() end
  end,
  ["send of a oneshot"] = function()
    return function()
      local tx, rx = sync.oneshot()
      return tx:send(rx)
    end
  end,
  ["close"] = function()
    return function()
      local tx, rx = sync.channel(1)
      tx:close()
      rx:close()
      return tx:is_closed()
    end
  end,
  ["close of a Semaphore"] = function()
    local semaphore = sync.Semaphore.new(1)
    return function()
      semaphore:close()
      return semaphore:is_closed()
    end
  end,
  ["notify_one"] = function()
    local notify = sync.Notify.new()
    return function()
      notify:notify_one()
      return true
    end
  end,
  ["notify_waiters"] = function()
    local notify = sync.Notify.new()
    return function()
      notify:notify_waiters()
      return true
    end
  end,
  ["add_permits"] = function()
    local semaphore = sync.Semaphore.new(0)
    return function()
      semaphore:add_permits(1)
      return semaphore:available_permits() > 0
    end
  end,
  ["try_acquire and release"] = function()
    local semaphore = sync.Semaphore.new(1)
    return function()
      semaphore:try_acquire():release()
      return true
    end
  end,
  ["try_lock and release"] = function()
    local mutex = sync.Mutex.new()
    return function()
      local guard <close> = mutex:try_lock()
      return guard and mutex:try_lock() == nil
    end
  end,
  ["send of a watch"] = function()
    local tx, rx = sync.watch(0)
    return function() return tx:send(rx) end
  end,
  ["send of a broadcast"] = function()
    local tx, rx = sync.broadcast(1)
    return function() return tx:send(rx) end
  end,
  ["try_recv of a broadcast"] = function()
    local tx, rx = sync.broadcast(1)
    return function() return tx:send(1) and rx:try_recv() end
  end,
  ["try_join_next"] = function()
    local map = ebb.JoinMap.new()
    return function() return map:try_join_next() == nil end
  end,
  ["abort"] = function()
    local task = ebb.spawn(common.nothing)
    return function()
      task:abort()
      return true
    end
  end,
  ["reset of an interval"] = function()
    local interval = ebb.time.interval(1)
    return function()
      interval:reset()
      return true
    end
  end,
}

-- Runs f in a task that has no budget left.
local function without_budget(f)
  ebb.spawn(function()
    while ebb.has_budget_remaining() do ebb.consume_budget() end
    f()
  end):await()
end

for name, make in pairs(CALLS) do
  describe(name, function()
    it("takes nothing of the budget", function()
      ebb.spawn(function()
        local call = make()
        ebb.yield_now()
        for _ = 1, BUDGET - 1 do ebb.consume_budget() end
        for _ = 1, 2 * BUDGET + 1 do assert.is_truthy(call()) end
        assert.is_true(ebb.has_budget_remaining())
      end):await()
    end)

    it("lets nobody run when no budget is left", function()
      local call, ran = make(), false
      without_budget(function()
        local other <close> = ebb.spawn(function() ran = true end)
        assert.is_truthy(call())
        assert.is_false(ran)
        ebb.yield_now()
        assert.is_true(ran and other:is_finished())
      end)
    end)

    it("works in a finalizer when no budget is left", function()
      local call, ok, result = make(), nil, nil
      without_budget(function()
        setmetatable({}, {__gc = function() ok, result = pcall(call) end})
        common.collect()
      end)
      assert.is_true(ok, result)
      assert.is_truthy(result)
    end)
  end)
end
