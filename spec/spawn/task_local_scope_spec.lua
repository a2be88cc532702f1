-- The scopes of task-locals: around and inside of places to wait in, and what
-- sees them.

local ebb = require "ebb"
local common = require "common"
local run = require "run"

local settle = ebb.yield_now

local forever = common.forever
local closer, collect = common.closer, common.collect

local key

before_each(function()
  ebb.time.pause()
  key = ebb.task_local "request"
end)

after_each(function()
  -- The main chunk is in no scope; none must have been left behind.
  assert.is_nil((key:try_get()))
  ebb.time.resume()
end)

-- What calls its argument, and lets it wait, somewhere in the task's Lua.
local PLACES = {
  ["the body"] = function(f) f() end,
  ["a generator"] = function(f) coroutine.wrap(f)() end,
  ["a generator in a generator"] = function(f)
    coroutine.wrap(function() coroutine.wrap(f)() end)()
  end,
  ["a sort comparator"] = function(f)
    local once = f
    table.sort({2, 1}, function()
      if once then once() end
      once = nil
      return false
    end)
  end,
  ["a gsub callback"] = function(f)
    string.gsub("x", "x", function() f() end)
  end,
  ["a metamethod"] = function(f)
    return setmetatable({}, {__index = function() f() end}).x
  end,
  ["pcall"] = function(f) assert(pcall(f)) end,
}

for place, inside in pairs(PLACES) do
  describe("a scope around " .. place, function()
    it("is seen there, before and after a wait", function()
      key:scope(7, inside, function()
        assert.equal(7, key:get())
        settle()
        assert.equal(7, key:get())
      end)
    end)

    it("is seen in a clean-up there, on abort", function()
      local seen
      local task = ebb.spawn(function()
        key:scope(7, inside, function()
          local _ <close> = closer(function()
            seen = key:get()
            ebb.sleep(1)
            seen = seen + key:get()
          end)
          forever()
        end)
      end)
      settle()
      task:abort()
      task:join()
      assert.equal(14, seen)
    end)
  end)

  describe("a scope inside " .. place, function()
    it("ends there", function()
      key:scope("outer", inside, function()
        key:scope("inner", function()
          settle()
          assert.equal("inner", key:get())
        end)
        assert.equal("outer", key:get())
      end)
      assert.is_nil((key:try_get()))
    end)

    it("ends there on an abort, for the clean-ups around it", function()
      local seen
      local task = ebb.spawn(function()
        key:scope("outer", function()
          local _ <close> = closer(function() seen = key:get() end)
          inside(function() key:scope("inner", forever) end)
        end)
      end)
      settle()
      task:abort()
      task:join()
      assert.equal("outer", seen)
    end)
  end)
end

describe("a scope", function()
  it("is not seen by other tasks that run meanwhile", function()
    local seen = {}
    local function look(name) seen[name] = key:try_get() or "none" end
    local before = ebb.spawn(look, "before")
    key:scope(1, function()
      settle()
      ebb.spawn(look, "inside"):join()
    end)
    before:join()
    assert.same({before = "none", inside = "none"}, seen)
  end)

  it("is seen by what its task waits for in place", function()
    local function look() return (key:try_get()) end
    key:scope(1, function()
      assert.equal(1, ebb.block_on(look))
      assert.equal(1, select(2, ebb.time.timeout(1, look)))
      assert.equal(1, select(3, ebb.select {branch = look}))
      assert.equal(1, ebb.block_on(ebb.block_on, look))
    end)
  end)

  it("is not inherited by a spawned task, in whatever way", function()
    local map, join_set = ebb.JoinMap.new(), ebb.JoinSet.new()
    local set <close> = ebb.LocalSet.new()
    local function look() return key:try_get() == nil end
    key:scope(1, function()
      assert.is_true(ebb.spawn(look):await())
      map:spawn("key", look)
      join_set:spawn(look)
      assert.same({"key", true, true}, {map:join_next()})
      assert.same({true, true}, {join_set:join_next()})
      local task = set:spawn_local(look)
      set:await()
      assert.is_true(task:await())
      assert.is_true(ebb.Builder.new():spawn(look):await())
    end)
  end)

  it("is seen in run_until, which runs in the same task", function()
    local set <close> = ebb.LocalSet.new()
    key:scope(1, function()
      set:run_until(function()
        settle()
        assert.equal(1, key:get())
      end)
    end)
  end)

  it("of the main chunk is its own", function()
    local task = ebb.spawn(function()
      key:scope("task", function()
        ebb.sleep(2)
        return key:get()
      end)
    end)
    key:scope("main", function()
      ebb.sleep(1)
      assert.equal("main", key:get())
      ebb.sleep(5)
      assert.equal("main", key:get())
    end)
    task:join()
  end)

  it("is closed before the variables outside of it", function()
    local log = {}
    local task = ebb.spawn(function()
      local _ <close> = closer(function()
        log[#log + 1] = tostring(key:try_get())
      end)
      key:scope(1, function()
        local _ <close> = closer(function()
          log[#log + 1] = tostring(key:try_get())
        end)
        forever()
      end)
    end)
    settle()
    task:abort()
    task:join()
    assert.same({"1", "nil"}, log)
  end)

  it("ends for the task when a generator with it is dropped", function()
    local task = ebb.spawn(function()
      local generator = coroutine.wrap(function()
        key:scope("inner", function() coroutine.yield(key:get()) end)
      end)
      assert.equal("inner", generator())
      generator = nil -- luacheck: ignore
      collect()
      settle()
      return ebb.spawn(function() return key:try_get() == nil end):await()
    end)
    assert.is_true(task:await())
  end)

  it("is not left to the next task on a recycled thread", function()
    for _ = 1, 10 do
      ebb.spawn(function() key:scope(1, settle) end):join()
      local task = ebb.spawn(function() key:scope(1, forever) end)
      settle()
      task:abort()
      task:join()
      ebb.spawn(function() pcall(key.scope, key, 1, error) end):join()
      assert.is_true(ebb.spawn(function()
        return key:try_get() == nil
      end):await())
    end
  end)

  it("may be as deep as calls of functions are", function()
    local function nest(n)
      if n == 0 then return key:get() end
      return (key:scope(n, nest, n - 1))
    end
    local ok, value = pcall(nest, 150)
    assert.is_true(ok, value)
    assert.equal(1, value)
    local fine, err = pcall(nest, 100000)
    assert.is_false(fine)
    assert.matches("overflow", tostring(err))
    assert.is_nil((key:try_get()))
  end)

  it("is there in a finalizer that runs in it", function()
    local seen
    key:scope(1, function()
      setmetatable({}, {__gc = function() seen = key:try_get() end})
      collect()
    end)
    assert.equal(1, seen)
  end)
end)

describe("at the end of the main chunk", function()
  it("the value is seen in the clean-ups", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      local key = ebb.task_local "request"
      ebb.spawn(function()
        key:scope(42, function()
          local _ <close> = setmetatable({}, {__close = function()
            ebb.yield_now()
            print(key:get())
          end})
          ebb.sleep(1e6)
        end)
      end)
      ebb.yield_now()
    ]]
    assert.same({0, "42\n", ""}, {code, out, err})
  end)

  it("a get outside of a scope ends the script with the name", function()
    local code, _, err = run [[require "ebb".task_local "request":get()]]
    assert.equal(1, code)
    assert.matches("request", err)
  end)
end)
