-- The tasks of a LocalSet, and spawn_local.

local ebb = require "ebb"
local common = require "common"
local local_sets = require "local_sets"
local LocalSet = ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, entry, error_of, guarded =
  common.closer, common.collect, common.entry, common.error_of, common.guarded

local OUTSIDE, drive = local_sets.OUTSIDE, local_sets.drive
local has_current = local_sets.has_current

local set

before_each(function()
  ebb.time.pause()
  set = LocalSet.new()
end)

after_each(function()
  set:close()
  settle()
  ebb.time.resume()
end)

describe("a task of a set", function()
  it("does not run while nobody drives it", function()
    local ran = false
    set:spawn_local(function() ran = true end)
    for _ = 1, 5 do settle() end
    ebb.sleep(10)
    assert.is_false(ran)
  end)

  it("runs when it is driven", function()
    local ran = false
    set:spawn_local(function() ran = true end)
    drive(set)
    assert.is_true(ran)
  end)

  it("rests again when the driving has ended", function()
    local turns = 0
    set:spawn_local(function()
      while true do
        turns = turns + 1
        settle()
      end
    end)
    drive(set, 3)
    local before = turns
    assert.is_true(before >= 2)
    for _ = 1, 5 do settle() end
    assert.equal(before, turns)
    drive(set, 3)
    assert.is_true(turns > before)
  end)

  it("starts in the order of spawning", function()
    local log = {}
    for i = 1, 5 do set:spawn_local(function() log[i] = #log + 1 end) end
    drive(set)
    assert.same({1, 2, 3, 4, 5}, log)
  end)

  it("whose sleep ends while nobody drives it goes on when driven", function()
    local ended
    set:spawn_local(function()
      ebb.sleep(1)
      ended = ebb.time.now()
    end)
    drive(set)
    ebb.sleep(100)
    assert.is_nil(ended)
    local now = ebb.time.now()
    drive(set)
    assert.near(now, ended, 1e-6)
  end)

  it("does not keep the paused clock from going on", function()
    set:spawn_local(nothing)
    local before = ebb.time.now()
    ebb.sleep(1000)
    assert.near(1000, ebb.time.now() - before, 1e-6)
  end)

  it("is shown as ready while nobody drives it", function()
    local fresh = set:spawn_local(nothing)
    assert.equal("ready", entry(fresh:id()).state)
    settle()
    assert.equal("ready", entry(fresh:id()).state)
    local woken = set:spawn_local(ebb.sleep, 1)
    drive(set)
    assert.equal("waiting", entry(woken:id()).state)
    ebb.sleep(2)
    assert.equal("ready", entry(woken:id()).state)
  end)

  it("has its id inside", function()
    local task = set:spawn_local(ebb.id)
    set:await()
    assert.same({true, task:id()}, {task:join()})
  end)

  it("gets its arguments, nils included", function()
    local task = set:spawn_local(table.pack, nil, 2, nil)
    set:await()
    assert.same({n = 3, nil, 2, nil}, task:await())
  end)

  it("that panics gives its JoinError", function()
    local task = set:spawn_local(error, "boom", 0)
    set:await()
    local ok, err = task:join()
    assert.is_false(ok)
    assert.equal("boom", err:into_panic())
  end)

  it("makes ordinary tasks by spawn", function()
    local turns, task = 0, nil
    set:run_until(function()
      ebb.spawn_local(function()
        task = ebb.spawn(function()
          turns = turns + 1
          settle()
          turns = turns + 1
          return has_current()
        end)
      end):join()
    end)
    settle()
    settle()
    assert.equal(2, turns)
    assert.same({true, false}, {task:join()})
  end)

  it("makes ordinary tasks by the spawn of a map and of a set", function()
    local map, join_set = ebb.JoinMap.new(), ebb.JoinSet.new()
    set:run_until(function()
      ebb.spawn_local(function()
        map:spawn("key", settle)
        join_set:spawn(settle)
      end):join()
    end)
    assert.same({"key", true}, {map:join_next()})
    assert.same({true}, {join_set:join_next()})
  end)

  it("is aborted when it is driven next", function()
    local log = {}
    local task = set:spawn_local(guarded, log, 1)
    drive(set)
    task:abort "reason"
    for _ = 1, 3 do settle() end
    assert.is_false(task:is_finished())
    assert.same({}, log)
    drive(set)
    assert.is_true(task:is_finished())
    assert.same({"closed"}, log)
    assert.equal("reason", select(2, task:join()):reason())
  end)

  it("never runs when it was aborted before it was driven", function()
    local ran = false
    local task = set:spawn_local(function() ran = true end)
    task:abort()
    drive(set)
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_false(ran)
  end)

  it("may be joined by another task of the set", function()
    local sleeper = set:spawn_local(ebb.sleep, 5)
    local joiner = set:spawn_local(function() return sleeper:join() end)
    set:await()
    assert.same({true, true}, {joiner:join()})
  end)

  it("may be a coroutine, or a callable value", function()
    local co = coroutine.create(function(n) settle() return n + 1 end)
    local callable = setmetatable({}, {__call = function(_, n) return n end})
    local a, b = set:spawn_local(co, 1), set:spawn_local(callable, 7)
    set:await()
    assert.equal(2, a:await())
    assert.equal(7, b:await())
  end)

  it("runs on where its handle is collected", function()
    local ran = false
    set:spawn_local(function() settle() ran = true end)
    collect()
    set:await()
    assert.is_true(ran)
  end)

  for place, wait in pairs {
    ["a sort comparator"] = function()
      table.sort({2, 1}, function() settle() return false end)
    end,
    ["a generator"] = function() coroutine.wrap(settle)() end,
    ["a metamethod"] = function()
      local t = setmetatable({}, {__index = function() settle() end})
      return t.x
    end,
  } do
    it("rests in " .. place .. " while nobody drives it", function()
      local ended = false
      set:spawn_local(function() wait() ended = true end)
      set:run_until(settle)
      for _ = 1, 3 do settle() end
      assert.is_false(ended)
      set:await()
      assert.is_true(ended)
    end)

    it("is closed in " .. place .. " with its set", function()
      local log = {}
      local task = set:spawn_local(function()
        local _ <close> = closer(function() log[1] = "closed" end)
        while true do wait() end
      end)
      set:run_until(settle)
      set:close()
      assert.is_false((task:join()))
      assert.same({"closed"}, log)
    end)
  end
end)

describe("spawn_local", function()
  it("raises where there is no set", function()
    assert.matches(OUTSIDE, error_of(ebb.spawn_local, nothing), 1, true)
    local task = ebb.spawn(function() ebb.spawn_local(nothing) end)
    local _, err = task:join()
    assert.matches(OUTSIDE, err:into_panic(), 1, true)
  end)

  it("raises where there is no set any more", function()
    set:run_until(nothing)
    assert.is_false(has_current())
  end)

  it("gives a JoinHandle", function()
    local task = set:spawn_local(nothing)
    assert.equal(("JoinHandle(%d)"):format(task:id()), tostring(task))
  end)

  it("names the argument when the body cannot be called", function()
    for _, body in ipairs {42, "text", {}} do
      assert.matches("bad argument #1 to 'spawn_local'", error_of(function()
        set:spawn_local(body)
      end), 1, true)
      local guard <close> = set:enter()
      assert.matches("bad argument #1 to 'spawn_local'", error_of(function()
        ebb.spawn_local(body)
      end), 1, true)
    end
    set:await()
  end)
end)

describe("the tasks of a JoinMap or JoinSet in a set", function()
  local map, join_set

  before_each(function()
    map, join_set = ebb.JoinMap.new(), ebb.JoinSet.new()
  end)

  it("run while it is driven", function()
    map:spawn_local_on("key", function(n) return n end, set, 7)
    join_set:spawn_local_on(function(n) return n end, set, 8)
    for _ = 1, 3 do settle() end
    assert.is_nil(map:try_join_next())
    assert.is_nil(join_set:try_join_next())
    set:run_until(function()
      assert.same({"key", true, 7}, {map:join_next()})
      assert.same({true, 8}, {join_set:join_next()})
    end)
  end)

  it("are cancelled with the set, and joined as such", function()
    map:spawn_local_on("key", forever, set)
    drive(set)
    set:close()
    local key, ok, err = map:join_next()
    assert.same({"key", false, true}, {key, ok, err:is_cancelled()})
  end)

  it("are aborted when driven, when the map is dropped", function()
    local log = {}
    map:spawn_local_on("key", guarded, set, log, 1)
    drive(set)
    map = nil
    collect()
    settle()
    assert.same({}, log)
    drive(set)
    assert.same({"closed"}, log)
  end)

  it("may be replaced while nobody drives the set", function()
    local log = {}
    map:spawn_local_on("key", guarded, set, log, "old")
    drive(set)
    map:spawn("key", function() return "new" end)
    assert.same({"key", true, "new"}, {map:join_next()})
    assert.same({}, log)
    drive(set)
    assert.same({old = "closed"}, log)
  end)
end)
