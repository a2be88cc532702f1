-- #threads
-- JoinMap and JoinSet: the spawns that name a place, which is a LocalSet, the
-- thread pool or this runtime; those on other runtimes are in
-- remote/runtime_collections_spec, Tokio's in join/tokio_spec.

local collections = require "collections"
local common = require "common"
local ebb = require "ebb"
local gate = require "gate"
local run = require "run"
local JoinMap, JoinSet, LocalSet = ebb.JoinMap, ebb.JoinSet, ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local collect, entry, error_of, guarded =
  common.collect, common.entry, common.error_of, common.guarded

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

local on -- the LocalSet of the test

local function here() return ebb.Handle.current() end

-- By the name of the method: `spawn` spawns with `call(method, f, ...)` of a
-- collection. `place` gives the place that the method is told, `far` says that
-- values are copied.
local METHODS = {
  spawn_local = {
    spawn = function(call, ...)
      local _ <close> = on:enter()
      return call("spawn_local", ...)
    end,
  },
  spawn_local_on = {place = function() return on end},
  spawn_blocking = {
    spawn = function(call, ...) return call("spawn_blocking", ...) end,
    far = true,
  },
  spawn_blocking_on = {place = here, far = true},
  spawn_on = {place = here},
}

for name, method in pairs(METHODS) do
  method.spawn = method.spawn or function(call, f, ...)
    return call(name, f, method.place(), ...)
  end
end

-- Calls define(name, method) in a group of tests for each method, in which
-- `on` is driven.
local function describe_methods(class, define)
  for name, method in pairs(METHODS) do
    describe(name .. " of a " .. class, function()
      local driver

      before_each(function()
        on = LocalSet.new()
        driver = ebb.spawn(function() on:run_until(forever) end)
        settle()
      end)

      after_each(function()
        driver:abort()
        driver:join()
      end)

      define(name, method)
    end)
  end
end

-- ---- both

for class, kind in pairs(collections) do
  describe_methods(class, function(name, method)
    local c

    local function spawn(...)
      return method.spawn(function(...) return kind.call(c, ...) end, ...)
    end

    before_each(function() c = kind.new() end)
    after_each(function() c:shutdown() end)

    it("passes arguments and results, nils included", function()
      spawn(function(...) return select("#", ...), ... end, nil, 2, nil)
      assert.same({n = 5, true, 3, nil, 2, nil}, table.pack(kind.next(c)))
    end)

    it("gives the JoinError of a panic", function()
      local id = spawn(function() error("boom", 0) end)
      local ok, err = kind.next(c)
      assert.same({false, "boom", id}, {ok, err:into_panic(), err:id()})
    end)

    it("names the argument when the body cannot be called", function()
      assert.matches(("bad argument #%d to '%s'"):format(kind.place, name),
                     error_of(spawn, 42), 1, true)
      assert.is_true(c:is_empty())
    end)

    if method.place then
      it("names the argument when the place is something else", function()
        local message =
          ("bad argument #%d to '%s'"):format(kind.place + 1, name)
        for _, place in ipairs {42, {}, io.stdout, c} do
          assert.matches(message, error_of(kind.call, c, name, nothing, place),
                         1, true)
        end
        assert.matches(message, error_of(kind.call, c, name, nothing), 1, true)
        assert.is_true(c:is_empty())
      end)
    end

    if method.far then
      it("copies, and refuses what cannot be sent", function()
        local t = {1}
        spawn(function(copy) copy[1] = 2 return copy end, t)
        assert.same({true, {2}}, {kind.next(c)})
        assert.same({1}, t)
        assert.matches("cannot send a userdata",
                       error_of(spawn, nothing, io.stdout), 1, true)
        assert.is_true(c:is_empty())
      end)
    else
      it("passes the very values", function()
        local t = {}
        spawn(function(...) return ... end, t, io.stdout)
        local _, same, file = kind.next(c)
        assert.is_true(rawequal(t, same))
        assert.equal(io.stdout, file)
      end)

      it("is aborted with its " .. kind.noun, function()
        local log = {}
        spawn(guarded, log, 1)
        settle()
        c = kind.new()
        collect()
        settle()
        settle()
        assert.same({"closed"}, log)
      end)
    end
  end)
end

-- ---- maps

