-- What can be seen of tasks from outside: ebb.tasks and ebb.traceback.

local ebb = require "ebb"
local common = require "common"

local settle = ebb.yield_now

local entry = common.entry

describe("tasks", function()
  before_each(function() ebb.time.pause() end)
  after_each(function() ebb.time.resume() end)

  it("lists a task that waits, with the types of its fields", function()
    local task = ebb.spawn(ebb.sleep, 1)
    settle()
    local seen = entry(task:id())
    assert.equal("string", type(seen.state))
    assert.equal("string", type(seen.waiting_for))
    assert.equal("number", type(seen.spawned_at))
    assert.equal("integer", math.type(seen.polls))
    assert.equal("number", type(seen.busy))
    task:join()
  end)

  it("lists a task that has not started", function()
    local task = ebb.spawn(function() end)
    assert.is_table(entry(task:id()))
    task:join()
  end)

  it("lists the task that asks", function()
    local task = ebb.spawn(function() return entry(ebb.id()) ~= nil end)
    assert.same({true, true}, {task:join()})
  end)

  it("does not list a task that was joined and let go", function()
    local function spawn_and_join()
      local task = ebb.spawn(function() end)
      task:join()
      return task:id()
    end
    local id = spawn_and_join()
    collectgarbage()
    collectgarbage()
    assert.is_nil(entry(id))
  end)

  it("says that a sleeping task waits for its sleep", function()
    local task = ebb.spawn(ebb.sleep, 1)
    settle()
    assert.matches("sleep", entry(task:id()).waiting_for)
    task:join()
  end)

  it("says that a joining task waits for its join", function()
    local sleeper = ebb.spawn(ebb.sleep, 1)
    local task = ebb.spawn(function() sleeper:join() end)
    settle()
    assert.matches("join", entry(task:id()).waiting_for)
    task:join()
  end)

  it("says of a task in join_next what it waits for", function()
    local map = ebb.JoinMap.new()
    map:spawn("sleeper", ebb.sleep, 1)
    local task = ebb.spawn(function() map:join_next() end)
    settle()
    assert.matches("join_next", entry(task:id()).waiting_for)
    task:join()
  end)

  it("gives the key of a task in a map", function()
    local map = ebb.JoinMap.new()
    local id = map:spawn("the key", function() end)
    assert.equal("the key", entry(id).key)
    map:join_next()
  end)

  it("counts the polls of a task", function()
    local task = ebb.spawn(function()
      for _ = 1, 5 do ebb.yield_now() end
    end)
    settle()
    local before = entry(task:id()).polls
    settle()
    assert.equal(before + 1, entry(task:id()).polls)
    task:join()
  end)

  it("tells when a task was spawned, on the clock of now", function()
    ebb.time.advance(1000)
    local now = ebb.time.now()
    local task = ebb.spawn(ebb.sleep, 1)
    settle()
    assert.near(now, entry(task:id()).spawned_at, 1e-6)
    task:join()
  end)

  it("is a snapshot that later turns do not change", function()
    local task = ebb.spawn(ebb.yield_now)
    local seen = entry(task:id())
    local polls = seen.polls
    task:join()
    assert.equal(polls, seen.polls)
  end)
end)

describe("traceback", function()
  before_each(function() ebb.time.pause() end)
  after_each(function() ebb.time.resume() end)

  it("shows the lines at which a task waits", function()
    local function deep_down() ebb.sleep(1) return nil end
    local task = ebb.spawn(function() deep_down() end)
    settle()
    local text = ebb.traceback(task:id())
    assert.matches("inspect_spec.lua:%d+: in .-deep_down", text)
    task:join()
  end)

  it("shows a C function that the task waits in", function()
    local task = ebb.spawn(function()
      table.sort({2, 1}, function() ebb.sleep(1) return false end)
    end)
    settle()
    assert.matches("sort", ebb.traceback(task:id()))
    task:join()
  end)
end)
