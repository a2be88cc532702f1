-- The loop counted its turns to the next look at file descriptors anew each
-- time it looked at timers. A task that tried again and again with a timeout
-- of 0 kept it from ever looking, for all tasks.

local ebb = require "ebb"

local ENOUGH <const> = 1000 -- tries; the loop looks within some 61 turns

describe("file descriptors are looked at", function()
  it("while a task tries to read with a timeout of 0", function()
    local a <close>, b = ebb.net.pair()
    a:set_timeout(0)
    for _ = 1, ENOUGH do -- until it is known that there is nothing
      assert.equal("timeout", select(2, a:read(1)))
    end
    assert.is_true(b:write("x"))
    local byte
    for _ = 1, ENOUGH do
      byte = a:read(1)
      if byte then break end
    end
    assert.equal("x", byte)
  end)

  it("for another task than the one whose timer is always due", function()
    local a <close>, b = ebb.net.pair()
    local tried <close>, other = ebb.net.pair()
    local _ <close> = other
    tried:set_timeout(0)
    local reader <close> = ebb.spawn(a.read, a, 1)
    ebb.yield_now()
    assert.is_true(b:write("x"))
    for _ = 1, ENOUGH do tried:read(1) end
    assert.is_true(reader:is_finished())
    assert.equal("x", reader:await())
  end)
end)
