-- LocalSet: tasks that run only while somebody drives their set, and what
-- drives it.

local ebb = require "ebb"
local common = require "common"
local local_sets = require "local_sets"
local LocalSet = ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, entry, error_of = common.closer, common.entry, common.error_of

local drive = local_sets.drive
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

describe("run_until", function()
  it("gives the results of its function, nils included", function()
    local got = table.pack(set:run_until(function(...)
      settle()
      return ...
    end, nil, 2, nil))
    assert.same({n = 3, nil, 2, nil}, got)
  end)

  it("runs its function in the calling task", function()
    assert.is_nil(set:run_until(ebb.try_id))
    local task = ebb.spawn(function() return set:run_until(ebb.id) end)
    assert.same({true, task:id()}, {task:join()})
  end)

  it("runs its function at once", function()
    local log = {}
    set:spawn_local(function() log[#log + 1] = "task" end)
    set:run_until(function() log[#log + 1] = "function" settle() end)
    assert.same({"function", "task"}, log)
  end)

  it("does not wait for the tasks", function()
    local task = set:spawn_local(forever)
    drive(set)
    assert.is_false(task:is_finished())
  end)

  it("lets other tasks run, too", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    drive(set)
    assert.is_true(ran)
  end)

  it("raises the very error of its function, and ends the driving", function()
    local value, turns = {}, 0
    set:spawn_local(function()
      while true do turns = turns + 1 settle() end
    end)
    assert.equal(value, error_of(set.run_until, set, function()
      settle()
      error(value)
    end))
    local before = turns
    settle()
    settle()
    assert.equal(before, turns)
    assert.is_false(has_current())
  end)

  it("ends the driving when its task is aborted", function()
    local turns = 0
    set:spawn_local(function()
      while true do turns = turns + 1 ebb.sleep(1) end
    end)
    for place, wait in pairs {
      directly = function(f) f() end,
      sort = function(f) table.sort({2, 1}, f) end,
      generator = function(f) coroutine.wrap(f)() end,
    } do
      local driver = ebb.spawn(function()
        wait(function() set:run_until(forever) end)
      end)
      local before = turns
      ebb.sleep(5)
      assert.is_true(turns > before, place)
      driver:abort()
      driver:join()
      before = turns
      ebb.sleep(5)
      assert.equal(before, turns, place)
    end
  end)

  it("makes it current in its function, in clean-ups, too", function()
    local task = ebb.spawn(function()
      set:run_until(function()
        local _ <close> = closer(function()
          set:spawn_local(nothing)
          ebb.spawn_local(nothing)
        end)
        forever()
      end)
    end)
    settle()
    task:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
  end)

  it("makes it current in generators and callbacks, too", function()
    set:run_until(function()
      assert.is_true(coroutine.wrap(has_current)())
      table.sort({2, 1}, function()
        assert.is_true(has_current())
        return false
      end)
    end)
  end)

  it("does not make it current in other tasks that run meanwhile", function()
    local other = ebb.spawn(has_current)
    drive(set)
    assert.same({true, false}, {other:join()})
  end)

  it("may be nested, and gives the outer set back", function()
    local outer <close> = LocalSet.new()
    local inner_task, outer_task
    outer:run_until(function()
      set:run_until(function() inner_task = ebb.spawn_local(nothing) end)
      outer_task = ebb.spawn_local(nothing)
      settle()
      assert.is_true(outer_task:is_finished())
      assert.is_false(inner_task:is_finished())
    end)
    set:await()
    assert.is_true(inner_task:is_finished())
  end)

  it("drives the outer set while the inner one is driven", function()
    local outer <close> = LocalSet.new()
    local task = outer:spawn_local(nothing)
    outer:run_until(function() set:run_until(settle) end)
    assert.is_true(task:is_finished())
  end)

  it("may be nested in a task of the other set", function()
    local outer <close> = LocalSet.new()
    local ids
    outer:spawn_local(function()
      local before = ebb.id()
      local inside = set:run_until(function()
        return ebb.spawn_local(ebb.id):await()
      end)
      ids = {before, inside, ebb.id()}
    end)
    outer:await()
    assert.equal(ids[1], ids[3])
    assert.not_equal(ids[1], ids[2])
  end)

  it("may be called by two tasks, and drives until both have ended",
     function()
    local turns = 0
    set:spawn_local(function()
      while true do turns = turns + 1 ebb.sleep(1) end
    end)
    ebb.spawn(function() set:run_until(ebb.sleep, 10) end)
    ebb.spawn(function() set:run_until(ebb.sleep, 20) end)
    ebb.sleep(15)
    local before = turns
    ebb.sleep(3)
    assert.is_true(turns > before)
    ebb.sleep(10)
    before = turns
    ebb.sleep(10)
    assert.equal(before, turns)
  end)

  it("may be called by a task of the set itself", function()
    local log = {}
    set:spawn_local(function()
      set:run_until(function() settle() log[1] = "inner" end)
      log[2] = "outer"
    end)
    set:await()
    assert.same({"inner", "outer"}, log)
  end)

  it("names the argument when its function cannot be called", function()
    assert.matches("bad argument #1 to 'run_until'", error_of(function()
      set:run_until(42)
    end), 1, true)
    assert.is_false(has_current())
  end)
end)

describe("block_on", function()
  it("is run_until", function()
    local task = set:spawn_local(function() settle() return 7 end)
    assert.same({true, 7}, {set:block_on(task.join, task)})
    assert.matches("bad argument #1 to 'block_on'", error_of(function()
      set:block_on(42)
    end), 1, true)
  end)
end)

describe("await", function()
  it("returns at once when the set is empty", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    set:await()
    assert.is_false(ran)
    settle()
  end)

  it("gives no values", function()
    set:spawn_local(function() return 7 end)
    assert.equal(0, select("#", set:await()))
  end)

  it("waits until all tasks have ended, their clean-up included", function()
    local log = {}
    local task = set:spawn_local(function()
      local _ <close> = closer(function()
        ebb.sleep(3)
        log[1] = "closed"
      end)
      forever()
    end)
    ebb.spawn(function() ebb.sleep(1) task:abort() end)
    set:await()
    assert.same({"closed"}, log)
  end)

  it("ignores panics", function()
    local task = set:spawn_local(error, "boom", 0)
    set:await()
    assert.is_false((task:join()))
  end)

  it("sees a task that is spawned meanwhile, from elsewhere", function()
    local late
    set:spawn_local(ebb.sleep, 5)
    ebb.spawn(function()
      ebb.sleep(1)
      set:spawn_local(function() ebb.sleep(50) late = true end)
    end)
    set:await()
    assert.is_true(late)
  end)

  it("may be cut off, and leaves the tasks to be driven again", function()
    local task = set:spawn_local(function() ebb.sleep(5) return "end" end)
    local waiter = ebb.spawn(set.await, set)
    ebb.sleep(1)
    waiter:abort()
    assert.is_false((waiter:join()))
    ebb.sleep(10)
    assert.is_false(task:is_finished())
    set:await()
    assert.same({true, "end"}, {task:join()})
  end)

  it("may be called by two tasks", function()
    set:spawn_local(ebb.sleep, 5)
    local a, b = ebb.spawn(set.await, set), ebb.spawn(set.await, set)
    assert.same({true}, {a:join()})
    assert.same({true}, {b:join()})
  end)

  it("may be called again, for new tasks", function()
    for i = 1, 3 do
      local task = set:spawn_local(function() settle() return i end)
      set:await()
      assert.same({true, i}, {task:join()})
    end
  end)

  it("shows what it waits for", function()
    set:spawn_local(forever)
    local waiter = ebb.spawn(set.await, set)
    settle()
    assert.matches("LocalSet", entry(waiter:id()).waiting_for)
    waiter:abort()
    waiter:join()
  end)

  it("waits in a sort comparator, too", function()
    local ended = false
    set:spawn_local(function() ebb.sleep(5) ended = true end)
    table.sort({2, 1}, function() set:await() return false end)
    assert.is_true(ended)
  end)
end)

describe("tostring", function()
  it("names the class of a set and of a guard", function()
    assert.matches("^LocalSet", tostring(set))
    local guard <close> = set:enter()
    assert.is_string(tostring(guard))
  end)
end)

describe("the methods of LocalSet", function()
  for _, name in ipairs {"spawn_local", "run_until", "block_on", "await",
                         "enter", "close"} do
    it("refuse what is no LocalSet: " .. name, function()
      for _, value in ipairs {42, {}, ebb.JoinSet.new(), io.stdout} do
        assert.matches("LocalSet expected",
                       error_of(set[name], value, nothing), 1, true)
      end
    end)
  end
end)
