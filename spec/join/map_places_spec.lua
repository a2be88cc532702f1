-- #threads
-- JoinMap: the spawns that name a place, which is a LocalSet or the thread
-- pool; more of those on other runtimes is in
-- remote/runtime_collections_spec. The part on
-- LocalSets follows Tokio's tests in task_join_map.rs, under their names.

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local run = require "run"
local JoinMap, LocalSet = ebb.JoinMap, ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local collect, entry, error_of, guarded =
  common.collect, common.entry, common.error_of, common.guarded

local OUTSIDE = require "local_sets".OUTSIDE

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

local N = 8

-- What the two groups below do with a map, with a set or in one.
local function spawn_index(map, set)
  for i = 1, N do
    local function body(n) settle() return n end
    if set then
      map:spawn_local_on(i, body, set, i)
    else
      map:spawn_local(i, body, i)
    end
  end
end

local function spawn_pending(map, log, set)
  for i = 1, N do
    if set then
      map:spawn_local_on(i, guarded, set, log, i)
    else
      map:spawn_local(i, guarded, log, i)
    end
  end
end

local function assert_drained(map)
  local seen = {}
  for key, ok, value in map.join_next, map do
    assert.is_true(ok)
    assert.equal(key, value)
    seen[key] = value
  end
  assert.same({1, 2, 3, 4, 5, 6, 7, 8}, seen)
end

local function assert_all_closed(log)
  for i = 1, N do assert.equal("closed", log[i]) end
end

describe("as in Tokio, spawn_local of a JoinMap", function()
  it("raises outside of a set (panic_outside_any_runtime)", function()
    local map = JoinMap.new()
    assert.matches(OUTSIDE, error_of(map.spawn_local, map, "key", nothing),
                   1, true)
    assert.is_true(map:is_empty())
  end)

  it("gives all results (local_set::spawn_then_join_next)", function()
    LocalSet.new():run_until(function()
      local map = JoinMap.new()
      spawn_index(map)
      assert_drained(map)
    end)
  end)

  it("is shut down (local_set::spawn_then_shutdown)", function()
    LocalSet.new():run_until(function()
      local map, log = JoinMap.new(), {}
      spawn_pending(map, log)
      settle()
      assert.is_nil(map:try_join_next())
      map:shutdown()
      assert.is_true(map:is_empty())
      assert_all_closed(log)
    end)
  end)

  it("is aborted when dropped (local_set::spawn_then_drop)", function()
    LocalSet.new():run_until(function()
      local map, log = JoinMap.new(), {}
      spawn_pending(map, log)
      settle()
      map = nil -- luacheck: ignore
      collect()
      settle()
      assert_all_closed(log)
    end)
  end)
end)

describe("as in Tokio, spawn_local_on of a JoinMap", function()
  it("gives all results (local_set::spawn_then_join_next)", function()
    local map, set = JoinMap.new(), LocalSet.new()
    spawn_index(map, set)
    settle()
    assert.is_nil(map:try_join_next())
    set:run_until(assert_drained, map)
  end)

  it("is shut down (local_set::spawn_then_shutdown)", function()
    local map, set, log = JoinMap.new(), LocalSet.new(), {}
    spawn_pending(map, log, set)
    assert.is_nil(map:try_join_next())
    set:run_until(function()
      settle()
      map:shutdown()
      assert.is_true(map:is_empty())
      assert_all_closed(log)
    end)
  end)

  it("is aborted when dropped, driven or not (local_set::spawn_then_drop)",
     function()
    for _, driven in ipairs {false, true} do
      local set, log = LocalSet.new(), {}
      local map = JoinMap.new()
      spawn_pending(map, log, set)
      set:run_until(settle)
      local function drop()
        map = nil
        collect()
      end
      if not driven then drop() end
      assert.same({}, log)
      set:run_until(function()
        if driven then drop() end
        settle()
        assert_all_closed(log)
      end)
    end
  end)

  it("never runs what was dropped before it was driven", function()
    local set, ran = LocalSet.new(), false
    local map = JoinMap.new()
    map:spawn_local_on("key", function() ran = true end, set)
    map = nil -- luacheck: ignore
    collect()
    set:await()
    assert.is_false(ran)
  end)
end)

