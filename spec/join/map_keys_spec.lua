-- JoinMap: what can be a key, and what a map tells about its keys.

local ebb = require "ebb"
local common = require "common"
local maps = require "maps"
local JoinMap = ebb.JoinMap

local settle = ebb.yield_now
local NAN = 0 / 0

local forever, nothing = common.forever, common.nothing
local closer, collect, error_of, guarded =
  common.closer, common.collect, common.error_of, common.guarded

local drain, map_of_waiting, long_string =
  maps.drain, maps.waiting, maps.long_string

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

-- Light userdata: the identities of two upvalues.
local function two_upvalues() return long_string, closer end
local light = debug.upvalueid(two_upvalues, 1)
local other_light = debug.upvalueid(two_upvalues, 2)

-- Kind of key -> the key, the same key once more, and another one.
local KEYS = {
  ["an integer"] = {1, 1, 2},
  ["the least integer"] = {math.mininteger, math.mininteger, 0},
  ["a float"] = {1.5, 1.5, 1.25},
  ["an integer and the same float"] = {1, 1.0, 1.5},
  ["a float and the same integer"] = {2.0 ^ 53, 2 ^ 53 | 0, 2 ^ 53 + 2},
  ["zero and minus zero"] = {0.0, -0.0, 1},
  ["infinity"] = {math.huge, math.huge, -math.huge},
  ["a short string"] = {"key", "ke" .. ("y"), "other"},
  ["a long string"] = {long_string(), long_string(), long_string() .. "s"},
  ["the empty string"] = {"", "", " "},
  ["a string with a zero"] = {"a\0b", "a\0b", "a\0c"},
  ["a number and a string of it"] = {1, 1, "1"},
  ["a boolean"] = {true, true, false},
  ["false"] = {false, false, true},
  ["a function"] = {print, print, pairs},
  ["a userdata"] = {io.stdout, io.stdout, io.stderr},
  ["a light userdata"] = {light, light, other_light},
}

local table_key, thread_key = {}, coroutine.create(print)
KEYS["a table"] = {table_key, table_key, {}}
KEYS["a coroutine"] = {thread_key, thread_key, coroutine.create(print)}

describe("a key that is", function()
  for kind, key in pairs(KEYS) do
    it(kind .. " is found again", function()
      local map = JoinMap.new()
      local id = map:spawn(key[1], nothing)
      assert.is_true(map:contains_key(key[2]))
      assert.equal(id, map:id(key[2]))
      map:shutdown()
    end)

    it(kind .. " is not taken for another", function()
      local map = JoinMap.new()
      map:spawn(key[1], nothing)
      assert.is_false(map:contains_key(key[3]))
      map:spawn(key[3], nothing)
      assert.equal(2, map:len())
      map:shutdown()
    end)

    it(kind .. " comes back from join_next", function()
      local map = JoinMap.new()
      map:spawn(key[1], function() return "value" end)
      local got, ok, value = map:join_next()
      assert.equal(key[1], got)
      assert.same({true, "value"}, {ok, value})
      assert.is_false(map:contains_key(key[2]))
    end)
  end

  it("a float with an integer's value comes back as an integer", function()
    local map = JoinMap.new()
    map:spawn(7.0, nothing)
    assert.equal("integer", math.type((map:join_next())))
  end)

  it("a metatable's __eq is not asked", function()
    local mt = {__eq = function() return true end}
    local a, b = setmetatable({}, mt), setmetatable({}, mt)
    local map = JoinMap.new()
    map:spawn(a, nothing)
    assert.is_false(map:contains_key(b))
    map:shutdown()
  end)

  for name, method in pairs {
    spawn = function(map, key) map:spawn(key, nothing) end,
    spawn_if_absent = function(map, key) map:spawn_if_absent(key, nothing) end,
    abort = function(map, key) map:abort(key) end,
    detach = function(map, key) map:detach(key) end,
    join = function(map, key) map:join(key) end,
    contains_key = function(map, key) map:contains_key(key) end,
    is_finished = function(map, key) map:is_finished(key) end,
    id = function(map, key) map:id(key) end,
  } do
    local message = "bad argument #1 to '" .. name .. "'"

    it("nil is an argument error of " .. name, function()
      assert.matches(message, error_of(method, JoinMap.new()), 1, true)
    end)

    it("NaN is an argument error of " .. name, function()
      assert.matches(message, error_of(method, JoinMap.new(), NAN), 1, true)
    end)
  end
end)

