-- Scripts could change the metatables of the classes: a wrapped method made
-- Builder call NULL, and maps without their finalizer were freed while the
-- engine referred to them.

local classes = require "classes"
local common = require "common"
local programs = require "programs"
local run = require "run"

describe("the metatable of a class", function()
  for class, make in pairs(classes.samples) do
    it("cannot be had without the debug library: " .. class, function()
      assert.is_false(getmetatable(make()))
    end)
  end

  it("cannot be had from the module of luv either", function()
    local lacking = programs.missing {luv = "lua-luv"}
    if lacking then return pending(lacking) end
    local work = require "ebb.uv".new_work(common.nothing)
    assert.is_false(getmetatable(work))
  end)

  it("gives no methods to change", function()
    local map = classes.samples.JoinMap()
    assert.matches("attempt to index a boolean", common.error_of(function()
      getmetatable(map).__index.spawn = common.nothing
    end))
    assert.matches("attempt to index", common.error_of(function()
      map.spawn = common.nothing
    end))
  end)
end)

-- In a process of its own, since it spoils the classes.
local function assert_prints(expected, code)
  assert.same({0, expected, ""}, {run(code)})
end

describe("with the debug library", function()
  it("a method of a map can be replaced, but Builder calls its own", function()
    assert_prints("traced\nspawned\nspawned\n", [[
      local ebb = require "ebb"
      local map, set = ebb.JoinMap.new(), ebb.JoinSet.new()
      local function body() print "spawned" end
      for _, collection in ipairs {map, set} do
        local methods = debug.getmetatable(collection).__index
        local spawn = methods.spawn
        methods.spawn = function(...)
          print "traced"
          return spawn(...)
        end
      end
      map:spawn(1, function() end)
      map:build_task():name "name":spawn(2, body)
      set:build_task():spawn(body)
      map:join_next()
      map:join_next()
    ]])
  end)

  it("a name can be taken away", function()
    assert_prints("Connection(closed)\n", [[
      local ebb = require "ebb"
      local conn = ebb.net.pair()
      debug.getmetatable(conn).__name = nil
      conn:close()
      print(conn)
    ]])
  end)

  -- Makes each object twenty times, and has them collected while tasks of
  -- theirs, if they have any, are under way.
  local USE <const> = [[
    package.path = "./spec/support/?.lua;" .. package.path
    local ebb, samples = require "ebb", require "classes".samples
    ebb.time.pause()
    local metatables = {}
    for class, make in pairs(samples) do
      metatables[class] = debug.getmetatable(make())
    end
    local function use(object, class)
      if class == "LocalSet" then
        object:spawn_local(ebb.sleep, 1)
        ebb.spawn(function() object:run_until(ebb.sleep, .5) end)
        ebb.yield_now()
      elseif class == "JoinMap" then
        object:spawn(1, ebb.sleep, 1)
      elseif class == "JoinSet" then
        object:spawn(ebb.sleep, 1)
      end
    end
    local function spoil_all(spoil)
      for class, make in pairs(samples) do
        for _ = 1, 20 do
          local object = make()
          use(object, class)
          spoil(object, metatables[class])
        end
        ebb.yield_now()
      end
      for _ = 1, 3 do
        collectgarbage()
        ebb.yield_now()
      end
      ebb.sleep(2)
      print "alive"
    end
  ]]

  local function assert_survives(code)
    assert.same({0, "alive\n", ""}, {run.leaking(USE .. code)})
  end

  it("finalizers can be taken away from the classes", function()
    assert_survives [[
      spoil_all(function(_, meta) meta.__gc = nil end)
    ]]
  end)

  it("objects can lose their metatables", function()
    assert_survives [[
      spoil_all(function(object) debug.setmetatable(object, nil) end)
    ]]
  end)
end)
