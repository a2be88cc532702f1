-- JoinMap: tasks by key, and what becomes of a task whose key is spawned
-- again. Tokio's own tests are in join/tokio_spec, what sets do as well in
-- join/collection_spec.

local ebb = require "ebb"
local common = require "common"
local maps = require "maps"
local JoinMap = ebb.JoinMap

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, error_of, guarded = common.closer, common.error_of, common.guarded

local drain = maps.drain

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("spawn", function()
  it("gives the id of the task", function()
    local map = JoinMap.new()
    local id = map:spawn("key", function() return ebb.id() end)
    assert.equal("integer", math.type(id))
    assert.same({"key", true, id}, {map:join_next()})
  end)

  it("does not run the task before the caller waits", function()
    local map = JoinMap.new()
    local ran = false
    map:spawn("key", function() ran = true end)
    assert.is_false(ran)
    map:shutdown()
  end)

  it("keeps the task of a key when the new body is refused", function()
    local map = JoinMap.new()
    map:spawn("key", function() return "old" end)
    pcall(map.spawn, map, "key", 42)
    assert.same({"key", true, "old"}, {map:join_next()})
  end)
end)

describe("replacing a task", function()
  it("aborts one that is live", function()
    local map, log = JoinMap.new(), {}
    map:spawn("key", guarded, log, "old")
    settle()
    map:spawn("key", nothing)
    settle()
    assert.equal("closed", log.old)
    map:shutdown()
  end)

  it("keeps one that has not started from ever running", function()
    local map, ran = JoinMap.new(), false
    map:spawn("key", function() ran = true end)
    map:spawn("key", nothing)
    drain(map)
    assert.is_false(ran)
  end)

  it("is not seen by join_next when the task was live", function()
    local map = JoinMap.new()
    map:spawn("key", forever)
    settle()
    map:spawn("key", function() return "new" end)
    assert.same({"key", true, "new"}, {map:join_next()})
    assert.is_nil(map:join_next())
  end)

  it("is not seen by join_next when the task had finished", function()
    local map = JoinMap.new()
    map:spawn("key", function() return "old" end)
    settle()
    map:spawn("key", function() return "new" end)
    assert.same({"key", true, "new"}, {map:join_next()})
    assert.is_nil(map:join_next())
  end)

  it("is not seen by join_next when the task had panicked", function()
    local map = JoinMap.new()
    map:spawn("key", error, "old")
    settle()
    map:spawn("key", function() return "new" end)
    assert.same({"key", true, "new"}, {map:join_next()})
    assert.is_nil(map:join_next())
  end)

  it("is not seen by a join_next that waits already", function()
    local map = JoinMap.new()
    map:spawn("key", forever)
    ebb.spawn(function() map:spawn("key", function() return "new" end) end)
    assert.same({"key", true, "new"}, {map:join_next()})
  end)

  it("may be done many times in a row", function()
    local map, log = JoinMap.new(), {}
    for i = 1, 100 do
      map:spawn("key", guarded, log, i)
      if i % 3 == 0 then settle() end
    end
    map:spawn("key", function() return "last" end)
    assert.equal(1, map:len())
    assert.same({"key", true, "last"}, {map:join_next()})
    for i = 3, 99, 3 do assert.equal("closed", log[i]) end
  end)

  it("gives the key a new id", function()
    local map = JoinMap.new()
    local old = map:spawn("key", forever)
    local new = map:spawn("key", nothing)
    assert.not_equal(old, new)
    assert.equal(new, map:id("key"))
    map:shutdown()
  end)

  it("takes the old task out of the map", function()
    local map = JoinMap.new()
    local old = map:spawn("key", forever)
    local new = map:spawn("key", forever)
    assert.is_false(map:contains_task(old))
    assert.is_true(map:contains_task(new))
    map:shutdown()
  end)

  it("lets the clean-up of the old task go on while it waits", function()
    local map, closed = JoinMap.new(), false
    map:spawn("key", function()
      local _ <close> = closer(function()
        ebb.sleep(1)
        closed = true
      end)
      forever()
    end)
    settle()
    map:spawn("key", nothing)
    map:join_next()
    assert.is_false(closed)
    ebb.sleep(2)
    assert.is_true(closed)
  end)

  it("may be done by the task that is replaced", function()
    local map = JoinMap.new()
    map:spawn("key", function()
      map:spawn("key", function() return "new" end)
      return "old"
    end)
    assert.same({"key", true, "new"}, {map:join_next()})
    assert.is_nil(map:join_next())
  end)

  it("may be done in the clean-up of the task that is replaced", function()
    local map = JoinMap.new()
    map:spawn("key", function()
      local _ <close> = closer(function()
        map:spawn("key", function() return "third" end)
      end)
      forever()
    end)
    settle()
    map:spawn("key", forever)
    assert.same({"key", true, "third"}, {map:join_next()})
    assert.is_nil(map:join_next())
  end)
end)

describe("spawn_if_absent", function()
  it("spawns and gives the id when the key is absent", function()
    local map = JoinMap.new()
    local id = map:spawn_if_absent("key", function(n) return n end, 7)
    assert.equal(id, map:id("key"))
    assert.same({"key", true, 7}, {map:join_next()})
  end)

  it("gives nil and leaves the task when the key is live", function()
    local map = JoinMap.new()
    map:spawn("key", function() return "old" end)
    assert.is_nil(map:spawn_if_absent("key", function() return "new" end))
    assert.same({"key", true, "old"}, {map:join_next()})
  end)

  it("gives nil when the task has finished but was not joined", function()
    local map = JoinMap.new()
    map:spawn("key", function() return "old" end)
    settle()
    assert.is_nil(map:spawn_if_absent("key", function() return "new" end))
    assert.same({"key", true, "old"}, {map:join_next()})
  end)

  it("spawns when the task was joined", function()
    local map = JoinMap.new()
    map:spawn("key", nothing)
    map:join_next()
    assert.is_number(map:spawn_if_absent("key", nothing))
    drain(map)
  end)

  it("names the argument when the body cannot be called", function()
    local map = JoinMap.new()
    assert.matches("bad argument #2 to 'spawn_if_absent'", error_of(function()
      map:spawn_if_absent("key", 42)
    end), 1, true)
  end)
end)
