-- The body of a module ran twice, and gave two tables, when it waited and
-- another task required it meanwhile.

local ebb = require "ebb"

describe("a module whose body waits", function()
  local runs

  before_each(function()
    ebb.time.pause()
    runs = 0
  end)

  after_each(function()
    for _, name in ipairs {"slow", "a", "b", "c"} do
      package.preload[name], package.loaded[name] = nil, nil
    end
    ebb.time.resume()
  end)

  local function preload(name, body)
    package.preload[name] = function(...)
      runs = runs + 1
      return body(...)
    end
  end

  local function sleepy()
    ebb.sleep(1)
    return {}
  end

  local function both(f, g)
    local first, second = ebb.spawn(f), ebb.spawn(g)
    local a, b = table.pack(first:join()), table.pack(second:join())
    return a, b
  end

  local function require_slow() return require "slow" end

  it("runs once for two tasks that require it, and is one table", function()
    preload("slow", sleepy)
    local a, b = both(require_slow, require_slow)
    assert.equal(1, runs)
    assert.is_true(a[1] and b[1])
    assert.is_table(a[2])
    assert.equal(a[2], b[2])
    assert.equal(":preload:", a[3])
    assert.equal(2, b.n)
  end)

  it("runs once for the main chunk and a task", function()
    preload("slow", sleepy)
    local handle = ebb.spawn(require_slow)
    ebb.yield_now()
    local mine = require "slow"
    assert.equal(handle:await(), mine)
    assert.equal(1, runs)
  end)

  it("runs once for two tasks that require it in generators", function()
    preload("slow", sleepy)
    local function generate() return coroutine.wrap(require_slow)() end
    local a, b = both(generate, generate)
    assert.equal(1, runs)
    assert.equal(a[2], b[2])
  end)

  it("is waited for also when it is in package.loaded early", function()
    preload("slow", function(name)
      package.loaded[name] = {}
      ebb.sleep(1)
      package.loaded[name].done = true
    end)
    local _, b = both(require_slow, function() return require_slow().done end)
    assert.is_true(b[2])
  end)

  it("holds up nobody who requires another one", function()
    preload("slow", sleepy)
    preload("a", function() return "a" end)
    local handle = ebb.spawn(require_slow)
    ebb.yield_now()
    assert.equal("a", (require "a"))
    assert.is_false(handle:is_finished())
    handle:join()
  end)

  it("is tried by the next when the first fails", function()
    preload("slow", function()
      ebb.sleep(1)
      return runs == 1 and error("at first") or "second"
    end)
    local a, b = both(require_slow, require_slow)
    assert.is_false(a[1])
    assert.match("at first", tostring(a[2]))
    assert.same({true, "second"}, {b[1], b[2]})
    assert.equal(2, runs)
  end)

  it("is tried by the next when the first is aborted", function()
    preload("slow", sleepy)
    local first = ebb.spawn(require_slow)
    ebb.yield_now()
    local others = ebb.JoinSet.new()
    for _ = 1, 3 do others:spawn(require_slow) end
    ebb.yield_now()
    first:abort()
    local modules = others:join_all()
    assert.is_table(modules[1])
    assert.same({modules[1], modules[1]}, {modules[2], modules[3]})
    assert.equal(2, runs)
  end)

  it("is not concerned when one who waits for it is aborted", function()
    preload("slow", sleepy)
    local first = ebb.spawn(require_slow)
    local second = ebb.spawn(require_slow)
    ebb.yield_now()
    second:abort()
    assert.is_true(select(2, second:join()):is_cancelled())
    assert.is_table(first:await())
  end)

  it("shows in ebb.tasks as what is waited for", function()
    preload("slow", sleepy)
    local _, second = ebb.spawn(require_slow), ebb.spawn(require_slow)
    ebb.yield_now()
    local waits_for
    for _, t in ipairs(ebb.tasks()) do
      if t.id == second:id() then waits_for = t.waiting_for end
    end
    assert.equal("a module that another task loads", waits_for)
    second:join()
  end)

  describe("that requires itself", function()
    local function assert_circular(name, ok, err)
      assert.is_false(ok)
      assert.match("circular", tostring(err))
      assert.match("'" .. name .. "'", tostring(err))
    end

    it("is an error that says so", function()
      preload("a", function() return require "b" end)
      preload("b", function() return require "a" end)
      local ok, err = pcall(require, "a")
      assert_circular("a", ok, err)
      assert.equal(2, runs)
    end)

    it("is one in a task, after a wait", function()
      preload("a", function() ebb.sleep(1) return require "a" end)
      assert_circular("a", ebb.spawn(require, "a"):join())
    end)

    it("gets what it has put into package.loaded, as in Lua", function()
      preload("a", function(name)
        package.loaded[name] = "early"
        return {b = require "b"}
      end)
      preload("b", function() return {a = require "a"} end)
      assert.equal("early", require "a".b.a)
    end)

    it("is one when two tasks wait for each other's", function()
      preload("a", function() ebb.sleep(1) return {require "b"} end)
      preload("b", function() ebb.sleep(1) return {require "a"} end)
      local a, b = both(function() return require "a" end,
                        function() return require "b" end)
      -- Each finds the other's under way; the later sees the circle, and
      -- when its own has failed, the other one runs into it as well.
      assert_circular("a", b[1], b[2])
      assert_circular("a", a[1], a[2])
    end)

    it("is one when three tasks wait for each other's", function()
      local after = {a = "b", b = "c", c = "a"}
      for name, other in pairs(after) do
        preload(name, function() ebb.sleep(1) return {require(other)} end)
      end
      local set = ebb.JoinSet.new()
      for name in pairs(after) do set:spawn(require, name) end
      for _ = 1, 3 do
        local ok, err = set:join_next()
        assert.is_false(ok)
        assert.match("circular", tostring(err))
      end
    end)

    it("is one also through a call that ends with the caller", function()
      preload("a", function() return ebb.block_on(require, "a") end)
      local ok, err = pcall(require, "a")
      assert_circular("a", ok, err)
    end)
  end)
end)

describe("require", function()
  it("refuses what is no name, by the name of the argument", function()
    local ok, message = pcall(require, {})
    assert.is_false(ok)
    assert.match("bad argument #1 to 'require'", message)
  end)

  it("says where it has looked", function()
    local ok, message = pcall(require, "no.such.module")
    assert.is_false(ok)
    assert.match("module 'no.such.module' not found", message)
    assert.match("no field package.preload", message)
  end)
end)
