-- Abort: a task is shut down at its wait. None of its lines runs any more
-- but those of its to-be-closed variables.

local common = require "common"
local ebb = require "ebb"

local settle = ebb.yield_now

local closer, forever = common.closer, common.forever

-- Spawns a task, lets it come to its first wait, aborts it and joins it.
local function abort_waiting(body)
  local task = ebb.spawn(body)
  settle()
  task:abort()
  return task:join()
end

local function assert_cancelled(ok, err)
  assert.is_false(ok)
  assert.is_true(err:is_cancelled())
end

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

-- Each runs `hold`, which does not return, where Lua could not yield.
local PLACES = {
  ["a sort comparator"] = function(hold) table.sort({3, 2, 1}, hold) end,
  ["a sort comparator in pcall"] = function(hold)
    pcall(table.sort, {3, 2, 1}, hold)
  end,
  ["a gsub callback"] = function(hold) string.gsub("abc", ".", hold) end,
  ["nested gsub callbacks"] = function(hold)
    string.gsub("a", ".", function() string.gsub("b", ".", hold) end)
  end,
  ["a metamethod"] = function(hold)
    return setmetatable({}, {__index = hold}).field
  end,
  ["a metamethod called from C"] = function(hold)
    tostring(setmetatable({}, {__tostring = hold}))
  end,
  ["a message handler"] = function(hold) xpcall(error, hold, "boom") end,
  ["a generator"] = function(hold) coroutine.wrap(hold)() end,
  ["a generator in a generator"] = function(hold)
    coroutine.wrap(function() coroutine.wrap(hold)() end)()
  end,
  ["a sort comparator in a generator"] = function(hold)
    coroutine.wrap(function() table.sort({3, 2, 1}, hold) end)()
  end,
  ["a generator in a sort comparator"] = function(hold)
    table.sort({3, 2, 1}, function() coroutine.wrap(hold)() end)
  end,
}

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

