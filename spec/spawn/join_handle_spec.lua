-- JoinHandle, AbortHandle and JoinError: what is known of one task.

local common = require "common"
local ebb = require "ebb"
local run = require "run"

local settle = ebb.yield_now

local function collect()
  collectgarbage()
  collectgarbage()
end

local function error_of(f)
  local ok, err = pcall(f)
  assert.is_false(ok)
  return err
end

-- The JoinError of a task that raises `value`.
local function panic(value)
  local ok, err = ebb.spawn(error, value, 0):join()
  assert.is_false(ok)
  return err
end

-- The JoinError of a task that was aborted.
local function cancellation(reason)
  local task = ebb.spawn(function() end)
  task:abort(reason)
  local ok, err = task:join()
  assert.is_false(ok)
  return err
end

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("join", function()
  it("gives true and the results", function()
    local task = ebb.spawn(function() return 1, "two" end)
    assert.same({true, 1, "two"}, {task:join()})
  end)

  it("gives true alone when there is no result", function()
    local task = ebb.spawn(function() end)
    assert.same({n = 1, true}, table.pack(task:join()))
  end)

  it("keeps nils among the results", function()
    local task = ebb.spawn(function() return nil, 2, nil end)
    assert.same({n = 4, true, nil, 2, nil}, table.pack(task:join()))
  end)

  it("gives a thousand results", function()
    local values = {}
    for i = 1, 1000 do values[i] = i end
    local task = ebb.spawn(table.unpack, values)
    assert.same({true, table.unpack(values)}, {task:join()})
  end)

  it("gives false and a JoinError when the task panicked", function()
    local ok, err = ebb.spawn(error, "boom"):join()
    assert.is_false(ok)
    assert.is_true(err:is_panic())
  end)

  it("gives false and a JoinError when the task was aborted", function()
    local task = ebb.spawn(ebb.sleep, 1)
    task:abort()
    local ok, err = task:join()
    assert.is_false(ok)
    assert.is_true(err:is_cancelled())
  end)

  it("waits until the task has ended", function()
    local done = false
    local task = ebb.spawn(function()
      ebb.sleep(10)
      done = true
    end)
    task:join()
    assert.is_true(done)
  end)

  it("does not let others run when the task has ended already", function()
    local task = ebb.spawn(function() end)
    settle()
    local ran = false
    local other = ebb.spawn(function() ran = true end)
    task:join()
    assert.is_false(ran)
    other:join()
  end)

  it("gives the same answer twice", function()
    local value = {}
    local task = ebb.spawn(function() return value, 2 end)
    task:join()
    local ok, first, second = task:join()
    assert.is_true(ok)
    assert.equal(value, first)
    assert.equal(2, second)
  end)

  it("gives the same panic twice", function()
    local value = {}
    local task = ebb.spawn(error, value)
    task:join()
    local _, err = task:join()
    assert.equal(value, err:into_panic())
  end)

  it("serves several tasks", function()
    local task = ebb.spawn(function() ebb.sleep(1) return "shared" end)
    local joiners = {}
    for i = 1, 3 do
      joiners[i] = ebb.spawn(function() return select(2, task:join()) end)
    end
    for i = 1, 3 do
      assert.same({true, "shared"}, {joiners[i]:join()})
    end
  end)

  it("raises when a task joins itself", function()
    local task
    task = ebb.spawn(function() task:join() end)
    local ok, err = task:join()
    assert.is_false(ok)
    assert.is_true(err:is_panic())
  end)

  it("names the argument when called on something else", function()
    local task = ebb.spawn(function() end)
    assert.matches("bad argument #1 to 'join'", error_of(function()
      task.join(42)
    end), 1, true)
    task:join()
  end)
end)

