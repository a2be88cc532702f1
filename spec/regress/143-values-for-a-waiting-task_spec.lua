-- A script that has the thread of a waiting task may resume it, with values.
-- These lay above what the wait needs on the stack, and became pieces of a write,
-- arguments of a spawn, results of a select.

local ebb = require "ebb"

local function settle() for _ = 1, 4 do ebb.yield_now() end end

-- Spawns a task that calls f, and resumes its thread with junk once it waits.
local function disturbed(f)
  local thread
  local task = ebb.spawn(function()
    thread = coroutine.running()
    return f()
  end)
  settle()
  assert.equal("suspended", coroutine.status(thread))
  coroutine.resume(thread, {}, "junk", 3)
  coroutine.resume(thread, "junk")
  return task
end

describe("values that a script gives a task which waits", function()
  it("are not written to a connection", function()
    local a, b = ebb.net.pair()
    local text = ("x"):rep(1 << 20)
    local task = disturbed(function()
      assert(a:write(text, "end"))
      a:close()
    end)
    local got = assert(b:read("*a"))
    assert.is_true(task:join())
    assert.equal(#text + 3, #got)
    assert.equal("xend", got:sub(-4))
    b:close()
  end)

  it("are not given to the task it spawns", function()
    local map = ebb.JoinMap.new {max_tasks = 1}
    map:spawn(1, function() settle() settle() settle() end)
    local task = disturbed(function()
      map:spawn(2, function(...) return select("#", ...), ... end, "a")
    end)
    assert.same({1, true}, {map:join_next()})
    assert.is_true(task:join())
    assert.same({2, true, 1, "a"}, {map:join_next()})
  end)

  it("are not what a select returns", function()
    local task = disturbed(function()
      return ebb.select {
        won = function()
          ebb.yield_now() -- the other begins, too
          return "value"
        end,
        lost = function()
          local _ <close> = setmetatable({}, {__close = function()
            settle() settle() settle() settle()
          end})
          ebb.sleep(1e6)
        end
      }
    end)
    assert.same({true, "won", true, "value"}, {task:join()})
  end)

  it("are not what any other wait returns", function()
    local tx, rx = ebb.sync.channel(1)
    local task = disturbed(function() return rx:recv() end)
    tx:send "value"
    assert.same({true, "value"}, {task:join()})
    task = disturbed(function() return ebb.sleep(0.001) end)
    assert.same({true}, {task:join()})
  end)
end)
