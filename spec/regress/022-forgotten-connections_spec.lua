-- Connections and ebb.io share the record of a file descriptor. A connection
-- that had never waited itself did not tell who waited for it by ebb.io.wait
-- when it was closed; and one that was given to ebb.io.forget never again
-- heard of what came.

local ebb = require "ebb"
local net = ebb.net

-- As many turns as the loop needs to look at file descriptors for sure.
local function settle_all()
  for _ = 1, 130 do ebb.yield_now() end
end

local function assert_close_wakes(object)
  local waits = ebb.spawn(ebb.io.wait, object, "r")
  settle_all()
  object:close()
  settle_all()
  assert.is_true(waits:is_finished())
  assert.same({nil, "closed"}, {waits:await()})
end

describe("ebb.io.wait ends when somebody closes", function()
  it("a connection that has never waited", function()
    local a, b <close> = net.pair()
    assert_close_wakes(a)
    assert.equal("closed", select(2, b:read(1)))
  end)

  it("a listener that has never waited", function()
    assert_close_wakes(assert(net.listen("127.0.0.1", 0)))
  end)

  it("a UDP socket that has never waited", function()
    assert_close_wakes(assert(net.udp("127.0.0.1", 0)))
  end)
end)

describe("a connection that was given to ebb.io.forget", function()
  local function assert_hears(forget_at)
    local a, b <close> = net.pair()
    local reader = ebb.spawn(a.read, a, 2)
    settle_all()
    if forget_at == "before" then ebb.io.forget(a) end
    settle_all()
    assert.is_true(b:write("x"))
    settle_all()
    if forget_at == "between" then ebb.io.forget(a) end
    settle_all()
    assert.is_true(b:write("y"))
    settle_all()
    assert.is_true(reader:is_finished())
    assert.equal("xy", reader:await())
    a:close()
  end

  it("still reads what comes", function() assert_hears "before" end)

  it("still reads the rest", function() assert_hears "between" end)
end)
