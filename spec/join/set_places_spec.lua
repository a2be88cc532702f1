-- #threads
-- JoinSet: the spawns that name a place, which is a LocalSet or the thread
-- pool; more of those on other runtimes is in
-- remote/runtime_collections_spec. The part on
-- LocalSets follows Tokio's tests in task_join_set.rs, under their names.

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local JoinSet, LocalSet = ebb.JoinSet, ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local collect, error_of, guarded =
  common.collect, common.error_of, common.guarded

local OUTSIDE = require "local_sets".OUTSIDE

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

local N = 8

-- What the two groups below do with a JoinSet, with a LocalSet or in one.
local function spawn_index(set, on)
  for i = 1, N do
    local function body(n) settle() return n end
    if on then set:spawn_local_on(body, on, i) else set:spawn_local(body, i) end
    assert.equal(i, set:len())
  end
end

local function spawn_pending(set, log, on)
  for i = 1, N do
    if on then
      set:spawn_local_on(guarded, on, log, i)
    else
      set:spawn_local(guarded, log, i)
    end
  end
end

local function assert_drained(set)
  local values = set:join_all()
  table.sort(values)
  assert.same({1, 2, 3, 4, 5, 6, 7, 8}, values)
end

local function assert_all_closed(log)
  for i = 1, N do assert.equal("closed", log[i]) end
end

describe("as in Tokio, spawn_local of a JoinSet", function()
  it("raises outside of a set (panic_outside_any_runtime)", function()
    local set = JoinSet.new()
    assert.matches(OUTSIDE, error_of(set.spawn_local, set, nothing), 1, true)
    assert.is_true(set:is_empty())
  end)

  it("gives all results (local_set::spawn_then_join_next)", function()
    LocalSet.new():run_until(function()
      local set = JoinSet.new()
      spawn_index(set)
      assert_drained(set)
    end)
  end)

  it("is shut down (local_set::spawn_then_shutdown)", function()
    LocalSet.new():run_until(function()
      local set, log = JoinSet.new(), {}
      spawn_pending(set, log)
      settle()
      assert.is_nil(set:try_join_next())
      set:shutdown()
      assert.is_true(set:is_empty())
      assert_all_closed(log)
    end)
  end)

  it("is aborted when dropped (local_set::spawn_then_drop)", function()
    LocalSet.new():run_until(function()
      local set, log = JoinSet.new(), {}
      spawn_pending(set, log)
      settle()
      set = nil -- luacheck: ignore
      collect()
      settle()
      assert_all_closed(log)
    end)
  end)
end)

describe("as in Tokio, spawn_local_on of a JoinSet", function()
  it("gives all results (local_set::spawn_then_join_next)", function()
    local set, on = JoinSet.new(), LocalSet.new()
    spawn_index(set, on)
    settle()
    assert.is_nil(set:try_join_next())
    on:run_until(assert_drained, set)
  end)

  it("is shut down (local_set::spawn_then_shutdown)", function()
    local set, on, log = JoinSet.new(), LocalSet.new(), {}
    spawn_pending(set, log, on)
    assert.is_nil(set:try_join_next())
    on:run_until(function()
      settle()
      set:shutdown()
      assert.is_true(set:is_empty())
      assert_all_closed(log)
    end)
  end)

  it("is aborted when dropped, driven or not (local_set::spawn_then_drop)",
     function()
    for _, driven in ipairs {false, true} do
      local on, log = LocalSet.new(), {}
      local set = JoinSet.new()
      spawn_pending(set, log, on)
      on:run_until(settle)
      local function drop()
        set = nil
        collect()
      end
      if not driven then drop() end
      assert.same({}, log)
      on:run_until(function()
        if driven then drop() end
        settle()
        assert_all_closed(log)
      end)
    end
  end)
end)

-- Each spawns with a set: spawn(set, f, ...) -> AbortHandle. `far`: values
-- are copied.
local on
local VARIANTS = {
  spawn_local = {
    spawn = function(set, ...)
      local guard <close> = on:enter()
      return set:spawn_local(...)
    end,
  },
  spawn_local_on = {
    spawn = function(set, f, ...) return set:spawn_local_on(f, on, ...) end,
    has_place = true,
  },
  spawn_blocking = {
    spawn = function(set, ...) return set:spawn_blocking(...) end,
    far = true,
  },
  spawn_blocking_on = {
    spawn = function(set, f, ...)
      return set:spawn_blocking_on(f, ebb.Handle.current(), ...)
    end,
    has_place = true,
    far = true,
  },
  spawn_on = {
    spawn = function(set, f, ...)
      return set:spawn_on(f, ebb.Handle.current(), ...)
    end,
    has_place = true,
  },
}

for name, variant in pairs(VARIANTS) do
  local spawn = variant.spawn

  describe(name, function()
    local set, driver

    before_each(function()
      on, set = LocalSet.new(), JoinSet.new()
      driver = ebb.spawn(function() on:run_until(forever) end)
      settle()
    end)

    after_each(function()
      set:shutdown()
      driver:abort()
      driver:join()
    end)

    it("gives the AbortHandle of the task", function()
      local handle = spawn(set, function() return require "ebb".id() end)
      local id = handle:id()
      assert.equal(("AbortHandle(%d)"):format(id), tostring(handle))
      assert.is_true(set:contains_task(id))
      assert.same({id, true, id}, {set:join_next_with_id()})
      assert.is_true(handle:is_finished())
    end)

    it("passes arguments and results, nils included", function()
      spawn(set, function(...) return select("#", ...), ... end, nil, 2, nil)
      assert.same({n = 5, true, 3, nil, 2, nil}, table.pack(set:join_next()))
    end)

    it("gives the JoinError of a panic", function()
      local handle = spawn(set, function() error("boom", 0) end)
      local ok, err = set:join_next()
      assert.same({false, "boom", handle:id()},
                  {ok, err:into_panic(), err:id()})
    end)

    it("is joined with the others of the set, of any kind", function()
      for i = 1, 5 do
        spawn(set, function(n) return n end, i)
        set:spawn(function() return 10 * i end)
      end
      local values = set:join_all()
      table.sort(values)
      assert.same({1, 2, 3, 4, 5, 10, 20, 30, 40, 50}, values)
    end)

    it("names the argument when the body cannot be called", function()
      assert.matches(("bad argument #1 to '%s'"):format(name),
                     error_of(spawn, set, 42), 1, true)
      assert.is_true(set:is_empty())
    end)

    if variant.has_place then
      it("names the argument when the place is something else", function()
        for _, place in ipairs {42, {}, io.stdout, set} do
          assert.matches(("bad argument #2 to '%s'"):format(name),
                         error_of(common.call, set, name, nothing, place),
                         1, true)
        end
        assert.is_true(set:is_empty())
      end)
    end

    if variant.far then
      it("copies, and refuses what cannot be sent", function()
        local t = {1}
        spawn(set, function(copy) copy[1] = 2 return copy end, t)
        assert.same({true, {2}}, {set:join_next()})
        assert.same({1}, t)
        assert.matches("cannot send a userdata",
                       error_of(spawn, set, nothing, io.stdout), 1, true)
        assert.is_true(set:is_empty())
      end)
    else
      it("passes the very values", function()
        local t = {}
        spawn(set, function(...) return ... end, t, io.stdout)
        local _, same, file = set:join_next()
        assert.is_true(rawequal(t, same))
        assert.equal(io.stdout, file)
      end)

      it("is aborted by its handle, and with its set", function()
        local log = {}
        local handle = spawn(set, guarded, log, 1)
        spawn(set, guarded, log, 2)
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
end

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
