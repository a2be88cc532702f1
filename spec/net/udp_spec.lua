-- ebb.net: UDP sockets.

local ebb = require "ebb"
local sockets = require "sockets"
local net, time = ebb.net, ebb.time

local HOST, settle_all = sockets.HOST, sockets.settle_all

describe("a UDP socket", function()
  local a, b, port

  before_each(function()
    a, b = assert(net.udp(HOST)), assert(net.udp(HOST, 0))
    port = select(2, b:local_name())
  end)
  after_each(function()
    a:close()
    b:close()
    pcall(time.resume)
  end)

  it("sends to an address, and tells who sent", function()
    assert.is_true(a:send_to("ping", HOST, port))
    assert.same({"ping", a:local_name()}, {b:receive()})
  end)

  it("sends to a host by its name", function()
    assert.is_true(a:send_to("ping", "localhost", port))
    assert.equal("ping", (b:receive()))
  end)

  it("sends to the one it is connected to", function()
    assert.is_true(a:connect(HOST, port))
    assert.is_true(a:send "ping")
    local data, host, from = b:receive()
    assert.is_true(b:send_to(data:upper(), host, from))
    assert.equal("PING", (a:receive()))
  end)

  it("keeps datagrams apart, empty and large ones too", function()
    local large = ("x"):rep(60000)
    for _, data in ipairs {"one", "", large, "two"} do
      assert.is_true(a:send_to(data, HOST, port))
    end
    for _, data in ipairs {"one", "", large, "two"} do
      assert.equal(data, (b:receive()))
    end
  end)

  it("tells when a datagram is too large", function()
    local _, _, code = a:send_to(("x"):rep(70000), HOST, port)
    assert.equal("EMSGSIZE", code)
  end)

  it("waits for a datagram", function()
    local task = ebb.spawn(b.receive, b)
    settle_all()
    assert.is_false(task:is_finished())
    a:send_to("late", HOST, port)
    assert.equal("late", (task:await()))
  end)

  it("gives up after its timeout", function()
    time.pause()
    b:set_timeout(1)
    assert.same({nil, "timeout", "ETIMEDOUT"}, {b:receive()})
  end)

  it("that is closed ends waits", function()
    local task = ebb.spawn(b.receive, b)
    settle_all()
    b:close()
    assert.same({true, nil, "closed", "EBADF"}, {task:join()})
    assert.same({nil, "closed", "EBADF"}, {b:send "x"})
    assert.same({nil, "closed", "EBADF"}, {b:send_to("x", HOST, port)})
  end)

  it("tells that nobody is there, and goes on", function()
    a:connect(HOST, port)
    b:close()
    a:send "x"
    local _, _, code = a:receive()
    assert.equal("ECONNREFUSED", code)
    a:set_timeout(0)
    assert.equal("timeout", select(2, a:receive()))
  end)
end)
