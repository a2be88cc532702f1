-- #threads
-- The end of a Runtime, and of a program that has one.

-- Bodies for the other side set globals there, and call its module `ebb`.
-- luacheck: ignore 11 431

local ebb = require "ebb"
local common = require "common"
local gate = require "gate"
local remote = require "remote"
local run = require "run"
local Runtime = ebb.Runtime

local settle = ebb.yield_now

local error_of = common.error_of
local forever, until_started = remote.forever, remote.until_started

local rt, there -- a runtime and its handle, new for each test

before_each(function() rt, there = remote.new_runtime() end)
after_each(function() assert.is_true(rt:shutdown()) end)

-- What f(...) gives as a task of the other runtime.
local function ask(f, ...) return there:spawn(f, ...):await() end

describe("shutdown", function()
  it("gives true, also the second time", function()
    assert.is_true(rt:shutdown())
    assert.is_true(rt:shutdown())
    assert.is_true(rt:shutdown(1))
  end)

  it("cancels what has not finished", function()
    local task, job = there:spawn(forever), there:spawn(forever)
    rt:shutdown()
    for _, t in ipairs {task, job} do
      assert.is_true(select(2, t:join()):is_cancelled())
    end
  end)

  it("keeps the results of what has finished", function()
    local task = there:spawn(function() return {7} end)
    task:join()
    rt:shutdown()
    assert.same({true, {7}}, {task:join()})
  end)

  it("loses no result that was sent, but not looked at", function()
    local tasks = {}
    for i = 1, 100 do tasks[i] = there:spawn(function() return i end) end
    tasks[100]:join()
    rt:shutdown()
    for i = 1, 100 do assert.same({true, i}, {tasks[i]:join()}) end
  end)

  it("lets the clean-up of tasks there wait, and ends after it", function()
    local path <const> = os.tmpname()
    there:spawn(function(p)
      local ebb = require "ebb"
      local _ <close> = setmetatable({}, {__close = function()
        for _ = 1, 10 do ebb.yield_now() end
        ebb.sleep(0.001)
        local file = assert(io.open(p, "w"))
        file:write "closed"
        file:close()
      end})
      started = 1
      ebb.sleep(1e6)
    end, path)
    ask(until_started, 1)
    rt:shutdown()
    local file = assert(io.open(path))
    assert.equal("closed", file:read "a")
    file:close()
    os.remove(path)
  end)

  it("lets tasks here run meanwhile", function()
    local at <close> = gate.new()
    local job = there:spawn_blocking(gate.pass, at.path)
    at:arrived(1)
    local ran = false
    ebb.spawn(function()
      ran = true
      at:open()
    end)
    assert.is_true(rt:shutdown())
    assert.is_true(ran)
    job:join()
  end)

  it("waits for blocking work that has started", function()
    local at <close> = gate.new()
    local path <const> = os.tmpname()
    there:spawn_blocking(function(pass, p, out)
      pass(p)
      local file = assert(io.open(out, "w"))
      file:write "its end"
      file:close()
    end, gate.pass, at.path, path)
    at:arrived(1)
    at:open()
    rt:shutdown()
    local file = assert(io.open(path))
    assert.equal("its end", file:read "a")
    file:close()
    os.remove(path)
  end)

  it("gives up after its limit, and names the work", function()
    local at <close> = gate.new()
    local job = ebb.Builder.new():name("hasher")
      :spawn_blocking_on(gate.pass, there, at.path)
    at:arrived(1)
    local ok, message = rt:shutdown(0.01)
    assert.is_nil(ok)
    assert.matches("hasher", message)
    assert.matches("%f[%d]" .. job:id() .. "%f[%D]", message)
    assert.same({nil, message}, {rt:shutdown()}) -- it is gone
    at:open()
    job:join()
    rt = Runtime.new() -- for after_each
  end)

  it("of 0 does not wait (can_shutdown_with_zero_timeout_in_runtime)",
     function()
    local at <close> = gate.new()
    local job = there:spawn_blocking(gate.pass, at.path)
    at:arrived(1)
    assert.is_nil((rt:shutdown(0)))
    at:open()
    job:join()
    rt = Runtime.new() -- for after_each
  end)

  for kind, seconds in pairs {
    ["negative"] = -1, ["NaN"] = 0 / 0, ["a string"] = "soon",
  } do
    it("names the argument when it is " .. kind, function()
      assert.matches("bad argument #1 to 'shutdown'", error_of(function()
        rt:shutdown(seconds)
      end), 1, true)
    end)
  end

  it("makes later spawns end as cancelled", function()
    rt:shutdown()
    for _, name in ipairs {"spawn", "spawn_blocking"} do
      local task = there[name](there, function() return 7 end)
      assert.is_true(select(2, task:join()):is_cancelled())
      assert.is_true(task:is_finished())
    end
  end)

  it("comes at the end of a scope", function()
    local task
    do
      local scoped <close> = Runtime.new()
      task = scoped:handle():spawn(forever)
    end
    assert.is_true(select(2, task:join()):is_cancelled())
  end)

  it("may be called by two tasks at once", function()
    for _ = 1, 3 do there:spawn(forever) end
    local a, b = ebb.spawn(rt.shutdown, rt), ebb.spawn(rt.shutdown, rt)
    assert.same({true, true}, {(a:await()), (b:await())})
  end)

  it("may be cut off, and asked for again", function()
    local at <close> = gate.new()
    local job = there:spawn_blocking(gate.pass, at.path)
    at:arrived(1)
    local closer = ebb.spawn(rt.shutdown, rt)
    settle()
    settle()
    closer:abort()
    at:open()
    closer:join()
    assert.is_true(rt:shutdown())
    job:join()
  end)

  it("lets the runtimes go that its tasks have made", function()
    local code, out, err = run [[
      local ebb, threads = require "ebb", require "process".threads
      local before = threads()
      do
        local one <close> = ebb.Runtime.new()
        one:handle():spawn(function()
          inner = require "ebb".Runtime.new()
          inner:handle():spawn(function() end):await()
        end):await()
        assert(threads() == before + 2)
      end
      while threads() > before do ebb.yield_now() end
      print "gone"
    ]]
    assert.same({0, "gone\n", ""}, {code, out, err})
  end)

  it("gives its thread and files back", function()
    local code, out, err = run [[
      local ebb, process = require "ebb", require "process"
      local function cycle()
        local one <close> = ebb.Runtime.new()
        one:handle():spawn(function() end):await()
        one:handle():spawn_blocking(function() end):await()
        one:handle():spawn(function() require "ebb".sleep(1e6) end)
      end
      local threads = process.threads()
      cycle()
      collectgarbage()
      collectgarbage()
      local files = process.files()
      for _ = 1, 10 do cycle() end
      collectgarbage()
      collectgarbage()
      while process.threads() > threads do ebb.yield_now() end
      print(process.files() - files)
    ]]
    assert.same({0, "0\n", ""}, {code, out, err})
  end)
end)

