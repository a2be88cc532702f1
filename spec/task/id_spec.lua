-- The ids of tasks.

local ebb = require "ebb"

local settle = ebb.yield_now

describe("id", function()
  it("is the id of the task's handle", function()
    local task = ebb.spawn(function() return ebb.id() end)
    assert.same({true, task:id()}, {task:join()})
  end)

  it("is an integer", function()
    local _, id = ebb.spawn(ebb.id):join()
    assert.equal("integer", math.type(id))
  end)

  it("differs from task to task", function()
    local a, b = ebb.spawn(ebb.id), ebb.spawn(ebb.id)
    local _, first = a:join()
    local _, second = b:join()
    assert.not_equal(first, second)
  end)

  it("is that of the task inside a generator", function()
    local task = ebb.spawn(function() return coroutine.wrap(ebb.id)() end)
    assert.same({true, task:id()}, {task:join()})
  end)

  it("is that of the task inside generators in generators", function()
    local task = ebb.spawn(function()
      return coroutine.wrap(function()
        return coroutine.wrap(function()
          ebb.yield_now()
          return ebb.id(), ebb.try_id()
        end)()
      end)()
    end)
    assert.same({true, task:id(), task:id()}, {task:join()})
  end)

  it("is that of the task in a __close at its end", function()
    local seen
    local task = ebb.spawn(function()
      local _ <close> = setmetatable({}, {__close = function()
        ebb.yield_now()
        seen = ebb.id()
      end})
    end)
    task:join()
    assert.equal(task:id(), seen)
  end)

  it("of a task is not used again while anything refers to it", function()
    local first = ebb.spawn(function() end)
    first:join()
    local seen = {[first:id()] = true}
    for _ = 1, 1000 do
      local task = ebb.spawn(function() end)
      assert.is_nil(seen[task:id()])
      seen[task:id()] = true
      task:join()
    end
  end)

  it("stays the same when the task has waited", function()
    local task = ebb.spawn(function()
      local before = ebb.id()
      ebb.yield_now()
      return before == ebb.id()
    end)
    ebb.spawn(ebb.yield_now)
    assert.same({true, true}, {task:join()})
  end)

  it("raises in the main chunk", function()
    assert.has_error(function() ebb.id() end)
  end)
end)

describe("try_id", function()
  it("is the task's id in a task", function()
    local task = ebb.spawn(ebb.try_id)
    assert.same({true, task:id()}, {task:join()})
  end)

  it("is nil in the main chunk", function()
    assert.is_nil(ebb.try_id())
  end)

  it("is still nil in the main chunk when tasks have run", function()
    ebb.spawn(ebb.yield_now)
    settle()
    assert.is_nil(ebb.try_id())
    settle()
  end)
end)