describe("await", function()
  it("gives the results", function()
    local task = ebb.spawn(function() return 1, nil, 3, nil end)
    assert.same({n = 4, 1, nil, 3, nil}, table.pack(task:await()))
  end)

  it("raises what the task has raised", function()
    local value = {}
    local task = ebb.spawn(error, value)
    assert.equal(value, error_of(function() task:await() end))
  end)

  it("raises the JoinError of an abort", function()
    local task = ebb.spawn(ebb.sleep, 1)
    task:abort()
    local err = error_of(function() task:await() end)
    assert.is_true(err:is_cancelled())
  end)

  it("gives the same results twice", function()
    local task = ebb.spawn(function() return "same" end)
    task:await()
    assert.equal("same", task:await())
  end)

  it("raises when a task awaits itself", function()
    local task
    task = ebb.spawn(function() task:await() end)
    local ok, err = task:join()
    assert.is_false(ok)
    assert.is_true(err:is_panic())
  end)
end)

describe("a JoinHandle", function()
  it("is finished only when its task has ended", function()
    local task = ebb.spawn(ebb.yield_now)
    assert.is_false(task:is_finished())
    settle()
    assert.is_false(task:is_finished())
    settle()
    assert.is_true(task:is_finished())
  end)

  it("is finished when its task has panicked", function()
    local task = ebb.spawn(error, "boom")
    settle()
    assert.is_true(task:is_finished())
    task:join()
  end)

  it("has an integer id", function()
    local task = ebb.spawn(function() end)
    assert.equal("integer", math.type(task:id()))
    task:join()
  end)

  it("keeps its id when the task has ended", function()
    local task = ebb.spawn(function() end)
    local id = task:id()
    task:join()
    assert.equal(id, task:id())
  end)

  it("shows its id in tostring", function()
    local task = ebb.spawn(function() end)
    assert.equal("JoinHandle(" .. task:id() .. ")", tostring(task))
    task:join()
  end)

  it("detaches its task when it is collected", function()
    local done = false
    ebb.spawn(function()
      ebb.sleep(1)
      done = true
    end)
    collect()
    ebb.sleep(2)
    assert.is_true(done)
  end)

  it("detaches a task that has not started when it is collected", function()
    local done = false
    ebb.spawn(function() done = true end)
    collect()
    settle()
    assert.is_true(done)
  end)

  it("keeps the results while it is kept", function()
    local task = ebb.spawn(function() return {"result"} end)
    settle()
    collect()
    local _, value = task:join()
    assert.same({"result"}, value)
  end)
end)

describe("a result whose finalizer raises", function()
  it("does no harm when its handle is dropped"
     .. " (test_panics_do_not_propagate_when_dropping_join_handle)", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      local function raise() error "I told you so" end
      for _ = 1, 10 do
        ebb.spawn(function() return setmetatable({}, {__gc = raise}) end)
      end
      ebb.yield_now()
      collectgarbage()
      collectgarbage()
      ebb.yield_now()
      print "alive"
    ]]
    assert.same({0, "alive\n", ""}, {code, out, err})
  end)
end)

describe("an AbortHandle", function()
  it("has the id of its task", function()
    local task = ebb.spawn(function() end)
    assert.equal(task:id(), task:abort_handle():id())
    task:join()
  end)

  it("aborts its task", function()
    local task = ebb.spawn(ebb.sleep, 1)
    settle()
    task:abort_handle():abort()
    local _, err = task:join()
    assert.is_true(err:is_cancelled())
  end)

  it("passes the reason on", function()
    local task = ebb.spawn(ebb.sleep, 1)
    task:abort_handle():abort("enough")
    local _, err = task:join()
    assert.equal("enough", err:reason())
  end)

  it("tells whether its task has ended", function()
    local task = ebb.spawn(function() end)
    local handle = task:abort_handle()
    assert.is_false(handle:is_finished())
    task:join()
    assert.is_true(handle:is_finished())
  end)

  it("still works when the JoinHandle was collected", function()
    local done = false
    local handle = ebb.spawn(function()
      ebb.sleep(1)
      done = true
    end):abort_handle()
    collect()
    settle()
    handle:abort()
    ebb.sleep(2)
    assert.is_true(handle:is_finished())
    assert.is_false(done)
  end)
end)

