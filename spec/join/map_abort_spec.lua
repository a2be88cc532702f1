-- JoinMap: aborting and detaching tasks, one by one and all of them.

local ebb = require "ebb"
local common = require "common"
local maps = require "maps"
local JoinMap = ebb.JoinMap

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, error_of = common.closer, common.collect, common.error_of

local drain, map_of_waiting, count_aborted =
  maps.drain, maps.waiting, maps.count_aborted

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("abort", function()
  it("is true and cancels the task when the key is live", function()
    local map = JoinMap.new()
    map:spawn("key", forever)
    assert.is_true(map:abort("key"))
    local key, ok, err = map:join_next()
    assert.same({"key", false}, {key, ok})
    assert.is_true(err:is_cancelled())
  end)

  it("is true and changes nothing when the task has finished", function()
    local map = JoinMap.new()
    map:spawn("key", function() return "value" end)
    settle()
    assert.is_true(map:abort("key"))
    assert.same({"key", true, "value"}, {map:join_next()})
  end)

  it("is false when the key is absent", function()
    assert.is_false(JoinMap.new():abort("key"))
  end)

  it("is false when the task was joined", function()
    local map = JoinMap.new()
    map:spawn("key", nothing)
    map:join_next()
    assert.is_false(map:abort("key"))
  end)

  it("passes the reason on", function()
    local map = JoinMap.new()
    map:spawn("key", forever)
    map:abort("key", "enough")
    local _, _, err = map:join_next()
    assert.equal("enough", err:reason())
  end)

  it("leaves the entry until it is joined", function()
    local map = JoinMap.new()
    map:spawn("key", forever)
    map:abort("key")
    settle()
    assert.is_true(map:contains_key("key"))
    assert.equal(1, map:len())
    map:join_next()
    assert.equal(0, map:len())
  end)

  it("may be asked for by a task of the map, of itself", function()
    local map = JoinMap.new()
    map:spawn("key", function()
      map:abort("key")
      ebb.yield_now()
    end)
    local _, ok, err = map:join_next()
    assert.is_false(ok)
    assert.is_true(err:is_cancelled())
  end)
end)

describe("abort_matching", function()
  it("asks about every key, finished tasks included", function()
    local map = map_of_waiting(3)
    map:spawn(4, nothing)
    settle()
    local asked = {}
    map:abort_matching(function(key) asked[key] = true end)
    assert.same({true, true, true, true}, asked)
    map:shutdown()
  end)

  it("aborts those for which the answer is not false or nil", function()
    local map = map_of_waiting(4)
    local answers = {true, false, "yes"}
    map:abort_matching(function(key) return answers[key] end)
    assert.equal(2, count_aborted(map))
    assert.is_true(map:contains_key(2))
    assert.is_true(map:contains_key(4))
    map:shutdown()
  end)

  it("leaves the entries until they are joined", function()
    local map = map_of_waiting(3)
    map:abort_matching(function() return true end)
    assert.equal(3, map:len())
    drain(map)
  end)

  it("raises the predicate's error", function()
    local map = map_of_waiting(1)
    local value = {}
    assert.equal(value, error_of(function()
      map:abort_matching(function() error(value) end)
    end))
    map:shutdown()
  end)

  it("aborts what matched before the predicate's error", function()
    local map = map_of_waiting(10)
    local asked = 0
    pcall(map.abort_matching, map, function()
      asked = asked + 1
      if asked == 4 then error "enough" end
      return true
    end)
    assert.equal(3, count_aborted(map))
    assert.equal(7, map:len())
    map:shutdown()
  end)

  it("names the argument when the predicate cannot be called", function()
    local map = JoinMap.new()
    assert.matches("bad argument #1 to 'abort_matching'", error_of(function()
      map:abort_matching(42)
    end), 1, true)
  end)

  for name, change in pairs {
    ["spawns"] = function(map, key) map:spawn(key + 1000, forever) end,
    ["replaces"] = function(map, key) map:spawn(key, forever) end,
    ["detaches"] = function(map, key) map:detach(key % 100 + 1) end,
    ["aborts"] = function(map, key) map:abort(key % 100 + 1) end,
    ["joins"] = function(map) map:try_join_next() end,
    ["shrinks"] = function(map) map:shrink_to_fit() end,
    ["reserves"] = function(map) map:reserve(1000) end,
    ["waits"] = function() ebb.yield_now() end,
  } do
    it("is safe when the predicate " .. name, function()
      local map = map_of_waiting(100)
      map:abort_matching(function(key)
        if key <= 100 then change(map, key) end
        return true
      end)
      map:shutdown()
      assert.equal(0, map:len())
      ebb.sleep(2e6)
    end)
  end

  -- Whether the new task is aborted as well is left open.
  it("has one task for a key that the predicate replaced", function()
    local map = map_of_waiting(1)
    map:abort_matching(function(key)
      map:spawn(key, nothing)
      return true
    end)
    assert.equal(1, map:len())
    assert.equal(1, (map:join_next()))
    assert.is_nil(map:join_next())
  end)
end)

