-- Builder, alone, of a JoinMap and of a JoinSet. The first part follows
-- Tokio's tests in task_builder.rs, under their names.

local ebb = require "ebb"
local common = require "common"
local Builder, JoinMap, JoinSet = ebb.Builder, ebb.JoinMap, ebb.JoinSet
local LocalSet, Handle = ebb.LocalSet, ebb.Handle

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, error_of = common.closer, common.collect, common.error_of

local function name_of(id) return common.entry(id).name end

-- New for each test; `MAKERS` has what makes a builder.
local map, set
local MAKERS = {
  ["Builder.new"] = function() return Builder.new() end,
  ["JoinMap.build_task"] = function() return map:build_task() end,
  ["JoinSet.build_task"] = function() return set:build_task() end,
}

-- Spawns with a builder of that maker, and gives the id of the task.
local function spawn(builder, maker, f, ...)
  if maker == "JoinMap.build_task" then
    return builder:spawn(#map + 1, f, ...)
  end
  return builder:spawn(f, ...):id()
end

before_each(function()
  ebb.time.pause()
  map, set = JoinMap.new(), JoinSet.new()
end)

after_each(function()
  map:shutdown()
  set:shutdown()
  ebb.time.resume()
end)

describe("as in Tokio, a Builder", function()
  it("spawns a task with a name (spawn_with_name)", function()
    local task = Builder.new():name("name"):spawn(function()
      return "task executed"
    end)
    assert.same({true, "task executed"}, {task:join()})
  end)

  it("spawns a task without a name (spawn_without_name)", function()
    local task = Builder.new():spawn(function()
      return "task executed"
    end)
    assert.same({true, "task executed"}, {task:join()})
  end)

  for _, name in ipairs {"spawn_local", "spawn_blocking"} do
    it(("spawns with and without a name (%s_with_name)"):format(name),
       function()
      LocalSet.new():run_until(function()
        for _, builder in ipairs {Builder.new():name "name",
                                  Builder.new()} do
          local task = builder[name](builder, function()
            return "task executed"
          end)
          assert.same({true, "task executed"}, {task:join()})
        end
      end)
    end)
  end

  it("raises where there is no LocalSet"
     .. " (spawn_local_panics_outside_local_set_or_local_runtime)", function()
    assert.matches("`spawn_local` called from outside of a LocalSet",
                   error_of(function()
      Builder.new():spawn_local(nothing)
    end), 1, true)
  end)
end)

for maker, new in pairs(MAKERS) do
  describe("a builder of " .. maker, function()
    it("gives its name to the task", function()
      local id = spawn(new():name("crawler"), maker, nothing)
      assert.equal("crawler", name_of(id))
      settle()
    end)

    it("gives no name when it has none", function()
      local id = spawn(new(), maker, nothing)
      assert.is_nil(name_of(id))
      settle()
    end)

    it("may be used again, under another name", function()
      local builder = new():name("first")
      local a = spawn(builder, maker, nothing)
      local b = spawn(builder, maker, nothing)
      local c = spawn(builder:name("second"), maker, nothing)
      assert.same({"first", "first", "second"},
                  {name_of(a), name_of(b), name_of(c)})
      settle()
    end)

    it("gives its name to no other task", function()
      local inner
      spawn(new():name("crawler"), maker, function()
        inner = ebb.spawn(nothing)
      end)
      local outer = ebb.spawn(nothing)
      settle()
      assert.is_nil(name_of(inner:id()))
      assert.is_nil(name_of(outer:id()))
    end)

    it("passes arguments on, nils included", function()
      local got
      spawn(new():name("crawler"), maker, function(...)
        got = table.pack(...)
      end, nil, 2, nil)
      settle()
      assert.same({n = 3, nil, 2, nil}, got)
    end)

    it("names the argument when the body cannot be called", function()
      local builder = new():name("crawler")
      local number = maker == "JoinMap.build_task" and 2 or 1
      assert.matches(("bad argument #%d to 'spawn'"):format(number),
                     error_of(function()
        if number == 2 then builder:spawn("key", 42) end
        builder:spawn(42)
      end), 1, true)
      assert.is_nil(name_of(ebb.spawn(nothing):id()))
      settle()
    end)
  end)
end

-- The spawns that name a place: what stands after the body, if anything, and
-- whether values are copied.
local on -- a LocalSet that is driven, new for each test
local PLACES = {
  spawn_on = {place = function() return Handle.current() end},
  spawn_local = {},
  spawn_local_on = {place = function() return on end},
  spawn_blocking = {far = true},
  spawn_blocking_on = {
    place = function() return Handle.current() end, far = true,
  },
}

-- As `spawn` above, by the method of that name.
local function spawn_in(builder, maker, method, f, ...)
  local args = table.pack(...)
  local place = PLACES[method].place
  if place then
    table.move(args, 1, args.n, 2)
    args[1], args.n = place(), args.n + 1
  end
  local guard <close> = on:enter()
  if maker == "JoinMap.build_task" then
    return common.call(builder, method, #map + 1, f,
                       table.unpack(args, 1, args.n))
  end
  return common.call(builder, method, f, table.unpack(args, 1, args.n)):id()
end

-- The results of a task that was spawned so, or false and the JoinError.
local function join_in(maker, id, handle)
  if maker == "JoinMap.build_task" then return map:join(#map) end
  if maker == "JoinSet.build_task" then return set:join_next() end
  assert.equal(id, handle:id())
  return handle:join()
end

for maker, new in pairs(MAKERS) do
  for method, place in pairs(PLACES) do
    describe(("%s of a builder of %s"):format(method, maker), function()
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

      it("gives its name to the task", function()
        local builder = new():name("crawler")
        local id = spawn_in(builder, maker, method, nothing)
        assert.equal("crawler", name_of(id))
      end)

      it("gives no name when it has none", function()
        assert.is_nil(name_of(spawn_in(new(), maker, method, nothing)))
      end)

      it("passes arguments and results, nils included", function()
        local builder = new():name("crawler")
        local kept -- the JoinHandle of a builder of its own
        local wrapped = setmetatable({}, {__index = function()
          return function(_, ...)
            kept = builder[method](builder, ...)
            return kept
          end
        end})
        local id = spawn_in(wrapped, maker, method, function(...)
          return require "ebb".id(), select("#", ...), ...
        end, nil, 2, nil)
        assert.same({n = 6, true, id, 3, nil, 2, nil},
                    table.pack(join_in(maker, id, kept)))
      end)

      it("names the argument when the body cannot be called", function()
        local number = maker == "JoinMap.build_task" and 2 or 1
        assert.matches(("bad argument #%d to '%s'"):format(number, method),
                       error_of(spawn_in, new(), maker, method, 42), 1, true)
        assert.is_true(map:is_empty() and set:is_empty())
      end)

      if place.place then
        it("names the argument when the place is something else", function()
          local number = maker == "JoinMap.build_task" and 3 or 2
          local builder = new()
          for _, value in ipairs {42, {}, io.stdout, builder} do
            assert.matches(("bad argument #%d to '%s'"):format(number,
                                                               method),
                           error_of(function()
              if number == 3 then
                common.call(builder, method, "key", nothing, value)
              end
              common.call(builder, method, nothing, value)
            end), 1, true)
          end
        end)
      end

      if place.far then
        it("refuses what cannot be sent, and keeps its name", function()
          local builder = new():name("crawler")
          assert.matches("cannot send a userdata",
                         error_of(spawn_in, builder, maker, method, nothing,
                                  io.stdout), 1, true)
          assert.is_true(map:is_empty() and set:is_empty())
          assert.is_nil(name_of(ebb.spawn(nothing):id()))
          local id = spawn_in(builder, maker, method, nothing)
          assert.equal("crawler", name_of(id))
        end)
      end
    end)
  end
end

describe("Builder.new():spawn", function()
  it("gives a JoinHandle", function()
    local task = Builder.new():spawn(function() return 7 end)
    assert.equal(("JoinHandle(%d)"):format(task:id()), tostring(task))
    assert.equal(7, task:await())
  end)
end)

describe("the builder of a JoinMap", function()
  it("spawns under the key and gives the id", function()
    local id = map:build_task():name("crawler"):spawn("key", nothing)
    assert.equal(id, map:id("key"))
    assert.same({"key", true}, {map:join_next()})
  end)

  it("replaces the task of the key", function()
    map:spawn("key", forever)
    map:build_task():spawn("key", function() return "new" end)
    assert.equal(1, map:len())
    assert.same({"key", true, "new"}, {map:join_next()})
  end)

  it("keeps a key that is an object", function()
    map:build_task():spawn({}, nothing)
    collect()
    assert.is_table((map:join_next()))
  end)

  for kind, call in pairs {
    ["missing"] = function(builder) builder:spawn() end,
    ["nil"] = function(builder) builder:spawn(nil, nothing) end,
    ["NaN"] = function(builder) builder:spawn(0 / 0, nothing) end,
  } do
    it("names the argument when the key is " .. kind, function()
      assert.matches("bad argument #1 to 'spawn'", error_of(function()
        call(map:build_task())
      end), 1, true)
      assert.is_true(map:is_empty())
    end)
  end

  it("keeps its map alive", function()
    local log = {}
    local function make()
      local other = JoinMap.new()
      other:spawn("old", function()
        local _ <close> = closer(function() log[1] = "closed" end)
        forever()
      end)
      return other:build_task()
    end
    local builder = make()
    settle()
    collect()
    settle()
    assert.same({}, log)
    assert.is_number(builder:spawn("new", nothing))
    builder = nil -- luacheck: ignore
    collect()
    settle()
    assert.same({"closed"}, log)
  end)
end)

-- A map whose `hash` calls `hook`.
local function map_with_hook(hook)
  return JoinMap.with_hasher {
    hash = function(key)
      hook()
      return #key
    end,
    equal = rawequal,
  }
end

describe("the builder of a JoinMap with a hasher", function()
  it("raises an error of hash", function()
    local value = {}
    local other = map_with_hook(function() error(value) end)
    local builder = other:build_task():name("crawler")
    assert.equal(value, error_of(builder.spawn, builder, "key", nothing))
    assert.is_true(other:is_empty())
  end)

  it("gives its name to no task that hash spawns", function()
    local inner
    local other = map_with_hook(function() inner = ebb.spawn(nothing) end)
    local id = other:build_task():name("crawler"):spawn("key", nothing)
    assert.equal("crawler", name_of(id))
    assert.is_nil(name_of(inner:id()))
    other:shutdown()
  end)

  it("gives its name to no task that another spawns meanwhile", function()
    local inner
    local other = map_with_hook(ebb.yield_now)
    ebb.spawn(function() inner = ebb.spawn(nothing) end)
    local id = other:build_task():name("crawler"):spawn("key", forever)
    assert.equal("crawler", name_of(id))
    assert.is_nil(name_of(inner:id()))
    other:shutdown()
  end)

  it("has its name although another builder is used meanwhile", function()
    local other = map_with_hook(ebb.yield_now)
    ebb.spawn(function() Builder.new():name("another"):spawn(nothing) end)
    local id = other:build_task():name("crawler"):spawn("key", forever)
    assert.equal("crawler", name_of(id))
    other:shutdown()
  end)

  it("gives its name to nobody when hash is cut off", function()
    local other = map_with_hook(forever)
    local task = ebb.spawn(function()
      other:build_task():name("crawler"):spawn("key", nothing)
    end)
    settle()
    task:abort()
    task:join()
    local later = ebb.spawn(nothing)
    assert.is_nil(name_of(later:id()))
    later:join()
  end)
end)

describe("the builder of a JoinSet", function()
  it("spawns into the set and gives the AbortHandle", function()
    local handle = set:build_task():name("crawler"):spawn(nothing)
    assert.equal(("AbortHandle(%d)"):format(handle:id()), tostring(handle))
    assert.is_true(set:contains_task(handle:id()))
    assert.same({handle:id(), true}, {set:join_next_with_id()})
  end)
end)
