-- LocalSet:enter, and which set is the current one.

local ebb = require "ebb"
local common = require "common"
local local_sets = require "local_sets"
local LocalSet = ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local error_of = common.error_of

local drive = local_sets.drive
local has_current, is_current = local_sets.has_current, local_sets.is_current

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

describe("the guard of enter", function()
  it("makes the set current without driving it", function()
    local guard <close> = set:enter()
    local task = ebb.spawn_local(nothing)
    for _ = 1, 3 do settle() end
    assert.is_false(task:is_finished())
    drive(set)
    assert.is_true(task:is_finished())
  end)

  it("ends with its scope", function()
    do local guard <close> = set:enter() end
    assert.is_false(has_current())
  end)

  it("ends when it is closed, and may be closed again", function()
    local guard = set:enter()
    assert.is_true(has_current())
    guard:close()
    assert.is_false(has_current())
    guard:close()
    assert.is_false(has_current())
  end)

  it("restores the one before", function()
    local other <close> = LocalSet.new()
    local outer = other:enter()
    local inner = set:enter()
    assert.is_true(is_current(set))
    inner:close()
    assert.is_true(is_current(other))
    inner:close()
    assert.is_true(is_current(other))
    outer:close()
    assert.is_false(has_current())
  end)

  it("is for the task that called enter alone", function()
    local inside
    local task = ebb.spawn(function()
      local guard <close> = set:enter()
      settle()
      inside = has_current()
      ebb.sleep(5)
    end)
    settle()
    assert.is_false(has_current())
    local other = ebb.spawn(has_current)
    task:join()
    assert.is_true(inside)
    assert.same({true, false}, {other:join()})
  end)

  it("of the main chunk is not for tasks", function()
    local guard <close> = set:enter()
    assert.same({true, false}, {ebb.spawn(has_current):join()})
  end)

  it("gives way to a run_until inside it, and comes back", function()
    local other <close> = LocalSet.new()
    local guard <close> = set:enter()
    other:run_until(function()
      local task = ebb.spawn_local(nothing)
      settle()
      assert.is_true(task:is_finished())
    end)
    assert.is_true(is_current(set))
  end)

  it("holds in a task of another set, while it is open", function()
    local other <close> = LocalSet.new()
    local task
    other:spawn_local(function()
      local guard <close> = set:enter()
      settle()
      task = ebb.spawn_local(nothing)
    end)
    other:await()
    settle()
    assert.is_false(task:is_finished())
    drive(set)
    assert.is_true(task:is_finished())
  end)

  it("ends when its task is aborted", function()
    local task = ebb.spawn(function()
      local guard <close> = set:enter()
      forever()
    end)
    settle()
    task:abort()
    task:join()
    assert.same({true, false}, {ebb.spawn(has_current):join()})
  end)

  it("of a set that is closed meanwhile makes spawn_local raise", function()
    local guard <close> = set:enter()
    set:close()
    assert.is_string(error_of(ebb.spawn_local, nothing))
  end)
end)
