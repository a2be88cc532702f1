-- JoinSet: tasks without keys. Tokio's own tests are in join/tokio_spec, what
-- maps do as well in join/collection_spec.

local collections = require "collections"
local ebb = require "ebb"
local common = require "common"
local run = require "run"
local JoinSet = ebb.JoinSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, error_of, guarded =
  common.closer, common.collect, common.error_of, common.guarded
local sleeper = common.sleeper

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("spawn", function()
  it("gives the AbortHandle of the task", function()
    local set = JoinSet.new()
    local handle = set:spawn(function() return ebb.id() end)
    assert.equal(("AbortHandle(%d)"):format(handle:id()), tostring(handle))
    assert.same({true, handle:id()}, {set:join_next()})
    assert.is_true(handle:is_finished())
  end)

  it("gives a handle whose abort passes its reason on", function()
    local set = JoinSet.new()
    set:spawn(forever):abort("enough")
    local ok, err = set:join_next()
    assert.is_false(ok)
    assert.equal("enough", err:reason())
  end)

  it("gives a handle that may be collected", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    settle()
    collect()
    assert.same({true, 1}, {set:join_next()})
  end)
end)

describe("shutdown", function()
  it("aborts what a clean-up spawns meanwhile", function()
    local set = JoinSet.new()
    set:spawn(function()
      local _ <close> = closer(function() set:spawn(forever) end)
      forever()
    end)
    settle()
    local before = ebb.time.now()
    set:shutdown()
    assert.near(0, ebb.time.now() - before, 1)
    assert.is_true(set:is_empty())
  end)

  it("ignores panics", function()
    local _, _, err = run [[
      local ebb = require "ebb"
      local set = ebb.JoinSet.new()
      set:spawn(error, "boom")
      ebb.yield_now()
      set:shutdown()
    ]]
    assert.equal("", err)
  end)
end)

describe("detach_all", function()
  it("leaves the handles good for an abort", function()
    local set, log = JoinSet.new(), {}
    local handle = set:spawn(guarded, log, 1)
    settle()
    set:detach_all()
    handle:abort()
    settle()
    assert.same({"closed"}, log)
  end)
end)

describe("what a set tells about itself", function()
  it("counts tasks that are live or finished", function()
    local set = collections.JoinSet.ready(2)
    set:spawn(forever)
    assert.equal(3, set:len())
    assert.equal(3, #set)
    assert.is_false(set:is_empty())
    set:shutdown()
    assert.equal(0, set:len())
    assert.equal(0, #set)
    assert.is_true(set:is_empty())
  end)

  it("includes a task until its result has been joined", function()
    local set = JoinSet.new()
    local id = set:spawn(nothing):id()
    assert.is_true(set:contains_task(id))
    settle()
    assert.is_true(set:contains_task(id))
    set:join_next()
    assert.is_false(set:contains_task(id))
  end)

  it("is shown by tostring when it is empty", function()
    assert.equal("JoinSet{}", tostring(JoinSet.new()))
  end)

  it("is shown by tostring with the ids of its tasks", function()
    local set = JoinSet.new()
    local a, b = set:spawn(nothing):id(), set:spawn(nothing):id()
    local text = tostring(set)
    assert.is_true(text == ("JoinSet{%d, %d}"):format(a, b) or
                   text == ("JoinSet{%d, %d}"):format(b, a))
    set:shutdown()
  end)
end)

describe("the methods of JoinSet", function()
  local METHODS = {
    "spawn", "join_next", "join_next_with_id", "try_join_next",
    "try_join_next_with_id", "join_all", "abort_all", "detach_all",
    "shutdown", "len", "is_empty", "contains_task", "build_task",
  }

  it("refuse what is no JoinSet", function()
    local set = JoinSet.new()
    for _, name in ipairs(METHODS) do
      for _, other in ipairs {"string", {}, io.stdout} do
        local err = error_of(set[name], other, nothing)
        assert.matches("JoinSet expected", err, 1, true, name)
      end
      assert.matches("bad argument", error_of(set[name]), 1, true, name)
    end
  end)

  it("that the garbage collector calls refuse it, too", function()
    local code = run [[
      local meta = debug.getmetatable(require "ebb".JoinSet.new())
      pcall(meta.__close, io.stdout)
      pcall(meta.__gc, io.stdout)
    ]]
    assert.equal(0, code)
  end)

  it("that spawn and join do not take a JoinMap", function()
    local map, set = ebb.JoinMap.new(), JoinSet.new()
    for _, name in ipairs {"spawn", "join_next", "join_all"} do
      assert.matches("JoinSet expected", error_of(set[name], map, nothing),
                     1, true)
    end
  end)
end)

describe("the methods of JoinMap", function()
  it("that take a key do not take a JoinSet", function()
    local map, set = ebb.JoinMap.new(), JoinSet.new()
    for _, name in ipairs {"spawn", "join", "detach", "contains_key"} do
      assert.matches("JoinMap expected",
                     error_of(map[name], set, "key", nothing), 1, true)
    end
  end)
end)

describe("a set that leaves scope as <close>", function()
  it("is empty and can be used again", function()
    local set = collections.JoinSet.waiting(3)
    do
      local _ <close> = set
    end
    assert.equal(0, set:len())
    set:spawn(function() return "again" end)
    assert.same({true, "again"}, {set:join_next()})
  end)
end)

describe("a set that is collected", function()
  -- Makes a set that `fill` fills, lets its tasks start, drops it.
  local function make_and_drop(fill)
    local function make()
      local set = JoinSet.new()
      fill(set)
      settle()
    end
    make()
    collect()
    settle()
  end

  it("is not so while a task of it refers to it", function()
    local log = {}
    make_and_drop(function(set)
      set:spawn(guarded, log, 1)
      set:spawn(function()
        local _ <close> = closer(function() log[2] = "closed" end)
        set:join_next()
      end)
      log.set = setmetatable({set}, {__mode = "v"})
    end)
    assert.equal(2, #log.set[1])
    log.set[1]:shutdown()
    assert.same({"closed", "closed"}, {log[1], log[2]})
  end)

  it("never runs tasks that had not started", function()
    local ran = false
    local function make()
      JoinSet.new():spawn(function() ran = true end)
    end
    make()
    collect()
    settle()
    assert.is_false(ran)
  end)

  it("is so although an AbortHandle of it is kept", function()
    local log, handle = {}, nil
    make_and_drop(function(set) handle = set:spawn(guarded, log, 1) end)
    assert.same({"closed"}, log)
    assert.is_true(handle:is_finished())
  end)

  it("reports the panics that nobody joined", function()
    local _, _, err = run [[
      local ebb = require "ebb"
      ebb.JoinSet.new():spawn(error, "boom", 0)
      ebb.yield_now()
      collectgarbage()
      collectgarbage()
    ]]
    assert.matches('^ebb: task %d+ panicked with message "boom"\n', err)
  end)
end)
