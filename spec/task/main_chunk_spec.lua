-- What the main chunk is told: deadlocks, and panics that nobody joins.

local ebb = require "ebb"
local run = require "run"

local function count(text, word)
  return select(2, text:gsub(word, ""))
end

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