describe("the to-be-closed variables of an aborted task", function()
  it("are closed innermost first", function()
    local log = {}
    local function note(word) return function() log[#log + 1] = word end end
    abort_waiting(function()
      local _ <close> = closer(note "first")
      local _ <close> = closer(note "second");
      (function()
        local _ <close> = closer(note "callee")
        forever()
      end)()
    end)
    assert.same({"callee", "second", "first"}, log)
  end)

  it("are closed on the task's own thread", function()
    local own, closing
    abort_waiting(function()
      own = coroutine.running()
      local _ <close> = closer(function() closing = coroutine.running() end)
      forever()
    end)
    assert.is_not_nil(own)
    assert.equal(own, closing)
  end)

  it("are closed with the task's id", function()
    local id
    local task = ebb.spawn(function()
      local _ <close> = closer(function() id = ebb.try_id() end)
      forever()
    end)
    settle()
    task:abort()
    task:join()
    assert.equal(task:id(), id)
  end)

  it("see no error", function()
    local got
    abort_waiting(function()
      local _ <close> = closer(function(_, err) got = {err} end)
      forever()
    end)
    assert.same({}, got)
  end)

  it("include the closing value of a for loop", function()
    local closed = false
    abort_waiting(function()
      local value = closer(function() closed = true end)
      for _ in function() return 1 end, nil, nil, value do forever() end
    end)
    assert.is_true(closed)
  end)

  it("include those of generators, innermost first", function()
    local log = {}
    local function note(word) return function() log[#log + 1] = word end end
    local function level(name, inner)
      return function()
        local _ <close> = closer(note(name))
        inner()
      end
    end
    abort_waiting(level("task", coroutine.wrap(
      level("outer generator", coroutine.wrap(
        level("inner generator", forever))))))
    assert.same({"inner generator", "outer generator", "task"}, log)
  end)

  it("are closed on the generator's own thread in a generator", function()
    local own, closing
    abort_waiting(function()
      coroutine.wrap(function()
        own = coroutine.running()
        local _ <close> = closer(function() closing = coroutine.running() end)
        forever()
      end)()
    end)
    assert.is_not_nil(own)
    assert.equal(own, closing)
  end)

  it("are those of the generator in use, not of one that rests", function()
    local closed = false
    local resting
    abort_waiting(function()
      resting = coroutine.create(function()
        local _ <close> = closer(function() closed = true end)
        coroutine.yield()
      end)
      coroutine.resume(resting)
      forever()
    end)
    assert.is_false(closed)
    assert.equal("suspended", coroutine.status(resting))
  end)

  it("are closed once, however often the task is aborted", function()
    local closed = 0
    local task = ebb.spawn(function()
      local _ <close> = closer(function() closed = closed + 1 end)
      forever()
    end)
    settle()
    for _ = 1, 3 do task:abort() end
    task:join()
    task:abort()
    settle()
    assert.equal(1, closed)
  end)
end)

-- Spawns a task whose clean-up takes a second, where `place` puts it.
local function spawn_slow_closer(log, place)
  return ebb.spawn(function()
    place(function()
      local _ <close> = closer(function()
        log[#log + 1] = "begin"
        ebb.sleep(1)
        log[#log + 1] = "end"
      end)
      forever()
    end)
  end)
end

local function directly(f) f() end

describe("a __close that waits", function()
  it("runs to its end", function()
    local log = {}
    local task = spawn_slow_closer(log, directly)
    settle()
    task:abort()
    assert_cancelled(task:join())
    assert.same({"begin", "end"}, log)
  end)

  for name, place in pairs(PLACES) do
    it("runs to its end in " .. name, function()
      local log = {}
      local task = spawn_slow_closer(log, place)
      settle()
      task:abort()
      assert_cancelled(task:join())
      assert.same({"begin", "end"}, log)
    end)
  end

  it("lets other tasks run meanwhile", function()
    local log = {}
    local task = spawn_slow_closer(log, directly)
    settle()
    task:abort()
    settle()
    log[#log + 1] = "main"
    task:join()
    assert.same({"begin", "main", "end"}, log)
  end)

  it("keeps the task unfinished until it has ended", function()
    local task = spawn_slow_closer({}, directly)
    settle()
    task:abort()
    settle()
    assert.is_false(task:is_finished())
    ebb.sleep(2)
    assert.is_true(task:is_finished())
  end)

  it("keeps joiners waiting until it has ended", function()
    local log = {}
    local task = spawn_slow_closer(log, directly)
    local joiner = ebb.spawn(function()
      task:join()
      log[#log + 1] = "joined"
    end)
    settle()
    task:abort()
    joiner:join()
    assert.same({"begin", "end", "joined"}, log)
  end)

  it("is not cut short by another abort", function()
    local log = {}
    local task = spawn_slow_closer(log, directly)
    settle()
    task:abort()
    settle()
    task:abort()
    assert_cancelled(task:join())
    assert.same({"begin", "end"}, log)
  end)

  it("is not cut short in a C call by another abort", function()
    local log = {}
    local task = spawn_slow_closer(log, PLACES["a sort comparator in pcall"])
    settle()
    task:abort()
    settle()
    task:abort()
    assert_cancelled(task:join())
    assert.same({"begin", "end"}, log)
  end)

  it("lets the outer ones run after it", function()
    local log = {}
    abort_waiting(function()
      local _ <close> = closer(function() log[#log + 1] = "outer" end)
      local _ <close> = closer(function()
        ebb.sleep(1)
        log[#log + 1] = "inner"
      end)
      forever()
    end)
    assert.same({"inner", "outer"}, log)
  end)

  it("may wait inside a C call", function()
    local sorted
    abort_waiting(function()
      local _ <close> = closer(function()
        local list = {3, 1, 2}
        table.sort(list, function(a, b) ebb.sleep(1) return a < b end)
        sorted = list
      end)
      forever()
    end)
    assert.same({1, 2, 3}, sorted)
  end)

  it("may join another task", function()
    local got
    local other = ebb.spawn(function() ebb.sleep(1) return "other" end)
    abort_waiting(function()
      local _ <close> = closer(function() got = other:await() end)
      forever()
    end)
    assert.equal("other", got)
  end)
end)

describe("an error in a __close of an aborted task", function()
  it("makes the result a panic with that value", function()
    local value = {}
    local ok, err = abort_waiting(function()
      local _ <close> = closer(function() error(value) end)
      forever()
    end)
    assert.is_false(ok)
    assert.is_true(err:is_panic())
    assert.equal(value, err:into_panic())
  end)

  it("makes the result a panic also when it is nil", function()
    local _, err = abort_waiting(function()
      local _ <close> = closer(function() error(nil) end)
      forever()
    end)
    assert.is_true(err:is_panic())
    assert.equal(common.raised_nil, err:into_panic())
  end)

  it("makes the result a panic also inside a C call", function()
    local _, err = abort_waiting(function()
      pcall(table.sort, {2, 1}, function()
        local _ <close> = closer(function() error("boom", 0) end)
        forever()
      end)
    end)
    assert.is_true(err:is_panic())
    assert.equal("boom", err:into_panic())
  end)

  it("makes the result a panic also in a generator", function()
    local _, err = abort_waiting(function()
      pcall(coroutine.wrap(function()
        local _ <close> = closer(function() error("boom", 0) end)
        forever()
      end))
    end)
    assert.is_true(err:is_panic())
    assert.equal("boom", err:into_panic())
  end)

  it("does not keep the outer variables from being closed", function()
    local closed = false
    abort_waiting(function()
      local _ <close> = closer(function() closed = true end)
      local _ <close> = closer(function() error "inner" end)
      forever()
    end)
    assert.is_true(closed)
  end)

  it("is seen by the next variable's __close", function()
    local seen
    abort_waiting(function()
      local _ <close> = closer(function(_, err) seen = err end)
      local _ <close> = closer(function() error("inner", 0) end)
      forever()
    end)
    assert.equal("inner", seen)
  end)

  it("is replaced by that of an outer variable", function()
    local _, err = abort_waiting(function()
      local _ <close> = closer(function() error("outer", 0) end)
      local _ <close> = closer(function() error("inner", 0) end)
      forever()
    end)
    assert.equal("outer", err:into_panic())
  end)

  it("does no harm to other tasks", function()
    local other = ebb.spawn(function() ebb.sleep(1) return "fine" end)
    abort_waiting(function()
      local _ <close> = closer(function() error "boom" end)
      forever()
    end)
    assert.same({true, "fine"}, {other:join()})
  end)
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

describe("a wait in join that was cut off", function()
  it("leaves the joined task alone", function()
    local sleeper = ebb.spawn(function() ebb.sleep(1) return "fine" end)
    assert_cancelled(abort_waiting(function() sleeper:join() end))
    assert.same({true, "fine"}, {sleeper:join()})
  end)

  it("leaves the other joiners alone", function()
    local sleeper = ebb.spawn(function() ebb.sleep(1) return "fine" end)
    local function join() return sleeper:await() end
    local before = ebb.spawn(join)
    local cut = ebb.spawn(join)
    local after = ebb.spawn(join)
    settle()
    cut:abort()
    assert.same({true, "fine"}, {before:join()})
    assert.same({true, "fine"}, {after:join()})
    assert_cancelled(cut:join())
  end)

  it("may be cut off by the task that was joined", function()
    local joiner
    local joined = ebb.spawn(function()
      ebb.yield_now()
      joiner:abort()
      return "fine"
    end)
    joiner = ebb.spawn(function() joined:join() end)
    assert_cancelled(joiner:join())
    assert.same({true, "fine"}, {joined:join()})
  end)
end)

describe("a wait in join_next that was cut off", function()
  it("loses no result that comes later", function()
    local map = ebb.JoinMap.new()
    map:spawn("key", function() ebb.sleep(1) return "fine" end)
    abort_waiting(function() map:join_next() end)
    assert.same({"key", true, "fine"}, {map:join_next()})
  end)

  it("loses no result that had been granted to it", function()
    local map = ebb.JoinMap.new()
    local cut = ebb.spawn(function() map:join_next() end)
    map:spawn("key", function() ebb.yield_now() return "fine" end)
    settle()
    -- The next turn: the map's task ends, which wakes `cut`; then this.
    ebb.spawn(function() cut:abort() end)
    assert_cancelled(cut:join())
    assert.same({"key", true, "fine"}, {map:try_join_next()})
  end)

  it("hands a result granted to it over to the next in line", function()
    local map = ebb.JoinMap.new()
    local joined = {}
    local function join()
      local key = map:join_next()
      joined[#joined + 1] = key
    end
    local cut, next_in_line = ebb.spawn(join), ebb.spawn(join)
    map:spawn("key", function() ebb.yield_now() end)
    settle()
    ebb.spawn(function() cut:abort() end)
    cut:join()
    next_in_line:join()
    assert.same({"key"}, joined)
  end)

  it("leaves the tasks of the map alone", function()
    local map = ebb.JoinMap.new()
    map:spawn(1, ebb.sleep, 1)
    map:spawn(2, ebb.sleep, 2)
    abort_waiting(function() map:join_next() end)
    assert.equal(2, map:len())
    assert.same({1, true}, {map:join_next()})
    assert.same({2, true}, {map:join_next()})
  end)
end)

describe("a wait in sleep that was cut off", function()
  it("does not wake anybody at its deadline", function()
    local log = {}
    local cut = ebb.spawn(function()
      local _ <close> = closer(function() ebb.sleep(5) end)
      ebb.sleep(1)
      log[#log + 1] = "must not run"
    end)
    settle()
    cut:abort()
    local start = ebb.time.now()
    assert_cancelled(cut:join())
    assert.near(5, ebb.time.now() - start, 1e-6)
    assert.same({}, log)
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
