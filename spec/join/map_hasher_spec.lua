-- JoinMap: keys that are hashed and compared by functions of the script.

local ebb = require "ebb"
local common = require "common"
local JoinMap = ebb.JoinMap

local forever, nothing = common.forever, common.nothing
local error_of = common.error_of

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

-- Hashes and compares points, tables {x, y}, by content.
local function point_hasher()
  return {
    hash = function(p) return p[1] * 31 + p[2] end,
    equal = function(a, b) return a[1] == b[1] and a[2] == b[2] end,
  }
end

describe("a map with a hasher", function()
  it("finds keys by content", function()
    local map = JoinMap.with_hasher(point_hasher())
    map:spawn({1, 2}, function() return "value" end)
    assert.is_true(map:contains_key({1, 2}))
    assert.is_false(map:contains_key({2, 1}))
    assert.same({true, "value"}, {map:join({1, 2})})
  end)

  it("replaces by content", function()
    local map = JoinMap.with_hasher(point_hasher())
    map:spawn({1, 2}, function() return "old" end)
    map:spawn({1, 2}, function() return "new" end)
    assert.equal(1, map:len())
    local key, ok, value = map:join_next()
    assert.same({{1, 2}, true, "new"}, {key, ok, value})
  end)

  it("works when all hashes are the same", function()
    local hasher = point_hasher()
    hasher.hash = function() return 7 end
    local map = JoinMap.with_hasher(hasher)
    for i = 1, 100 do map:spawn({i, i}, function() return i end) end
    for i = 1, 100, 2 do assert.same({true, i}, {map:join({i, i})}) end
    for i = 1, 100 do
      assert.equal(i % 2 == 0, map:contains_key({i, i}))
    end
    map:shutdown()
  end)

  it("takes any integer as a hash", function()
    local hashes = {math.mininteger, -1, 0, math.maxinteger}
    local map = JoinMap.with_hasher {
      hash = function(i) return hashes[i] end,
      equal = rawequal,
    }
    for i = 1, 4 do map:spawn(i, nothing) end
    for i = 1, 4 do assert.is_true(map:contains_key(i)) end
    map:shutdown()
  end)

  it("keeps its entries when it grows and shrinks", function()
    local map = JoinMap.with_hasher(point_hasher())
    for i = 1, 1000 do map:spawn({i, 0}, forever) end
    for i = 1, 990 do map:detach({i, 0}) end
    map:shrink_to_fit()
    for i = 991, 1000 do assert.is_true(map:contains_key({i, 0})) end
    map:shutdown()
    ebb.sleep(2e6)
  end)

  it("may have a capacity too", function()
    local map = JoinMap.with_capacity_and_hasher(100, point_hasher())
    assert.is_true(map:capacity() >= 100)
    map:spawn({1, 2}, nothing)
    assert.is_true(map:contains_key({1, 2}))
    map:shutdown()
  end)

  it("refuses nil as a key all the same", function()
    local map = JoinMap.with_hasher(point_hasher())
    assert.matches("bad argument #1 to 'spawn'", error_of(function()
      map:spawn(nil, nothing)
    end), 1, true)
  end)

  for name, hasher in pairs {
    ["nil"] = false,
    ["a number"] = 42,
    ["a table without functions"] = {},
    ["a table without equal"] = {hash = function() return 1 end},
    ["a table without hash"] = {equal = rawequal},
  } do
    it("names the argument when the hasher is " .. name, function()
      assert.matches("bad argument #1 to 'with_hasher'", error_of(function()
        JoinMap.with_hasher(hasher or nil)
      end), 1, true)
    end)
  end

  it("raises when a hash is no integer", function()
    local map = JoinMap.with_hasher {
      hash = function() return "hash" end,
      equal = rawequal,
    }
    assert.has_error(function() map:spawn("key", nothing) end)
    assert.equal(0, map:len())
  end)

  it("raises an error of hash and stays as it was", function()
    local hasher, value = point_hasher(), {}
    local map = JoinMap.with_hasher(hasher)
    map:spawn({1, 2}, function() return "kept" end)
    local hash = hasher.hash
    hasher.hash = function(p)
      if p == value then error(value) end
      return hash(p)
    end
    local map2 = JoinMap.with_hasher(hasher)
    assert.equal(value, error_of(map2.spawn, map2, value, nothing))
    assert.equal(0, map2:len())
    assert.same({true, "kept"}, {map:join({1, 2})})
  end)

  it("raises an error of equal and stays as it was", function()
    local value, failing = {}, false
    local map = JoinMap.with_hasher {
      hash = function() return 7 end,
      equal = function(a, b)
        if failing then error(value) end
        return a == b
      end,
    }
    map:spawn("key", function() return "kept" end)
    failing = true
    assert.equal(value, error_of(map.spawn, map, "other", nothing))
    assert.equal(value, error_of(map.contains_key, map, "other"))
    failing = false
    assert.equal(1, map:len())
    assert.same({"key", true, "kept"}, {map:join_next()})
  end)

  it("lets hash wait", function()
    local hasher = point_hasher()
    local hash, ran = hasher.hash, false
    hasher.hash = function(p)
      ebb.yield_now()
      return hash(p)
    end
    local map = JoinMap.with_hasher(hasher)
    ebb.spawn(function() ran = true end)
    map:spawn({1, 2}, function() return "value" end)
    assert.is_true(ran)
    assert.same({true, "value"}, {map:join({1, 2})})
  end)

  -- A map in which looking up a key lets other tasks change the map.
  local function map_with_slow_equal()
    return JoinMap.with_hasher {
      hash = function() return 7 end,
      equal = function(a, b)
        ebb.yield_now()
        return a == b
      end,
    }
  end

  it("has one task for a key that two tasks spawn meanwhile", function()
    local map = map_with_slow_equal()
    map:spawn("first", forever)
    local function spawn() map:spawn("key", forever) end
    local a, b = ebb.spawn(spawn), ebb.spawn(spawn)
    a:await()
    b:await()
    local count = 0
    for key in map:keys() do
      if key == "key" then count = count + 1 end
    end
    assert.equal(1, count)
    assert.equal(2, map:len())
    map:shutdown()
  end)

  it("spawns one task for two that ask spawn_if_absent", function()
    local map = map_with_slow_equal()
    map:spawn("first", forever)
    local function spawn() return map:spawn_if_absent("key", forever) end
    local a, b = ebb.spawn(spawn), ebb.spawn(spawn)
    local first, second = a:await(), b:await()
    assert.is_true((first == nil) ~= (second == nil))
    assert.equal(first or second, map:id("key"))
    map:shutdown()
  end)

  it("is whole when it is emptied while equal waits", function()
    local map = map_with_slow_equal()
    for i = 1, 5 do map:spawn(i, forever) end
    local emptier = ebb.spawn(function() map:detach_all() end)
    assert.is_false(map:contains_key("absent"))
    emptier:await()
    assert.equal(0, map:len())
    map:spawn("key", function() return "value" end)
    assert.same({"key", true, "value"}, {map:join_next()})
    ebb.sleep(2e6)
  end)

  it("is whole when it grows while equal waits", function()
    local map = map_with_slow_equal()
    for i = 1, 3 do map:spawn(i, forever) end
    local grower = ebb.spawn(function()
      for i = 4, 20 do map:spawn(i, forever) end
    end)
    map:spawn("key", forever)
    grower:await()
    assert.equal(21, map:len())
    map:shutdown()
    assert.equal(0, map:len())
  end)
end)
