-- #threads
-- Blocking work: Tokio's tests in task_blocking.rs, under their names.

local ebb = require "ebb"
local common = require "common"

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer = common.closer

describe("as in Tokio, blocking work", function()
  it("gives its result (basic_blocking)", function()
    for _ = 1, 100 do
      assert.equal("hello", ebb.spawn(function()
        return ebb.spawn_blocking(function() return "hello" end):await()
      end):await())
    end
  end)

  it("may block in place (block_in_blocking)", function()
    for _ = 1, 20 do
      assert.equal("hello", ebb.spawn_blocking(function()
        local inside = require "ebb"
        return inside.block_in_place(function() return "hello" end)
      end):await())
    end
  end)

  it("may block in place in place (block_in_block)", function()
    for _ = 1, 20 do
      assert.equal("hello", ebb.spawn(function()
        return ebb.block_in_place(function()
          local inside = require "ebb"
          inside.block_in_place(nothing)
          return "hello"
        end)
      end):await())
    end
  end)

  it("may block in place in block_on (yes_block_in_threaded_block_on)",
     function()
    assert.equal(7, ebb.block_on(function()
      return ebb.block_in_place(function() return 7 end)
    end))
  end)

  it("may block in place in a LocalSet (block_in_place_cases)", function()
    local set <close> = ebb.LocalSet.new()
    assert.equal(1, set:run_until(ebb.block_in_place, function()
      return 1
    end))
    local task = set:spawn_local(ebb.block_in_place, function() return 2 end)
    set:await()
    assert.equal(2, task:await())
    local closed
    task = set:spawn_local(function()
      local _ <close> = closer(function()
        closed = ebb.block_in_place(function() return 3 end)
      end)
      forever()
    end)
    set:run_until(settle)
    set:close()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.equal(3, closed)
  end)

  it("may be spawned by a local task (local_threadpool_blocking_run)",
     function()
    local set <close> = ebb.LocalSet.new()
    local task = set:spawn_local(function()
      return ebb.spawn_blocking(function() return 7 end):await()
    end)
    set:await()
    assert.equal(7, task:await())
  end)

  it("may have a runtime of its own"
     .. " (can_enter_current_thread_rt_from_within_block_in_place)",
     function()
    assert.equal("inner", ebb.block_in_place(function()
      local inside = require "ebb"
      return inside.block_on(function()
        inside.yield_now()
        return "inner"
      end)
    end))
  end)

  describe("under a paused clock", function()
    before_each(function() ebb.time.pause() end)
    after_each(function() ebb.time.resume() end)

    it("is not overtaken by a timeout (blocking_when_paused)", function()
      for _, limit in ipairs {3, 0.001} do
        assert.same({true, true, 7}, {ebb.time.timeout(limit, function()
          return ebb.spawn_blocking(function() return 7 end):join()
        end)})
      end
    end)

    it("keeps the time from jumping, however little", function()
      local before = ebb.time.now()
      local sleeper = ebb.spawn(ebb.sleep, 0.001)
      for _ = 1, 20 do ebb.spawn_blocking(nothing):join() end
      assert.is_false(sleeper:is_finished())
      assert.equal(before, ebb.time.now())
      sleeper:join()
    end)

    it("wakes who waits (blocking_task_wakes_paused_runtime)", function()
      local sleeper = ebb.spawn(ebb.sleep, 15)
      assert.same({true, 7}, {ebb.spawn_blocking(function()
        return 7
      end):join()})
      assert.is_false(sleeper:is_finished())
      sleeper:join()
    end)

    it("lets time jump at its end"
       .. " (unawaited_blocking_task_wakes_paused_runtime)", function()
      local job = ebb.spawn_blocking(nothing)
      ebb.sleep(15)
      assert.is_true(job:is_finished())
    end)

    it("lets time jump at its panic"
       .. " (panicking_blocking_task_wakes_paused_runtime)", function()
      local job = ebb.spawn_blocking(function() error "boom" end)
      ebb.sleep(15)
      assert.is_true(job:is_finished())
      assert.is_true(select(2, job:join()):is_panic())
    end)
  end)
end)
