-- LocalSet: tasks that run only while somebody drives their set. The first
-- part follows Tokio's tests in task_local_set.rs, under their names.

local ebb = require "ebb"
local common = require "common"
local run = require "run"
local LocalSet = ebb.LocalSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, entry, error_of, guarded =
  common.closer, common.collect, common.entry, common.error_of, common.guarded

local OUTSIDE = "`spawn_local` called from outside of a LocalSet"

-- Lets the tasks of a set take their turns, n times.
local function drive(set, n)
  set:run_until(function() for _ = 1, n or 1 do settle() end end)
end

-- Is there a set that spawn_local would use? Leaves no task behind.
local function has_current()
  local ok, handle = pcall(ebb.spawn_local, nothing)
  if ok then handle:abort() else assert.matches(OUTSIDE, handle, 1, true) end
  return ok
end

-- Is that set `set`? Its task runs at once if it is, and the set is driven.
local function is_current(set)
  local task = ebb.spawn_local(nothing)
  settle()
  settle()
  if task:is_finished() then task:abort() return "another, driven" end
  drive(set, 2)
  return task:is_finished()
end

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

describe("as in Tokio, a LocalSet", function()
  it("runs what is spawned in run_until (local_current_thread_scheduler)",
     function()
    set:run_until(function()
      assert.same({true}, {ebb.spawn_local(nothing):join()})
    end)
  end)

  it("has timers (localset_future_timers)", function()
    local ran = {}
    set:spawn_local(function() ebb.sleep(0.005) ran[1] = true end)
    set:spawn_local(function() ebb.sleep(0.010) ran[2] = true end)
    set:await()
    assert.same({true, true}, ran)
  end)

  it("waits for what its tasks spawn (localset_future_drives_all_local_futs)",
     function()
    local ran = {}
    set:spawn_local(function()
      ebb.spawn_local(function() settle() ran[3] = true end)
      settle()
      ran[1] = true
    end)
    set:spawn_local(function() settle() ran[2] = true end)
    set:await()
    assert.same({true, true, true}, ran)
  end)

  it("takes what is spawned under its guard (enter_guard_spawn)", function()
    local guard <close> = set:enter()
    local task = ebb.spawn_local(function() return true end)
    assert.same({true, true}, {set:block_on(task.join, task)})
  end)

  it("has all that spawn_local makes (all_spawns_are_local)", function()
    local finished = 0
    set:run_until(function()
      for _ = 1, 128 do
        ebb.spawn_local(function() finished = finished + 1 end)
      end
    end)
    for _ = 1, 5 do settle() end
    assert.equal(0, finished)
    set:await()
    assert.equal(128, finished)
  end)

  it("is current in nested tasks (nested_spawn_is_local)", function()
    local deepest
    local function nest(depth)
      if depth == 0 then deepest = is_current(set) return end
      assert.is_true((ebb.spawn_local(nest, depth - 1):join()))
    end
    set:run_until(function() ebb.spawn_local(nest, 4):join() end)
    assert.equal("another, driven", deepest)
  end)

  it("has tasks that others may join (join_local_future_elsewhere)",
     function()
    local got = set:block_on(function()
      local go = ebb.spawn(ebb.sleep, 1)
      local task = ebb.spawn_local(function()
        go:join()
        return "hello world"
      end)
      return ebb.spawn(function() return task:await() end):await()
    end)
    assert.equal("hello world", got)
  end)

  it("cancels its tasks when dropped (drop_cancels_tasks)", function()
    local log = {}
    local dropped = LocalSet.new()
    dropped:spawn_local(guarded, log, 1)
    drive(dropped)
    dropped = nil -- luacheck: ignore
    collect()
    settle()
    assert.same({"closed"}, log)
  end)

  it("cancels tasks woken meanwhile (drop_cancels_remote_tasks)", function()
    local tx, rx = ebb.sync.channel(1024)
    local ended = false
    local task = set:spawn_local(function()
      repeat local value = rx:recv() until value == nil
      ended = true
    end)
    set:block_on(ebb.sleep, 0.001)
    tx:close()
    set:close()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_false(ended)
  end)

  it("wakes who joins many of its tasks (local_tasks_wake_join_all)",
     function()
    local tasks = {}
    for i = 1, 128 do
      tasks[i] = set:spawn_local(function()
        ebb.spawn_local(nothing):await()
        return i
      end)
    end
    set:run_until(function()
      for i = 1, 128 do assert.equal(i, tasks[i]:await()) end
    end)
  end)

  it("runs beside others' tasks (local_tasks_are_polled_after_tick)",
     function()
    local EXPECTED = 500
    local received, ended = 0, 0
    local tx, rx = ebb.sync.channel()
    set:run_until(function()
      local sender = ebb.spawn(function()
        ebb.sleep(0.01)
        local oneshots = {}
        for i = 1, EXPECTED do
          local one_tx, one_rx = ebb.sync.oneshot()
          oneshots[i] = one_tx
          tx:send(one_rx)
        end
        tx:close()
        ebb.sleep(0.01)
        for i = 1, EXPECTED do oneshots[i]:send(i) end
        while ended < EXPECTED do ebb.sleep(0.02) end
      end)
      for oneshot in rx.recv, rx do
        received = received + 1
        ebb.spawn_local(function()
          assert(oneshot:recv())
          ended = ended + 1
        end)
      end
      sender:await()
    end)
    assert.same({EXPECTED, EXPECTED}, {received, ended})
  end)

  it("may be closed while its tasks' clean-ups wake each other"
     .. " (acquire_mutex_in_drop)", function()
    local tx1, rx1 = ebb.sync.oneshot()
    local tx2, rx2 = ebb.sync.oneshot()
    local went_on = false
    local tasks = {
      set:spawn_local(function()
        rx2:recv()
        went_on = true
      end),
      set:spawn_local(function()
        local _ <close> = closer(function() tx2:send "closed" end)
        rx1:recv()
        went_on = true
      end),
      set:spawn_local(function()
        local _ <close> = closer(function() tx1:send "closed" end)
        forever()
      end),
    }
    drive(set)
    set:close()
    for _, task in ipairs(tasks) do
      assert.is_true(select(2, task:join()):is_cancelled())
    end
    assert.is_false(went_on)
  end)

  it("is woken by a spawn from elsewhere (spawn_wakes_localset)", function()
    local driver = ebb.spawn(function() set:run_until(forever) end)
    settle()
    assert.same({true, 7}, {set:spawn_local(function() return 7 end):join()})
    driver:abort()
    driver:join()
  end)

  it("sleeps under its guard (sleep_with_local_enter_guard)", function()
    local guard <close> = set:enter()
    set:run_until(function()
      local task = ebb.spawn_local(function() ebb.sleep(0) return "sent" end)
      assert.same({true, "sent"}, {task:join()})
    end)
  end)

  it("gives run_until no budget of its own"
     .. " (run_until_does_not_get_own_budget)", function()
    local left = ebb.spawn(function()
      for _ = 1, 127 do ebb.consume_budget() end
      return set:run_until(function()
        local before = ebb.has_budget_remaining()
        ebb.consume_budget()
        return {before, ebb.has_budget_remaining()}
      end)
    end):await()
    assert.same({true, false}, left)
  end)
end)

