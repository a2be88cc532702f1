-- Errors at the end of the main chunk, finalizers at the end of the state, and
-- the exit code. Each program runs in a process of its own.

local closing = require "closing"
local run = require "run"

local PRELUDE, THREE = closing.PRELUDE, closing.THREE
local assert_three_closed = closing.assert_three_closed

-- Expressions, each of a value of another type.
local VALUES = {
  ["nil"] = "nil",
  ["a string"] = "'boom'",
  ["a number"] = "42",
  ["a boolean"] = "false",
  ["a table"] = "{}",
  ["a table with __tostring"] =
    "setmetatable({}, {__tostring = function() return 'boom' end})",
  ["a function"] = "print",
  ["a userdata"] = "io.stdout",
  ["a coroutine"] = "coroutine.create(print)",
}

describe("an error in main of", function()
  for name, value in pairs(VALUES) do
    it(name .. " gives exit code 1 and closes the tasks", function()
      local code, out = run(THREE .. "error(" .. value .. ")")
      assert.equal(1, code)
      assert_three_closed(out)
    end)
  end
end)

describe("an error in a __close at the end of", function()
  for name, value in pairs(VALUES) do
    it(name .. " does not keep the others from being closed", function()
      local code, out = run(PRELUDE .. [[
        local function raise()
          local _ <close> = closer(function() error(]] .. value .. [[) end)
          forever()
        end
        ebb.spawn(raise)
        ebb.spawn(in_sort, raise)
        guarded("other", directly, forever)
        ebb.yield_now()
      ]])
      assert.equal(0, code)
      assert.equal("other closed\n", out)
    end)
  end

  it("a string is reported to stderr", function()
    local _, _, err = run(PRELUDE .. [[
      ebb.spawn(function()
        local _ <close> = closer(function() error "late" end)
        forever()
      end)
      ebb.yield_now()
    ]])
    assert.matches("late", err)
  end)

  it("a string does not keep outer variables from being closed", function()
    local _, out = run(PRELUDE .. [[
      ebb.spawn(function()
        local _ <close> = closer(function() print "outer" end)
        local _ <close> = closer(function() error "late" end)
        forever()
      end)
      ebb.yield_now()
    ]])
    assert.equal("outer\n", out)
  end)
end)

describe("a finalizer at the end of the state", function()
  -- Whatever these calls give, they must not harm the process.
  local CALLS = [[
    pcall(ebb.spawn, print, "spawned")
    pcall(ebb.yield_now)
    pcall(ebb.tasks)
    pcall(ebb.time.now)
    pcall(handle.join, handle)
    pcall(handle.abort, handle)
    pcall(handle.is_finished, handle)
    pcall(tostring, handle)
    pcall(map.spawn, map, "new", print, "spawned too")
    pcall(map.join_next, map)
    pcall(map.abort_all, map)
    pcall(tostring, map)
    print "finalized"
  ]]

  it("may use ebb when it was set before the module was loaded", function()
    local code, out = run([[
      local ebb, handle, map
      local _ = setmetatable({}, {__gc = function() ]] .. CALLS .. [[ end})
      ebb = require "ebb"
      handle = ebb.spawn(function() ebb.sleep(1e6) end)
      map = ebb.JoinMap.new()
      map:spawn("key", function() ebb.sleep(1e6) end)
      ebb.yield_now()
    ]])
    assert.equal(0, code)
    assert.matches("finalized\n$", out)
  end)

  it("may use ebb when it was set after the tasks were spawned", function()
    local code, out = run([[
      local ebb = require "ebb"
      local handle = ebb.spawn(function() ebb.sleep(1e6) end)
      local map = ebb.JoinMap.new()
      map:spawn("key", function() ebb.sleep(1e6) end)
      ebb.yield_now()
      local _ = setmetatable({}, {__gc = function() ]] .. CALLS .. [[ end})
    ]])
    assert.equal(0, code)
    assert.equal("finalized\n", out)
  end)
end)

describe("the exit code", function()
  it("is 0 when the main chunk ends", function()
    assert.equal(0, (run "require 'ebb'.yield_now()"))
  end)

  it("is 0 when a task has panicked but main ends well", function()
    local code = run [[
      local ebb = require "ebb"
      ebb.spawn(error, "boom"):join()
    ]]
    assert.equal(0, code)
  end)

  it("is 1 when the main chunk raises a JoinError", function()
    local code, _, err = run [[
      local ebb = require "ebb"
      ebb.spawn(error, "boom", 0):await()
    ]]
    assert.equal(1, code)
    assert.matches("boom", err)
  end)

  it("is the one that a task gives to os.exit", function()
    local code = run [[
      local ebb = require "ebb"
      ebb.spawn(function()
        ebb.yield_now()
        os.exit(7)
      end):join()
    ]]
    assert.equal(7, code)
  end)
end)
