-- Sleeps. Nearly all of them with the clock paused, which is in
-- time/pause_spec: one test sleeps for real, for two thousandths of a second.

local ebb = require "ebb"
local common = require "common"
local sleepers = require "sleepers"
local time = ebb.time

local settle, error_of = ebb.yield_now, common.error_of
local spawn_sleepers, join_all = sleepers.spawn, sleepers.join_all
local assert_elapsed = sleepers.assert_elapsed
local NAN = 0 / 0

describe("the running clock", function()
  it("never goes back", function()
    local last = time.now()
    for _ = 1, 1000 do
      local now = time.now()
      assert.is_true(now >= last)
      last = now
    end
  end)

  it("is in seconds, as a number", function()
    assert.is_number(time.now())
  end)

  it("wakes sleepers in the order of their deadlines", function()
    local log = {}
    join_all(spawn_sleepers({0.002, 0.001}, log))
    assert.same({0.001, 0.002}, log)
  end)

  it("cannot be resumed", function()
    assert.has_error(function() time.resume() end)
  end)

  it("cannot be advanced", function()
    assert.has_error(function() time.advance(1) end)
  end)
end)

describe("with the clock paused", function()
  before_each(function() time.pause() end)
  after_each(function() pcall(time.resume) end)

  describe("sleep", function()
    it("is also a function of the module itself", function()
      assert.equal(time.sleep, ebb.sleep)
    end)

    it("takes the time it was asked for", function()
      local start = time.now()
      time.sleep(3600)
      assert_elapsed(3600, start)
    end)

    it("takes fractions of a second", function()
      local start = time.now()
      time.sleep(0.25)
      time.sleep(0.5)
      assert_elapsed(0.75, start)
    end)

    it("ends in the order of the deadlines", function()
      local log = {}
      join_all(spawn_sleepers({3, 1, 2}, log))
      assert.same({1, 2, 3}, log)
    end)

    it("ends in the order in which equal deadlines were set", function()
      local log, tasks = {}, {}
      for i = 1, 20 do
        tasks[i] = ebb.spawn(function()
          time.sleep(1)
          log[#log + 1] = i
        end)
      end
      join_all(tasks)
      for i = 1, 20 do assert.equal(i, log[i]) end
    end)

    -- spec/c/heap_test.c does it with a million, for less memory.
    it("holds, cancels and ends 50,000 in order", function()
      math.randomseed(7)
      local count, map, last = 50000, ebb.JoinMap.new(), 0
      for i = 1, count do map:spawn(i, time.sleep, math.random(1000)) end
      settle()
      for i = 1, count, 2 do map:abort(i) end
      local ended = 0
      for i, ok in map.join_next, map do
        local now = time.now()
        if ok ~= (i % 2 == 0) or now < last then error("task " .. i) end
        last, ended = now, ended + 1
      end
      assert.equal(count, ended)
    end)

    it("ends in the order of a thousand random deadlines", function()
      math.randomseed(7)
      local delays, log = {}, {}
      for i = 1, 1000 do delays[i] = math.random() * 100 end
      join_all(spawn_sleepers(delays, log))
      table.sort(delays)
      assert.same(delays, log)
    end)

    it("tells deadlines a millionth of a second apart", function()
      local log = {}
      join_all(spawn_sleepers({3e-6, 1e-6, 2e-6}, log))
      assert.same({1e-6, 2e-6, 3e-6}, log)
    end)

    it("as in Tokio, takes years (greater_than_max, multi_long_sleeps, " ..
       "long_sleeps)", function()
      local YEAR <const> = 365 * 24 * 3600
      local start = time.now()
      time.sleep(5 * YEAR)
      for _ = 1, 5 do time.sleep(YEAR) end
      time.sleep_until(start + 20 * YEAR)
      assert_elapsed(20 * YEAR, start)
    end)

    -- Tokio's ends after thirty years.
    it("as in Tokio, takes more than the clock can count, for ever " ..
       "(exactly_max, no_out_of_bounds_close_to_max, issue_5183)", function()
      local start = time.now()
      for _, seconds in ipairs {2 ^ 64, 2 ^ 63 - 1, 1e300, math.huge} do
        local winner = ebb.select {
          big = function() time.sleep(seconds) end,
          small = function() time.sleep(1e-9) end
        }
        assert.equal("small", winner)
        local message = error_of(function() time.sleep(seconds) end)
        assert.matches("deadlock", message)
      end
      assert_elapsed(4e-9, start)
    end)

    it("as in Tokio, may be ended by the first of those who wake with it " ..
       "(drop_from_wake)", function()
      local tasks, woken = {}, {}
      for i = 1, 100 do
        tasks[i] = ebb.spawn(function()
          time.sleep(0.01)
          woken[#woken + 1] = i
          for _, task in ipairs(tasks) do task:abort() end
        end)
      end
      time.sleep(0.011)
      assert.same({1}, woken)
      for _, task in ipairs(tasks) do assert.is_true(task:is_finished()) end
    end)

    it("as in Tokio, is the same for 512 tasks at once (sleep)", function()
      local start, set = time.now(), ebb.JoinSet.new()
      time.sleep(0.01)
      for _ = 1, 512 do
        set:spawn(function()
          local before = time.now()
          time.sleep(0.01)
          assert_elapsed(0.01, before)
        end)
      end
      set:join_all()
      assert_elapsed(0.02, start)
    end)

    it("of nothing takes no time", function()
      local start = time.now()
      time.sleep(0)
      assert.equal(start, time.now())
    end)

    it("of nothing does not starve the other tasks", function()
      local done = false
      ebb.spawn(function()
        ebb.yield_now()
        done = true
      end)
      while not done do time.sleep(0) end
    end)

    it("takes an integer as well as a float", function()
      local start = time.now()
      time.sleep(1)
      time.sleep(1.0)
      assert_elapsed(2, start)
    end)

    for name, value in pairs {
      ["a negative number"] = -1,
      ["NaN"] = NAN,
      ["minus infinity"] = -math.huge,
      ["a table"] = {},
      ["a string"] = "soon",
    } do
      it("names the argument when it is " .. name, function()
        assert.matches("bad argument #1 to 'sleep'", error_of(function()
          time.sleep(value)
        end), 1, true)
      end)
    end

    it("names the argument when it is missing", function()
      assert.matches("bad argument #1 to 'sleep'", error_of(function()
        time.sleep()
      end), 1, true)
    end)
  end)

  describe("sleep_until", function()
    it("ends at its deadline", function()
      local start = time.now()
      time.sleep_until(start + 10)
      assert_elapsed(10, start)
    end)

    it("counts from the clock, not from the call", function()
      local start = time.now()
      time.sleep(4)
      time.sleep_until(start + 10)
      assert_elapsed(10, start)
    end)

    it("takes no time when its deadline has passed", function()
      time.sleep(10)
      local now = time.now()
      time.sleep_until(now - 5)
      assert.equal(now, time.now())
    end)

    it("takes no time when its deadline is now", function()
      local now = time.now()
      time.sleep_until(now)
      assert.equal(now, time.now())
    end)

    it("shares the order of deadlines with sleep", function()
      local log = {}
      local start = time.now()
      local tasks = spawn_sleepers({1, 3}, log)
      tasks[3] = ebb.spawn(function()
        time.sleep_until(start + 2)
        log[#log + 1] = 2
      end)
      join_all(tasks)
      assert.same({1, 2, 3}, log)
    end)

    it("names the argument when it is NaN", function()
      assert.matches("bad argument #1 to 'sleep_until'", error_of(function()
        time.sleep_until(NAN)
      end), 1, true)
    end)

    it("names the argument when it is no number", function()
      assert.matches("bad argument #1 to 'sleep_until'", error_of(function()
        time.sleep_until({})
      end), 1, true)
    end)
  end)
end)
