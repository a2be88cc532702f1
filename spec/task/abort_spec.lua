-- Abort: a task is shut down at its wait. None of its lines runs any more
-- but those of its to-be-closed variables, which are in task/clean_up_spec.

local abort = require "abort"
local common = require "common"
local ebb = require "ebb"

local settle = ebb.yield_now

local closer, forever = common.closer, common.forever
local abort_waiting, assert_cancelled, PLACES =
  abort.waiting, abort.assert_cancelled, abort.PLACES

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("abort", function()
  it("keeps a task that has not started from ever running", function()
    local ran = false
    local task = ebb.spawn(function() ran = true end)
    task:abort()
    assert_cancelled(task:join())
    settle()
    assert.is_false(ran)
  end)

  it("shuts a task down at its wait, with no further line", function()
    local went_on = false
    assert_cancelled(abort_waiting(function()
      forever()
      went_on = true
    end))
    assert.is_false(went_on)
  end)

  it("shuts down a task that waits in coroutine.yield", function()
    local turns = 0
    assert_cancelled(abort_waiting(function()
      while true do
        turns = turns + 1
        coroutine.yield()
      end
    end))
    assert.equal(1, turns)
  end)

  it("shuts down a task whose body is a coroutine", function()
    local went_on = false
    assert_cancelled(abort_waiting(coroutine.create(function()
      forever()
      went_on = true
    end)))
    assert.is_false(went_on)
  end)

  it("does not wait", function()
    local closed = false
    local task = ebb.spawn(function()
      local _ <close> = closer(function() closed = true end)
      forever()
    end)
    settle()
    task:abort()
    assert.is_false(closed)
    task:join()
    assert.is_true(closed)
  end)

  it("lets no virtual time pass for a wait that was cut off", function()
    local start = ebb.time.now()
    abort_waiting(forever)
    assert.equal(start, ebb.time.now())
  end)

  it("may be asked for by another task", function()
    local victim = ebb.spawn(forever)
    ebb.spawn(function() victim:abort() end)
    assert_cancelled(victim:join())
  end)

  it("takes effect although the handle is dropped at once", function()
    local closed = false
    local function spawn_and_abort()
      local task = ebb.spawn(function()
        local _ <close> = closer(function() closed = true end)
        forever()
      end)
      settle()
      task:abort()
    end
    spawn_and_abort()
    collectgarbage()
    settle()
    assert.is_true(closed)
  end)

  it("may come from the clean-ups of two tasks, of each other", function()
    local a, b
    local function body(other)
      local _ <close> = closer(function() other():abort() end)
      forever()
    end
    a = ebb.spawn(body, function() return b end)
    b = ebb.spawn(body, function() return a end)
    settle()
    a:abort()
    assert_cancelled(a:join())
    assert_cancelled(b:join())
  end)
end)

describe("abort is not seen", function()
  it("by pcall", function()
    local went_on = false
    assert_cancelled(abort_waiting(function()
      pcall(forever)
      went_on = true
    end))
    assert.is_false(went_on)
  end)

  it("by xpcall and its message handler", function()
    local seen = false
    assert_cancelled(abort_waiting(function()
      xpcall(forever, function() seen = true end)
      seen = true
    end))
    assert.is_false(seen)
  end)

  it("by a pcall around a sort comparator", function()
    local went_on = false
    assert_cancelled(abort_waiting(function()
      pcall(table.sort, {2, 1}, function() forever() went_on = true end)
      went_on = true
    end))
    assert.is_false(went_on)
  end)

  it("by a pcall inside a sort comparator", function()
    local went_on = false
    assert_cancelled(abort_waiting(function()
      table.sort({2, 1}, function()
        pcall(forever)
        went_on = true
      end)
      went_on = true
    end))
    assert.is_false(went_on)
  end)

  it("by the consumer of a generator", function()
    local went_on = false
    assert_cancelled(abort_waiting(function()
      pcall(coroutine.wrap(forever))
      went_on = true
    end))
    assert.is_false(went_on)
  end)

  it("by a pcall around a __close that raises", function()
    local went_on = false
    local ok, err = abort_waiting(function()
      pcall(function()
        local _ <close> = closer(function() error("late", 0) end)
        forever()
      end)
      went_on = true
    end)
    assert.is_false(went_on)
    assert.same({false, "late"}, {ok, err:into_panic()})
  end)
end)

