-- JoinMap: its size, its capacity, and how it is shown.

local ebb = require "ebb"
local common = require "common"
local maps = require "maps"
local JoinMap = ebb.JoinMap

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local error_of = common.error_of

local drain, map_of_waiting = maps.drain, maps.waiting

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("the size of a map", function()
  it("counts tasks that are live or finished, but not replaced", function()
    local map = JoinMap.new()
    assert.equal(0, map:len())
    map:spawn(1, nothing)
    map:spawn(2, forever)
    settle()
    map:spawn(2, forever)
    assert.equal(2, map:len())
    map:shutdown()
  end)

  it("is also given by the length operator", function()
    local map = map_of_waiting(3)
    assert.equal(3, #map)
    map:shutdown()
    assert.equal(0, #map)
  end)

  it("is none as long as the map is empty", function()
    local map = JoinMap.new()
    assert.is_true(map:is_empty())
    map:spawn(1, nothing)
    assert.is_false(map:is_empty())
    settle()
    assert.is_false(map:is_empty())
    map:join_next()
    assert.is_true(map:is_empty())
  end)
end)

describe("the capacity of a map", function()
  it("is nothing before the first spawn", function()
    assert.equal(0, JoinMap.new():capacity())
  end)

  it("is at least what was asked for", function()
    assert.is_true(JoinMap.with_capacity(100):capacity() >= 100)
  end)

  it("is at least the length", function()
    local map = map_of_waiting(1000)
    assert.is_true(map:capacity() >= 1000)
    map:shutdown()
  end)

  it("does not change while what was asked for suffices", function()
    local map = JoinMap.with_capacity(100)
    local capacity = map:capacity()
    for i = 1, 100 do map:spawn(i, nothing) end
    assert.equal(capacity, map:capacity())
    map:shutdown()
  end)

  it("has room for as many more as were reserved", function()
    local map = map_of_waiting(10)
    map:reserve(1000)
    assert.is_true(map:capacity() >= 1010)
    map:shutdown()
  end)

  it("shrinks to fit, but holds what is there", function()
    local map = JoinMap.with_capacity(10000)
    for i = 1, 10 do map:spawn(i, nothing) end
    map:shrink_to_fit()
    assert.is_true(map:capacity() >= 10)
    assert.is_true(map:capacity() < 10000)
    local _, count = drain(map)
    assert.equal(10, count)
  end)

  it("shrinks to what was asked for, but not below", function()
    local map = JoinMap.with_capacity(10000)
    map:shrink_to(100)
    assert.is_true(map:capacity() >= 100)
    assert.is_true(map:capacity() < 10000)
  end)

  it("does not grow by shrinking", function()
    local map = JoinMap.with_capacity(10)
    local capacity = map:capacity()
    map:shrink_to(10000)
    assert.equal(capacity, map:capacity())
  end)

  it("shrinks while live and finished tasks stay", function()
    local map = map_of_waiting(500)
    for i = 1, 500 do if i % 50 ~= 0 then map:detach(i) end end
    map:spawn("finished", nothing)
    settle()
    map:shrink_to_fit()
    assert.equal(11, map:len())
    for i = 50, 500, 50 do assert.is_true(map:contains_key(i)) end
    assert.equal("finished", (map:try_join_next()))
    map:shutdown()
    ebb.sleep(2e6)
  end)

  for name, call in pairs {
    with_capacity = function(n) JoinMap.with_capacity(n) end,
    reserve = function(n) JoinMap.new():reserve(n) end,
    shrink_to = function(n) JoinMap.new():shrink_to(n) end,
  } do
    local message = "bad argument #1 to '" .. name .. "'"

    it("cannot be negative in " .. name, function()
      assert.matches(message, error_of(call, -1), 1, true)
    end)

    it("cannot be a string in " .. name, function()
      assert.matches(message, error_of(call, "many"), 1, true)
    end)
  end
end)

describe("tostring", function()
  it("shows an empty map", function()
    assert.equal("JoinMap{}", tostring(JoinMap.new()))
  end)

  it("shows a string key in quotes, with the id", function()
    local map = JoinMap.new()
    local id = map:spawn("key", nothing)
    assert.equal('JoinMap{"key": ' .. id .. "}", tostring(map))
    map:shutdown()
  end)

  it("shows a number key without quotes", function()
    local map = JoinMap.new()
    local id = map:spawn(12, nothing)
    assert.equal("JoinMap{12: " .. id .. "}", tostring(map))
    map:shutdown()
  end)

  it("shows any other key as tostring does", function()
    local map, key = JoinMap.new(), {}
    local id = map:spawn(key, nothing)
    assert.equal(("JoinMap{%s: %d}"):format(key, id), tostring(map))
    map:shutdown()
  end)

  it("separates entries with commas", function()
    local map = JoinMap.new()
    local a, b = map:spawn("key", nothing), map:spawn(12, nothing)
    local text = tostring(map)
    local first, second = '"key": ' .. a, "12: " .. b
    assert.is_true(text == "JoinMap{" .. first .. ", " .. second .. "}" or
                   text == "JoinMap{" .. second .. ", " .. first .. "}")
    map:shutdown()
  end)
end)