describe("a program with runtimes", function()
  it("ends though nobody has shut them down", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      rt = ebb.Runtime.new()
      rt:handle():spawn(function() require "ebb".sleep(1e6) end)
      task = rt:handle():spawn(function() return "result" end)
      print(task:await())
    ]]
    assert.same({0, "result\n", ""}, {code, out, err})
  end)

  it("ends by os.exit, in a task, too", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      rt = ebb.Runtime.new()
      task = rt:handle():spawn(function() require "ebb".sleep(1e6) end)
      ebb.spawn(function() os.exit(3, true) end)
      task:join()
    ]]
    assert.same({3, "", ""}, {code, out, err})
  end)

  it("ends by an error", function()
    local code, _, err = run [[
      local ebb = require "ebb"
      local rt <close> = ebb.Runtime.new()
      rt:handle():spawn(function() require "ebb".sleep(1e6) end)
      error "the end"
    ]]
    assert.equal(1, code)
    assert.matches("the end", err)
  end)

  it("is told once of a panic there that nobody can join", function()
    local code, _, err = run [[
      local ebb = require "ebb"
      local rt <close> = ebb.Runtime.new()
      local there = rt:handle()
      local function culprit() error("boom", 0) end
      ebb.Builder.new():name("far"):spawn_on(function() culprit() end, there)
      repeat
        collectgarbage()
        ebb.yield_now()
      until #ebb.tasks() == 0
    ]]
    assert.equal(0, code)
    assert.equal(1, select(2, err:gsub("boom", "")))
    assert.matches("far", err)
    assert.matches("culprit", err)
  end)

  it("is told of a panic of a task that was spawned there", function()
    local _, _, err = run [[
      local ebb = require "ebb"
      local rt <close> = ebb.Runtime.new()
      rt:handle():spawn(function()
        local ebb = require "ebb"
        ebb.spawn(error, "boom there")
        for _ = 1, 3 do
          ebb.yield_now()
          collectgarbage()
        end
      end):await()
    ]]
    assert.equal(1, select(2, err:gsub("boom there", "")))
  end)

  it("goes on when a Runtime is closed in a coroutine that is dropped",
     function()
    local code, out = run [[
      local ebb = require "ebb"
      local co = coroutine.wrap(function()
        local rt <close> = ebb.Runtime.new()
        coroutine.yield(rt:handle():spawn(function() return 7 end):await())
      end)
      print(co())
      co = nil
      collectgarbage()
      collectgarbage()
      print "goes on"
    ]]
    assert.same({0, "7\ngoes on\n"}, {code, out})
  end)
end)
