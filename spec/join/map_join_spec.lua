-- JoinMap: join_next, try_join_next and join by key.

local ebb = require "ebb"
local common = require "common"
local maps = require "maps"
local JoinMap = ebb.JoinMap

local settle = ebb.yield_now

local nothing = common.nothing

local keys_in_join_order = maps.keys_in_join_order

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("join_next", function()
  it("gives a thousand values", function()
    local map = JoinMap.new()
    map:spawn("key", function() return table.unpack({}, 1, 1000) end)
    assert.equal(1002, select("#", map:join_next()))
  end)

  it("gives tasks in that order also when they have all ended", function()
    local map = JoinMap.new()
    for _, delay in ipairs {3, 1, 2} do map:spawn(delay, ebb.sleep, delay) end
    ebb.sleep(10)
    assert.same({1, 2, 3}, keys_in_join_order(map))
  end)

  it("takes the task out of the map", function()
    local map = JoinMap.new()
    local id = map:spawn("key", nothing)
    map:join_next()
    assert.is_false(map:contains_key("key"))
    assert.is_false(map:contains_task(id))
    assert.is_true(map:is_empty())
  end)

  it("serves the generic for", function()
    local map = JoinMap.new()
    for i = 1, 3 do map:spawn(i, function() return i * i end) end
    local squares = {}
    for key, ok, value in map.join_next, map do
      assert.is_true(ok)
      squares[key] = value
    end
    assert.same({1, 4, 9}, squares)
  end)

  it("sees tasks that are spawned in the loop", function()
    local map = JoinMap.new()
    map:spawn(1, nothing)
    local keys = {}
    for key in map.join_next, map do
      keys[#keys + 1] = key
      if key < 5 then map:spawn(key + 1, nothing) end
    end
    assert.same({1, 2, 3, 4, 5}, keys)
  end)

  it("serves two tasks", function()
    local map, got = JoinMap.new(), {}
    local function join()
      local key = map:join_next()
      got[key] = true
    end
    local a, b = ebb.spawn(join), ebb.spawn(join)
    map:spawn(1, ebb.sleep, 1)
    map:spawn(2, ebb.sleep, 2)
    a:await()
    b:await()
    assert.same({true, true}, got)
  end)

  it("gives nil when the last task is detached", function()
    local map = JoinMap.new()
    map:spawn("key", ebb.sleep, 1)
    ebb.spawn(function() map:detach("key") end)
    assert.is_nil(map:join_next())
    ebb.sleep(2)
  end)
end)

describe("try_join_next", function()
  it("gives every result that is there, beyond any budget", function()
    local map, count = JoinMap.new(), 0
    for i = 1, 1000 do map:spawn(i, nothing) end
    settle()
    for _ in map.try_join_next, map do count = count + 1 end
    assert.equal(1000, count)
  end)
end)

describe("join", function()
  it("gives true and the values of that task", function()
    local map = JoinMap.new()
    map:spawn("key", function() return 1, nil end)
    assert.same({n = 3, true, 1, nil}, table.pack(map:join("key")))
  end)

  it("gives false and the JoinError of that task", function()
    local map = JoinMap.new()
    map:spawn("key", error, "boom", 0)
    local ok, err = map:join("key")
    assert.is_false(ok)
    assert.equal("boom", err:into_panic())
  end)

  it("gives nil when the key is absent", function()
    assert.is_nil(JoinMap.new():join("key"))
  end)

  it("waits for that task and leaves the others", function()
    local map = JoinMap.new()
    map:spawn("slow", function() ebb.sleep(2) return "slow" end)
    map:spawn("quick", function() ebb.sleep(1) return "quick" end)
    assert.same({true, "slow"}, {map:join("slow")})
    assert.same({"quick", true, "quick"}, {map:join_next()})
  end)

  it("takes the task out of the map", function()
    local map = JoinMap.new()
    map:spawn("key", nothing)
    map:join("key")
    assert.is_false(map:contains_key("key"))
    assert.is_nil(map:join_next())
  end)

  it("is not taken in when the task is replaced meanwhile", function()
    local map = JoinMap.new()
    map:spawn("key", function() ebb.sleep(1) return "old" end)
    ebb.spawn(function()
      map:spawn("key", function() ebb.sleep(5) return "new" end)
    end)
    assert.is_falsy((map:join("key")))
    assert.same({"key", true, "new"}, {map:join_next()})
  end)

  it("ends when the task is detached meanwhile", function()
    local map = JoinMap.new()
    map:spawn("key", ebb.sleep, 1)
    ebb.spawn(function() map:detach("key") end)
    assert.is_nil((map:join("key")))
    ebb.sleep(2)
  end)

  it("loses nothing when it is cut off", function()
    local map = JoinMap.new()
    map:spawn("key", function() ebb.sleep(1) return "value" end)
    local task = ebb.spawn(function() map:join("key") end)
    settle()
    task:abort()
    task:join()
    assert.same({true, "value"}, {map:join("key")})
  end)
end)
