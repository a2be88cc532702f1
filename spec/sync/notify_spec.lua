-- Notify and Barrier. What happens when a task is aborted that waits for a
-- notification is in sync/abort_spec.

local ebb = require "ebb"
local common = require "common"
local sync = ebb.sync

local settle, error_of = ebb.yield_now, common.error_of

describe("a Notify", function()
  local Notify = sync.Notify

  local function spawn_waiters(notify, n, log)
    local tasks = {}
    for i = 1, n do
      tasks[i] = ebb.spawn(function()
        notify:notified()
        log[#log + 1] = i
      end)
    end
    settle()
    return tasks
  end

  local function abort_all(tasks)
    for _, task in ipairs(tasks) do task:abort() end
    settle()
  end

  it("keeps one notification when nobody waits", function()
    local notify, log = Notify.new(), {}
    notify:notify_one()
    notify:notify_one()
    local tasks = spawn_waiters(notify, 2, log)
    assert.same({1}, log)
    abort_all(tasks)
  end)

  it("notifies waiters one by one, in order", function()
    local notify, log = Notify.new(), {}
    spawn_waiters(notify, 3, log)
    assert.same({}, log)
    notify:notify_one()
    settle()
    assert.same({1}, log)
    notify:notify_one()
    notify:notify_one()
    settle()
    assert.same({1, 2, 3}, log)
  end)

  it("notifies all who wait, and nobody who comes later", function()
    local notify, log = Notify.new(), {}
    notify:notify_waiters()
    spawn_waiters(notify, 3, log)
    assert.same({}, log)
    notify:notify_waiters()
    local late = spawn_waiters(notify, 1, log)
    assert.same({1, 2, 3}, log)
    abort_all(late)
  end)

  it("gives nothing on that notify_waiters told a task", function()
    local notify, log = Notify.new(), {}
    local tasks = spawn_waiters(notify, 3, log)
    notify:notify_waiters()
    tasks[2]:abort()
    local late = spawn_waiters(notify, 1, log)
    assert.same({1, 3}, log)
    abort_all(late)
  end)

  it("as in Tokio, is for the next once the kept one is taken " ..
     "(notify_notified_multi)", function()
    local notify, log = Notify.new(), {}
    notify:notify_one()
    spawn_waiters(notify, 2, log)
    assert.same({1}, log)
    notify:notify_one()
    settle()
    assert.same({1, 2}, log)
  end)

  it("as in Tokio, is kept though a task that notify_waiters told is " ..
     "aborted (notify_one_after_dropped_all)", function()
    local notify, log = Notify.new(), {}
    local tasks = spawn_waiters(notify, 1, log)
    notify:notify_waiters()
    notify:notify_one()
    abort_all(tasks)
    spawn_waiters(notify, 1, log)
    assert.same({1}, log)
    abort_all(spawn_waiters(notify, 1, log))
    assert.same({1}, log)
  end)

  it("lets others run although it is always notified", function()
    local notify = Notify.new()
    local turns = common.turns_beside(function()
      for _ = 1, 1000 do
        notify:notify_one()
        notify:notified()
      end
    end)
    assert.is_true(turns >= 1000 // 128)
  end)

  it("works from a finalizer", function()
    local notify = Notify.new()
    local waiter = ebb.spawn(notify.notified, notify)
    settle()
    setmetatable({}, {__gc = function() notify:notify_one() end})
    common.collect()
    waiter:await()
  end)

  it("is named in the message of a deadlock", function()
    local notify = Notify.new()
    assert.matches("the main chunk waits for notified",
      error_of(notify.notified, notify))
    assert.matches("Notify expected", error_of(notify.notified, 1))
  end)
end)

describe("a Barrier", function()
  local Barrier = sync.Barrier

  local function spawn_waiters(barrier, n, log)
    local tasks = {}
    for i = 1, n do
      tasks[i] = ebb.spawn(function()
        local leads = barrier:wait()
        log[#log + 1] = leads and "leader" or "follower"
      end)
    end
    settle()
    return tasks
  end

  it("lets all go when the last has come, who is the leader", function()
    local barrier, log = Barrier.new(3), {}
    spawn_waiters(barrier, 2, log)
    assert.same({}, log)
    assert.is_true(barrier:wait())
    settle()
    assert.same({"follower", "follower"}, log)
  end)

  it("can be used again and again", function()
    local barrier, log = Barrier.new(2), {}
    local set = ebb.JoinSet.new()
    for i = 1, 2 do
      set:spawn(function()
        for round = 1, 5 do
          if barrier:wait() then log[#log + 1] = round end
        end
      end)
    end
    set:join_all()
    assert.same({1, 2, 3, 4, 5}, log)
  end)

  it("as in Tokio, lets a hundred go ten times, of whom one leads (lots)",
     function()
    local barrier = Barrier.new(100)
    for round = 1, 10 do
      local log = {}
      spawn_waiters(barrier, 99, log)
      settle()
      assert.same({}, log)
      assert.is_true(barrier:wait(), round)
      settle()
      assert.equal(99, #log)
      for _, role in ipairs(log) do assert.equal("follower", role) end
    end
  end)

  it("begins anew while those of the last round have not run", function()
    local barrier, log = Barrier.new(2), {}
    spawn_waiters(barrier, 1, log)
    assert.is_true(barrier:wait())
    local late = ebb.spawn(barrier.wait, barrier)
    settle()
    assert.same({"follower"}, log)
    assert.is_false(late:is_finished())
    assert.is_true(barrier:wait())
    assert.is_false(late:await())
  end)

  it("of size 0 or 1 lets everyone through as a leader", function()
    for _, size in ipairs {0, 1} do
      local barrier = Barrier.new(size)
      assert.is_true(barrier:wait())
      assert.is_true(barrier:wait())
    end
  end)

  it("does not count a task that was aborted", function()
    for victim = 1, 3 do
      local barrier, log = Barrier.new(4), {}
      local tasks = spawn_waiters(barrier, 3, log)
      tasks[victim]:abort()
      settle()
      spawn_waiters(barrier, 1, log)
      assert.same({}, log)
      assert.is_true(barrier:wait())
      settle()
      assert.same({"follower", "follower", "follower"}, log)
    end
  end)

  it("counts a task that was aborted after the last had come", function()
    for victim = 1, 3 do
      local barrier, log = Barrier.new(4), {}
      local tasks = spawn_waiters(barrier, 3, log)
      assert.is_true(barrier:wait())
      tasks[victim]:abort()
      settle()
      assert.same({"follower", "follower"}, log)
      spawn_waiters(barrier, 3, log)
      assert.equal(2, #log)
      assert.is_true(barrier:wait())
      settle()
      assert.equal(5, #log)
    end
  end)

  it("does not count a task that was aborted before it came", function()
    local barrier, log = Barrier.new(2), {}
    local task = ebb.spawn(barrier.wait, barrier)
    task:abort()
    settle()
    local waiter = spawn_waiters(barrier, 1, log)[1]
    assert.is_false(waiter:is_finished())
    barrier:wait()
    waiter:await()
  end)

  it("does not count who aborts himself before he waits", function()
    local barrier = Barrier.new(2)
    local task
    task = ebb.spawn(function()
      task:abort()
      barrier:wait()
    end)
    assert.is_false((task:join()))
    local waiter = ebb.spawn(barrier.wait, barrier)
    settle()
    assert.is_false(waiter:is_finished())
    barrier:wait()
    waiter:await()
  end)

  it("does not count a finalizer, which cannot wait", function()
    local barrier = Barrier.new(2)
    local message
    setmetatable({}, {__gc = function()
      message = error_of(barrier.wait, barrier)
    end})
    common.collect()
    assert.matches("cannot wait inside a finalizer", message)
    local waiter = ebb.spawn(barrier.wait, barrier)
    settle()
    assert.is_false(waiter:is_finished())
    barrier:wait()
    waiter:await()
  end)

  it("is named in the message of a deadlock, which leaves it as it was",
     function()
    local barrier = Barrier.new(2)
    assert.matches("the main chunk waits for barrier",
      error_of(barrier.wait, barrier))
    local waiter = ebb.spawn(barrier.wait, barrier)
    settle()
    assert.is_false(waiter:is_finished())
    barrier:wait()
    waiter:await()
  end)

  it("works inside a comparator", function()
    local barrier = Barrier.new(2)
    local sorter = ebb.spawn(function()
      local list = {2, 1}
      table.sort(list, function(a, b)
        barrier:wait()
        return a < b
      end)
      return list
    end)
    settle()
    while not sorter:is_finished() do
      barrier:wait()
      settle()
    end
    assert.same({1, 2}, sorter:await())
  end)

  it("wants a size", function()
    assert.matches("bad argument #1", error_of(function() Barrier.new() end))
    assert.matches("negative", error_of(function() Barrier.new(-1) end))
  end)
end)
