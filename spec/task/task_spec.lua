-- The ground rules of tasks: spawning, taking turns, the budget, what can be
-- seen of tasks from outside, and what the main chunk is told.

local budget = require "budget"
local ebb = require "ebb"
local common = require "common"
local run = require "run"

-- Lets every task that is ready run for one turn.
local settle = ebb.yield_now

local entry, error_of = common.entry, common.error_of

local function count(text, word)
  return select(2, text:gsub(word, ""))
end

describe("spawn", function()
  it("does not run the task before the caller waits", function()
    local ran = false
    local task = ebb.spawn(function() ran = true end)
    assert.is_false(ran)
    task:join()
  end)

  it("runs the task when the caller next waits", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    settle()
    assert.is_true(ran)
  end)

  it("starts tasks in spawn order", function()
    local log = {}
    for i = 1, 5 do ebb.spawn(function() log[i] = #log + 1 end) end
    settle()
    assert.same({1, 2, 3, 4, 5}, log)
  end)

  it("starts a task's own tasks after those already spawned", function()
    local log = {}
    local function note(name) log[#log + 1] = name end
    ebb.spawn(function()
      note "first"
      ebb.spawn(note, "inner"):join()
    end)
    ebb.spawn(note, "second")
    settle()
    settle()
    assert.same({"first", "second", "inner"}, log)
  end)

  it("does not run a task's own tasks before that task waits", function()
    local log = {}
    local function note(name) log[#log + 1] = name end
    ebb.spawn(function()
      local inner = ebb.spawn(note, "inner")
      note "outer"
      inner:join()
    end):join()
    assert.same({"outer", "inner"}, log)
  end)

  it("passes its arguments to the body, nils included", function()
    local got
    ebb.spawn(function(...) got = table.pack(...) end, nil, 2, nil):join()
    assert.same({n = 3, [2] = 2}, got)
  end)

  it("passes a thousand arguments", function()
    local args = {}
    for i = 1, 1000 do args[i] = i end
    local task = ebb.spawn(select, "#", table.unpack(args))
    assert.same({true, 1000}, {task:join()})
  end)

  it("takes a callable table as the body", function()
    local body = setmetatable({base = 40}, {
      __call = function(self, n) return self.base + n end,
    })
    assert.same({true, 42}, {ebb.spawn(body, 2):join()})
  end)

  it("takes a C function as the body", function()
    assert.same({true, 3}, {ebb.spawn(math.max, 1, 3, 2):join()})
  end)

  it("takes a new coroutine as the body", function()
    local body = coroutine.create(function(n) return n + 1 end)
    assert.same({true, 42}, {ebb.spawn(body, 41):join()})
  end)

  it("goes on with a coroutine that has already run", function()
    local body = coroutine.create(function()
      local n = coroutine.yield()
      ebb.yield_now()
      return n
    end)
    coroutine.resume(body)
    assert.same({true, 7}, {ebb.spawn(body, 7):join()})
  end)

  for kind, value in pairs {
    ["a number"] = 42,
    ["a string"] = "print",
    ["a plain table"] = {},
    ["a boolean"] = true,
  } do
    it("names the argument when the body is " .. kind, function()
      assert.matches("bad argument #1 to 'spawn'", error_of(function()
        ebb.spawn(value)
      end), 1, true)
    end)
  end

  it("names the argument when the body is missing", function()
    assert.matches("bad argument #1 to 'spawn'", error_of(function()
      ebb.spawn()
    end), 1, true)
  end)

  it("names the argument when the body is a dead coroutine", function()
    local dead = coroutine.create(function() end)
    coroutine.resume(dead)
    assert.matches("bad argument #1 to 'spawn'", error_of(function()
      ebb.spawn(dead)
    end), 1, true)
  end)

  it("names the argument when the body is the running coroutine", function()
    assert.matches("bad argument #1 to 'spawn'", error_of(function()
      ebb.spawn((coroutine.running()))
    end), 1, true)
  end)
end)

-- Spawns two tasks that each call `wait` three times, and returns the order.
local function order_of(wait)
  local log = {}
  local function body(name)
    for i = 1, 3 do
      log[#log + 1] = name .. i
      wait()
    end
  end
  local a, b = ebb.spawn(body, "a"), ebb.spawn(body, "b")
  a:join()
  b:join()
  return table.concat(log, " ")
end

describe("yield_now", function()
  it("lets tasks take turns round robin", function()
    assert.equal("a1 b1 a2 b2 a3 b3", order_of(ebb.yield_now))
  end)

  it("returns nothing", function()
    local task = ebb.spawn(function() return select("#", ebb.yield_now()) end)
    assert.same({true, 0}, {task:join()})
  end)

  it("lets the main chunk take its turn too", function()
    local turns = 0
    local task = ebb.spawn(function()
      for _ = 1, 3 do
        turns = turns + 1
        ebb.yield_now()
      end
    end)
    for i = 1, 3 do
      ebb.yield_now()
      assert.equal(i, turns)
    end
    task:join()
  end)
end)

describe("coroutine.yield at a task's own level", function()
  it("is yield_now", function()
    assert.equal("a1 b1 a2 b2 a3 b3", order_of(coroutine.yield))
  end)

  it("drops its values and gives none back", function()
    local task = ebb.spawn(function()
      return select("#", coroutine.yield(1, 2, 3))
    end)
    assert.same({true, 0}, {task:join()})
  end)

  it("works inside pcall", function()
    local task = ebb.spawn(function() return pcall(coroutine.yield, 1) end)
    assert.same({true, true}, {task:join()})
  end)

  it("works in the body of a coroutine given to spawn", function()
    local task = ebb.spawn(coroutine.create(function()
      coroutine.yield("dropped")
      return "end"
    end))
    assert.same({true, "end"}, {task:join()})
  end)
end)

describe("a generator in a task", function()
  it("yields to its consumer", function()
    local task = ebb.spawn(function()
      local sum = 0
      for n in coroutine.wrap(function()
        for i = 1, 4 do coroutine.yield(i) end
      end) do sum = sum + n end
      return sum
    end)
    assert.same({true, 10}, {task:join()})
  end)

  it("yields to another generator that consumes it", function()
    local function numbers() for i = 1, 3 do coroutine.yield(i) end end
    local function doubled()
      for n in coroutine.wrap(numbers) do coroutine.yield(2 * n) end
    end
    local task = ebb.spawn(function()
      local got = {}
      for n in coroutine.wrap(doubled) do got[#got + 1] = n end
      return table.concat(got, " ")
    end)
    assert.same({true, "2 4 6"}, {task:join()})
  end)

  it("does not let other tasks run when it yields", function()
    local log = {}
    local task = ebb.spawn(function()
      for _ in coroutine.wrap(function()
        for _ = 1, 3 do coroutine.yield(true) end
      end) do log[#log + 1] = "generator" end
    end)
    ebb.spawn(function() log[#log + 1] = "other" end)
    task:join()
    settle()
    assert.same({"generator", "generator", "generator", "other"}, log)
  end)
end)

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

describe("block_on", function()
  it("passes arguments and returns the results", function()
    local function body(a, b)
      ebb.yield_now()
      return b, nil, a, nil
    end
    local got = table.pack(ebb.block_on(body, 1, 2))
    assert.same({n = 4, 2, nil, 1, nil}, got)
  end)

  it("raises the very value that was raised", function()
    local value = {}
    assert.equal(value, error_of(function()
      ebb.block_on(function() error(value) end)
    end))
  end)

  it("does not change a message that was raised", function()
    assert.equal("boom", error_of(function()
      ebb.block_on(function() error("boom", 0) end)
    end))
  end)

  it("lets other tasks run meanwhile", function()
    local ran = false
    ebb.spawn(function() ran = true end)
    ebb.block_on(ebb.yield_now)
    assert.is_true(ran)
  end)

  it("works inside a task", function()
    local task = ebb.spawn(function()
      return ebb.block_on(function() return "inner" end)
    end)
    assert.same({true, "inner"}, {task:join()})
  end)

  it("names the argument when the body cannot be called", function()
    assert.matches("bad argument #1 to 'block_on'", error_of(function()
      ebb.block_on(42)
    end), 1, true)
  end)
end)

local BUDGET, spend = budget.FULL, budget.spend

describe("the budget", function()
  it("lasts for 128 calls of consume_budget", function()
    local log = {}
    ebb.spawn(function()
      spend(BUDGET)
      log[#log + 1] = "spent"
      ebb.consume_budget()
      log[#log + 1] = "again"
    end)
    ebb.spawn(function() log[#log + 1] = "other" end)
    settle()
    settle()
    assert.same({"spent", "other", "again"}, log)
  end)

  it("is there before it is spent", function()
    local task = ebb.spawn(function()
      spend(BUDGET - 1)
      return ebb.has_budget_remaining()
    end)
    assert.same({true, true}, {task:join()})
  end)

  it("is gone once it is spent", function()
    local task = ebb.spawn(function()
      spend(BUDGET)
      return ebb.has_budget_remaining()
    end)
    assert.same({true, false}, {task:join()})
  end)

  it("is there again in the next turn", function()
    local task = ebb.spawn(function()
      spend(BUDGET)
      ebb.yield_now()
      return ebb.has_budget_remaining()
    end)
    assert.same({true, true}, {task:join()})
  end)

  it("is each task's own", function()
    ebb.spawn(spend, BUDGET)
    local task = ebb.spawn(ebb.has_budget_remaining)
    assert.same({true, true}, {task:join()})
  end)

  it("is taken by a join that is satisfied at once", function()
    local done = ebb.spawn(function() end)
    done:join()
    local task = ebb.spawn(function()
      for _ = 1, BUDGET do done:join() end
      return ebb.has_budget_remaining()
    end)
    assert.same({true, false}, {task:join()})
  end)

  it("ends the turn of a task whose join_next is always ready", function()
    local seen
    local joined = 0
    local task = ebb.spawn(function()
      local map = ebb.JoinMap.new()
      for i = 1, 3 * BUDGET do map:spawn(i, function() end) end
      ebb.yield_now()
      ebb.spawn(function() seen = joined end)
      for _ in map.join_next, map do joined = joined + 1 end
    end)
    task:join()
    assert.equal(BUDGET, seen)
  end)
end)

-- The entry of a task in the snapshot.
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
    assert.matches("task_spec.lua:%d+: in .-deep_down", text)
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

local DEADLOCK = [[
  local ebb = require "ebb"
  local a, b
  a = ebb.spawn(function() b:join() end)
  b = ebb.spawn(function() a:join() end)
  local ok, err = pcall(function() a:join() end)
  print(ok, a:id(), b:id())
  print(err)
]]

describe("a deadlock", function()
  it("is an error in the main chunk", function()
    local _, out = run(DEADLOCK)
    assert.matches("^false.-deadlock: ", out)
  end)

  it("is reported with every task that waits", function()
    local _, out = run(DEADLOCK)
    local a, b, list = out:match("^false\t(%d+)\t(%d+)\n.-deadlock: (.*)")
    assert.matches("%f[%d]" .. a .. "%f[%D]", list)
    assert.matches("%f[%d]" .. b .. "%f[%D]", list)
  end)

  it("is reported with what a task waits for", function()
    local _, out = run(DEADLOCK)
    assert.matches("deadlock: .*join", out)
  end)

  it("leaves the main chunk able to go on", function()
    local code, out = run(DEADLOCK .. [[
      a:abort()
      print("a", (a:join()))
      print("b", (b:join()))
    ]])
    assert.equal(0, code)
    assert.matches("a\tfalse\nb\ttrue\n$", out)
  end)

  it("ends a script that does not catch it, with code 1", function()
    local code, _, err = run [[
      local ebb = require "ebb"
      local a
      a = ebb.spawn(function() ebb.spawn(function() a:join() end):join() end)
      a:join()
    ]]
    assert.equal(1, code)
    assert.matches("deadlock: ", err)
  end)

  it("is none while a timer runs", function()
    local code = run [[
      local ebb = require "ebb"
      ebb.time.pause()
      assert(ebb.spawn(ebb.sleep, 1000):join())
    ]]
    assert.equal(0, code)
  end)
end)

describe("a panic that nobody can join any more", function()
  local PANIC = [[
    local ebb = require "ebb"
    local function culprit() error("boom", 0) end
    ebb.spawn(function() culprit() end)
    ebb.yield_now()
    collectgarbage()
    collectgarbage()
    ebb.yield_now()
  ]]

  it("is reported to stderr once", function()
    local _, _, err = run(PANIC)
    assert.equal(1, count(err, "boom"))
  end)

  it("is reported with a traceback", function()
    local _, _, err = run(PANIC)
    assert.matches("culprit", err)
  end)

  it("does not end the script", function()
    local code, out = run(PANIC .. "print 'alive'")
    assert.equal(0, code)
    assert.equal("alive\n", out)
  end)

  it("is reported when the handle was collected before it", function()
    local _, _, err = run [[
      local ebb = require "ebb"
      ebb.spawn(function() ebb.yield_now() error("boom", 0) end)
      collectgarbage()
      collectgarbage()
      for _ = 1, 3 do ebb.yield_now() end
    ]]
    assert.equal(1, count(err, "boom"))
  end)

  it("is reported when the task was detached from its map", function()
    local _, _, err = run [[
      local ebb = require "ebb"
      local map = ebb.JoinMap.new()
      map:spawn("key", function() error("boom", 0) end)
      map:detach("key")
      ebb.yield_now()
    ]]
    assert.equal(1, count(err, "boom"))
  end)

  it("is not reported when it was joined", function()
    local _, _, err = run [[
      local ebb = require "ebb"
      ebb.spawn(function() error("boom", 0) end):join()
      collectgarbage()
      collectgarbage()
      ebb.yield_now()
    ]]
    assert.equal(0, count(err, "boom"))
  end)

  it("goes to the function given to set_unhandled instead", function()
    local _, out, err = run([[
      require "ebb".set_unhandled(function(err)
        print(err:is_panic(), err:into_panic())
      end)
    ]] .. PANIC)
    assert.equal("true\tboom\n", out)
    assert.equal(0, count(err, "boom"))
  end)
end)

describe("the main chunk", function()
  it("aborts what is left of the tasks when it ends", function()
    local code, out = run [[
      local ebb = require "ebb"
      ebb.spawn(function()
        local guard <close> = setmetatable({}, {
          __close = function() print "closed" end,
        })
        ebb.sleep(1e6)
        print "must not be reached"
      end)
      ebb.yield_now()
      print "main ends"
    ]]
    assert.equal(0, code)
    assert.equal("main ends\nclosed\n", out)
  end)

  it("never runs tasks that had not started when it ends", function()
    local _, out = run [[
      require "ebb".spawn(print, "must not run")
    ]]
    assert.equal("", out)
  end)

  it("gives every require of the module the same tasks", function()
    local task = ebb.spawn(function() return "the same" end)
    local loaded = package.loaded.ebb
    package.loaded.ebb = nil
    local again = require "ebb"
    package.loaded.ebb = loaded
    again.yield_now()
    assert.is_true(task:is_finished())
  end)
end)
