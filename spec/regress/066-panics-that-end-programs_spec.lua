-- A program that ended with the panic of a task showed the JoinError of that
-- task: neither what had been raised where, nor the tasks between.

local run = require "run"

local PROGRAM <const> = [[
local ebb = require "ebb"
local function leaf() error "boom" end
local function middle()
  ebb.spawn(leaf):await()
end
local function top()
  ebb.Builder.new():name("middle"):spawn(middle):await()
end
]]

-- Runs the program with an end; what it wrote to stderr.
local function stderr_of(code)
  local status, out, err = run(PROGRAM .. code)
  assert.same({1, ""}, {status, out})
  return err
end

local function count(text, what)
  return select(2, text:gsub(what, ""))
end

local LEAF <const> = ":2: boom\nstack traceback:\n[^\n]*'error'\n"
  .. "[^\n]*:2: in function <[^\n]*>\n"

describe("the panic that ends a program", function()
  local ends = {
    await = "ebb.spawn(top):await()",
    ["await in a function of the main chunk"] = [[
      local function go() ebb.spawn(top):await() end
      go()]],
    block_on = "ebb.block_on(top)",
    timeout = "ebb.time.timeout(1, top)",
    ["await within ebb's functions"] = [[
      local key = ebb.task_local "key"
      key:scope(1, ebb.unconstrained, function() ebb.spawn(top):await() end)]],
    ["await in a module's body"] = [[
      package.preload.module = function() ebb.spawn(top):await() end
      require "module"]],
  }

  for name, code in pairs(ends) do
    it("shows the leaf, and a line for each task: " .. name, function()
      local err = stderr_of(code)
      assert.matches("^[^\n]*" .. LEAF
        .. "awaited by task %d+ %(middle, [^\n]*:4%)\n"
        .. "awaited by task %d+ %([^\n]*:7%)\n"
        .. "awaited by the main chunk %([^\n]*:%d+%)\n", err)
      assert.equal(1, count(err, "boom"))
      assert.is_nil(err:find("panicked", 1, true))
    end)
  end

  it("is shown so by join_all", function()
    local err = stderr_of [[
      local set = ebb.JoinSet.new()
      set:spawn(top)
      set:join_all()]]
    assert.matches('task %d+ panicked with message "[^\n]*:2: boom"\n'
                     .. "stack traceback:\n", err)
    assert.equal(1, count(err, "boom"))
    assert.equal(3, count(err, "\nawaited by "))
  end)

  it("may be an object", function()
    local err = stderr_of [[
      ebb.spawn(error, setmetatable({}, {
        __tostring = function() return "an object" end
      })):await()]]
    assert.matches("^[^\n]*: an object\nstack traceback:\n[^\n]*'error'\n"
      .. "awaited by the main chunk %([^\n]*:%d+%)\n", err)
  end)

  it("may have no text", function()
    local err = stderr_of "ebb.spawn(error, {}):await()"
    assert.matches("^[^\n]*: %(error object is a table value%)\n"
      .. "stack traceback:\n[^\n]*'error'\nawaited by the main chunk", err)
  end)

  for name, body in pairs {raises = 'error "no text"',
                           waits = "ebb.sleep(1e9)"} do
    it("may be an object whose __tostring " .. name, function()
      local err = stderr_of(([[
        ebb.spawn(error, setmetatable({}, {
          __tostring = function() %s end
        })):await()]]):format(body))
      assert.matches("%(error object is a table value%)\n"
        .. "stack traceback:\n[^\n]*'error'\nawaited by the main chunk", err)
    end)
  end

  it("may come through a chain of 1000 tasks", function()
    local err = stderr_of [[
      local task = ebb.spawn(leaf)
      for _ = 1, 1000 do
        local inner = task
        task = ebb.spawn(function() inner:await() end)
      end
      task:await()]]
    assert.matches(LEAF, err)
    assert.equal(1001, count(err, "\nawaited by "))
  end)

  it("is the raised value to every pcall", function()
    local _, out = run(PROGRAM .. [[
      print(pcall(function() ebb.spawn(top):await() end))
      print(select(2, pcall(ebb.block_on, error, print)) == print)]])
    assert.matches("^false\t[^\n]*:2: boom\ntrue\n$", out)
  end)

  it("is the raised value to a coroutine's consumer", function()
    local _, out = run(PROGRAM .. [[
      print(coroutine.resume(coroutine.create(function()
        ebb.spawn(top):await()
      end)))]])
    assert.matches("^false\t[^\n]*:2: boom\n$", out)
  end)

  it("leaves an abort its JoinError", function()
    local err = stderr_of [[
      local task = ebb.spawn(ebb.sleep, 1)
      task:abort()
      task:await()]]
    assert.matches("^[^\n]*: task %d+ was cancelled\n$", err)
  end)
end)