-- Each spawns with a map: spawn(map, key, f, ...) -> id, and drives whatever
-- has to be driven for the rest of the test. `far`: values are copied.
local set
local VARIANTS = {
  spawn_local = {
    spawn = function(map, ...)
      local guard <close> = set:enter()
      return map:spawn_local(...)
    end,
  },
  spawn_local_on = {
    spawn = function(map, key, f, ...)
      return map:spawn_local_on(key, f, set, ...)
    end,
    place = function() return set end,
  },
  spawn_blocking = {
    spawn = function(map, ...) return map:spawn_blocking(...) end,
    far = true,
  },
  spawn_blocking_on = {
    spawn = function(map, key, f, ...)
      return map:spawn_blocking_on(key, f, ebb.Handle.current(), ...)
    end,
    place = function() return ebb.Handle.current() end,
    far = true,
  },
  spawn_on = {
    spawn = function(map, key, f, ...)
      return map:spawn_on(key, f, ebb.Handle.current(), ...)
    end,
    place = function() return ebb.Handle.current() end,
  },
}

for name, variant in pairs(VARIANTS) do
  local spawn = variant.spawn

  describe(name, function()
    local map, driver

    before_each(function()
      set, map = LocalSet.new(), JoinMap.new()
      driver = ebb.spawn(function() set:run_until(forever) end)
      settle()
    end)

    after_each(function()
      map:shutdown()
      driver:abort()
      driver:join()
    end)

    it("gives the id of the task", function()
      local id = spawn(map, "key", function() return require "ebb".id() end)
      assert.equal(id, map:id "key")
      assert.is_true(map:contains_task(id))
      assert.is_true(map:contains_key "key")
      assert.same({"key", true, id}, {map:join_next()})
      assert.is_false(map:contains_task(id))
    end)

    it("passes arguments and results, nils included", function()
      spawn(map, "key", function(...) return select("#", ...), ... end,
            nil, 2, nil)
      assert.same({n = 6, "key", true, 3, nil, 2, nil},
                  table.pack(map:join_next()))
    end)

    it("gives the JoinError of a panic", function()
      local id = spawn(map, "key", function() error("boom", 0) end)
      local key, ok, err = map:join_next()
      assert.same({"key", false, "boom", id},
                  {key, ok, err:into_panic(), err:id()})
    end)

    it("replaces the task of a key, of any kind", function()
      local log = {}
      map:spawn("key", guarded, log, 1)
      settle()
      spawn(map, "key", function() return "new" end)
      assert.equal(1, map:len())
      assert.same({"key", true, "new"}, {map:join_next()})
      assert.same({"closed"}, log)
      spawn(map, "key", function() return "newer" end)
      map:spawn("key", function() return "newest" end)
      assert.same({"key", true, "newest"}, {map:join_next()})
      assert.is_nil(map:join_next())
    end)

    it("is joined by key", function()
      spawn(map, "key", function() return 7 end)
      assert.same({true, 7}, {map:join "key"})
    end)

    it("has its key in ebb.tasks", function()
      local id = spawn(map, "the key", function() return 7 end)
      assert.equal("the key", entry(id).key)
      map:join_next()
    end)

    it("may be detached", function()
      local id = spawn(map, "key", nothing)
      assert.is_true(map:detach "key")
      assert.is_true(map:is_empty())
      assert.is_false(map:contains_task(id))
    end)

    it("keeps keys of any kind", function()
      for _, key in ipairs {1.5, true, {}, nothing, io.stdout} do
        spawn(map, key, function() return "value" end)
        assert.same({key, true, "value"}, {map:join_next()})
      end
    end)

    it("refuses nil and NaN as a key", function()
      for _, key in ipairs {false, 0 / 0} do
        assert.matches("bad argument", error_of(spawn, map, key or nil,
                                                nothing))
      end
      assert.is_true(map:is_empty())
    end)

    it("names the argument when the body cannot be called", function()
      assert.matches(("bad argument #2 to '%s'"):format(name),
                     error_of(spawn, map, "key", 42), 1, true)
      assert.is_true(map:is_empty())
    end)

    if variant.place then
      it("names the argument when the place is something else", function()
        for _, place in ipairs {42, {}, io.stdout, map} do
          assert.matches(("bad argument #3 to '%s'"):format(name),
                         error_of(common.call, map, name, "key", nothing,
                                  place), 1, true)
        end
        assert.matches(("bad argument #3 to '%s'"):format(name),
                       error_of(common.call, map, name, "key", nothing),
                       1, true)
        assert.is_true(map:is_empty())
      end)
    end

    if variant.far then
      it("copies, and refuses what cannot be sent", function()
        local t = {1}
        spawn(map, "key", function(copy) copy[1] = 2 return copy end, t)
        local _, _, copy = map:join_next()
        assert.same({{1}, {2}}, {t, copy})
        map:spawn("key", function() return "old" end)
        assert.matches("cannot send a userdata", error_of(
          spawn, map, "key", nothing, io.stdout), 1, true)
        assert.same({"key", true, "old"}, {map:join_next()})
      end)
    else
      it("passes the very values", function()
        local t = {}
        spawn(map, "key", function(...) return ... end, t, io.stdout)
        local _, _, same, file = map:join_next()
        assert.is_true(rawequal(t, same))
        assert.equal(io.stdout, file)
      end)

      it("is aborted, and leaves its entry until it is joined", function()
        local log = {}
        spawn(map, "key", guarded, log, 1)
        settle()
        assert.is_true(map:abort("key", "reason"))
        assert.is_true(map:contains_key "key")
        local _, ok, err = map:join_next()
        assert.same({false, "reason"}, {ok, err:reason()})
        assert.same({"closed"}, log)
      end)

      it("is aborted with its map", function()
        local log = {}
        spawn(map, "key", guarded, log, 1)
        settle()
        map = JoinMap.new()
        collect()
        settle()
        settle()
        assert.same({"closed"}, log)
      end)
    end
  end)
