-- JoinMap: tasks by key. The first part follows Tokio's own tests of its
-- JoinMap, under their names; tokio.md says which of them have no place in
-- Lua.

local ebb = require "ebb"
local common = require "common"
local JoinMap = ebb.JoinMap

local settle = ebb.yield_now
local NAN = 0 / 0

local forever, nothing = common.forever, common.nothing
local closer, collect, error_of, guarded =
  common.closer, common.collect, common.error_of, common.guarded

-- Joins all of a map: key -> table.pack(ok, values...), and their number.
local function drain(map)
  local seen, count = {}, 0
  local function take(key, ...)
    if key == nil then return false end
    assert.is_nil(seen[key])
    seen[key] = table.pack(...)
    count = count + 1
    return true
  end
  while take(map:join_next()) do end
  return seen, count
end

-- The keys that join_next gives, in its order.
local function keys_in_join_order(map)
  local keys = {}
  for key in map.join_next, map do keys[#keys + 1] = key end
  return keys
end

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("as in Tokio, a JoinMap", function()
  local function spawn_sleepers(map, n)
    for i = 0, n - 1 do
      map:spawn(i, function()
        ebb.sleep(i)
        return i
      end)
      assert.equal(i + 1, map:len())
    end
  end

  it("is joined and used again (test_with_sleep)", function()
    local map = JoinMap.new()
    for i = 0, 9 do map:spawn(i, function() return i end) end
    map:detach_all()
    assert.equal(0, map:len())
    assert.is_nil(map:join_next())
    for _ = 1, 2 do
      spawn_sleepers(map, 10)
      local seen, count = drain(map)
      assert.equal(10, count)
      for i = 0, 9 do assert.same({n = 2, true, i}, seen[i]) end
      assert.is_nil(map:join_next())
    end
  end)

  it("aborts its tasks when dropped (test_abort_on_drop)", function()
    local log = {}
    local function fill()
      local map = JoinMap.new()
      for i = 1, 16 do map:spawn(i, guarded, log, i) end
      settle()
    end
    fill()
    collect()
    settle()
    for i = 1, 16 do assert.equal("closed", log[i]) end
  end)

  it("joins and spawns in turn (alternating)", function()
    local map = JoinMap.new()
    map:spawn(1, nothing)
    map:spawn(2, nothing)
    assert.equal(2, map:len())
    for i = 10, 25 do
      local _, ok = map:join_next()
      assert.is_true(ok)
      assert.equal(1, map:len())
      map:spawn(i, nothing)
      assert.equal(2, map:len())
    end
    drain(map)
  end)

  it("tells its keys until they are joined (test_keys)", function()
    local map = JoinMap.new()
    map:spawn(1, nothing)
    map:spawn(2, nothing)
    local keys = {}
    for key in map:keys() do keys[key] = true end
    assert.same({true, true}, keys)
    drain(map)
    assert.equal(0, map:len())
    assert.is_nil(map:keys()())
  end)

  -- Of 16 sleepers the odd ones were aborted.
  local function assert_odd_cancelled(map)
    for key, ok, err in map.join_next, map do
      assert.equal(key % 2 == 0, ok)
      if not ok then assert.is_true(err:is_cancelled()) end
      assert.is_false(map:contains_key(key))
    end
    assert.is_true(map:is_empty())
  end

  it("aborts tasks by key (abort_by_key)", function()
    local map = JoinMap.new()
    spawn_sleepers(map, 16)
    for i = 1, 15, 2 do assert.is_true(map:abort(i)) end
    assert_odd_cancelled(map)
  end)

  it("aborts tasks by predicate (abort_by_predicate)", function()
    local map = JoinMap.new()
    spawn_sleepers(map, 16)
    map:abort_matching(function(key) return key % 2 ~= 0 end)
    assert_odd_cancelled(map)
  end)

  it("lets others run while results abound (join_map_coop)", function()
    local turns, stop = 0, false
    local map = JoinMap.new()
    for i = 1, 1000 do map:spawn(i, function() return i end) end
    settle()
    local other = ebb.spawn(function()
      while not stop do
        turns = turns + 1
        ebb.yield_now()
      end
    end)
    local _, count = drain(map)
    assert.equal(1000, count)
    assert.is_true(turns >= 1)
    stop = true
    other:join()
  end)

  it("keeps finished results through abort_all (abort_all)", function()
    local map = JoinMap.new()
    for i = 0, 4 do map:spawn(i, forever) end
    for i = 5, 9 do map:spawn(i, ebb.sleep, 1) end
    ebb.sleep(2)
    map:abort_all()
    assert.equal(10, map:len())
    local seen, count = drain(map)
    assert.equal(10, count)
    for i = 0, 9 do assert.equal(i >= 5, seen[i][1]) end
    assert.equal(0, map:len())
  end)

  it("gives nil when empty (try_join_next_empty)", function()
    assert.is_nil(JoinMap.new():try_join_next())
  end)

  it("gives nil when none is ready (try_join_next_no_ready_task)", function()
    local map = JoinMap.new()
    map:spawn("pending", forever)
    settle()
    assert.is_nil(map:try_join_next())
    assert.equal(1, map:len())
    map:shutdown()
  end)

  it("gives what is ready (try_join_next_completed_task)", function()
    local map = JoinMap.new()
    map:spawn("hello", function() return 42 end)
    assert.is_nil(map:try_join_next())
    settle()
    assert.same({"hello", true, 42}, {map:try_join_next()})
    assert.is_true(map:is_empty())
  end)

  it("gives what was aborted (try_join_next_aborted_task)", function()
    local map = JoinMap.new()
    map:spawn("forever", forever)
    assert.is_true(map:abort("forever"))
    settle()
    local key, ok, err = map:try_join_next()
    assert.same({"forever", false}, {key, ok})
    assert.is_true(err:is_cancelled())
    assert.is_true(map:is_empty())
  end)

  it("gives all (try_join_next_advances_through_multiple)", function()
    local map = JoinMap.new()
    for i = 1, 8 do map:spawn(i, function() return i end) end
    settle()
    local seen = {}
    for key, _, value in map.try_join_next, map do seen[key] = value end
    assert.same({1, 2, 3, 4, 5, 6, 7, 8}, seen)
    assert.is_nil(map:try_join_next())
  end)

  it("skips the replaced (try_join_next_skips_replaced_task)", function()
    local map = JoinMap.new()
    map:spawn(1, function() return 11 end)
    settle()
    map:spawn(1, function() return 22 end)
    settle()
    assert.same({1, true, 22}, {map:try_join_next()})
    assert.is_nil(map:try_join_next())
    assert.is_true(map:is_empty())
  end)

  it("has one task for a key (duplicate_keys)", function()
    local map = JoinMap.new()
    map:spawn(1, function() return 1 end)
    map:spawn(1, function() return 2 end)
    assert.equal(1, map:len())
    assert.same({1, true, 2}, {map:join_next()})
    assert.is_nil(map:join_next())
  end)

  it("does not show a phantom of the replaced (duplicate_keys2)", function()
    local map = JoinMap.new()
    map:spawn(1, function() return 1 end)
    map:spawn(1, function()
      ebb.sleep(1)
      return 2
    end)
    settle()
    assert.is_nil(map:try_join_next())
    assert.same({1, true, 2}, {map:join_next()})
    assert.is_nil(map:join_next())
  end)
end)

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

  it("passes its arguments to the body, nils included", function()
    local map = JoinMap.new()
    local function body(...) return select("#", ...), ... end
    map:spawn("key", body, nil, 2, nil)
    assert.same({n = 6, "key", true, 3, nil, 2, nil},
                table.pack(map:join_next()))
  end)

  it("takes a callable value as the body", function()
    local map = JoinMap.new()
    local body = setmetatable({}, {__call = function(_, n) return n end})
    map:spawn("key", body, 7)
    assert.same({"key", true, 7}, {map:join_next()})
  end)

  it("takes a suspended coroutine as the body", function()
    local map = JoinMap.new()
    map:spawn("key", coroutine.create(function(n) return n end), 7)
    assert.same({"key", true, 7}, {map:join_next()})
  end)

  it("names the argument when the body cannot be called", function()
    local map = JoinMap.new()
    assert.matches("bad argument #2 to 'spawn'", error_of(function()
      map:spawn("key", 42)
    end), 1, true)
    assert.is_true(map:is_empty())
  end)

  it("keeps the task of a key when the new body is refused", function()
    local map = JoinMap.new()
    map:spawn("key", function() return "old" end)
    pcall(map.spawn, map, "key", 42)
    assert.same({"key", true, "old"}, {map:join_next()})
  end)

  it("may be called by a task of the map", function()
    local map = JoinMap.new()
    map:spawn("outer", function() map:spawn("inner", nothing) end)
    assert.same({"outer", "inner"}, keys_in_join_order(map))
  end)
end)

