-- A task of a collected map is shut down after the finalizers of what lies on
-- its stack have run. Closing a map or handle there, a <close> variable's or
-- that of block_on, is no misuse then, and no panic.

local run = require "run"

local function assert_cancelled_quietly(body)
  local status, out, err = run([[
    local ebb = require "ebb"
    ebb.time.pause()
    do
      local map = ebb.JoinMap.new()
      local function body()
        local _ <close> = setmetatable({}, {__close = function(_, err)
          print("outer", err)
        end})
        ]] .. body .. [[

      end
      map:spawn("key", body)
    end
    ebb.yield_now()
    collectgarbage()
    collectgarbage()
    ebb.sleep(1)
    collectgarbage()
    collectgarbage()
    ebb.sleep(1)
  ]])
  assert.equal("", err)
  assert.equal("outer\tnil\n", out)
  assert.equal(0, status)
end

describe("the clean-up of a task whose map was collected", function()
  it("may close a map", function()
    assert_cancelled_quietly [[
      local inner <close> = ebb.JoinMap.new()
      inner:spawn(1, ebb.sleep, 1e6)
      ebb.sleep(1e6)
    ]]
  end)

  it("may close a handle", function()
    assert_cancelled_quietly [[
      local handle <close> = ebb.spawn(ebb.sleep, 1e6)
      ebb.sleep(1e6)
    ]]
  end)

  it("may come out of block_on", function()
    assert_cancelled_quietly [[
      ebb.block_on(ebb.sleep, 1e6)
    ]]
  end)
end)
