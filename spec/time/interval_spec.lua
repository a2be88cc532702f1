-- ebb.time.interval.

local ebb = require "ebb"
local time = ebb.time

local common = require "common"
local error_of = common.error_of

describe("an interval", function()
  local start

  before_each(function()
    time.pause()
    start = time.now()
  end)
  after_each(function() time.resume() end)

  -- When the next n ticks come, and when they were due, in rounded seconds.
  local function ticks(iv, n)
    local came, due = {}, {}
    for i = 1, n do
      due[i] = math.floor((iv:tick() - start) * 1000 + 0.5) / 1000
      came[i] = math.floor((time.now() - start) * 1000 + 0.5) / 1000
    end
    return came, due
  end

  it("ticks at once, and then every period", function()
    local came, due = ticks(time.interval(2), 4)
    assert.same({0, 2, 4, 6}, came)
    assert.same({0, 2, 4, 6}, due)
  end)

  it("ticks at fixed times, whatever is done in between", function()
    local iv = time.interval(1)
    local came = {}
    for i = 1, 5 do
      iv:tick()
      came[i] = time.now() - start
      ebb.sleep(0.7)
    end
    for i = 1, 5 do assert.near(i - 1, came[i], 1e-6) end
  end)

  it("does not drift over ten thousand ticks", function()
    local iv, period = time.interval(1 / 3), math.ceil(1e9 / 3)
    for _ = 0, 10000 do iv:tick() end
    assert.near(10000 * period / 1e9, time.now() - start, 1e-6)
  end)

  describe("that was missed", function()
    it("ticks at once until it has made good", function()
      local iv = time.interval(1)
      iv:tick()
      ebb.sleep(3.5)
      local came, due = ticks(iv, 5)
      assert.same({3.5, 3.5, 3.5, 4, 5}, came)
      assert.same({1, 2, 3, 4, 5}, due)
    end)

    it("with \"delay\" ticks a whole period later", function()
      local iv = time.interval(1)
      iv:set_missed_tick_behavior("delay")
      iv:tick()
      ebb.sleep(3.5)
      local came, due = ticks(iv, 3)
      assert.same({3.5, 4.5, 5.5}, came)
      assert.same({1, 4.5, 5.5}, due)
    end)

    it("with \"skip\" ticks at the next of the fixed times", function()
      local iv = time.interval(1)
      iv:set_missed_tick_behavior("skip")
      iv:tick()
      ebb.sleep(3.5)
      local came, due = ticks(iv, 3)
      assert.same({3.5, 4, 5}, came)
      assert.same({1, 4, 5}, due)
    end)

    it("by 5 ms at the most was not missed", function()
      for _, behavior in ipairs {"burst", "delay", "skip"} do
        start = time.now()
        local iv = time.interval(1)
        iv:set_missed_tick_behavior(behavior)
        iv:tick()
        ebb.sleep(1.004)
        assert.same({1.004, 2}, (ticks(iv, 2)))
      end
    end)
  end)

  describe("reset", function()
    it("puts the next tick off by one period from then", function()
      local iv = time.interval(2)
      iv:tick()
      ebb.sleep(1.5)
      iv:reset()
      assert.same({3.5, 5.5}, (ticks(iv, 2)))
    end)

    it("takes the first tick's place", function()
      local iv = time.interval(2)
      iv:reset()
      assert.same({2, 4}, (ticks(iv, 2)))
    end)

    -- The one who waits had been told a time that is not the right one now.
    it("is heeded by who waits for a tick already", function()
      local iv = time.interval(2)
      iv:tick()
      local task = ebb.spawn(ticks, iv, 1)
      ebb.sleep(1)
      iv:reset()
      assert.same({3}, (task:await()))
    end)
  end)

  it("shared by tasks gives each tick to one of them", function()
    local iv = time.interval(1)
    local set = ebb.JoinSet.new()
    for _ = 1, 3 do set:spawn(function() return ticks(iv, 2) end) end
    local all = {}
    for ok, came in set.join_next, set do
      assert.is_true(ok)
      table.move(came, 1, 2, #all + 1, all)
    end
    table.sort(all)
    assert.same({0, 1, 2, 3, 4, 5}, all)
  end)

  describe("loses no tick when the task that waits is aborted", function()
    it("before its time", function()
      local iv = time.interval(2)
      iv:tick()
      local task = ebb.spawn(iv.tick, iv)
      ebb.sleep(1)
      task:abort()
      task:join()
      assert.same({2, 4}, (ticks(iv, 2)))
    end)

    it("at its time, ready and not yet run", function()
      local iv = time.interval(2)
      iv:tick()
      local task
      ebb.spawn(function() ebb.sleep(2) task:abort() end)
      ebb.yield_now()
      task = ebb.spawn(iv.tick, iv)
      assert.is_false((task:join()))
      assert.same({2, 4}, (ticks(iv, 2)))
    end)
  end)

  it("that is always late does not starve the other tasks", function()
    local iv = time.interval(1e-9)
    local done = false
    ebb.sleep(1)
    ebb.spawn(function() done = true end)
    while not done do iv:tick() end
  end)

  it("of an endless period ticks once", function()
    local iv = time.interval(math.huge)
    iv:tick()
    assert.matches("^deadlock", error_of(iv.tick, iv))
  end)

  it("knows its period, and how it takes a missed tick", function()
    local iv = time.interval(0.25)
    assert.equal(0.25, iv:period())
    assert.equal("burst", iv:missed_tick_behavior())
    iv:set_missed_tick_behavior("skip")
    assert.equal("skip", iv:missed_tick_behavior())
  end)

  describe("names the argument when", function()
    for name, period in pairs {
      ["zero"] = 0, ["negative"] = -1, ["NaN"] = 0 / 0, ["no number"] = "x",
    } do
      it("the period is " .. name, function()
        assert.matches("bad argument #1 to '[%w.]*interval'",
          error_of(function() time.interval(period) end))
      end)
    end

    it("the behavior is not known", function()
      local iv = time.interval(1)
      assert.matches("bad argument #1 to 'set_missed_tick_behavior'",
        error_of(function() iv:set_missed_tick_behavior("never") end))
    end)

    it("it is no interval", function()
      assert.matches("Interval expected", error_of(time.interval(1).tick, {}))
    end)
  end)
end)
