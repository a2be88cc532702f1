-- #threads
-- JoinMaps and JoinSets with tasks on another runtime.

-- Bodies for the other side set globals there, and call its module `ebb`.
-- luacheck: ignore 11 431

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local remote = require "remote"
local Handle = ebb.Handle

local nothing = common.nothing
local collect, error_of = common.collect, common.error_of
local forever, guarded, is_closed, until_started =
  remote.forever, remote.guarded, remote.is_closed, remote.until_started

local rt, there -- a runtime and its handle, new for each test

before_each(function() rt, there = remote.new_runtime() end)
after_each(function() assert.is_true(rt:shutdown()) end)

-- What f(...) gives as a task of the other runtime.
local function ask(f, ...) return there:spawn(f, ...):await() end

describe("a JoinMap with tasks on another runtime", function()
  local map

  before_each(function() map = ebb.JoinMap.new() end)
  after_each(function() map:shutdown() end)

  it("joins them as it joins others", function()
    local id = map:spawn_on("far", function(n) return n, nil, n end, there, 7)
    map:spawn("near", function() return 8 end)
    local seen = {}
    for key, ok, a, b, c in map.join_next, map do
      seen[key] = table.pack(ok, a, b, c)
    end
    assert.same({n = 4, true, 7, nil, 7}, seen.far)
    assert.same({true, 8}, {seen.near[1], seen.near[2]})
    assert.equal("integer", math.type(id))
  end)

  it("gives cancelled when the runtime goes (runtime_gone)", function()
    map:spawn_on("key", forever, there)
    rt:shutdown()
    local key, ok, err = map:join_next()
    assert.same({"key", false, true}, {key, ok, err:is_cancelled()})
  end)

  it("has their ids", function()
    local id = map:spawn_on("key", function() return require "ebb".id() end,
                            there)
    assert.equal(id, map:id "key")
    assert.is_true(map:contains_task(id))
    assert.same({"key", true, id}, {map:join_next()})
  end)

  it("aborts and replaces them", function()
    map:spawn_on("key", guarded, there, "old")
    ask(until_started, 1)
    map:spawn_on("key", guarded, there, "new")
    ask(until_started, 2)
    assert.is_true(map:abort("key", "reason"))
    local key, ok, err = map:join_next()
    assert.same({"key", false, "reason"}, {key, ok, err:reason()})
    assert.is_nil(map:join_next())
    -- The replaced one is not joined, but closed all the same.
    assert.is_true(ask(is_closed, "new"))
    repeat until ask(is_closed, "old")
  end)

  it("waits in shutdown for their clean-up", function()
    for i = 1, 10 do map:spawn_on(i, guarded, there, i) end
    ask(until_started, 10)
    map:shutdown()
    for i = 1, 10 do assert.is_true(ask(is_closed, i)) end
  end)

  it("aborts them when it is collected", function()
    map:spawn_on("key", guarded, there, "key")
    ask(until_started, 1)
    map = ebb.JoinMap.new()
    collect()
    repeat until ask(is_closed, "key")
  end)

  it("lets them run on when they are detached", function()
    local at <close> = gate.new()
    map:spawn_on("key", function(pass, path)
      pass(path)
      ended = true
    end, there, gate.pass, at.path)
    at:arrived(1)
    map:detach_all()
    at:open()
    repeat until ask(function() return ended end)
  end)

  it("keeps the task of a key when the new one cannot be sent", function()
    map:spawn("key", function() return "old" end)
    assert.matches("cannot send a userdata", error_of(
      map.spawn_on, map, "key", nothing, there, io.stdout), 1, true)
    assert.same({"key", true, "old"}, {map:join_next()})
  end)

  it("may have keys that cannot be sent", function()
    map:spawn_on(io.stdout, function() return 7 end, there)
    assert.same({io.stdout, true, 7}, {map:join_next()})
  end)

  it("spawns without copying on its own runtime", function()
    local t = {}
    map:spawn_on("key", function(file) return t, file end, Handle.current(),
                 io.stdout)
    local _, _, same, file = map:join_next()
    assert.is_true(rawequal(t, same))
    assert.equal(io.stdout, file)
  end)

  it("names the argument that is no Handle", function()
    for _, method in ipairs {"spawn_on", "spawn_blocking_on"} do
      for _, value in ipairs {42, {}, rt} do
        assert.matches(("bad argument #3 to '%s'"):format(method),
                       error_of(common.call, map, method, "key", nothing,
                                value), 1, true)
      end
    end
    assert.is_true(map:is_empty())
  end)

  it("runs blocking work on that pool", function()
    map:spawn_blocking_on("key", function(n)
      return n, require "ebb".id()
    end, there, 7)
    local id = map:id "key"
    assert.same({"key", true, 7, id}, {map:join_next()})
  end)
end)

describe("a JoinSet with tasks on another runtime", function()
  local set

  before_each(function() set = ebb.JoinSet.new() end)
  after_each(function() set:shutdown() end)

  it("joins them, and gives AbortHandles", function()
    local handle = set:spawn_on(function() return 7 end, there)
    assert.matches("^AbortHandle", tostring(handle))
    assert.same({handle:id(), true, 7}, {set:join_next_with_id()})
    set:spawn_blocking_on(function(n) return n end, there, 8)
    assert.same({true, 8}, {set:join_next()})
  end)

  it("gives cancelled when the runtime goes (runtime_gone)", function()
    set:spawn_on(forever, there)
    rt:shutdown()
    local ok, err = set:join_next()
    assert.is_false(ok)
    assert.is_true(err:is_cancelled())
  end)

  it("aborts them by their handles", function()
    local handle = set:spawn_on(forever, there)
    handle:abort "reason"
    local _, err = set:join_next()
    assert.equal("reason", err:reason())
  end)

  it("raises their panic in join_all", function()
    set:spawn_on(function() error("boom", 0) end, there)
    set:spawn_on(forever, there)
    local err = error_of(set.join_all, set)
    assert.equal("boom", err:into_panic())
    assert.is_true(set:is_empty())
  end)

  it("names the argument that is no Handle", function()
    for _, method in ipairs {"spawn_on", "spawn_blocking_on"} do
      assert.matches(("bad argument #2 to '%s'"):format(method),
                     error_of(common.call, set, method, nothing, {}),
                     1, true)
    end
    assert.is_true(set:is_empty())
  end)
end)