describe("a task of a set", function()
  it("does not run while nobody drives it", function()
    local ran = false
    set:spawn_local(function() ran = true end)
    for _ = 1, 5 do settle() end
    ebb.sleep(10)
    assert.is_false(ran)
  end)

  it("runs when it is driven", function()
    local ran = false
    set:spawn_local(function() ran = true end)
    drive(set)
    assert.is_true(ran)
  end)

  it("rests again when the driving has ended", function()
    local turns = 0
    set:spawn_local(function()
      while true do
        turns = turns + 1
        settle()
      end
    end)
    drive(set, 3)
    local before = turns
    assert.is_true(before >= 2)
    for _ = 1, 5 do settle() end
    assert.equal(before, turns)
    drive(set, 3)
    assert.is_true(turns > before)
  end)

  it("starts in the order of spawning", function()
    local log = {}
    for i = 1, 5 do set:spawn_local(function() log[i] = #log + 1 end) end
    drive(set)
    assert.same({1, 2, 3, 4, 5}, log)
  end)

  it("whose sleep ends while nobody drives it goes on when driven", function()
    local ended
    set:spawn_local(function()
      ebb.sleep(1)
      ended = ebb.time.now()
    end)
    drive(set)
    ebb.sleep(100)
    assert.is_nil(ended)
    local now = ebb.time.now()
    drive(set)
    assert.near(now, ended, 1e-6)
  end)

  it("does not keep the paused clock from going on", function()
    set:spawn_local(nothing)
    local before = ebb.time.now()
    ebb.sleep(1000)
    assert.near(1000, ebb.time.now() - before, 1e-6)
  end)

  it("is shown as ready while nobody drives it", function()
    local fresh = set:spawn_local(nothing)
    assert.equal("ready", entry(fresh:id()).state)
    settle()
    assert.equal("ready", entry(fresh:id()).state)
    local woken = set:spawn_local(ebb.sleep, 1)
    drive(set)
    assert.equal("waiting", entry(woken:id()).state)
    ebb.sleep(2)
    assert.equal("ready", entry(woken:id()).state)
  end)

  it("has its id inside", function()
    local task = set:spawn_local(ebb.id)
    set:await()
    assert.same({true, task:id()}, {task:join()})
  end)

  it("gets its arguments, nils included", function()
    local task = set:spawn_local(table.pack, nil, 2, nil)
    set:await()
    assert.same({n = 3, nil, 2, nil}, task:await())
  end)

  it("that panics gives its JoinError", function()
    local task = set:spawn_local(error, "boom", 0)
    set:await()
    local ok, err = task:join()
    assert.is_false(ok)
    assert.equal("boom", err:into_panic())
  end)

  it("makes ordinary tasks by spawn", function()
    local turns, task = 0, nil
    set:run_until(function()
      ebb.spawn_local(function()
        task = ebb.spawn(function()
          turns = turns + 1
          settle()
          turns = turns + 1
          return has_current()
        end)
      end):join()
    end)
    settle()
    settle()
    assert.equal(2, turns)
    assert.same({true, false}, {task:join()})
  end)

  it("makes ordinary tasks by the spawn of a map and of a set", function()
    local map, join_set = ebb.JoinMap.new(), ebb.JoinSet.new()
    set:run_until(function()
      ebb.spawn_local(function()
        map:spawn("key", settle)
        join_set:spawn(settle)
      end):join()
    end)
    assert.same({"key", true}, {map:join_next()})
    assert.same({true}, {join_set:join_next()})
  end)

  it("is aborted when it is driven next", function()
    local log = {}
    local task = set:spawn_local(guarded, log, 1)
    drive(set)
    task:abort "reason"
    for _ = 1, 3 do settle() end
    assert.is_false(task:is_finished())
    assert.same({}, log)
    drive(set)
    assert.is_true(task:is_finished())
    assert.same({"closed"}, log)
    assert.equal("reason", select(2, task:join()):reason())
  end)

  it("never runs when it was aborted before it was driven", function()
    local ran = false
    local task = set:spawn_local(function() ran = true end)
    task:abort()
    drive(set)
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_false(ran)
  end)

  it("may be joined by another task of the set", function()
    local sleeper = set:spawn_local(ebb.sleep, 5)
    local joiner = set:spawn_local(function() return sleeper:join() end)
    set:await()
    assert.same({true, true}, {joiner:join()})
  end)

  it("may be a coroutine, or a callable value", function()
    local co = coroutine.create(function(n) settle() return n + 1 end)
    local callable = setmetatable({}, {__call = function(_, n) return n end})
    local a, b = set:spawn_local(co, 1), set:spawn_local(callable, 7)
    set:await()
    assert.equal(2, a:await())
    assert.equal(7, b:await())
  end)

  it("runs on where its handle is collected", function()
    local ran = false
    set:spawn_local(function() settle() ran = true end)
    collect()
    set:await()
    assert.is_true(ran)
  end)

  for place, wait in pairs {
    ["a sort comparator"] = function()
      table.sort({2, 1}, function() settle() return false end)
    end,
    ["a generator"] = function() coroutine.wrap(settle)() end,
    ["a metamethod"] = function()
      local t = setmetatable({}, {__index = function() settle() end})
      return t.x
    end,
  } do
    it("rests in " .. place .. " while nobody drives it", function()
      local ended = false
      set:spawn_local(function() wait() ended = true end)
      set:run_until(settle)
      for _ = 1, 3 do settle() end
      assert.is_false(ended)
      set:await()
      assert.is_true(ended)
    end)

    it("is closed in " .. place .. " with its set", function()
      local log = {}
      local task = set:spawn_local(function()
        local _ <close> = closer(function() log[1] = "closed" end)
        while true do wait() end
      end)
      set:run_until(settle)
      set:close()
      assert.is_false((task:join()))
      assert.same({"closed"}, log)
    end)
  end
end)

describe("spawn_local", function()
  it("raises where there is no set", function()
    assert.matches(OUTSIDE, error_of(ebb.spawn_local, nothing), 1, true)
    local task = ebb.spawn(function() ebb.spawn_local(nothing) end)
    local _, err = task:join()
    assert.matches(OUTSIDE, err:into_panic(), 1, true)
  end)

  it("raises where there is no set any more", function()
    set:run_until(nothing)
    assert.is_false(has_current())
  end)

  it("gives a JoinHandle", function()
    local task = set:spawn_local(nothing)
    assert.equal(("JoinHandle(%d)"):format(task:id()), tostring(task))
  end)

  it("names the argument when the body cannot be called", function()
    for _, body in ipairs {42, "text", {}} do
      assert.matches("bad argument #1 to 'spawn_local'", error_of(function()
        set:spawn_local(body)
      end), 1, true)
      local guard <close> = set:enter()
      assert.matches("bad argument #1 to 'spawn_local'", error_of(function()
        ebb.spawn_local(body)
      end), 1, true)
    end
    set:await()
  end)
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

describe("a set that is closed", function()
  it("aborts its tasks, whose clean-up runs as of ordinary tasks", function()
    local log = {}
    local task = set:spawn_local(function()
      local _ <close> = closer(function()
        ebb.sleep(3)
        log[1] = "closed"
      end)
      forever()
    end)
    drive(set)
    set:close()
    assert.is_false(task:is_finished())
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.same({"closed"}, log)
  end)

  it("does not wait", function()
    local log = {}
    set:spawn_local(guarded, log, 1)
    drive(set)
    set:close()
    assert.same({}, log)
    settle()
    assert.same({"closed"}, log)
  end)

  it("never runs tasks that had not started", function()
    local ran = false
    local task = set:spawn_local(function() ran = true end)
    set:close()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_false(ran)
  end)

  it("keeps the results of tasks that have ended", function()
    local task = set:spawn_local(function() return 7 end)
    set:await()
    set:close()
    assert.same({true, 7}, {task:join()})
  end)

  it("may be closed again", function()
    set:close()
    set:close()
  end)

  it("takes nothing any more", function()
    set:close()
    for _, method in ipairs {"spawn_local", "run_until", "block_on", "await",
                             "enter"} do
      assert.matches("closed", error_of(set[method], set, nothing))
    end
  end)

  it("is so at the end of its scope", function()
    local log = {}
    do
      local scoped <close> = LocalSet.new()
      for i = 1, 3 do scoped:spawn_local(guarded, log, i) end
      drive(scoped)
    end
    settle()
    assert.same({"closed", "closed", "closed"}, log)
  end)

  it("ends an await of another task", function()
    local task = set:spawn_local(forever)
    local waiter = ebb.spawn(set.await, set)
    settle()
    set:close()
    assert.same({true}, {waiter:join()})
    assert.is_false((task:join()))
  end)

  it("may be closed by a task of its own", function()
    local log = {}
    local task = set:spawn_local(function()
      local _ <close> = closer(function() log[#log + 1] = "closed" end)
      set:close()
      log[#log + 1] = "after"
      forever()
    end)
    drive(set)
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.same({"after", "closed"}, log)
  end)

  it("may be closed inside its run_until", function()
    local log = {}
    set:spawn_local(guarded, log, 1)
    local got = set:run_until(function()
      settle()
      set:close()
      settle()
      return "end"
    end)
    assert.equal("end", got)
    assert.same({"closed"}, log)
  end)
end)

describe("a set that is collected", function()
  it("is not while its own tasks refer to it", function()
    local log = {}
    local function make()
      local own = LocalSet.new()
      return own:spawn_local(function()
        guarded(log, 1)
        own:await()
      end), setmetatable({own}, {__mode = "v"})
    end
    local task, weak = make()
    drive(weak[1])
    collect()
    settle()
    assert.same({}, log)
    task:abort()
    drive(weak[1])
    assert.same({"closed"}, log)
    collect()
    assert.is_nil(weak[1])
  end)

  it("is so although a handle of its task is kept", function()
    local function make()
      local own = LocalSet.new()
      local task = own:spawn_local(forever)
      drive(own)
      return task
    end
    local task = make()
    collect()
    assert.is_true(select(2, task:join()):is_cancelled())
  end)

  it("is not while a task drives it", function()
    local log = {}
    local function make()
      local own = LocalSet.new()
      own:spawn_local(guarded, log, 1)
      return ebb.spawn(function() own:run_until(forever) end)
    end
    local driver = make()
    settle()
    collect()
    settle()
    assert.same({}, log)
    driver:abort()
    driver:join()
    collect()
    settle()
    assert.same({"closed"}, log)
  end)

  it("is not while a guard of it is open", function()
    local log = {}
    local function make()
      local own = LocalSet.new()
      own:spawn_local(guarded, log, 1)
      drive(own)
      return own:enter()
    end
    local guard = make()
    collect()
    settle()
    assert.same({}, log)
    guard:close()
    guard = nil -- luacheck: ignore
    collect()
    settle()
    assert.same({"closed"}, log)
  end)

  it("frees what its tasks hold", function()
    collect()
    local before = collectgarbage "count"
    for _ = 1, 100 do
      local own = LocalSet.new()
      own:spawn_local(function(text) forever() return text end,
                      ("x"):rep(100000))
      drive(own)
      own = nil -- luacheck: ignore
      collect()
    end
    settle()
    collect() -- of about 10 MB
    assert.is_true(collectgarbage "count" - before < 3000)
  end)
end)

describe("the tasks of a JoinMap or JoinSet in a set", function()
  local map, join_set

  before_each(function()
    map, join_set = ebb.JoinMap.new(), ebb.JoinSet.new()
  end)

  it("run while it is driven", function()
    map:spawn_local_on("key", function(n) return n end, set, 7)
    join_set:spawn_local_on(function(n) return n end, set, 8)
    for _ = 1, 3 do settle() end
    assert.is_nil(map:try_join_next())
    assert.is_nil(join_set:try_join_next())
    set:run_until(function()
      assert.same({"key", true, 7}, {map:join_next()})
      assert.same({true, 8}, {join_set:join_next()})
    end)
  end)

  it("are cancelled with the set, and joined as such", function()
    map:spawn_local_on("key", forever, set)
    drive(set)
    set:close()
    local key, ok, err = map:join_next()
    assert.same({"key", false, true}, {key, ok, err:is_cancelled()})
  end)

  it("are aborted when driven, when the map is dropped", function()
    local log = {}
    map:spawn_local_on("key", guarded, set, log, 1)
    drive(set)
    map = nil
    collect()
    settle()
    assert.same({}, log)
    drive(set)
    assert.same({"closed"}, log)
  end)

  it("may be replaced while nobody drives the set", function()
    local log = {}
    map:spawn_local_on("key", guarded, set, log, "old")
    drive(set)
    map:spawn("key", function() return "new" end)
    assert.same({"key", true, "new"}, {map:join_next()})
    assert.same({}, log)
    drive(set)
    assert.same({old = "closed"}, log)
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

describe("a program with a set", function()
  it("that nobody drives is told of the deadlock", function()
    local _, out = run [[
      local ebb = require "ebb"
      local set = ebb.LocalSet.new()
      local task = set:spawn_local(print, "must not run")
      print(pcall(task.join, task))
    ]]
    assert.matches("^false\t.-deadlock: ", out)
    assert.is_nil(out:find "must not run")
  end)

  it("goes on when it is driven after the deadlock", function()
    local code, out = run [[
      local ebb = require "ebb"
      local set = ebb.LocalSet.new()
      local task = set:spawn_local(function() return "driven" end)
      assert(not pcall(task.join, task))
      print(set:run_until(task.join, task))
    ]]
    assert.equal(0, code)
    assert.equal("true\tdriven\n", out)
  end)

  it("whose tasks have not started ends without running them"
     .. " (store_local_set_in_thread_local_with_runtime)", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      set = ebb.LocalSet.new()
      set:run_until(function() ebb.spawn_local(print, "must not run") end)
    ]]
    assert.same({0, "", ""}, {code, out, err})
  end)

  it("that rests ends with the clean-up of its tasks", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      set = ebb.LocalSet.new()
      set:spawn_local(function()
        local _ <close> = setmetatable({}, {__close = function()
          ebb.yield_now()
          print "closed"
        end})
        ebb.sleep(1e6)
      end)
      set:run_until(ebb.yield_now)
      guard = set:enter()
    ]]
    assert.same({0, "closed\n", ""}, {code, out, err})
  end)
end)
