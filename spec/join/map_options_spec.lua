-- #threads
-- JoinMap: the options of JoinMap.new.

local ebb = require "ebb"
local common = require "common"
local JoinMap = ebb.JoinMap

local forever = common.forever
local counter, error_of = common.counter, common.error_of

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("JoinMap.new", function()
  it("takes no options, or an empty table", function()
    for _, map in ipairs {JoinMap.new(), JoinMap.new {}, JoinMap.new(nil)} do
      map:spawn("key", function() return 7 end)
      assert.same({"key", true, 7}, {map:join_next()})
    end
  end)

  it("takes a capacity", function()
    assert.is_true(JoinMap.new {capacity = 100}:capacity() >= 100)
    assert.equal(0, JoinMap.new {capacity = 0}:capacity())
  end)

  it("takes a hasher", function()
    local map = JoinMap.new {
      hasher = {
        hash = function(key) return key.n end,
        equal = function(a, b) return a.n == b.n end,
      },
    }
    map:spawn({n = 1}, forever)
    assert.is_true(map:contains_key {n = 1})
    map:shutdown()
  end)

  it("takes all of them together", function()
    local map = JoinMap.new {
      max_tasks = 2, capacity = 10,
      hasher = {hash = function() return 1 end, equal = rawequal},
    }
    assert.is_true(map:capacity() >= 10)
    local count = counter()
    for i = 1, 6 do map:spawn(i, count.body) end
    while map:join_next() do end
    assert.equal(2, count.most)
  end)

  for name, options in pairs {
    ["no table"] = 42,
    ["an unknown option"] = {max_task = 1},
    ["an unknown option that is no string"] = {[1] = 1},
    ["a max_tasks of 0"] = {max_tasks = 0},
    ["a negative max_tasks"] = {max_tasks = -1},
    ["a max_tasks that is a fraction"] = {max_tasks = 1.5},
    ["a max_tasks that is a string"] = {max_tasks = "many"},
    ["a negative capacity"] = {capacity = -1},
    ["a capacity that is a string"] = {capacity = "large"},
    ["a hasher that is no table"] = {hasher = 42},
    ["a hasher without a hash"] = {hasher = {equal = rawequal}},
    ["a hasher without an equal"] = {hasher = {hash = rawlen}},
  } do
    it("names the argument when it gets " .. name, function()
      assert.matches("bad argument #1 to 'new'", error_of(function()
        JoinMap.new(options)
      end), 1, true)
    end)
  end

  it("names the option that is wrong", function()
    assert.matches("max_task", error_of(JoinMap.new, {max_task = 1}), 1, true)
    assert.matches("max_tasks", error_of(JoinMap.new, {max_tasks = "many"}),
                   1, true)
    assert.matches("capacity", error_of(JoinMap.new, {capacity = {}}),
                   1, true)
  end)
end)
