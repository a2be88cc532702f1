-- #threads
-- Runtime: schedulers on threads of their own, with Lua states of their own.

-- Bodies for the other side set globals there, and call its module `ebb`.
-- luacheck: ignore 11 431

local ebb = require "ebb"
local common = require "common"
local remote = require "remote"
local run = require "run"
local Runtime, Handle = ebb.Runtime, ebb.Handle

local settle = ebb.yield_now

local nothing = common.nothing
local collect, error_of = common.collect, common.error_of
local forever = remote.forever

local rt, there -- a runtime and its handle, new for each test

before_each(function() rt, there = remote.new_runtime() end)
after_each(function() assert.is_true(rt:shutdown()) end)

-- What f(...) gives as a task of the other runtime.
local function ask(f, ...) return there:spawn(f, ...):await() end

describe("a Runtime", function()
  it("that is collected cancels its tasks", function()
    local function make()
      local one = Runtime.new()
      return one:handle(), one:handle():spawn(forever)
    end
    local handle, task = make()
    collect()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_true(select(2, handle:spawn(nothing):join()):is_cancelled())
  end)

  it("that is collected gives its thread back", function()
    local code, out, err = run [[
      local ebb, threads = require "ebb", require "process".threads
      local before = threads()
      for _ = 1, 5 do
        ebb.Runtime.new():handle():spawn(function()
          require "ebb".sleep(1e6)
        end)
      end
      collectgarbage()
      collectgarbage()
      while threads() > before do ebb.yield_now() end
      print "gone"
    ]]
    assert.same({0, "gone\n", ""}, {code, out, err})
  end)

  it("starts a thread, which is all it needs", function()
    local code, out, err = run [[
      local ebb, threads = require "ebb", require "process".threads
      local before = threads()
      local one <close> = ebb.Runtime.new()
      one:handle():spawn(function() end):await()
      print(threads() - before)
    ]]
    assert.same({0, "1\n", ""}, {code, out, err})
  end)

  it("may be one of many", function()
    local runtimes, set = {}, ebb.JoinSet.new()
    for i = 1, 8 do
      runtimes[i] = Runtime.new {name = "worker " .. i}
      for j = 1, 10 do
        set:spawn_on(function(n) return n end, runtimes[i]:handle(),
                     10 * i + j)
      end
    end
    local sum, expected = 0, 0
    for i = 1, 8 do for j = 1, 10 do expected = expected + 10 * i + j end end
    for ok, n in set.join_next, set do
      assert.is_true(ok)
      sum = sum + n
    end
    assert.equal(expected, sum)
    for _, one in ipairs(runtimes) do assert.is_true(one:shutdown()) end
  end)

  it("may be made in another, or in blocking work", function()
    local function nested()
      local ebb = require "ebb"
      local one <close> = ebb.Runtime.new {name = "inner"}
      return one:handle():spawn(function() return "inner" end):await()
    end
    assert.equal("inner", ask(nested))
    assert.equal("inner", ebb.block_in_place(nested))
  end)

  it("finds modules by the same paths", function()
    local path = package.path
    package.path = path .. ";./first/?.lua"
    local one <close> = Runtime.new()
    assert.same({package.path, package.cpath},
                {one:handle():spawn(function()
      return package.path, package.cpath
    end):await()})
    package.path = path
  end)

  it("runs its garbage collector itself", function()
    local before = collectgarbage "count"
    ask(function()
      for _ = 1, 100 do local _ = ("x"):rep(100000) end
      collectgarbage()
    end)
    assert.is_true(collectgarbage "count" - before < 1000)
  end)

  it("is shut down when a task that has it in a <close> is aborted",
     function()
    local task, inner
    task = ebb.spawn(function()
      local one <close> = Runtime.new()
      inner = one:handle():spawn(forever)
      inner:join()
    end)
    settle()
    settle()
    task:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
    assert.is_true(select(2, inner:join()):is_cancelled())
  end)

  it("may be shut down by its own task's word", function()
    _G.runtime_to_close = rt
    there:spawn(function(main)
      main:spawn(function()
        runtime_to_close:shutdown()
      end)
      require "ebb".sleep(1e6)
    end, Handle.current()):join()
    _G.runtime_to_close = nil
  end)

  for name, options in pairs {
    ["a name that is no string"] = {name = {}},
    ["a limit that is no integer"] = {max_blocking_threads = 1.5},
    ["a limit that is 0"] = {max_blocking_threads = 0},
    ["an unknown option"] = {nome = "typo"},
  } do
    it("refuses " .. name, function()
      assert.matches("bad argument #1 to 'new'", error_of(function()
        Runtime.new(options)
      end), 1, true)
    end)
  end

  it("refuses options that are no table", function()
    assert.matches("bad argument #1 to 'new'", error_of(function()
      Runtime.new "worker"
    end), 1, true)
  end)

  it("names its class in tostring", function()
    local one <close> = Runtime.new {name = "worker"}
    assert.matches("^Runtime", tostring(one))
  end)

  for _, name in ipairs {"handle", "shutdown"} do
    it("'s methods refuse what is none: " .. name, function()
      for _, value in ipairs {42, {}, ebb.JoinSet.new(), io.stdout, there} do
        assert.is_string(error_of(rt[name], value))
      end
    end)
  end
end)