describe("the JoinError of a panic", function()
  it("is a panic and no cancellation", function()
    local err = panic("boom")
    assert.is_true(err:is_panic())
    assert.is_false(err:is_cancelled())
  end)

  for kind, value in pairs {
    ["a string"] = "boom",
    ["a number"] = 42,
    ["a table"] = {},
    ["false"] = false,
    ["a function"] = print,
    ["a userdata"] = io.stdout,
  } do
    it("holds " .. kind .. " that was raised", function()
      assert.equal(value, panic(value):into_panic())
    end)
  end

  it("holds nil that was raised", function()
    local err = panic(nil)
    assert.is_true(err:is_panic())
    assert.same(table.pack(common.raised_nil),
      table.pack(err:into_panic()))
  end)

  it("holds the position that error adds to a message", function()
    local _, err = ebb.spawn(function() error("boom") end):join()
    assert.matches("join_handle_spec.lua:%d+: boom$", err:into_panic())
  end)

  it("gives the value more than once", function()
    local err = panic("boom")
    err:into_panic()
    assert.equal("boom", err:into_panic())
  end)

  it("gives true and the value to try_into_panic", function()
    assert.same({true, "boom"}, {panic("boom"):try_into_panic()})
  end)

  it("gives true and nil to try_into_panic when nil was raised", function()
    assert.same(table.pack(true, common.raised_nil),
      table.pack(panic(nil):try_into_panic()))
  end)

  it("has no reason", function()
    assert.is_nil(panic("boom"):reason())
  end)

  it("has the id of the task", function()
    local task = ebb.spawn(error, "boom")
    local _, err = task:join()
    assert.equal(task:id(), err:id())
  end)

  it("has a traceback that shows where it was raised", function()
    local function culprit() error("boom") end
    local _, err = ebb.spawn(function() culprit() end):join()
    assert.matches("join_handle_spec.lua:%d+: in .-culprit", err:traceback())
  end)

  it("has a traceback also when no string was raised", function()
    local function culprit() error({}) end
    local _, err = ebb.spawn(function() culprit() end):join()
    assert.matches("culprit", err:traceback())
  end)

  it("shows the message in tostring", function()
    local err = panic("boom")
    local expected = 'task %d panicked with message "boom"'
    assert.equal(expected:format(err:id()), tostring(err))
  end)

  it("says in tostring that it panicked when no string was raised", function()
    local err = panic({})
    assert.matches("^task " .. err:id() .. " panicked", tostring(err))
  end)
end)

describe("the JoinError of an abort", function()
  it("is a cancellation and no panic", function()
    local err = cancellation()
    assert.is_true(err:is_cancelled())
    assert.is_false(err:is_panic())
  end)

  it("raises in into_panic", function()
    local err = cancellation()
    assert.matches("panic", error_of(function() err:into_panic() end))
  end)

  it("gives false and itself to try_into_panic", function()
    local err = cancellation()
    assert.same({n = 2, false, err}, table.pack(err:try_into_panic()))
  end)

  it("has the reason that was given, of any type", function()
    local reason = {}
    assert.equal(reason, cancellation(reason):reason())
  end)

  it("has no reason when none was given", function()
    assert.is_nil(cancellation():reason())
  end)

  it("has the id of the task", function()
    local task = ebb.spawn(ebb.sleep, 1)
    task:abort()
    local _, err = task:join()
    assert.equal(task:id(), err:id())
  end)

  it("has no traceback", function()
    assert.is_nil(cancellation():traceback())
  end)

  it("says in tostring that the task was cancelled", function()
    local err = cancellation()
    assert.equal("task " .. err:id() .. " was cancelled", tostring(err))
  end)
end)
