-- The clock and its timers. Nearly all of it with the clock paused: one test
-- sleeps for real, for two thousandths of a second.

local ebb = require "ebb"
local time = ebb.time

local settle = ebb.yield_now
local NAN = 0 / 0

local function error_of(f)
  local ok, err = pcall(f)
  assert.is_false(ok)
  return err
end

local function assert_elapsed(seconds, since)
  assert.near(seconds, time.now() - since, 1e-6)
end

-- Spawns a task for each delay, which notes it when it wakes.
local function spawn_sleepers(delays, log)
  local tasks = {}
  for i, delay in ipairs(delays) do
    tasks[i] = ebb.spawn(function()
      time.sleep(delay)
      log[#log + 1] = delay
    end)
  end
  return tasks
end

local function join_all(tasks)
  for _, task in ipairs(tasks) do task:await() end
end

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
