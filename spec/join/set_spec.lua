-- JoinSet: tasks without keys. The first part follows Tokio's own tests of
-- its JoinSet, under their names; tokio.md says which of them have no place
-- in Lua.

local ebb = require "ebb"
local common = require "common"
local run = require "run"
local JoinSet = ebb.JoinSet

local settle = ebb.yield_now

local forever, nothing = common.forever, common.nothing
local closer, collect, error_of, guarded =
  common.closer, common.collect, common.error_of, common.guarded

-- Sleeps, and returns how long.
local function sleeper(seconds)
  ebb.sleep(seconds)
  return seconds
end

-- A set with n tasks that wait for good, all of them started.
local function set_of_waiting(n)
  local set = JoinSet.new()
  for _ = 1, n do set:spawn(forever) end
  settle()
  return set
end

-- A set with tasks that have all finished, with the values 1 to n.
local function set_of_ready(n)
  local set = JoinSet.new()
  for i = 1, n do set:spawn(function() return i end) end
  settle()
  return set
end

-- Joins all of a set: how many had results, how many were cancelled.
local function drain(set)
  local completed, cancelled = 0, 0
  for ok, err in set.join_next, set do
    if ok then
      completed = completed + 1
    else
      assert.is_true(err:is_cancelled())
      cancelled = cancelled + 1
    end
  end
  return completed, cancelled
end

