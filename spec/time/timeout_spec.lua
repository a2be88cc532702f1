-- ebb.time.timeout: who wins at the end of the time, and what an abort does.

local ebb = require "ebb"
local time, sync = ebb.time, ebb.sync

local common = require "common"
local closer, collect, error_of, forever, nothing =
  common.closer, common.collect, common.error_of, common.forever,
  common.nothing

local settle = ebb.yield_now

describe("timeout", function()
  local start

  before_each(function()
    time.pause()
    start = time.now()
  end)
  after_each(function() time.resume() end)

  local function assert_elapsed(seconds)
    assert.near(seconds, time.now() - start, 1e-6)
  end

  describe("gives true and the results of the function", function()
    it("with its arguments passed", function()
      local got = table.pack(time.timeout(1, function(...) return ... end,
        1, nil, 3, nil))
      assert.same({n = 5, true, 1, nil, 3, nil}, got)
    end)

    it("as soon as it returns", function()
      assert.is_true(time.timeout(10, ebb.sleep, 4))
      assert_elapsed(4)
    end)

    it("without a limit, too", function()
      assert.same({true, 7}, {time.timeout(math.huge, function()
        ebb.sleep(1e5)
        return 7
      end)})
    end)

    it("and leaves no timer behind", function()
      time.timeout(100, nothing)
      assert.matches("^deadlock", error_of(ebb.sleep, math.huge))
      assert_elapsed(0)
    end)
  end)

  describe("gives nil and \"elapsed\"", function()
    it("when the time is over first", function()
      assert.same({n = 2, nil, "elapsed"},
        table.pack(time.timeout(1, forever)))
      assert_elapsed(1)
    end)

    it("and the function runs no further line", function()
      local ran = false
      time.timeout(1, function()
        pcall(ebb.sleep, 2)
        ran = true
      end)
      ebb.sleep(10)
      assert.is_false(ran)
    end)

    it("once the function's clean-up, which may wait, is over", function()
      local closed = false
      local value, message = time.timeout(1, function()
        local _ <close> = closer(function()
          ebb.sleep(5)
          closed = true
        end)
        forever()
      end)
      assert.same({nil, "elapsed"}, {value, message})
      assert.is_true(closed)
      assert_elapsed(6)
    end)

    it("for a function that never waits for anything but its turn", function()
      local running = ebb.spawn(function()
        while true do ebb.yield_now() end
      end)
      assert.is_nil((time.timeout(0, function()
        while true do ebb.yield_now() end
      end)))
      running:abort()
    end)
  end)

  describe("raises", function()
    it("the very value that the function raised", function()
      local value = {}
      assert.equal(value, error_of(time.timeout, 1, error, value))
    end)

    it("what was raised at the last moment", function()
      assert.equal("late", error_of(time.timeout, 1, function()
        ebb.sleep(1)
        error("late", 0)
      end))
    end)

    it("an error in the clean-up after the time was over", function()
      assert.equal("in __close", error_of(time.timeout, 1, function()
        local _ <close> = closer(function() error("in __close", 0) end)
        forever()
      end))
    end)

    it("an error without a report", function()
      local reports = 0
      local before = ebb.set_unhandled(function() reports = reports + 1 end)
      error_of(time.timeout, 1, error, "x")
      collect()
      ebb.set_unhandled(before)
      assert.equal(0, reports)
    end)
  end)

  describe("names the argument when", function()
    for name, case in pairs {
      ["the time is missing"] = {1},
      ["the time is negative"] = {1, -1, nothing},
      ["the time is NaN"] = {1, 0 / 0, nothing},
      ["the time is no number"] = {1, "soon", nothing},
      ["the function is missing"] = {2, 1},
      ["the function is none"] = {2, 1, {}},
    } do
      it(name, function()
        assert.matches("bad argument #" .. case[1] .. " to '[%w.]*timeout'",
          error_of(function() time.timeout(table.unpack(case, 2, 3)) end))
      end)
    end
  end)

  -- As in Tokio, which looks at the future first, and at the clock then.
  describe("when the time is over just as the function returns", function()
    it("gives the value", function()
      assert.same({true, "value"}, {time.timeout(1, function()
        ebb.sleep(1)
        return "value"
      end)})
      assert_elapsed(1)
    end)

    it("gives the value whoever has set the timer first", function()
      for _, before in ipairs {true, false} do
        local task = ebb.spawn(function()
          return time.timeout(1, function()
            if before then settle() end
            time.sleep_until(start + 1)
            return "value"
          end)
        end)
        assert.same({true, true, "value"}, {task:join()})
        start = time.now()
      end
    end)

    it("gives the value through timeouts in timeouts", function()
      assert.same({true, true, true, "value"}, {time.timeout(1, time.timeout,
        1, time.timeout, 1, function()
          ebb.sleep(1)
          return "value"
        end)})
    end)

    it("gives the value of another task that it waits for", function()
      local other = ebb.spawn(function() ebb.sleep(1) return "value" end)
      assert.same({true, "value"}, {time.timeout(1, other.await, other)})
    end)

    it("gives the values of a thousand", function()
      local set = ebb.JoinSet.new()
      for i = 1, 1000 do
        set:spawn(time.timeout, 1, function() ebb.sleep(1) return i end)
      end
      for _, ok, in_time in set.join_next_with_id, set do
        assert.is_true(ok and in_time)
      end
    end)

    it("is over a nanosecond later", function()
      assert.is_nil((time.timeout(1, ebb.sleep, 1 + 1e-9)))
    end)
  end)

  describe("as in Tokio", function()
    -- Whoever waits is told after 90 ms.
    for name, seconds in pairs {
      future_and_timeout_in_future = 0.1,
      very_large_timeout = 2 ^ 64
    } do
      it("lets the function wait for its time (" .. name .. ")", function()
        local tx, rx = sync.oneshot()
        local task = ebb.spawn(time.timeout, seconds, rx.recv, rx)
        settle()
        time.advance(seconds > 1 and 86400 * 365 * 10 or 0.09)
        for _ = 1, 100 do settle() end
        assert.is_false(task:is_finished())
        tx:send "value"
        assert.same({true, true, "value"}, {task:join()})
      end)
    end

    it("is over for 512 tasks at once (timeout)", function()
      local set = ebb.JoinSet.new()
      for _ = 1, 512 do set:spawn(time.timeout, 0.01, forever) end
      for ok, value, why in set.join_next, set do
        assert.same({true, nil, "elapsed"}, {ok, value, why})
      end
      assert_elapsed(0.01)
    end)

    it("is over for a function whose waits are all satisfied at once " ..
       "(timeout_is_not_exhausted_by_future)", function()
      local tx, rx = sync.channel(1)
      assert.is_nil((time.timeout(0, function()
        while tx:send(1) do rx:recv() end
      end)))
    end)
  end)

  describe("of no time", function()
    it("gives the function its first turn", function()
      assert.same({true, 5}, {time.timeout(0, function() return 5 end)})
    end)

    it("is over when the function then waits", function()
      local ran = false
      assert.is_nil((time.timeout(0, function()
        ran = true
        forever()
      end)))
      assert.is_true(ran)
      assert_elapsed(0)
    end)
  end)

  it("works in a generator, a comparator and a clean-up", function()
    local function elapsed() return select(2, time.timeout(1, forever)) end
    assert.equal("elapsed", coroutine.wrap(elapsed)())
    local got
    table.sort({1, 2}, function() got = got or elapsed() end)
    assert.equal("elapsed", got)
    do local _ <close> = closer(function() got = elapsed() .. "!" end) end
    assert.equal("elapsed!", got)
  end)

  it("is raised as a deadlock when the function waits for ever", function()
    assert.matches("^deadlock", error_of(time.timeout, math.huge, ebb.sleep,
      math.huge))
  end)

  describe("in a task that is aborted", function()
    it("runs the function's clean-up, then the task's own", function()
      local log = {}
      local task = ebb.spawn(function()
        local _ <close> = closer(function() log[#log + 1] = "task" end)
        time.timeout(100, function()
          local _ <close> = closer(function()
            ebb.sleep(1)
            log[#log + 1] = "function"
          end)
          forever()
        end)
      end)
      ebb.sleep(1)
      task:abort()
      assert.is_true(select(2, task:join()):is_cancelled())
      assert.same({"function", "task"}, log)
      assert_elapsed(2)
    end)

    it("while the function cleans up waits for that", function()
      local log = {}
      local task = ebb.spawn(function()
        time.timeout(1, function()
          local _ <close> = closer(function()
            ebb.sleep(5)
            log[#log + 1] = "function"
          end)
          forever()
        end)
        log[#log + 1] = "ran on"
      end)
      ebb.sleep(3)
      task:abort()
      task:join()
      assert.same({"function"}, log)
      assert_elapsed(6)
    end)
  end)

  -- In each position the message is either given to the task's own code or
  -- still there.
  describe("loses no message when the task is aborted", function()
    local function count_after(steps)
      local tx, rx = sync.channel(4)
      local seen = 0
      local task = ebb.spawn(function()
        local in_time, value = time.timeout(2, rx.recv, rx)
        if in_time and value then seen = seen + 1 end
      end)
      steps(task, tx)
      task:join()
      tx:close()
      while rx:recv() do seen = seen + 1 end
      return seen
    end

    for turns = 0, 6 do
      it("after the send, " .. turns .. " turns later", function()
        assert.equal(1, count_after(function(task, tx)
          settle() settle()
          tx:send("message")
          for _ = 1, turns do settle() end
          task:abort()
        end))
      end)

      it("and before the send, after " .. turns .. " turns", function()
        assert.equal(1, count_after(function(task, tx)
          for _ = 1, turns do settle() end
          task:abort()
          tx:send("message")
        end))
      end)
    end

    it("at the moment at which the time is over", function()
      for delay = 1, 3 do
        assert.equal(1, count_after(function(task, tx)
          ebb.spawn(function() ebb.sleep(2) tx:send("message") end)
          ebb.sleep(delay)
          task:abort()
          ebb.sleep(3)
        end))
      end
    end)
  end)
end)
