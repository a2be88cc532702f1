-- The ground rules of tasks: spawning, taking turns, and waiting for a
-- function with block_on.

local ebb = require "ebb"
local common = require "common"

-- Lets every task that is ready run for one turn.
local settle = ebb.yield_now

local error_of = common.error_of

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