describe("abort_all", function()
  it("does nothing to an empty map", function()
    local map = JoinMap.new()
    map:abort_all()
    assert.is_nil(map:join_next())
  end)

  it("does not keep tasks from being spawned later", function()
    local map = JoinMap.new()
    map:spawn(1, forever)
    map:abort_all()
    map:spawn(2, function() return "later" end)
    local seen = drain(map)
    assert.is_false(seen[1][1])
    assert.same({n = 2, true, "later"}, seen[2])
  end)
end)

describe("shutdown", function()
  it("ignores panics", function()
    local map = JoinMap.new()
    map:spawn("panicked", error, "boom")
    map:spawn("panics", function()
      local _ <close> = closer(function() error "late" end)
      forever()
    end)
    settle()
    map:shutdown()
    assert.equal(0, map:len())
  end)

  it("does nothing to an empty map", function()
    local map = JoinMap.new()
    map:shutdown()
    assert.is_true(map:is_empty())
  end)
end)

describe("detach", function()
  it("is true and lets the task run on", function()
    local map, done = JoinMap.new(), false
    map:spawn("key", function()
      ebb.sleep(1)
      done = true
    end)
    assert.is_true(map:detach("key"))
    ebb.sleep(2)
    assert.is_true(done)
  end)

  it("takes the task out of the map", function()
    local map = JoinMap.new()
    local id = map:spawn("key", nothing)
    map:detach("key")
    assert.is_false(map:contains_key("key"))
    assert.is_false(map:contains_task(id))
    assert.is_nil(map:join_next())
    settle()
  end)

  it("is true when the task has finished", function()
    local map = JoinMap.new()
    map:spawn("key", nothing)
    settle()
    assert.is_true(map:detach("key"))
    assert.is_nil(map:try_join_next())
  end)

  it("is false when the key is absent", function()
    assert.is_false(JoinMap.new():detach("key"))
  end)

  it("lets the task run on when the map is collected", function()
    local done = false
    local function spawn_and_detach()
      local map = JoinMap.new()
      map:spawn("key", function()
        ebb.sleep(1)
        done = true
      end)
      map:detach("key")
    end
    spawn_and_detach()
    collect()
    ebb.sleep(2)
    assert.is_true(done)
  end)
end)

describe("detach_all", function()
  it("takes the keys away", function()
    local map = map_of_waiting(1)
    map:detach_all()
    assert.is_false(map:contains_key(1))
    assert.is_nil(map:keys()())
    ebb.sleep(2e6)
  end)

  it("drops finished results", function()
    local map = JoinMap.new()
    map:spawn("key", nothing)
    settle()
    map:detach_all()
    assert.is_nil(map:try_join_next())
  end)
end)
