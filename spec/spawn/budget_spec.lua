-- The budget: 128 for each turn of a task, and what takes from it. The first
-- part follows Tokio's tests in coop_budget.rs and task_yield_now.rs, under
-- their names.

local ebb = require "ebb"
local budget = require "budget"
local common = require "common"

local sync = ebb.sync
local settle, nothing = ebb.yield_now, common.nothing

local BUDGET, spend, in_task = budget.FULL, budget.spend, budget.in_task

-- How many calls of f one turn of a task has room for; `limit` is how many
-- are tried. The other task says when the turn was over.
local function calls_in_a_turn(limit, f)
  local calls, over = 0, false
  local task = ebb.spawn(function()
    ebb.spawn(function() over = true end)
    while not over and calls < limit do
      f()
      if not over then calls = calls + 1 end
    end
  end)
  task:await()
  settle()
  return calls
end

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("as in Tokio, the budget", function()
  it("is there, and can be used up (test_has_budget_remaining)", function()
    in_task(function()
      assert.is_true(ebb.has_budget_remaining())
      spend(BUDGET)
      assert.is_false(ebb.has_budget_remaining())
    end)
  end)

  it("is no matter of yield_now (yield_now_outside_of_runtime)", function()
    local others = 0
    local other = ebb.spawn(function()
      while true do
        others = others + 1
        settle()
      end
    end)
    settle()
    local before = others
    settle()
    assert.equal(before + 1, others)
    other:abort()
    other:join()
  end)
end)