-- A long string made at run time, so that no two are the same object.
local function long_string()
  return ("long "):rep(20) .. "key"
end

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

describe("join_next", function()
  it("gives nil at once when the map is empty", function()
    assert.is_nil(JoinMap.new():join_next())
  end)

  it("gives all values, nils included", function()
    local map = JoinMap.new()
    map:spawn("key", function() return nil, 2, nil end)
    assert.same({n = 5, "key", true, nil, 2, nil},
                table.pack(map:join_next()))
  end)

  it("gives a thousand values", function()
    local map = JoinMap.new()
    map:spawn("key", function() return table.unpack({}, 1, 1000) end)
    assert.equal(1002, select("#", map:join_next()))
  end)

  it("gives false and the JoinError of a panic", function()
    local map = JoinMap.new()
    local id = map:spawn("key", error, "boom", 0)
    local key, ok, err = map:join_next()
    assert.same({"key", false}, {key, ok})
    assert.equal("boom", err:into_panic())
    assert.equal(id, err:id())
  end)

  it("gives tasks in the order in which they end", function()
    local map = JoinMap.new()
    for _, delay in ipairs {3, 1, 2} do map:spawn(delay, ebb.sleep, delay) end
    assert.same({1, 2, 3}, keys_in_join_order(map))
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

  it("sees a task that is spawned while it waits", function()
    local map = JoinMap.new()
    map:spawn("slow", forever)
    ebb.spawn(function() map:spawn("quick", nothing) end)
    assert.equal("quick", (map:join_next()))
    map:shutdown()
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

  it("gives nil to the task that is left when the map is empty", function()
    local map = JoinMap.new()
    map:spawn("key", ebb.sleep, 1)
    local function join() return (map:join_next()) end
    local a, b = ebb.spawn(join), ebb.spawn(join)
    assert.same({true, "key"}, {a:join()})
    assert.same({n = 2, true}, table.pack(b:join()))
  end)

  it("gives nil to all that wait when the map is detached", function()
    local map = JoinMap.new()
    map:spawn("key", ebb.sleep, 1)
    ebb.spawn(function() map:detach_all() end)
    assert.is_nil(map:join_next())
    ebb.sleep(2)
  end)

  it("gives nil when the last task is detached", function()
    local map = JoinMap.new()
    map:spawn("key", ebb.sleep, 1)
    ebb.spawn(function() map:detach("key") end)
    assert.is_nil(map:join_next())
    ebb.sleep(2)
  end)

  it("loses nothing when it is cut off", function()
    local map = JoinMap.new()
    map:spawn("key", ebb.sleep, 1)
    local task = ebb.spawn(function() map:join_next() end)
    settle()
    task:abort()
    task:join()
    assert.same({"key", true}, {map:join_next()})
  end)

  it("may be called by a task of the same map", function()
    local map = JoinMap.new()
    map:spawn("outer", function()
      map:spawn("inner", nothing)
      return (map:join_next())
    end)
    for _ = 1, 3 do settle() end
    assert.same({"outer", true, "inner"}, {map:join_next()})
  end)
end)

describe("try_join_next", function()
  it("does not wait", function()
    local map, ran = JoinMap.new(), false
    map:spawn("key", function() ran = true end)
    assert.is_nil(map:try_join_next())
    assert.is_false(ran)
    map:shutdown()
  end)

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

  it("is not answered by join_next before the clean-up is over", function()
    local map, closed = JoinMap.new(), false
    map:spawn("key", function()
      local _ <close> = closer(function()
        ebb.sleep(1)
        closed = true
      end)
      forever()
    end)
    settle()
    map:abort("key")
    settle()
    assert.is_nil(map:try_join_next())
    map:join_next()
    assert.is_true(closed)
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

-- A map with tasks 1 to n that wait for good, all of them started.
local function map_of_waiting(n)
  local map = JoinMap.new()
  for i = 1, n do map:spawn(i, forever) end
  settle()
  return map
end

-- The number of tasks in a map that were aborted; joins those.
local function count_aborted(map)
  settle()
  local count = 0
  for _, ok in map.try_join_next, map do
    if not ok then count = count + 1 end
  end
  return count
end

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
  it("cancels every task that has not finished", function()
    local map = map_of_waiting(5)
    map:abort_all()
    assert.equal(5, count_aborted(map))
  end)

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
  it("leaves the map empty", function()
    local map = map_of_waiting(5)
    map:shutdown()
    assert.equal(0, map:len())
    assert.is_nil(map:join_next())
  end)

  it("waits for the clean-up of the tasks", function()
    local map, log = JoinMap.new(), {}
    for i = 1, 3 do
      map:spawn(i, function()
        local _ <close> = closer(function()
          ebb.sleep(i)
          log[i] = "closed"
        end)
        forever()
      end)
    end
    settle()
    map:shutdown()
    assert.same({"closed", "closed", "closed"}, log)
  end)

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

  it("leaves a map that can be used again", function()
    local map = map_of_waiting(5)
    map:shutdown()
    map:spawn("key", function() return "again" end)
    assert.same({"key", true, "again"}, {map:join_next()})
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
  it("empties the map and lets the tasks run on", function()
    local map, done = JoinMap.new(), 0
    for i = 1, 5 do
      map:spawn(i, function()
        ebb.sleep(1)
        done = done + 1
      end)
    end
    map:detach_all()
    assert.equal(0, map:len())
    ebb.sleep(2)
    assert.equal(5, done)
  end)

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

  it("does not include tasks of others", function()
    local map = JoinMap.new()
    local task = ebb.spawn(nothing)
    assert.is_false(map:contains_task(task:id()))
    task:join()
  end)

  it("names the argument when a task id is no integer", function()
    assert.matches("bad argument #1 to 'contains_task'", error_of(function()
      JoinMap.new():contains_task({})
    end), 1, true)
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

describe("a map that leaves scope as <close>", function()
  it("aborts all its tasks", function()
    local log = {}
    do
      local map <close> = JoinMap.new()
      for i = 1, 3 do map:spawn(i, guarded, log, i) end
      settle()
    end
    settle()
    assert.same({"closed", "closed", "closed"}, log)
  end)

  it("aborts all its tasks when an error leaves the scope", function()
    local log = {}
    pcall(function()
      local map <close> = JoinMap.new()
      map:spawn(1, guarded, log, 1)
      settle()
      error "boom"
    end)
    settle()
    assert.same({"closed"}, log)
  end)

  it("aborts all its tasks when its own task is aborted", function()
    local log = {}
    local task = ebb.spawn(function()
      local map <close> = JoinMap.new()
      map:spawn(1, guarded, log, 1)
      forever()
    end)
    settle()
    settle()
    task:abort()
    task:join()
    settle()
    assert.same({"closed"}, log)
  end)

  it("leaves detached tasks alone", function()
    local done = false
    do
      local map <close> = JoinMap.new()
      map:spawn(1, function()
        ebb.sleep(1)
        done = true
      end)
      map:detach(1)
    end
    ebb.sleep(2)
    assert.is_true(done)
  end)
end)

describe("a map that is collected", function()
  -- Makes a map that `fill` fills, lets its tasks start, drops it.
  local function make_and_drop(fill)
    local function make()
      local map = JoinMap.new()
      fill(map)
      settle()
    end
    make()
    collect()
    settle()
  end

  it("aborts tasks that wait in a C call", function()
    local log = {}
    make_and_drop(function(map)
      map:spawn(1, table.sort, {2, 1}, function() guarded(log, 1) end)
    end)
    assert.same({"closed"}, log)
  end)

  it("aborts tasks that wait in a generator", function()
    local log = {}
    make_and_drop(function(map)
      map:spawn(1, function()
        coroutine.wrap(function() guarded(log, 1) end)()
      end)
    end)
    assert.same({"closed"}, log)
  end)

  it("lives as long as a task that refers to it, also by its key", function()
    local log = {}
    make_and_drop(function(map)
      map:spawn(1, function()
        guarded(log, 1)
        map:abort_all()
      end)
      map:spawn(map, guarded, log, 2)
      log.map = setmetatable({map}, {__mode = "v"})
    end)
    assert.equal(2, #log.map[1])
    log.map[1]:shutdown()
    assert.same({"closed", "closed"}, {log[1], log[2]})
  end)

  it("lets the clean-up of its tasks wait", function()
    local closed = false
    make_and_drop(function(map)
      map:spawn(1, function()
        local _ <close> = closer(function()
          ebb.sleep(1)
          closed = true
        end)
        forever()
      end)
    end)
    ebb.sleep(2)
    assert.is_true(closed)
  end)

  it("is not collected while another task refers to it", function()
    local function join_in_task()
      local map = JoinMap.new()
      map:spawn(1, function()
        ebb.sleep(1)
        return "value"
      end)
      return ebb.spawn(map.join_next, map)
    end
    local task = join_in_task()
    settle()
    collect()
    assert.same({true, 1, true, "value"}, {task:join()})
  end)

  it("frees the results that nobody joined", function()
    local weak = setmetatable({}, {__mode = "v"})
    make_and_drop(function(map)
      map:spawn(1, function()
        local value = {}
        weak[1] = value
        return value
      end)
    end)
    collect()
    assert.is_nil(weak[1])
  end)

  it("frees keys and results of tasks that were joined", function()
    local weak = setmetatable({}, {__mode = "v"})
    local map = JoinMap.new()
    local function use()
      local key, value = {}, {}
      weak[1], weak[2] = key, value
      map:spawn(key, function() return value end)
      map:join_next()
    end
    use()
    settle()
    collect()
    assert.same({}, weak)
  end)
end)

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

-- A plain Lua model of a map: entries[key] = {id, state, value}, where state
-- is "quick" or "stuck" (spawned), "aborted" (will be cancelled), and, once
-- the tasks have had their turn, "done" or "cancelled".
local Model = {}
Model.__index = Model

function Model.new(map)
  local pool = {{}, {}, print, io.stdout, true, false, long_string()}
  return setmetatable({map = map, entries = {}, pool = pool, serial = 0},
                      Model)
end

function Model:key()
  local n = math.random(30)
  local kind = math.random(4)
  if kind == 1 then return n end
  if kind == 2 then return n + 0.0 end
  if kind == 3 then return ("key %d"):format(n) end
  return self.pool[n % #self.pool + 1]
end

-- All tasks take their turn, in the map and in the model.
function Model:settle()
  ebb.yield_now()
  for _, entry in pairs(self.entries) do
    if entry.state == "quick" then entry.state = "done" end
    if entry.state == "aborted" then entry.state = "cancelled" end
  end
end

function Model:has_ended(entry)
  return entry.state == "done" or entry.state == "cancelled"
end

function Model:count(test)
  local count = 0
  for _, entry in pairs(self.entries) do
    if not test or test(self, entry) then count = count + 1 end
  end
  return count
end

function Model:add(key, id, state, value)
  self.entries[key] = {id = id, state = state, value = value}
end

function Model:abort(key)
  local entry = self.entries[key]
  if entry and not self:has_ended(entry) then entry.state = "aborted" end
end

-- Checks a join's outcome against the model and takes the entry out.
function Model:take(key, ok, value)
  local entry = self.entries[key]
  assert.is_not_nil(entry)
  assert.equal(entry.state, ok and "done" or "cancelled")
  if ok then
    assert.equal(entry.value, value)
  else
    assert.is_true(value:is_cancelled())
    assert.equal(entry.id, value:id())
  end
  self.entries[key] = nil
end

local OPERATIONS = {
  function(model, key)
    model.serial = model.serial + 1
    local value = model.serial
    local id = model.map:spawn(key, function() return value end)
    model:add(key, id, "quick", value)
  end,

  function(model, key)
    model:add(key, model.map:spawn(key, forever), "stuck")
  end,

  function(model, key)
    local id = model.map:spawn_if_absent(key, forever)
    assert.equal(model.entries[key] == nil, id ~= nil)
    if id then model:add(key, id, "stuck") end
  end,

  function(model, key)
    assert.equal(model.entries[key] ~= nil, model.map:abort(key))
    model:abort(key)
  end,

  function(model, key)
    assert.equal(model.entries[key] ~= nil, model.map:detach(key))
    model.entries[key] = nil
  end,

  function(model)
    model:settle()
  end,

  function(model)
    local key, ok, value = model.map:try_join_next()
    if key == nil then
      assert.equal(0, model:count(model.has_ended))
    else
      model:take(key, ok, value)
    end
  end,

  function(model)
    model:settle()
    if model:count(model.has_ended) > 0 then
      model:take(model.map:join_next())
    end
  end,

  function(model, key)
    model:settle()
    local entry = model.entries[key]
    if not entry then
      assert.is_nil((model.map:join(key)))
    elseif model:has_ended(entry) then
      model:take(key, model.map:join(key))
    end
  end,

  function(model)
    local remainder = math.random(0, 4)
    local function matches(key)
      return type(key) == "number" and key % 5 == remainder
    end
    model.map:abort_matching(matches)
    for key in pairs(model.entries) do
      if matches(key) then model:abort(key) end
    end
  end,

  function(model)
    local seen = {}
    for key, id in model.map:keys() do
      assert.is_nil(seen[key])
      seen[key] = id
    end
    for key, entry in pairs(model.entries) do
      assert.equal(entry.id, seen[key])
      seen[key] = nil
    end
    assert.is_nil(next(seen))
  end,

  function(model)
    model.map:shrink_to_fit()
    if math.random(20) == 1 then
      model.map:detach_all()
      model.entries = {}
    end
  end,
}

local function check_against_model(map, operations)
  math.randomseed(42)
  local model = Model.new(map)
  for _ = 1, operations do
    local key = model:key()
    OPERATIONS[math.random(#OPERATIONS)](model, key)
    local entry = model.entries[key]
    assert.equal(model:count(), map:len())
    assert.equal(entry ~= nil, map:contains_key(key))
    assert.equal(entry and entry.id, map:id(key))
    if entry then
      assert.is_true(map:contains_task(entry.id))
      assert.equal(model:has_ended(entry), map:is_finished(key))
    end
  end
  map:shutdown()
  ebb.sleep(2e6)
end

describe("10,000 random operations agree with a plain Lua model", function()
  it("with Lua's own keys", function()
    check_against_model(JoinMap.new(), 10000)
  end)

  it("with a hasher whose hashes collide", function()
    check_against_model(JoinMap.with_hasher {
      hash = function(key) return #type(key) end,
      equal = rawequal,
    }, 10000)
  end)
end)