-- The first values that join_next gives, in its order.
local function values_in_join_order(set)
  local values = {}
  for _, value in set.join_next, set do values[#values + 1] = value end
  return values
end

-- Runs f beside a task that counts its turns, and gives their number.
local function turns_beside(f)
  local turns, stop = 0, false
  local other = ebb.spawn(function()
    while not stop do
      turns = turns + 1
      ebb.yield_now()
    end
  end)
  f()
  stop = true
  other:join()
  return turns
end

before_each(function() ebb.time.pause() end)
after_each(function() ebb.time.resume() end)

describe("as in Tokio, a JoinSet", function()
  it("is joined and used again (test_with_sleep)", function()
    local set = JoinSet.new()
    for i = 0, 9 do
      set:spawn(function() return i end)
      assert.equal(i + 1, set:len())
    end
    set:detach_all()
    assert.equal(0, set:len())
    assert.is_nil(set:join_next())
    for _ = 1, 2 do
      for i = 1, 10 do
        set:spawn(sleeper, i)
        assert.equal(i, set:len())
      end
      local seen = {}
      for ok, value in set.join_next, set do seen[value] = ok end
      for i = 1, 10 do assert.is_true(seen[i]) end
      assert.is_nil(set:join_next())
    end
  end)

  it("aborts its tasks when dropped (test_abort_on_drop)", function()
    local log = {}
    local function fill()
      local set = JoinSet.new()
      for i = 1, 16 do set:spawn(guarded, log, i) end
      settle()
    end
    fill()
    collect()
    settle()
    for i = 1, 16 do assert.equal("closed", log[i]) end
  end)

  it("joins and spawns in turn (alternating)", function()
    local set = JoinSet.new()
    set:spawn(nothing)
    set:spawn(nothing)
    assert.equal(2, set:len())
    for _ = 1, 16 do
      assert.is_true(set:join_next())
      assert.equal(1, set:len())
      set:spawn(nothing)
      assert.equal(2, set:len())
    end
    drain(set)
  end)

  it("gives all results in one array (join_all)", function()
    local set = JoinSet.new()
    for _ = 1, 5 do set:spawn(function() return 1 end) end
    assert.same({1, 1, 1, 1, 1}, set:join_all())
  end)

  it("passes a panic on and aborts the rest (task_panics)", function()
    local set, went_on = JoinSet.new(), false
    set:spawn(function()
      ebb.sleep(2)
      went_on = true
    end)
    set:spawn(function()
      ebb.sleep(1)
      error "boom"
    end)
    assert.equal(2, set:len())
    local ok, err = ebb.spawn(set.join_all, set):join()
    assert.is_false(ok)
    assert.is_true(err:is_panic())
    ebb.sleep(5)
    assert.is_false(went_on)
  end)

  it("keeps finished results through abort_all (abort_all)", function()
    local set = JoinSet.new()
    for _ = 1, 5 do set:spawn(forever) end
    for _ = 1, 5 do set:spawn(ebb.sleep, 1) end
    ebb.sleep(2)
    set:abort_all()
    assert.equal(10, set:len())
    assert.same({5, 5}, {drain(set)})
    assert.equal(0, set:len())
  end)

  it("lets others run while results abound (join_set_coop)", function()
    local set = set_of_ready(1000)
    local turns = turns_beside(function()
      assert.equal(1000, (drain(set)))
    end)
    assert.is_true(turns >= 1000 // 128)
  end)

  it("gives all that is ready without waiting (try_join_next)", function()
    local set, count = JoinSet.new(), 0
    for _ = 1, 1000 do set:spawn(nothing) end
    assert.is_nil(set:try_join_next())
    settle()
    for ok in set.try_join_next, set do
      assert.is_true(ok)
      count = count + 1
    end
    assert.equal(1000, count)
  end)

  it("gives that with its ids (try_join_next_with_id)", function()
    local set, spawned, joined = JoinSet.new(), {}, {}
    for _ = 1, 1000 do spawned[set:spawn(nothing):id()] = true end
    assert.is_nil(set:try_join_next_with_id())
    settle()
    for id, ok in set.try_join_next_with_id, set do joined[id] = ok end
    assert.same(spawned, joined)
  end)
end)

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

  it("passes its arguments to the body, nils included", function()
    local set = JoinSet.new()
    local function body(...) return select("#", ...), ... end
    set:spawn(body, nil, 2, nil)
    assert.same({n = 5, true, 3, nil, 2, nil}, table.pack(set:join_next()))
  end)

  for kind, body in pairs {
    ["a callable value"] = function(f)
      return setmetatable({}, {__call = function(_, ...) return f(...) end})
    end,
    ["a suspended coroutine"] = coroutine.create,
  } do
    it("takes " .. kind .. " as the body", function()
      local set = JoinSet.new()
      set:spawn(body(function(n) return n end), 7)
      assert.same({true, 7}, {set:join_next()})
    end)
  end

  it("names the argument when the body cannot be called", function()
    local set = JoinSet.new()
    assert.matches("bad argument #1 to 'spawn'", error_of(function()
      set:spawn(42)
    end), 1, true)
    assert.is_true(set:is_empty())
  end)

  it("may be called by a task of the set", function()
    local set = JoinSet.new()
    set:spawn(function()
      set:spawn(function() return "inner" end)
      return "outer"
    end)
    assert.same({"outer", "inner"}, values_in_join_order(set))
  end)
end)

describe("join_next", function()
  it("gives nil at once when the set is empty", function()
    assert.same({n = 1}, table.pack(JoinSet.new():join_next()))
  end)

  it("gives all values, nils included", function()
    local set = JoinSet.new()
    set:spawn(function() return nil, 2, nil end)
    assert.same({n = 4, true, nil, 2, nil}, table.pack(set:join_next()))
  end)

  it("gives false and the JoinError of a panic", function()
    local set = JoinSet.new()
    local id = set:spawn(error, "boom", 0):id()
    local ok, err = set:join_next()
    assert.is_false(ok)
    assert.equal("boom", err:into_panic())
    assert.equal(id, err:id())
  end)

  it("gives tasks in the order in which they end", function()
    local set = JoinSet.new()
    for _, delay in ipairs {3, 1, 2} do set:spawn(sleeper, delay) end
    assert.same({1, 2, 3}, values_in_join_order(set))
  end)

  it("serves the generic for, which goes on after a panic", function()
    local set, log = JoinSet.new(), {}
    set:spawn(sleeper, 1)
    set:spawn(error, "boom", 0)
    for ok in set.join_next, set do log[#log + 1] = ok end
    assert.same({false, true}, log)
  end)

  it("sees a task that is spawned while it waits", function()
    local set = set_of_waiting(1)
    ebb.spawn(function() set:spawn(function() return "quick" end) end)
    assert.same({true, "quick"}, {set:join_next()})
    set:shutdown()
  end)

  it("does not end before the clean-up of an aborted task", function()
    local set, closed = JoinSet.new(), false
    local handle = set:spawn(function()
      local _ <close> = closer(function()
        ebb.sleep(1)
        closed = true
      end)
      forever()
    end)
    settle()
    handle:abort()
    settle()
    assert.is_nil(set:try_join_next())
    set:join_next()
    assert.is_true(closed)
  end)

  it("gives nil to the task that is left when the set is empty", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local a = ebb.spawn(set.join_next, set)
    local b = ebb.spawn(set.join_next, set)
    assert.same({true, true, 1}, {a:join()})
    assert.same({n = 2, true}, table.pack(b:join()))
  end)

  it("gives nil when the set is detached", function()
    local set = JoinSet.new()
    set:spawn(ebb.sleep, 1)
    ebb.spawn(function() set:detach_all() end)
    assert.is_nil(set:join_next())
    ebb.sleep(2)
  end)

  it("loses nothing when it is cut off", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local task = ebb.spawn(set.join_next, set)
    settle()
    task:abort()
    task:join()
    assert.same({true, 1}, {set:join_next()})
  end)

  it("loses nothing when it is cut off as the result comes", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local task = ebb.spawn(set.join_next, set)
    ebb.spawn(function()
      ebb.sleep(1)
      task:abort()
    end)
    assert.is_false((task:join()))
    assert.same({true, 1}, {set:join_next()})
  end)

  it("passes the wake-up on when it is cut off as the result comes", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local first = ebb.spawn(set.join_next, set)
    local second = ebb.spawn(set.join_next, set)
    ebb.spawn(function()
      ebb.sleep(1)
      first:abort()
    end)
    assert.same({true, true, 1}, {second:join()})
  end)

  it("loses nothing when it is cut off in a sort comparator", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local task = ebb.spawn(table.sort, {2, 1}, function()
      set:join_next()
    end)
    settle()
    task:abort()
    task:join()
    assert.same({true, 1}, {set:join_next()})
  end)

  it("may be called by a task of the same set", function()
    local set = JoinSet.new()
    set:spawn(function()
      set:spawn(sleeper, 1)
      local _, value = set:join_next()
      return value + 1
    end)
    ebb.sleep(2)
    assert.same({true, 2}, {set:join_next()})
  end)

  it("shows in the message of a deadlock", function()
    local _, out = run [[
      local set = require "ebb".JoinSet.new()
      set:spawn(function() set:join_next() end)
      print(pcall(set.join_next, set))
    ]]
    assert.matches("the main chunk waits for join_next", out, 1, true)
    assert.matches("task %d+ waits for join_next", out)
  end)
end)

describe("join_next_with_id", function()
  it("gives the id before what join_next gives", function()
    local set = JoinSet.new()
    local id = set:spawn(function() return nil, 2, nil end):id()
    assert.same({n = 5, id, true, nil, 2, nil},
                table.pack(set:join_next_with_id()))
  end)

  it("gives the id before the JoinError as well", function()
    local set = JoinSet.new()
    set:spawn(error, "boom", 0)
    local id, ok, err = set:join_next_with_id()
    assert.is_false(ok)
    assert.equal(err:id(), id)
  end)
end)

describe("try_join_next", function()
  it("gives nil and does not wait when none is ready", function()
    local set, ran = JoinSet.new(), false
    set:spawn(function() ran = true end)
    assert.is_nil(set:try_join_next())
    assert.is_nil(set:try_join_next_with_id())
    assert.is_false(ran)
    assert.equal(1, set:len())
    set:shutdown()
  end)

  it("gives what was aborted", function()
    local set = set_of_waiting(1)
    set:abort_all()
    settle()
    local ok, err = set:try_join_next()
    assert.is_false(ok)
    assert.is_true(err:is_cancelled())
    assert.is_true(set:is_empty())
  end)

  it("gives the id, too, as try_join_next_with_id", function()
    local set = JoinSet.new()
    local id = set:spawn(error, "boom", 0):id()
    settle()
    local got, ok, err = set:try_join_next_with_id()
    assert.same({id, false}, {got, ok})
    assert.equal("boom", err:into_panic())
  end)
end)

describe("join_all", function()
  it("gives an empty array when the set is empty", function()
    assert.same({}, JoinSet.new():join_all())
  end)

  it("gives results in the order in which the tasks end", function()
    local set = JoinSet.new()
    for _, delay in ipairs {3, 1, 2} do set:spawn(sleeper, delay) end
    assert.same({1, 2, 3}, set:join_all())
  end)

  it("gives the first result of each task", function()
    local set = JoinSet.new()
    set:spawn(function() return 1, "dropped" end)
    set:spawn(function() return false, "dropped" end)
    assert.same({1, false}, set:join_all())
  end)

  it("leaves the place of a task without results empty", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    set:spawn(ebb.sleep, 2)
    set:spawn(sleeper, 3)
    local results = set:join_all()
    assert.same({1, nil, 3}, {results[1], results[2], results[3]})
  end)

  it("includes a task that is spawned meanwhile", function()
    local set = JoinSet.new()
    set:spawn(function()
      set:spawn(sleeper, 2)
      return 1
    end)
    assert.same({1, 2}, set:join_all())
  end)

  it("lets others run while results abound", function()
    local set = set_of_ready(1000)
    local turns = turns_beside(function()
      assert.equal(1000, #set:join_all())
    end)
    assert.is_true(turns >= 1000 // 128)
  end)

  -- A set in which the second of three tasks panics with `value`, and the
  -- third has a clean-up that takes a second and then sets log[1].
  local function set_with_panic(value, log)
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local id = set:spawn(function()
      ebb.sleep(2)
      error(value)
    end):id()
    set:spawn(function()
      local _ <close> = closer(function()
        ebb.sleep(1)
        log[1] = "closed"
      end)
      forever()
    end)
    return set, id
  end

  it("raises the JoinError of a panic in the middle", function()
    local value = {}
    local set, id = set_with_panic(value, {})
    local err = error_of(set.join_all, set)
    assert.equal(value, err:into_panic())
    assert.equal(id, err:id())
    ebb.sleep(5)
  end)

  it("raises at the panic, not at the end of the other tasks", function()
    local set = JoinSet.new()
    set:spawn(ebb.sleep, 1000)
    set:spawn(error, "boom")
    local before = ebb.time.now()
    error_of(set.join_all, set)
    assert.near(0, ebb.time.now() - before, 1)
  end)

  it("aborts the rest, and lets its clean-up wait", function()
    local log = {}
    local set = set_with_panic("boom", log)
    error_of(set.join_all, set)
    ebb.sleep(5)
    assert.same({"closed"}, log)
  end)

  it("leaves an empty set that can be used after a panic", function()
    local set = set_with_panic("boom", {})
    error_of(set.join_all, set)
    assert.equal(0, set:len())
    assert.is_nil(set:join_next())
    set:spawn(function() return "again" end)
    assert.same({"again"}, set:join_all())
    ebb.sleep(5)
  end)

  it("raises the first of two panics", function()
    local set, old = JoinSet.new(), ebb.set_unhandled(nothing)
    for _, delay in ipairs {2, 1} do
      set:spawn(function()
        ebb.sleep(delay)
        error(delay)
      end)
    end
    ebb.sleep(3)
    local err = error_of(set.join_all, set)
    collect()
    ebb.set_unhandled(old)
    assert.equal(1, err:into_panic())
  end)

  it("raises the JoinError of a member that was aborted", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    set:spawn(forever):abort("enough")
    local err = error_of(set.join_all, set)
    assert.is_true(err:is_cancelled())
    assert.equal("enough", err:reason())
    assert.is_true(set:is_empty())
  end)

  it("leaves the tasks in the set when it is cut off", function()
    local set = JoinSet.new()
    set:spawn(sleeper, 1)
    local task = ebb.spawn(set.join_all, set)
    settle()
    task:abort()
    task:join()
    assert.same({1}, set:join_all())
  end)

  it("gives other callers nothing twice", function()
    local set = JoinSet.new()
    for i = 1, 10 do set:spawn(sleeper, i) end
    local a = ebb.spawn(set.join_all, set)
    local b = ebb.spawn(set.join_all, set)
    assert.equal(10, #a:await() + #b:await())
  end)
end)

-- Where a call waits -> a function that makes the call there.
local PLACES = {
  ["a task"] = function(call) ebb.spawn(call):await() end,
  ["a generator"] = function(call) coroutine.wrap(call)() end,
  ["a sort comparator"] = function(call)
    table.sort({2, 1}, function() call() end)
  end,
  ["a sort comparator in a task"] = function(call)
    ebb.spawn(table.sort, {2, 1}, function() call() end):await()
  end,
}

for place, from in pairs(PLACES) do
  describe("from " .. place, function()
    it("join_next waits", function()
      local set, got = JoinSet.new(), {}
      set:spawn(sleeper, 1)
      set:spawn(error, "boom", 0)
      from(function()
        for ok in set.join_next, set do got[#got + 1] = ok end
      end)
      assert.same({false, true}, got)
    end)

    it("join_all waits", function()
      local set, got = JoinSet.new(), nil
      for _, delay in ipairs {3, 1, 2} do set:spawn(sleeper, delay) end
      from(function() got = set:join_all() end)
      assert.same({1, 2, 3}, got)
    end)

    it("shutdown waits", function()
      local set, log = JoinSet.new(), {}
      set:spawn(guarded, log, 1)
      settle()
      from(function() set:shutdown() end)
      assert.same({"closed"}, log)
    end)
  end)
end

describe("abort_all", function()
  it("cancels every task that has not finished", function()
    local set = set_of_waiting(5)
    set:abort_all()
    assert.equal(5, set:len())
    assert.same({0, 5}, {drain(set)})
  end)
end)

describe("shutdown", function()
  it("leaves an empty set that can be used again", function()
    local set = set_of_waiting(5)
    set:shutdown()
    assert.equal(0, set:len())
    set:spawn(function() return "again" end)
    assert.same({true, "again"}, {set:join_next()})
  end)

  it("waits for the clean-up of the tasks", function()
    local set, log = JoinSet.new(), {}
    for i = 1, 3 do
      set:spawn(function()
        local _ <close> = closer(function()
          ebb.sleep(i)
          log[i] = "closed"
        end)
        forever()
      end)
    end
    settle()
    set:shutdown()
    assert.same({"closed", "closed", "closed"}, log)
  end)

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
  it("empties the set and lets the tasks run on", function()
    local set, done = JoinSet.new(), 0
    for _ = 1, 5 do
      set:spawn(function()
        ebb.sleep(1)
        done = done + 1
      end)
    end
    set:detach_all()
    assert.equal(0, set:len())
    ebb.sleep(2)
    assert.equal(5, done)
  end)

  it("leaves the handles good for an abort", function()
    local set, log = JoinSet.new(), {}
    local handle = set:spawn(guarded, log, 1)
    settle()
    set:detach_all()
    handle:abort()
    settle()
    assert.same({"closed"}, log)
  end)

  it("lets the tasks run on when the set is collected", function()
    local done = false
    local function spawn_and_detach()
      local set = JoinSet.new()
      set:spawn(function()
        ebb.sleep(1)
        done = true
      end)
      set:detach_all()
    end
    spawn_and_detach()
    collect()
    ebb.sleep(2)
    assert.is_true(done)
  end)
end)

describe("what a set tells about itself", function()
  it("counts tasks that are live or finished", function()
    local set = set_of_ready(2)
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

  it("does not include tasks of others", function()
    local task, other = ebb.spawn(nothing), set_of_ready(1)
    local id = other:spawn(nothing):id()
    local set = JoinSet.new()
    assert.is_false(set:contains_task(task:id()))
    assert.is_false(set:contains_task(id))
    other:shutdown()
  end)

  it("is an argument error when a task id is no integer", function()
    assert.matches("bad argument #1 to 'contains_task'", error_of(function()
      JoinSet.new():contains_task({})
    end), 1, true)
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
  it("aborts all its tasks", function()
    local log = {}
    do
      local set <close> = JoinSet.new()
      for i = 1, 3 do set:spawn(guarded, log, i) end
      settle()
    end
    settle()
    assert.same({"closed", "closed", "closed"}, log)
  end)

  it("aborts all its tasks when its own task is aborted", function()
    local log = {}
    local task = ebb.spawn(function()
      local set <close> = JoinSet.new()
      set:spawn(guarded, log, 1)
      forever()
    end)
    settle()
    settle()
    task:abort()
    task:join()
    settle()
    assert.same({"closed"}, log)
  end)

  it("is empty and can be used again", function()
    local set = set_of_waiting(3)
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

  it("is not while another task waits for it", function()
    local function join_in_task()
      local set = JoinSet.new()
      set:spawn(sleeper, 1)
      return ebb.spawn(set.join_next, set)
    end
    local task = join_in_task()
    settle()
    collect()
    assert.same({true, true, 1}, {task:join()})
  end)

  it("is so although an AbortHandle of it is kept", function()
    local log, handle = {}, nil
    make_and_drop(function(set) handle = set:spawn(guarded, log, 1) end)
    assert.same({"closed"}, log)
    assert.is_true(handle:is_finished())
  end)

  it("frees the results that nobody joined", function()
    local weak = setmetatable({}, {__mode = "v"})
    make_and_drop(function(set)
      set:spawn(function()
        local value = {}
        weak[1] = value
        return value
      end)
    end)
    collect()
    assert.is_nil(weak[1])
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
