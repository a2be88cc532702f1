-- LocalSet: Tokio's tests in task_local_set.rs, under their names.

local ebb = require "ebb"
local common = require "common"
local local_sets = require "local_sets"
local LocalSet = ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, guarded = common.closer, common.collect, common.guarded

local drive = local_sets.drive
local is_current = local_sets.is_current

local set

before_each(function()
  ebb.time.pause()
  set = LocalSet.new()
end)

after_each(function()
  set:close()
  settle()
  ebb.time.resume()
end)

describe("as in Tokio, a LocalSet", function()
  it("runs what is spawned in run_until (local_current_thread_scheduler)",
     function()
    set:run_until(function()
      assert.same({true}, {ebb.spawn_local(nothing):join()})
    end)
  end)

  it("has timers (localset_future_timers)", function()
    local ran = {}
    set:spawn_local(function() ebb.sleep(0.005) ran[1] = true end)
    set:spawn_local(function() ebb.sleep(0.010) ran[2] = true end)
    set:await()
    assert.same({true, true}, ran)
  end)

  it("waits for what its tasks spawn (localset_future_drives_all_local_futs)",
     function()
    local ran = {}
    set:spawn_local(function()
      ebb.spawn_local(function() settle() ran[3] = true end)
      settle()
      ran[1] = true
    end)
    set:spawn_local(function() settle() ran[2] = true end)
    set:await()
    assert.same({true, true, true}, ran)
  end)

  it("takes what is spawned under its guard (enter_guard_spawn)", function()
    local guard <close> = set:enter()
    local task = ebb.spawn_local(function() return true end)
    assert.same({true, true}, {set:block_on(task.join, task)})
  end)

  it("has all that spawn_local makes (all_spawns_are_local)", function()
    local finished = 0
    set:run_until(function()
      for _ = 1, 128 do
        ebb.spawn_local(function() finished = finished + 1 end)
      end
    end)
    for _ = 1, 5 do settle() end
    assert.equal(0, finished)
    set:await()
    assert.equal(128, finished)
  end)

  it("is current in nested tasks (nested_spawn_is_local)", function()
    local deepest
    local function nest(depth)
      if depth == 0 then deepest = is_current(set) return end
      assert.is_true((ebb.spawn_local(nest, depth - 1):join()))
    end
    set:run_until(function() ebb.spawn_local(nest, 4):join() end)
    assert.equal("another, driven", deepest)
  end)

  it("has tasks that others may join (join_local_future_elsewhere)",
     function()
    local got = set:block_on(function()
      local go = ebb.spawn(ebb.sleep, 1)
      local task = ebb.spawn_local(function()
        go:join()
        return "hello world"
      end)
      return ebb.spawn(function() return task:await() end):await()
    end)
    assert.equal("hello world", got)
  end)

  it("cancels its tasks when dropped (drop_cancels_tasks)", function()
    local log = {}
    local dropped = LocalSet.new()
    dropped:spawn_local(guarded, log, 1)
    drive(dropped)
    dropped = nil -- luacheck: ignore
    collect()
    settle()
    assert.same({"closed"}, log)
  end)

  it("cancels tasks woken meanwhile (drop_cancels_remote_tasks)", function()
    local tx, rx = ebb.sync.channel(1024)
    local ended = false
    local task = set:spawn_local(function()
      repeat local value = rx:recv() until value == nil
      ended = true
    end)
    set:block_on(ebb.sleep, 0.001)
    tx:close()
    set:close()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_false(ended)
  end)

  it("wakes who joins many of its tasks (local_tasks_wake_join_all)",
     function()
    local tasks = {}
    for i = 1, 128 do
      tasks[i] = set:spawn_local(function()
        ebb.spawn_local(nothing):await()
        return i
      end)
    end
    set:run_until(function()
      for i = 1, 128 do assert.equal(i, tasks[i]:await()) end
    end)
  end)

  it("runs beside others' tasks (local_tasks_are_polled_after_tick)",
     function()
    local EXPECTED = 500
    local received, ended = 0, 0
    local tx, rx = ebb.sync.channel()
    set:run_until(function()
      local sender = ebb.spawn(function()
        ebb.sleep(0.01)
        local oneshots = {}
        for i = 1, EXPECTED do
          local one_tx, one_rx = ebb.sync.oneshot()
          oneshots[i] = one_tx
          tx:send(one_rx)
        end
        tx:close()
        ebb.sleep(0.01)
        for i = 1, EXPECTED do oneshots[i]:send(i) end
        while ended < EXPECTED do ebb.sleep(0.02) end
      end)
      for oneshot in rx.recv, rx do
        received = received + 1
        ebb.spawn_local(function()
          assert(oneshot:recv())
          ended = ended + 1
        end)
      end
      sender:await()
    end)
    assert.same({EXPECTED, EXPECTED}, {received, ended})
  end)

  it("may be closed while its tasks' clean-ups wake each other"
     .. " (acquire_mutex_in_drop)", function()
    local tx1, rx1 = ebb.sync.oneshot()
    local tx2, rx2 = ebb.sync.oneshot()
    local went_on = false
    local tasks = {
      set:spawn_local(function()
        rx2:recv()
        went_on = true
      end),
      set:spawn_local(function()
        local _ <close> = closer(function() tx2:send "closed" end)
        rx1:recv()
        went_on = true
      end),
      set:spawn_local(function()
        local _ <close> = closer(function() tx1:send "closed" end)
        forever()
      end),
    }
    drive(set)
    set:close()
    for _, task in ipairs(tasks) do
      assert.is_true(select(2, task:join()):is_cancelled())
    end
    assert.is_false(went_on)
  end)

  it("is woken by a spawn from elsewhere (spawn_wakes_localset)", function()
    local driver = ebb.spawn(function() set:run_until(forever) end)
    settle()
    assert.same({true, 7}, {set:spawn_local(function() return 7 end):join()})
    driver:abort()
    driver:join()
  end)

  it("sleeps under its guard (sleep_with_local_enter_guard)", function()
    local guard <close> = set:enter()
    set:run_until(function()
      local task = ebb.spawn_local(function() ebb.sleep(0) return "sent" end)
      assert.same({true, "sent"}, {task:join()})
    end)
  end)

  it("gives run_until no budget of its own"
     .. " (run_until_does_not_get_own_budget)", function()
    local left = ebb.spawn(function()
      for _ = 1, 127 do ebb.consume_budget() end
      return set:run_until(function()
        local before = ebb.has_budget_remaining()
        ebb.consume_budget()
        return {before, ebb.has_budget_remaining()}
      end)
    end):await()
    assert.same({true, false}, left)
  end)
end)