describe("a task that ends before its next wait", function()
  it("ends normally although it has aborted itself", function()
    local task
    task = ebb.spawn(function()
      task:abort()
      return "result"
    end)
    assert.same({true, "result"}, {task:join()})
  end)

  it("panics normally although it has aborted itself", function()
    local task
    task = ebb.spawn(function()
      task:abort()
      error("boom", 0)
    end)
    local _, err = task:join()
    assert.equal("boom", err:into_panic())
  end)

  it("closes its variables normally although it has aborted itself", function()
    local closed = false
    local task
    task = ebb.spawn(function()
      local _ <close> = closer(function() closed = true end)
      task:abort()
      return "result"
    end)
    assert.same({true, "result"}, {task:join()})
    assert.is_true(closed)
  end)
end)

describe("a task that aborts itself", function()
  it("goes on up to its next wait", function()
    local log = {}
    local task
    task = ebb.spawn(function()
      task:abort()
      log[#log + 1] = "before"
      ebb.yield_now()
      log[#log + 1] = "after"
    end)
    assert_cancelled(task:join())
    assert.same({"before"}, log)
  end)

  it("goes on up to its next wait inside a C call", function()
    local log = {}
    local task
    task = ebb.spawn(function()
      table.sort({2, 1}, function()
        task:abort()
        log[#log + 1] = "before"
        ebb.yield_now()
        log[#log + 1] = "after"
      end)
    end)
    assert_cancelled(task:join())
    assert.same({"before"}, log)
  end)

  it("closes its variables at that wait", function()
    local log = {}
    local task
    task = ebb.spawn(function()
      local _ <close> = closer(function() log[#log + 1] = "closed" end)
      task:abort()
      log[#log + 1] = "waits"
      forever()
    end)
    assert_cancelled(task:join())
    assert.same({"waits", "closed"}, log)
  end)
end)

describe("aborting a task that waits in", function()
  for name, place in pairs(PLACES) do
    it(name .. " closes its variables and runs nothing else", function()
      local log = {}
      local function note(word) return function() log[#log + 1] = word end end
      assert_cancelled(abort_waiting(function()
        local _ <close> = closer(note "outer")
        place(function()
          local _ <close> = closer(note "inner")
          forever()
          note "must not run"()
        end)
        note "must not run"()
      end))
      assert.same({"inner", "outer"}, log)
    end)
  end
end)

describe("aborting a task that has ended", function()
  it("changes nothing about its result", function()
    local task = ebb.spawn(function() return "result" end)
    settle()
    task:abort()
    settle()
    assert.same({true, "result"}, {task:join()})
  end)

  it("changes nothing about its panic", function()
    local task = ebb.spawn(error, "boom")
    settle()
    task:abort("reason")
    local _, err = task:join()
    assert.is_true(err:is_panic())
    assert.is_nil(err:reason())
  end)

  it("changes nothing after an earlier join", function()
    local task = ebb.spawn(function() return "result" end)
    task:join()
    task:abort()
    assert.same({true, "result"}, {task:join()})
  end)
end)

describe("aborting many tasks", function()
  it("closes the variables of each", function()
    local closed = 0
    local tasks = {}
    for i = 1, 1000 do
      tasks[i] = ebb.spawn(function()
        local _ <close> = closer(function() closed = closed + 1 end)
        forever()
      end)
    end
    settle()
    for i = 1, 1000 do tasks[i]:abort() end
    for i = 1, 1000 do tasks[i]:join() end
    assert.equal(1000, closed)
  end)

  it("closes the variables of each in sort comparators", function()
    local closed = 0
    local tasks = {}
    for i = 1, 1000 do
      tasks[i] = ebb.spawn(table.sort, {2, 1}, function()
        local _ <close> = closer(function() closed = closed + 1 end)
        forever()
      end)
    end
    settle()
    for i = 1, 1000 do tasks[i]:abort() end
    for i = 1, 1000 do tasks[i]:join() end
    assert.equal(1000, closed)
  end)

  it("leaves their stacks fit for the tasks that follow", function()
    for _ = 1, 100 do
      abort_waiting(function() table.sort({2, 1}, forever) end)
      local task = ebb.spawn(function()
        local list = {3, 1, 2}
        table.sort(list, function(a, b) ebb.yield_now() return a < b end)
        return table.concat(list)
      end)
      assert.same({true, "123"}, {task:join()})
    end
  end)
end)
