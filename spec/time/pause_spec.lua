-- The paused clock: what `now` shows, and what `advance` and `resume` do.

local ebb = require "ebb"
local common = require "common"
local sleepers = require "sleepers"
local time = ebb.time

local settle, error_of = ebb.yield_now, common.error_of
local spawn_sleepers, join_all = sleepers.spawn, sleepers.join_all
local assert_elapsed = sleepers.assert_elapsed
local NAN = 0 / 0

describe("with the clock paused", function()
  before_each(function() time.pause() end)
  after_each(function() pcall(time.resume) end)

  describe("now", function()
    it("stands still while a task computes", function()
      local start = time.now()
      for _ = 1, 1e5 do math.sqrt(2) end
      assert.equal(start, time.now())
    end)

    it("stands still while tasks take turns", function()
      local start = time.now()
      local sleeper = ebb.spawn(time.sleep, 1)
      for _ = 1, 1000 do settle() end
      assert.equal(start, time.now())
      assert.is_false(sleeper:is_finished())
      sleeper:join()
    end)

    it("jumps to the next timer when all tasks wait", function()
      local start = time.now()
      local seen = {}
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = ebb.spawn(function()
          time.sleep(100 * i)
          seen[i] = time.now() - start
        end)
      end
      join_all(tasks)
      for i = 1, 3 do assert.near(100 * i, seen[i], 1e-6) end
    end)

    it("as in Tokio, is the same in each run " ..
       "(paused_time_is_deterministic)", function()
      local function run()
        math.randomseed(1)
        local start, times = time.now(), {}
        for i = 1, 1000 do
          time.sleep(math.random())
          times[i] = math.floor((time.now() - start) * 1e6 + 0.5)
        end
        return times
      end
      assert.same(run(), run())
    end)

    it("does not jump past a timer that is set on the way", function()
      local log = {}
      local late = ebb.spawn(function()
        time.sleep(10)
        log[#log + 1] = "late"
      end)
      time.sleep(4)
      time.sleep(4)
      log[#log + 1] = "early"
      late:join()
      assert.same({"early", "late"}, log)
    end)
  end)

  -- As in Tokio, timers may not be looked at before each single turn.
  local function settle_timers()
    for _ = 1, 100 do settle() end
  end

  describe("advance", function()
    it("moves the clock", function()
      local start = time.now()
      time.advance(60)
      assert_elapsed(60, start)
    end)

    it("wakes the sleepers that are due", function()
      local tasks = spawn_sleepers({5}, {})
      settle()
      time.advance(5)
      settle_timers()
      assert.is_true(tasks[1]:is_finished())
    end)

    it("does not wake the sleepers that are not due", function()
      local tasks = spawn_sleepers({5}, {})
      settle()
      time.advance(4)
      settle_timers()
      assert.is_false(tasks[1]:is_finished())
      join_all(tasks)
    end)

    it("adds up", function()
      local tasks = spawn_sleepers({5}, {})
      settle()
      time.advance(4)
      time.advance(1)
      settle_timers()
      assert.is_true(tasks[1]:is_finished())
    end)

    it("wakes due sleepers in the order of their deadlines", function()
      local log = {}
      local tasks = spawn_sleepers({3, 1, 2}, log)
      settle()
      time.advance(10)
      join_all(tasks)
      assert.same({1, 2, 3}, log)
    end)

    it("shows woken sleepers the time it moved the clock to", function()
      local start = time.now()
      local task = ebb.spawn(function()
        time.sleep(1)
        return time.now() - start
      end)
      settle()
      time.advance(10)
      assert.near(10, task:await(), 1e-6)
    end)

    -- Tokio's tests of advances by no whole milliseconds.
    for name, steps in pairs {
      test_time_advance_sub_ms = {0.051592, 0.000001},
      test_time_advance_3ms_and_change = {3.141592, 3.123456},
      exact_1ms_advance = {0.001, 0.001}
    } do
      it("as in Tokio, is exact (" .. name .. ")", function()
        for _, step in ipairs(steps) do
          local start = time.now()
          time.advance(step)
          assert.near(step, time.now() - start, 1e-7)
        end
      end)
    end

    it("as in Tokio, does not wake who has only waited for a part " ..
       "(advance_multi_with_timer, regression_3710_with_submillis_advance)",
       function()
      local short = ebb.spawn(time.sleep, 0.001)
      local long = ebb.spawn(time.sleep, 60)
      settle()
      for _ = 1, 3 do
        time.advance(250e-6)
        settle_timers()
        assert.is_false(short:is_finished())
      end
      time.advance(250e-6)
      settle_timers()
      assert.is_true(short:is_finished())
      assert.is_false(long:is_finished())
      long:abort()
      settle()
    end)

    it("as in Tokio, wakes an interval that is due (interval)", function()
      local start = time.now()
      local iv, ticks = time.interval(0.3), {}
      local task = ebb.spawn(function()
        while true do
          local due = iv:tick() - start
          ticks[#ticks + 1] = math.floor(due * 1000 + 0.5)
        end
      end)
      settle()
      local expected = {[0] = {0}, {0}, {0, 300}, {0, 300, 600},
                        {0, 300, 600, 900, 1200}}
      for i, step in ipairs {0.1, 0.2, 0.4, 0.5} do
        assert.same(expected[i - 1], ticks)
        time.advance(step)
        settle_timers()
      end
      assert.same(expected[4], ticks)
      task:abort()
      settle()
    end)

    it("may be called in a task", function()
      local start = time.now()
      ebb.spawn(time.advance, 10):await()
      assert_elapsed(10, start)
    end)

    it("of nothing moves nothing", function()
      local start = time.now()
      time.advance(0)
      assert.equal(start, time.now())
    end)

    it("names the argument when it is negative", function()
      assert.matches("bad argument #1 to 'advance'", error_of(function()
        time.advance(-1)
      end), 1, true)
    end)

    it("names the argument when it is NaN", function()
      assert.matches("bad argument #1 to 'advance'", error_of(function()
        time.advance(NAN)
      end), 1, true)
    end)
  end)

  describe("pause", function()
    it("raises when the clock is paused already", function()
      assert.has_error(function() time.pause() end)
    end)

    it("as in Tokio, may be called in a task (pause_time_in_task)", function()
      time.resume()
      ebb.spawn(time.pause):await()
      local start = time.now()
      time.sleep(3600)
      assert_elapsed(3600, start)
    end)

    it("stays in force after it was refused", function()
      pcall(time.pause)
      local start = time.now()
      time.sleep(3600)
      assert_elapsed(3600, start)
    end)
  end)

  describe("resume", function()
    it("goes on from the time at which the clock stood", function()
      time.advance(1e5)
      local stood = time.now()
      time.resume()
      assert.is_true(time.now() >= stood)
    end)

    it("does not take back what was advanced when paused again", function()
      time.advance(1e5)
      local stood = time.now()
      time.resume()
      time.pause()
      assert.is_true(time.now() >= stood)
    end)

    it("keeps the timers that were set", function()
      local tasks = spawn_sleepers({1000}, {})
      settle()
      time.resume()
      settle_timers()
      time.pause()
      assert.is_false(tasks[1]:is_finished())
      time.advance(1000)
      settle_timers()
      assert.is_true(tasks[1]:is_finished())
    end)
  end)
end)