end

describe("a map with blocking work", function()
  it("is empty after a shutdown that waits for what has started", function()
    local map, at = JoinMap.new(), gate.new()
    local _ <close> = at
    map:spawn_blocking("key", gate.pass, at.path)
    at:arrived(1)
    local closing = ebb.spawn(map.shutdown, map)
    for _ = 1, 5 do settle() end
    assert.is_false(closing:is_finished())
    at:open()
    closing:join()
    assert.is_true(map:is_empty())
  end)

  it("may be dropped while it runs", function()
    local at <close> = gate.new()
    do
      local map <close> = JoinMap.new()
      map:spawn_blocking("key", gate.pass, at.path)
      at:arrived(1)
    end
    collect()
    at:open()
    settle()
    assert.equal(7, ebb.block_in_place(function() return 7 end))
  end)

  it("gives results as they come, of 200 jobs", function()
    local map = JoinMap.new()
    for i = 1, 200 do
      map:spawn_blocking(i, function(n) return 2 * n end, i)
    end
    local seen = 0
    for key, ok, value in map.join_next, map do
      assert.is_true(ok)
      assert.equal(2 * key, value)
      seen = seen + 1
    end
    assert.equal(200, seen)
  end)

  it("may be replaced before it has started, and never runs then",
     function()
    local code, out = run [[
      local ebb = require "ebb"
      local gate = require "gate"
      ebb.set_max_blocking_threads(1)
      local map, at = ebb.JoinMap.new(), gate.new()
      map:spawn_blocking("first", gate.pass, at.path, "first")
      at:arrived(1)
      map:spawn_blocking("key", print, "must not run")
    ]]
    assert.equal(1, code) -- `print` cannot be sent
    assert.equal("", out)
    code, out = run [[
      local ebb = require "ebb"
      local gate = require "gate"
      ebb.set_max_blocking_threads(1)
      local map, at = ebb.JoinMap.new(), gate.new()
      map:spawn_blocking("first", gate.pass, at.path, "first")
      at:arrived(1)
      map:spawn_blocking("key", function() print "must not run" end)
      map:spawn_blocking("key", function() return "new" end)
      at:open()
      for key, ok, value in map.join_next, map do print(key, ok, value) end
    ]]
    assert.same({0, "first\ttrue\tfirst\nkey\ttrue\tnew\n"}, {code, out})
  end)
end)