-- Each makes, in the task that asks, something that is satisfied at once,
-- `n` times.
local WAITS = {
  ["consume_budget"] = function() return ebb.consume_budget end,
  ["JoinHandle.join"] = function()
    local task = ebb.spawn(nothing)
    task:join()
    return function() task:join() end
  end,
  ["JoinHandle.await"] = function()
    local task = ebb.spawn(nothing)
    task:join()
    return function() task:await() end
  end,
  ["JoinHandle.join of a panic"] = function()
    local task = ebb.spawn(error, "boom")
    task:join()
    return function() task:join() end
  end,
  ["JoinMap.join_next"] = function(n)
    local map = ebb.JoinMap.new()
    for i = 1, n do map:spawn(i, nothing) end
    settle()
    return function() assert(map:join_next()) end
  end,
  ["JoinMap.join"] = function(n)
    local map, last = ebb.JoinMap.new(), 0
    for i = 1, n do map:spawn(i, nothing) end
    settle()
    return function()
      last = last + 1
      assert(map:join(last))
    end
  end,
  ["JoinSet.join_next"] = function(n)
    local set = ebb.JoinSet.new()
    for _ = 1, n do set:spawn(nothing) end
    settle()
    return function() assert(set:join_next()) end
  end,
  ["JoinSet.join_next_with_id"] = function(n)
    local set = ebb.JoinSet.new()
    for _ = 1, n do set:spawn(nothing) end
    settle()
    return function() assert(set:join_next_with_id()) end
  end,
  ["recv of a channel"] = function(n)
    local tx, rx = sync.channel()
    for i = 1, n do tx:send(i) end
    settle()
    return function() assert(rx:recv()) end
  end,
  ["recv of a closed channel"] = function()
    local tx, rx = sync.channel(1)
    tx:close()
    return function() assert(rx:recv() == nil) end
  end,
  ["send to a channel with room"] = function(n)
    local tx, rx = sync.channel(n)
    return function() assert(tx:send(rx)) end
  end,
  ["recv of a oneshot"] = function(n)
    local receivers = {}
    for i = 1, n do
      local tx, rx = sync.oneshot()
      tx:send(i)
      receivers[i] = rx
    end
    return function() assert(table.remove(receivers):recv()) end
  end,
  ["acquire of a Semaphore"] = function(n)
    local semaphore, permits = sync.Semaphore.new(n), {}
    return function() permits[#permits + 1] = semaphore:acquire() end
  end,
  ["lock of a Mutex"] = function()
    local mutex = sync.Mutex.new()
    return function() mutex:lock():release() end
  end,
  ["read of a RwLock"] = function()
    local lock = sync.RwLock.new()
    return function() lock:read():release() end
  end,
  ["write of a RwLock"] = function()
    local lock = sync.RwLock.new()
    return function() lock:write():release() end
  end,
  ["notified with a permit"] = function()
    local notify = sync.Notify.new()
    return function()
      notify:notify_one()
      notify:notified()
    end
  end,
  ["wait of a Barrier for one"] = function()
    local barrier = sync.Barrier.new(1)
    return function() assert(barrier:wait()) end
  end,
  ["changed of a watch"] = function()
    local tx, rx = sync.watch(0)
    return function()
      tx:send(1)
      rx:changed()
    end
  end,
  ["recv of a broadcast"] = function(n)
    local tx, rx = sync.broadcast(n)
    for i = 1, n do tx:send(i) end
    return function() assert(rx:recv()) end
  end,
  ["changed of a closed watch"] = function()
    local tx, rx = sync.watch(0)
    tx:close()
    return function() assert(rx:changed() == nil) end
  end,
  ["recv of a closed broadcast"] = function()
    local tx, rx = sync.broadcast(1)
    tx:close()
    return function() assert(rx:recv() == nil) end
  end,
  ["recv of a closed oneshot"] = function()
    local tx, rx = sync.oneshot()
    tx:close()
    return function() assert(rx:recv() == nil) end
  end,
  ["send to a closed bounded channel"] = function()
    local tx = sync.channel(1)
    tx:close()
    return function() assert(not tx:send(1)) end
  end,
  ["acquire of a closed Semaphore"] = function()
    local semaphore = sync.Semaphore.new(1)
    semaphore:close()
    return function() assert(not semaphore:acquire()) end
  end,
  ["tick of a late interval"] = function()
    local interval = ebb.time.interval(1)
    ebb.time.advance(1e5)
    return function() interval:tick() end
  end,
}

for name, make in pairs(WAITS) do
  describe(name .. ", satisfied at once,", function()
    local LIMIT = 4 * BUDGET

    it("takes 1 of the budget", function()
      in_task(function()
        local wait = make(BUDGET + 1)
        settle()
        for _ = 1, BUDGET - 1 do wait() end
        assert.is_true(ebb.has_budget_remaining())
        wait()
        assert.is_false(ebb.has_budget_remaining())
      end)
    end)

    it("lets others run when none is left", function()
      local calls
      in_task(function()
        local wait = make(LIMIT)
        settle()
        local over = false
        ebb.spawn(function() over = true end)
        calls = 0
        while not over do
          wait()
          if not over then calls = calls + 1 end
        end
      end)
      assert.equal(BUDGET, calls)
    end)

    it("starts a new budget then", function()
      in_task(function()
        local wait = make(LIMIT)
        settle()
        for _ = 1, BUDGET + 1 do wait() end
        assert.is_true(ebb.has_budget_remaining())
        for _ = 1, BUDGET - 1 do wait() end
        assert.is_false(ebb.has_budget_remaining())
      end)
    end)

    it("lets nobody run before its end when unconstrained", function()
      in_task(function()
        local wait = make(LIMIT)
        settle()
        local over = false
        ebb.spawn(function() over = true end)
        ebb.unconstrained(function()
          for _ = 1, LIMIT do wait() end
        end)
        assert.is_false(over)
      end)
    end)

    it("takes its share in a sort comparator, too", function()
      in_task(function()
        local wait = make(2 * BUDGET)
        settle()
        local over, seen = false, nil
        ebb.spawn(function() over = true end)
        table.sort({2, 1}, function()
          for i = 1, 2 * BUDGET - 1 do
            wait()
            if over then seen = seen or i end
          end
          return false
        end)
        assert.equal(BUDGET + 1, seen)
      end)
    end)
  end)
end

describe("the budget is not taken by", function()
  for name, make in pairs {
    ["try_join_next"] = function()
      local map = ebb.JoinMap.new()
      for i = 1, 4 * BUDGET do map:spawn(i, nothing) end
      settle()
      return function() assert(map:try_join_next()) end
    end,
    ["spawn"] = function() return function() ebb.spawn(nothing) end end,
    ["has_budget_remaining"] = function()
      return ebb.has_budget_remaining
    end,
    ["scope of a task_local"] = function()
      local key = ebb.task_local "key"
      return function() key:scope(1, nothing) end
    end,
    ["run_until"] = function()
      local set = ebb.LocalSet.new()
      return function() set:run_until(nothing) end
    end,
  } do
    it(name, function()
      in_task(function()
        local call = make()
        settle()
        for _ = 1, 2 * BUDGET do call() end
        assert.is_true(ebb.has_budget_remaining())
      end)
    end)
  end
end)

describe("the budget of a turn", function()
  it("is the same after any wait that has let others run", function()
    local sleeper = ebb.spawn(ebb.sleep, 1)
    local map = ebb.JoinMap.new()
    map:spawn("key", ebb.sleep, 2)
    for name, wait in pairs {
      yield_now = ebb.yield_now,
      ["coroutine.yield"] = coroutine.yield,
      sleep = function() ebb.sleep(0.1) end,
      join = function() sleeper:join() end,
      join_next = function() map:join_next() end,
    } do
      in_task(function()
        spend(BUDGET)
        assert.is_false(ebb.has_budget_remaining(), name)
        wait()
        assert.is_true(ebb.has_budget_remaining(), name)
      end)
    end
  end)

  it("is the main chunk's, too", function()
    settle()
    local over = false
    ebb.spawn(function() over = true end)
    spend(BUDGET)
    assert.is_false(over)
    assert.is_false(ebb.has_budget_remaining())
    ebb.consume_budget()
    assert.is_true(over)
  end)

  it("is shared with generators, and callbacks", function()
    in_task(function()
      coroutine.wrap(spend)(BUDGET // 2)
      table.sort({2, 1}, function() spend(1) return false end)
      coroutine.wrap(spend)(BUDGET // 2 - 1)
      assert.is_false(ebb.has_budget_remaining())
    end)
  end)

  it("is shared with run_until and scopes", function()
    local set, key = ebb.LocalSet.new(), ebb.task_local "key"
    in_task(function()
      set:run_until(spend, BUDGET // 2)
      key:scope(1, spend, BUDGET // 2)
      assert.is_false(ebb.has_budget_remaining())
    end)
  end)

  it("is each task's own, in a LocalSet, too", function()
    local set = ebb.LocalSet.new()
    set:spawn_local(spend, BUDGET)
    local task = set:spawn_local(ebb.has_budget_remaining)
    set:await()
    assert.is_true(task:await())
  end)

  it("keeps a greedy task of a LocalSet from starving others", function()
    local set = ebb.LocalSet.new()
    local stop, turns = false, 0
    set:spawn_local(function()
      while not stop do ebb.consume_budget() end
    end)
    ebb.spawn(function()
      for _ = 1, 5 do
        turns = turns + 1
        settle()
      end
      stop = true
    end)
    set:await()
    assert.equal(5, turns)
  end)

  it("is cut by an abort when it has been used up", function()
    local calls = 0
    local task
    task = ebb.spawn(function()
      task:abort()
      while true do
        ebb.consume_budget()
        calls = calls + 1
      end
    end)
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.equal(BUDGET, calls)
  end)
end)

describe("consume_budget", function()
  it("returns nothing", function()
    assert.equal(0, in_task(function()
      return select("#", ebb.consume_budget())
    end))
  end)

  it("may be called in a generator when none is left", function()
    in_task(function()
      local got = {}
      for i in coroutine.wrap(function()
        for i = 1, 3 do
          spend(BUDGET)
          coroutine.yield(i)
        end
      end) do got[i] = true end
      assert.same({true, true, true}, got)
    end)
  end)

  it("has 128 in each turn", function()
    assert.equal(BUDGET, calls_in_a_turn(1000, ebb.consume_budget))
  end)
end)

-- The budget in blocking work, which is like a main chunk of its own
-- (coop_disabled_in_block_in_place).
describe("blocking work", function()
  it("may take more than a budget", function()
    assert.equal(1000, ebb.block_in_place(function()
      local inside = require "ebb"
      local n = 0
      for _ = 1, 1000 do
        inside.consume_budget()
        n = n + 1
      end
      return n
    end))
  end)
end)