describe("what a map tells about a key or a task", function()
  it("is true until the result has been joined", function()
    local map = JoinMap.new()
    local id = map:spawn("key", nothing)
    assert.is_true(map:contains_key("key") and map:contains_task(id))
    settle()
    assert.is_true(map:contains_key("key") and map:contains_task(id))
    map:join_next()
    assert.is_false(map:contains_key("key") or map:contains_task(id))
  end)

  it("includes whether it has finished", function()
    local map = JoinMap.new()
    map:spawn("key", ebb.yield_now)
    assert.is_false(map:is_finished("key"))
    settle()
    assert.is_false(map:is_finished("key"))
    settle()
    assert.is_true(map:is_finished("key"))
    map:join_next()
  end)

  it("is that it is not finished when it is absent", function()
    assert.is_falsy(JoinMap.new():is_finished("key"))
  end)

  it("is no id when it is absent", function()
    assert.is_nil(JoinMap.new():id("key"))
  end)
end)

describe("keys", function()
  it("gives each key with the id of its task", function()
    local map, ids, seen = JoinMap.new(), {}, {}
    for i = 1, 10 do ids[i] = map:spawn(i, nothing) end
    for key, id in map:keys() do seen[key] = id end
    assert.same(ids, seen)
    map:shutdown()
  end)

  it("includes finished tasks that were not joined", function()
    local map = JoinMap.new()
    map:spawn("key", nothing)
    settle()
    assert.equal("key", (map:keys()()))
    map:shutdown()
  end)

  it("gives nothing for an empty map", function()
    for _ in JoinMap.new():keys() do error "not empty" end
  end)

  for name, change in pairs {
    ["spawned"] = function(map, key) map:spawn(key + 1000, forever) end,
    ["replaced"] = function(map, key) map:spawn(key, forever) end,
    ["aborted"] = function(map, key) map:abort(key) end,
    ["shrunk"] = function(map) map:shrink_to_fit() end,
    ["reserved"] = function(map, key) map:reserve(100 * key) end,
    ["yielded"] = function() ebb.yield_now() end,
  } do
    it("gives each lasting key once while others are " .. name, function()
      local map, seen = map_of_waiting(100), {}
      for key in map:keys() do
        if key <= 100 then
          assert.is_nil(seen[key])
          seen[key] = true
          change(map, key)
        end
      end
      assert.equal(100, #seen)
      map:shutdown()
    end)
  end

  it("gives each lasting key once while others are taken out", function()
    local map, seen = map_of_waiting(100), {}
    for key in map:keys() do
      assert.is_nil(seen[key])
      seen[key] = true
      if key % 2 == 1 then map:detach(key) end
    end
    for i = 2, 100, 2 do assert.is_true(seen[i]) end
    map:shutdown()
    ebb.sleep(2e6)
  end)

  it("ends when the map is emptied in the loop", function()
    local map, count = map_of_waiting(100), 0
    for _ in map:keys() do
      count = count + 1
      map:shutdown()
    end
    assert.is_true(count >= 1)
    assert.equal(0, map:len())
  end)

  it("gives no key twice when finished tasks are joined in the loop", function()
    local map, seen = JoinMap.new(), {}
    for i = 1, 100 do map:spawn(i, nothing) end
    settle()
    for key in map:keys() do
      assert.is_nil(seen[key])
      seen[key] = true
      map:try_join_next()
    end
    drain(map)
  end)

  it("may be left before its end", function()
    local map = map_of_waiting(10)
    for _ in map:keys() do break end
    map:shutdown()
    assert.equal(0, map:len())
  end)

  it("keeps the map alive while it is used", function()
    local log = {}
    local function keys()
      local map = JoinMap.new()
      for i = 1, 3 do map:spawn(i, guarded, log, i) end
      settle()
      return map:keys()
    end
    local count = 0
    for _ in keys() do
      collect()
      settle()
      assert.same({}, log)
      count = count + 1
    end
    assert.equal(3, count)
  end)
end)
