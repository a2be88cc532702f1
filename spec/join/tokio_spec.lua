-- JoinMap and JoinSet: Tokio's tests in task_join_map.rs and task_join_set.rs,
-- under their names; tokio.md says which of them have no place in Lua.

local collections = require "collections"
local common = require "common"
local ebb = require "ebb"
local local_sets = require "local_sets"
local JoinMap, JoinSet, LocalSet = ebb.JoinMap, ebb.JoinSet, ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local collect, error_of, guarded =
  common.collect, common.error_of, common.guarded

-- How many tasks the groups of spawn_local have.
local N <const> = 8

local function assert_closed(log, n)
  for i = 1, n do assert.equal("closed", log[i]) end
end

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

for class, kind in pairs(collections) do
  describe("as in Tokio, a " .. class, function()
    it("is joined and used again (test_with_sleep)", function()
      local c = kind.new()
      local function spawn_ten(f)
        for i = 1, 10 do
          kind.spawn(c, f, i)
          assert.equal(i, c:len())
        end
      end
      spawn_ten(nothing)
      c:detach_all()
      assert.equal(0, c:len())
      assert.is_nil(c:join_next())
      for _ = 1, 2 do
        spawn_ten(common.sleeper)
        local seen = {}
        for ok, value in kind.next, c do seen[value] = ok end
        for i = 1, 10 do assert.is_true(seen[i]) end
        assert.is_nil(c:join_next())
      end
    end)

    it("aborts its tasks when dropped (test_abort_on_drop)", function()
      local log = {}
      local function fill()
        local c = kind.new()
        for i = 1, 16 do kind.spawn(c, guarded, log, i) end
        settle()
      end
      fill()
      collect()
      settle()
      assert_closed(log, 16)
    end)

    it("joins and spawns in turn (alternating)", function()
      local c = kind.new()
      kind.spawn(c, nothing)
      kind.spawn(c, nothing)
      assert.equal(2, c:len())
      for _ = 1, 16 do
        assert.is_true(kind.next(c))
        assert.equal(1, c:len())
        kind.spawn(c, nothing)
        assert.equal(2, c:len())
      end
      kind.drain(c)
    end)

    it("keeps finished results through abort_all (abort_all)", function()
      local c = kind.new()
      for _ = 1, 5 do kind.spawn(c, forever) end
      for _ = 1, 5 do kind.spawn(c, ebb.sleep, 1) end
      ebb.sleep(2)
      c:abort_all()
      assert.equal(10, c:len())
      assert.same({5, 5}, {kind.drain(c)})
      assert.equal(0, c:len())
    end)

    it("lets others run while results abound (join_" .. kind.noun .. "_coop)",
       function()
      local c = kind.ready(1000)
      local turns = common.turns_beside(function()
        assert.equal(1000, (kind.drain(c)))
      end)
      assert.is_true(turns >= 1000 // 128)
    end)
  end)

  -- What the two groups below do in a LocalSet, or with one.
  local function spawn_local(c, on, f, ...)
    if on then
      kind.call(c, "spawn_local_on", f, on, ...)
    else
      kind.call(c, "spawn_local", f, ...)
    end
  end

  local function spawn_index(c, on)
    for i = 1, N do
      spawn_local(c, on, function(n) settle() return n end, i)
      assert.equal(i, c:len())
    end
  end

  local function spawn_pending(c, log, on)
    for i = 1, N do spawn_local(c, on, guarded, log, i) end
  end

  local function assert_drained(c)
    local values = kind.values(c)
    table.sort(values)
    assert.same({1, 2, 3, 4, 5, 6, 7, 8}, values)
  end

  describe("as in Tokio, spawn_local of a " .. class, function()
    it("raises outside of a set (panic_outside_any_runtime)", function()
      local c = kind.new()
      assert.matches(local_sets.OUTSIDE,
                     error_of(kind.call, c, "spawn_local", nothing), 1, true)
      assert.is_true(c:is_empty())
    end)

    it("gives all results (local_set::spawn_then_join_next)", function()
      LocalSet.new():run_until(function()
        local c = kind.new()
        spawn_index(c)
        assert_drained(c)
      end)
    end)

    it("is shut down (local_set::spawn_then_shutdown)", function()
      LocalSet.new():run_until(function()
        local c, log = kind.new(), {}
        spawn_pending(c, log)
        settle()
        assert.is_nil(c:try_join_next())
        c:shutdown()
        assert.is_true(c:is_empty())
        assert_closed(log, N)
      end)
    end)

    it("is aborted when dropped (local_set::spawn_then_drop)", function()
      LocalSet.new():run_until(function()
        local c, log = kind.new(), {}
        spawn_pending(c, log)
        settle()
        c = nil -- luacheck: ignore
        collect()
        settle()
        assert_closed(log, N)
      end)
    end)
  end)

  describe("as in Tokio, spawn_local_on of a " .. class, function()
    it("gives all results (local_set::spawn_then_join_next)", function()
      local c, on = kind.new(), LocalSet.new()
      spawn_index(c, on)
      settle()
      assert.is_nil(c:try_join_next())
      on:run_until(assert_drained, c)
    end)

    it("is shut down (local_set::spawn_then_shutdown)", function()
      local c, on, log = kind.new(), LocalSet.new(), {}
      spawn_pending(c, log, on)
      assert.is_nil(c:try_join_next())
      on:run_until(function()
        settle()
        c:shutdown()
        assert.is_true(c:is_empty())
        assert_closed(log, N)
      end)
    end)

    it("is aborted when dropped, driven or not (local_set::spawn_then_drop)",
       function()
      for _, driven in ipairs {false, true} do
        local c, on, log = kind.new(), LocalSet.new(), {}
        spawn_pending(c, log, on)
        on:run_until(settle)
        local function drop()
          c = nil
          collect()
        end
        if not driven then drop() end
        assert.same({}, log)
        on:run_until(function()
          if driven then drop() end
          settle()
          assert_closed(log, N)
        end)
      end
    end)

    it("never runs what was dropped before it was driven", function()
      local c, on, ran = kind.new(), LocalSet.new(), false
      spawn_local(c, on, function() ran = true end)
      c = nil -- luacheck: ignore
      collect()
      on:await()
      assert.is_false(ran)
    end)
  end)
end

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

  it("tells its keys until they are joined (test_keys)", function()
    local map = JoinMap.new()
    map:spawn(1, nothing)
    map:spawn(2, nothing)
    local keys = {}
    for key in map:keys() do keys[key] = true end
    assert.same({true, true}, keys)
    assert.equal(2, (collections.JoinMap.drain(map)))
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

describe("as in Tokio, a JoinSet", function()
  it("gives all results in one array (join_all)", function()
    local set = JoinSet.new()
    for _ = 1, 5 do set:spawn(function() return 1 end) end
    assert.same({1, 1, 1, 1, 1}, set:join_all())
  end)

  it("passes a panic on and aborts the rest (task_panics)", function()
    local set, went_on = JoinSet.new(), false
    set:spawn(function()
      ebb.sleep(2)
      went_on = true
    end)
    set:spawn(function()
      ebb.sleep(1)
      error "boom"
    end)
    assert.equal(2, set:len())
    local ok, err = ebb.spawn(set.join_all, set):join()
    assert.is_false(ok)
    assert.is_true(err:is_panic())
    ebb.sleep(5)
    assert.is_false(went_on)
  end)

  it("gives all that is ready without waiting (try_join_next)", function()
    local set, count = JoinSet.new(), 0
    for _ = 1, 1000 do set:spawn(nothing) end
    assert.is_nil(set:try_join_next())
    settle()
    for ok in set.try_join_next, set do
      assert.is_true(ok)
      count = count + 1
    end
    assert.equal(1000, count)
  end)

  it("gives that with its ids (try_join_next_with_id)", function()
    local set, spawned, joined = JoinSet.new(), {}, {}
    for _ = 1, 1000 do spawned[set:spawn(nothing):id()] = true end
    assert.is_nil(set:try_join_next_with_id())
    settle()
    for id, ok in set.try_join_next_with_id, set do joined[id] = ok end
    assert.same(spawned, joined)
  end)
end)
