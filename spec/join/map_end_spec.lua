-- JoinMap: maps that leave scope, or are collected.

local ebb = require "ebb"
local common = require "common"
local JoinMap = ebb.JoinMap

local settle = ebb.yield_now

local forever = common.forever
local closer, collect, guarded = common.closer, common.collect, common.guarded

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("a map that leaves scope as <close>", function()
  it("aborts all its tasks when an error leaves the scope", function()
    local log = {}
    pcall(function()
      local map <close> = JoinMap.new()
      map:spawn(1, guarded, log, 1)
      settle()
      error "boom"
    end)
    settle()
    assert.same({"closed"}, log)
  end)

  it("leaves detached tasks alone", function()
    local done = false
    do
      local map <close> = JoinMap.new()
      map:spawn(1, function()
        ebb.sleep(1)
        done = true
      end)
      map:detach(1)
    end
    ebb.sleep(2)
    assert.is_true(done)
  end)
end)

describe("a map that is collected", function()
  -- Makes a map that `fill` fills, lets its tasks start, drops it.
  local function make_and_drop(fill)
    local function make()
      local map = JoinMap.new()
      fill(map)
      settle()
    end
    make()
    collect()
    settle()
  end

  it("aborts tasks that wait in a C call", function()
    local log = {}
    make_and_drop(function(map)
      map:spawn(1, table.sort, {2, 1}, function() guarded(log, 1) end)
    end)
    assert.same({"closed"}, log)
  end)

  it("aborts tasks that wait in a generator", function()
    local log = {}
    make_and_drop(function(map)
      map:spawn(1, function()
        coroutine.wrap(function() guarded(log, 1) end)()
      end)
    end)
    assert.same({"closed"}, log)
  end)

  it("lives as long as a task that refers to it, also by its key", function()
    local log = {}
    make_and_drop(function(map)
      map:spawn(1, function()
        guarded(log, 1)
        map:abort_all()
      end)
      map:spawn(map, guarded, log, 2)
      log.map = setmetatable({map}, {__mode = "v"})
    end)
    assert.equal(2, #log.map[1])
    log.map[1]:shutdown()
    assert.same({"closed", "closed"}, {log[1], log[2]})
  end)

  it("lets the clean-up of its tasks wait", function()
    local closed = false
    make_and_drop(function(map)
      map:spawn(1, function()
        local _ <close> = closer(function()
          ebb.sleep(1)
          closed = true
        end)
        forever()
      end)
    end)
    ebb.sleep(2)
    assert.is_true(closed)
  end)

  it("frees keys and results of tasks that were joined", function()
    local weak = setmetatable({}, {__mode = "v"})
    local map = JoinMap.new()
    local function use()
      local key, value = {}, {}
      weak[1], weak[2] = key, value
      map:spawn(key, function() return value end)
      map:join_next()
    end
    use()
    settle()
    collect()
    assert.same({}, weak)
  end)
end)
