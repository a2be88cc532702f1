-- Blocking work that had been done counted as something that could still wake
-- the state that had asked for it, until its JoinHandle was collected: a
-- deadlock hung instead of being reported.

local run = require "run"

local function assert_deadlock_after(code)
  local status, out, err = run("local ebb = require 'ebb'\n" .. code .. [[
    local ok, message = pcall(ebb.sleep, math.huge)
    print(ok, message:match "^[^:]*")
    print(handle:is_finished())
  ]])
  assert.equal("", err)
  assert.equal("false\tdeadlock\ntrue\n", out)
  assert.equal(0, status)
end

describe("a deadlock is reported while a JoinHandle is held", function()
  it("of blocking work that is done", function()
    assert_deadlock_after [[
      local handle = ebb.spawn_blocking(function() end)
      handle:join()
    ]]
  end)

  it("of blocking work that was aborted", function()
    assert_deadlock_after [[
      ebb.set_max_blocking_threads(1)
      local first = ebb.spawn_blocking(function() end)
      local handle = ebb.spawn_blocking(function() end)
      handle:abort()
      handle:join()
      first:join()
    ]]
  end)

  it("by another runtime, of a task that it has spawned here", function()
    assert_deadlock_after [[
      local rt = ebb.Runtime.new()
      local handle = rt:handle():spawn(function(home)
        kept = home:spawn(function() end)
        home = nil
        kept:join()
        collectgarbage() -- the Handle goes
      end, ebb.Handle.current())
      handle:join()
    ]]
  end)
end)
