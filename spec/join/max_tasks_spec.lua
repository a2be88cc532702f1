-- #threads
-- JoinMap: the option max_tasks, which makes spawn wait.

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local run = require "run"
local JoinMap, LocalSet = ebb.JoinMap, ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, counter, entry =
  common.closer, common.collect, common.counter, common.entry

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("max_tasks", function()
  local map, count

  before_each(function()
    map, count = JoinMap.new {max_tasks = 3}, counter()
  end)

  after_each(function() map:shutdown() end)

  it("lets as many spawn at once", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    for i = 1, 3 do map:spawn(i, forever) end
    assert.is_false(ran) -- nothing has waited
    assert.equal(3, map:len())
  end)

  it("makes spawn wait for a free place", function()
    for i = 1, 3 do map:spawn(i, ebb.sleep, i) end
    local before = ebb.time.now()
    map:spawn(4, nothing)
    assert.near(1, ebb.time.now() - before, 1e-6)
    map:spawn(5, nothing) -- 4 has finished when this has waited for it
    assert.is_true(ebb.time.now() - before < 2.1)
  end)

  it("lets no more than that be unfinished at any time", function()
    for i = 1, 30 do map:spawn(i, count.body, 1 + i % 3) end
    while map:join_next() do end
    assert.equal(3, count.most)
    assert.equal(0, count.now)
  end)

  it("counts unfinished tasks alone, not results", function()
    for i = 1, 3 do map:spawn(i, nothing) end
    settle()
    local before = ebb.time.now()
    for i = 4, 6 do map:spawn(i, nothing) end
    assert.equal(6, map:len())
    assert.equal(before, ebb.time.now())
  end)

  it("frees a place when a task ends, in whatever way", function()
    for name, body in pairs {
      result = nothing,
      panic = function() error "boom" end,
      clean_up = function() local _ <close> = closer(settle) end,
    } do
      local one = JoinMap.new {max_tasks = 1}
      one:spawn("first", body)
      local id = one:spawn("second", nothing)
      assert.is_true(one:contains_task(id), name)
      assert.is_true(one:is_finished "first")
      one:shutdown()
    end
  end)

  it("frees a place when a task has been aborted, and cleaned up",
     function()
    local cleaned
    local one = JoinMap.new {max_tasks = 1}
    one:spawn("first", function()
      local _ <close> = closer(function()
        ebb.sleep(5)
        cleaned = ebb.time.now()
      end)
      forever()
    end)
    settle()
    one:abort "first"
    one:spawn("second", nothing)
    assert.is_true(cleaned ~= nil and ebb.time.now() >= cleaned)
    one:shutdown()
  end)

  it("needs no place for a task that replaces an unfinished one", function()
    for i = 1, 3 do map:spawn(i, forever) end
    settle()
    local before = ebb.time.now()
    map:spawn(2, function() return "new" end)
    assert.equal(before, ebb.time.now())
    assert.equal(3, map:len())
    assert.same({true, "new"}, {map:join(2)})
  end)

  it("needs a place for a task that replaces a finished one", function()
    map:spawn("finished", nothing)
    settle()
    for i = 1, 3 do map:spawn(i, ebb.sleep, 10) end
    local before = ebb.time.now()
    map:spawn("finished", nothing)
    assert.near(10, ebb.time.now() - before, 1e-6)
  end)

  it("does not make spawn_if_absent wait on a key that is there",
     function()
    for i = 1, 3 do map:spawn(i, forever) end
    settle()
    local ran = false
    ebb.spawn(function() ran = true end)
    assert.is_nil(map:spawn_if_absent(2, nothing))
    assert.is_false(ran)
  end)

  it("makes spawn_if_absent wait on a key that is not there", function()
    for i = 1, 3 do map:spawn(i, ebb.sleep, 1) end
    assert.is_number(map:spawn_if_absent(4, nothing))
    assert.is_true(map:contains_key(4))
  end)

  it("lets spawn_if_absent spawn nothing when another was faster",
     function()
    for i = 1, 3 do map:spawn(i, ebb.sleep, 1) end
    local a = ebb.spawn(function()
      return map:spawn_if_absent("key", forever)
    end)
    local b = ebb.spawn(function()
      return map:spawn_if_absent("key", forever)
    end)
    local first, second = a:await(), b:await()
    assert.is_true((first == nil) ~= (second == nil))
    assert.equal(map:id "key", first or second)
  end)

  it("serves those that wait in their order", function()
    local one, order = JoinMap.new {max_tasks = 1}, {}
    one:spawn("first", ebb.sleep, 1)
    for i = 1, 5 do
      ebb.spawn(function()
        one:spawn(i, function()
          order[#order + 1] = i
          ebb.sleep(1)
        end)
      end)
    end
    ebb.sleep(100)
    assert.same({1, 2, 3, 4, 5}, order)
  end)

  it("hands a place on when the one that got it is aborted", function()
    local one = JoinMap.new {max_tasks = 1}
    one:spawn("first", function() for _ = 1, 5 do settle() end end)
    local a = ebb.spawn(function() one:spawn("a", forever) end)
    local b = ebb.spawn(function() one:spawn("b", forever) end)
    -- Takes its turn right after `first`, so that `a` has been woken then,
    -- and has not run yet.
    ebb.spawn(function()
      while not one:is_finished "first" do settle() end
      a:abort()
    end)
    assert.same({true}, {b:join()})
    assert.is_true(select(2, a:join()):is_cancelled())
    assert.is_true(one:contains_key "b")
    assert.is_false(one:contains_key "a")
    one:shutdown()
  end)

  it("loses no place to spawns that are cut off, over many rounds",
     function()
    math.randomseed(42)
    for _ = 1, 300 do
      local spawners = {}
      for i = 1, 6 do
        spawners[i] = ebb.spawn(function()
          map:spawn(math.random(5), count.body, math.random() * 3)
        end)
      end
      ebb.sleep(math.random())
      for i = 1, 6 do
        if math.random(2) == 1 then spawners[i]:abort() end
      end
      ebb.sleep(math.random())
      if math.random(4) == 1 then map:abort(math.random(5)) end
      if math.random(4) == 1 then map:detach(math.random(5)) end
      while map:try_join_next() do end
    end
    map:shutdown()
    ebb.sleep(1000)
    -- All three places are there again.
    local before = ebb.time.now()
    for i = 1, 3 do map:spawn(i, forever) end
    assert.equal(before, ebb.time.now())
    local waiting = ebb.spawn(function() map:spawn(4, nothing) end)
    ebb.sleep(10)
    assert.is_false(waiting:is_finished())
    map:abort_all()
    waiting:join()
  end)

  it("frees the place of a task that is detached", function()
    for i = 1, 3 do map:spawn(i, ebb.sleep, 100) end
    settle()
    map:detach(1)
    local before = ebb.time.now()
    map:spawn(4, nothing)
    assert.equal(before, ebb.time.now())
  end)

  it("frees all places in detach_all, for all that wait", function()
    for i = 1, 3 do map:spawn(i, ebb.sleep, 100) end
    local waiting = {}
    for i = 4, 6 do
      waiting[i] = ebb.spawn(function() return map:spawn(i, forever) end)
    end
    settle()
    map:detach_all()
    local before = ebb.time.now()
    for i = 4, 6 do assert.is_number(waiting[i]:await()) end
    assert.equal(before, ebb.time.now())
    assert.equal(3, map:len())
  end)

  it("wakes those that wait as abort_all ends the tasks", function()
    for i = 1, 3 do map:spawn(i, forever) end
    local waiting = ebb.spawn(function() return map:spawn(4, forever) end)
    settle()
    map:abort_all()
    assert.is_number(waiting:await())
  end)

  it("lets shutdown end although spawns wait", function()
    for i = 1, 3 do map:spawn(i, forever) end
    local waiting = ebb.spawn(function()
      map:spawn(4, function() return "spawned late" end)
    end)
    settle()
    map:shutdown()
    waiting:join()
    while map:join_next() do end
    assert.is_true(map:is_empty())
  end)

  it("waits in a sort comparator, and in a generator", function()
    for i = 1, 3 do map:spawn(i, ebb.sleep, 1) end
    table.sort({2, 1}, function()
      map:spawn("sort", ebb.sleep, 1)
      return false
    end)
    map:spawn("a", ebb.sleep, 1)
    map:spawn("b", ebb.sleep, 1)
    coroutine.wrap(function() map:spawn("generator", nothing) end)()
    assert.is_true(map:contains_key "sort")
    assert.is_true(map:contains_key "generator")
  end)

  it("keeps the arguments of a spawn that waits", function()
    for i = 1, 3 do map:spawn(i, ebb.sleep, 1) end
    map:spawn({"key"}, function(...) return ... end, nil, {"value"}, nil)
    local found
    for key, ok, a, b, c in map.join_next, map do
      if type(key) == "table" then found = {key[1], ok, a, b[1], c} end
    end
    assert.same({"key", true, nil, "value"}, found)
  end)

  it("cuts a spawn off without a trace", function()
    for i = 1, 3 do map:spawn(i, forever) end
    local waiting = ebb.spawn(function() map:spawn("key", nothing) end)
    settle()
    waiting:abort()
    assert.is_true(select(2, waiting:join()):is_cancelled())
    assert.is_false(map:contains_key "key")
    assert.equal(3, map:len())
  end)

  it("shows what a spawn waits for", function()
    for i = 1, 3 do map:spawn(i, forever) end
    local waiting = ebb.spawn(function() map:spawn(4, nothing) end)
    settle()
    assert.equal("waiting", entry(waiting:id()).state)
    assert.is_string(entry(waiting:id()).waiting_for)
    waiting:abort()
    waiting:join()
  end)

  it("may be waited for by a task of the map, while another ends",
     function()
    map:spawn(1, function()
      map:spawn(3, ebb.sleep, 1)
      map:spawn(4, ebb.sleep, 1)
      return "spawned"
    end)
    map:spawn(2, ebb.sleep, 1)
    assert.same({true, "spawned"}, {map:join(1)})
  end)

  it("is told as a deadlock when it can never have a place", function()
    local _, out = run [[
      local ebb = require "ebb"
      local map = ebb.JoinMap.new {max_tasks = 1}
      map:spawn(1, function() map:spawn(2, print, "must not run") end)
      print(pcall(map.join_next, map))
    ]]
    assert.matches("^false\t.-deadlock: ", out)
  end)

  it("holds for every kind of spawn", function()
    local local_set <close> = LocalSet.new()
    local driver = ebb.spawn(function() local_set:run_until(forever) end)
    for _, spawn in ipairs {
      function(key) map:spawn_local_on(key, count.body, local_set) end,
      function(key) map:build_task():spawn(key, count.body) end,
      function(key)
        local guard <close> = local_set:enter()
        map:spawn_local(key, count.body)
      end,
      function(key) map:spawn_on(key, count.body, ebb.Handle.current()) end,
    } do
      for key = 1, 8 do spawn(key) end
      while map:join_next() do end
      assert.equal(3, count.most)
      assert.equal(0, count.now)
    end
    driver:abort()
    driver:join()
  end)

  it("holds for blocking work", function()
    local at <close> = gate.new()
    for i = 1, 3 do map:spawn_blocking(i, gate.pass, at.path, i) end
    at:arrived(3)
    local waiting = ebb.spawn(function()
      map:spawn_blocking(4, gate.pass, at.path, 4)
    end)
    for _ = 1, 50 do settle() end
    assert.is_false(waiting:is_finished())
    assert.equal(3, at:count())
    at:open(4)
    local seen = 0
    waiting:join()
    for key, ok, value in map.join_next, map do
      assert.is_true(ok)
      assert.equal(key, value)
      seen = seen + 1
    end
    assert.equal(4, seen)
  end)

  it("is kept when the map waits, and is not collected meanwhile",
     function()
    local waiting
    do
      local own = JoinMap.new {max_tasks = 1}
      own:spawn(1, ebb.sleep, 5)
      waiting = ebb.spawn(function() return own:spawn(2, nothing) end)
    end
    settle()
    collect()
    assert.is_number(waiting:await())
  end)

  it("wakes a spawn that waits when the map is closed", function()
    local waiting
    do
      local own <close> = JoinMap.new {max_tasks = 1}
      own:spawn(1, forever)
      waiting = ebb.spawn(pcall, own.spawn, own, 2, nothing)
      settle()
    end
    local ended = false
    ebb.spawn(function() waiting:join() ended = true end)
    ebb.sleep(10)
    assert.is_true(ended)
  end)
end)