describe_methods("JoinMap, by key,", function(_, method)
  local map

  local function spawn(key, ...)
    return method.spawn(function(name, ...)
      return map[name](map, key, ...)
    end, ...)
  end

  before_each(function() map = JoinMap.new() end)
  after_each(function() map:shutdown() end)

  it("gives the id of the task", function()
    local id = spawn("key", function() return require "ebb".id() end)
    assert.equal(id, map:id "key")
    assert.is_true(map:contains_task(id))
    assert.is_true(map:contains_key "key")
    assert.same({"key", true, id}, {map:join_next()})
    assert.is_false(map:contains_task(id))
  end)

  it("replaces the task of a key, of any kind", function()
    local log = {}
    map:spawn("key", guarded, log, 1)
    settle()
    spawn("key", function() return "new" end)
    assert.equal(1, map:len())
    assert.same({"key", true, "new"}, {map:join_next()})
    assert.same({"closed"}, log)
    spawn("key", function() return "newer" end)
    map:spawn("key", function() return "newest" end)
    assert.same({"key", true, "newest"}, {map:join_next()})
    assert.is_nil(map:join_next())
  end)

  it("is joined by key", function()
    spawn("key", function() return 7 end)
    assert.same({true, 7}, {map:join "key"})
  end)

  it("has its key in ebb.tasks", function()
    local id = spawn("the key", function() return 7 end)
    assert.equal("the key", entry(id).key)
    map:join_next()
  end)

  it("may be detached", function()
    local id = spawn("key", nothing)
    assert.is_true(map:detach "key")
    assert.is_true(map:is_empty())
    assert.is_false(map:contains_task(id))
  end)

  it("keeps keys of any kind", function()
    for _, key in ipairs {1.5, true, {}, nothing, io.stdout} do
      spawn(key, function() return "value" end)
      assert.same({key, true, "value"}, {map:join_next()})
    end
  end)

  it("refuses nil and NaN as a key", function()
    for _, key in ipairs {false, 0 / 0} do
      assert.matches("bad argument", error_of(spawn, key or nil, nothing))
    end
    assert.is_true(map:is_empty())
  end)

  if method.far then
    it("keeps the task of a key when the values cannot be sent", function()
      map:spawn("key", function() return "old" end)
      assert.matches("cannot send a userdata",
                     error_of(spawn, "key", nothing, io.stdout), 1, true)
      assert.same({"key", true, "old"}, {map:join_next()})
    end)
  else
    it("is aborted, and leaves its entry until it is joined", function()
      local log = {}
      spawn("key", guarded, log, 1)
      settle()
      assert.is_true(map:abort("key", "reason"))
      assert.is_true(map:contains_key "key")
      local _, ok, err = map:join_next()
      assert.same({false, "reason"}, {ok, err:reason()})
      assert.same({"closed"}, log)
    end)
  end
end)

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

-- ---- sets

describe_methods("JoinSet, by its handle,", function(_, method)
  local set

  local function spawn(...)
    return method.spawn(function(name, ...) return set[name](set, ...) end, ...)
  end

  before_each(function() set = JoinSet.new() end)
  after_each(function() set:shutdown() end)

  it("gives the AbortHandle of the task", function()
    local handle = spawn(function() return require "ebb".id() end)
    local id = handle:id()
    assert.equal(("AbortHandle(%d)"):format(id), tostring(handle))
    assert.is_true(set:contains_task(id))
    assert.same({id, true, id}, {set:join_next_with_id()})
    assert.is_true(handle:is_finished())
  end)

  it("is joined with the others of the set, of any kind", function()
    for i = 1, 5 do
      spawn(function(n) return n end, i)
      set:spawn(function() return 10 * i end)
    end
    local values = set:join_all()
    table.sort(values)
    assert.same({1, 2, 3, 4, 5, 10, 20, 30, 40, 50}, values)
  end)

  if not method.far then
    it("is aborted by its handle, and with its set", function()
      local log = {}
      local handle = spawn(guarded, log, 1)
      spawn(guarded, log, 2)
      settle()
      handle:abort "reason"
      local _, err = set:join_next()
      assert.equal("reason", err:reason())
      assert.same({"closed"}, log)
      set = JoinSet.new()
      handle = nil -- luacheck: ignore
      collect()
      settle()
      settle()
      assert.same({"closed", "closed"}, log)
    end)
  end
end)

describe("a set with blocking work", function()
  it("raises the panic of one in join_all, and waits for the rest",
     function()
    local set, at = JoinSet.new(), gate.new()
    local _ <close> = at
    set:spawn_blocking(gate.pass, at.path)
    at:arrived(1)
    set:spawn_blocking(function() error("boom", 0) end)
    local joining = ebb.spawn(pcall, set.join_all, set)
    for _ = 1, 5 do settle() end
    at:open()
    local ok, err = joining:await()
    assert.same({false, "boom"}, {ok, err:into_panic()})
    assert.is_true(set:is_empty())
  end)

  it("gives all results of 200 jobs", function()
    local set = JoinSet.new()
    for i = 1, 200 do set:spawn_blocking(function(n) return n end, i) end
    local sum = 0
    for ok, n in set.join_next, set do
      assert.is_true(ok)
      sum = sum + n
    end
    assert.equal(20100, sum)
  end)
end)
