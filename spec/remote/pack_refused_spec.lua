-- #threads
-- Values that cannot cross to another Lua state, by the name that the error
-- gives.

-- The other side has globals of its own.
-- luacheck: ignore 11

local ebb = require "ebb"
local common = require "common"
local remote = require "remote"

local collect, error_of = common.collect, common.error_of

local send, on_thread = remote.send, ebb.block_in_place

local thread = coroutine.create(function() end)

-- What cannot be sent, by the word for it.
local UNSENDABLE = {
  ["a userdata"] = io.stdout,
  ["a C function"] = print,
  ["a thread"] = thread,
}

describe("what cannot be sent", function()
  for what, value in pairs(UNSENDABLE) do
    local message <const> = "cannot send " .. what

    it("is named as an argument: " .. what, function()
      local err = error_of(on_thread, function() end, "fine", value)
      assert.matches(message .. " (argument 2)", err, 1, true)
    end)

    it("is named as a field: " .. what, function()
      local err = error_of(on_thread, function() end, {x = value})
      assert.matches(message .. " (field 'x')", err, 1, true)
    end)

    it("is named as a field of a field: " .. what, function()
      local err = error_of(on_thread, function() end, {a = {x = value}})
      assert.matches(message, err, 1, true)
      assert.matches("x", err, 1, true)
    end)

    it("is named as an element: " .. what, function()
      local err = error_of(on_thread, function() end, {1, 2, value})
      assert.matches(message, err, 1, true)
      assert.matches("3", err, 1, true)
    end)

    it("is refused as a key: " .. what, function()
      local err = error_of(on_thread, function() end, {[value] = 1})
      assert.matches(message, err, 1, true)
    end)

    it("is named as an upvalue: " .. what, function()
      local file = value
      local err = error_of(on_thread, function() return file end)
      assert.matches(message .. " (upvalue 'file')", err, 1, true)
    end)

    it("is named as an upvalue of an upvalue: " .. what, function()
      local file = value
      local function inner() return file end
      local err = error_of(on_thread, function() return inner end)
      assert.matches(message .. " (upvalue 'file')", err, 1, true)
    end)

    it("makes the work panic as a result: " .. what, function()
      local name = what == "a userdata" and "io.stdout"
        or what == "a C function" and "print"
        or "coroutine.create(function() end)"
      local f = assert(load("return 1, " .. name))
      local _, err = ebb.spawn_blocking(f):join()
      assert.is_true(err:is_panic())
      assert.matches(message .. " (result 2)", err:into_panic(), 1, true)
    end)

    it("makes the work panic in a result: " .. what, function()
      local name = what == "a userdata" and "io.stdout"
        or what == "a C function" and "print"
        or "coroutine.create(function() end)"
      local f = assert(load("return {x = " .. name .. "}"))
      local _, err = ebb.spawn_blocking(f):join()
      assert.matches(message .. " (field 'x')", err:into_panic(), 1, true)
    end)
  end

  it("is a JoinHandle, map, set, or key of a task-local", function()
    local done = ebb.spawn(function() end)
    for _, value in ipairs {
      done, done:abort_handle(), ebb.JoinMap.new(), ebb.JoinSet.new(),
      ebb.LocalSet.new(), ebb.Builder.new(), ebb.task_local "key",
    } do
      assert.matches("cannot send a userdata",
                     error_of(send, value), 1, true)
    end
    done:join()
  end)

  it("is a C function as the body", function()
    assert.matches("cannot send a C function",
                   error_of(on_thread, print), 1, true)
  end)

  it("is a coroutine as the body", function()
    assert.is_string(error_of(on_thread, coroutine.create(function() end)))
  end)

  it("is a table of C functions that is no library", function()
    assert.matches("cannot send a C function (field 'max')",
                   error_of(send, {max = math.max}), 1, true)
  end)

  it("does not start the work", function()
    collect()
    local before = #ebb.tasks()
    for _ = 1, 100 do
      error_of(ebb.spawn_blocking, function() end, {{{io.stdout}}})
    end
    assert.equal(before, #ebb.tasks())
  end)

  it("leaves no memory behind", function()
    local big = {}
    for i = 1, 1000 do big[i] = ("x"):rep(100) .. i end
    big[#big + 1] = io.stdout
    local function attempt()
      for _ = 1, 20 do error_of(send, big) end
      collect()
      return collectgarbage "count"
    end
    local before = attempt()
    for _ = 1, 5 do attempt() end
    assert.is_true(attempt() - before < 100)
  end)
end)
