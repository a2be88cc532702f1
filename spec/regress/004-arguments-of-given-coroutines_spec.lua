-- The arguments for a coroutine that is given as a body were put on its stack
-- at once. When others resumed or closed it before its first turn, as many
-- values as before were taken from a stack that no longer had them.

local run = require "run"

local function assert_survives(code)
  local status, out, err = run([[
    local ebb = require "ebb"
    local many = {}
    for i = 1, 200 do many[i] = i end
    local function body(...)
      while true do coroutine.yield() end
    end
    local co = coroutine.create(body)
  ]] .. code .. [[
    print "survived"
  ]])
  assert.equal("", err)
  assert.equal("survived\n", out)
  assert.equal(0, status)
end

describe("a coroutine that is given as a body with arguments", function()
  it("may be closed before its first turn", function()
    assert_survives [[
      local task = ebb.spawn(co, table.unpack(many))
      coroutine.close(co)
      task:join()
    ]]
  end)

  it("may be closed before its first turn when it had started", function()
    assert_survives [[
      coroutine.resume(co)
      local task = ebb.spawn(co, table.unpack(many))
      coroutine.close(co)
      task:join()
    ]]
  end)

  it("may be resumed before its first turn", function()
    assert_survives [[
      local task = ebb.spawn(co, table.unpack(many))
      for _ = 1, 3 do coroutine.resume(co) end
      ebb.yield_now()
      task:abort()
      task:join()
    ]]
  end)

  it("may be resumed before its first turn when it had started", function()
    assert_survives [[
      coroutine.resume(co)
      local task = ebb.spawn(co, table.unpack(many))
      for _ = 1, 3 do coroutine.resume(co) end
      ebb.yield_now()
      task:abort()
      task:join()
    ]]
  end)
end)
