-- ebb.socket where it is better than LuaSocket: other tasks run meanwhile.

local ebb = require "ebb"
local programs = require "programs"
local sockets = require "sockets"

local settle = ebb.yield_now

programs.use_older_modules()
local missing = programs.missing {["socket.core"] = "lua-socket"}
if missing then return pending("ebb.socket " .. missing) end

local blocking = require "socket"
local socket = require "ebb.socket"

local pair = sockets.pair_of

describe("ebb.socket", function()
  local client, peer

  before_each(function() client, peer = pair(socket) end)
  after_each(function()
    client:close()
    peer:close()
    pcall(ebb.time.resume)
  end)

  it("lets others run while it waits for data", function()
    local task = ebb.spawn(client.receive, client)
    for _ = 1, 20 do settle() end
    assert.is_false(task:is_finished())
    peer:send "hello\n"
    assert.same({true, "hello"}, {task:join()})
  end)

  for pattern, parts in pairs {
    ["*l"] = {"on", "e\r", "", "\nrest"}, [6] = {"on", "e", "two", "rest"},
    ["*a"] = {"one", "two", "\n", "three"}
  } do
    it(("receives %s in pieces, as if at once"):format(pattern), function()
      local expected = table.concat(parts)
      if pattern == "*l" then expected = "one" end
      if pattern == 6 then expected = "onetwo" end
      local task = ebb.spawn(client.receive, client, pattern, "0")
      if pattern == 6 then expected = "0onetw" end
      for _, part in ipairs(parts) do
        for _ = 1, 3 do settle() end
        peer:send(part)
      end
      peer:close()
      local ok, data, err = task:join()
      assert.is_true(ok)
      assert.is_nil(err)
      assert.equal(pattern == 6 and expected or "0" .. expected, data)
    end)
  end

  it("gives what has come in pieces when the peer goes", function()
    local task = ebb.spawn(client.receive, client, 100, "0")
    for _ = 1, 3 do
      settle()
      peer:send "ab"
    end
    settle()
    peer:close()
    assert.same({true, nil, "closed", "0ababab"}, {task:join()})
  end)

  -- Virtual time: a byte comes every 2 seconds.
  local function drip(timeout, mode)
    ebb.time.pause()
    client:settimeout(timeout, mode)
    local dripping <close> = ebb.spawn(function()
      while true do
        peer:send "x"
        ebb.sleep(2)
      end
    end)
    local begun = ebb.time.now()
    local data, err, partial = client:receive(5)
    local seconds = ebb.time.now() - begun
    ebb.time.resume()
    return data, err, partial, seconds
  end

  it("counts a block timeout from the beginning of the call", function()
    local data, err, partial, seconds = drip(5)
    assert.same({nil, "timeout", "xxx"}, {data, err, partial})
    assert.near(5, seconds, 1e-6)
  end)

  it("counts a total timeout from the beginning of the call", function()
    local data, err, partial, seconds = drip(3, "t")
    assert.same({nil, "timeout", "xx"}, {data, err, partial})
    assert.near(3, seconds, 1e-6)
  end)

  it("takes a block timeout beside a total one for each wait", function()
    client:settimeout(100, "t")
    assert.equal("xxxxx", (drip(2.5)))
    client:settimeout(7, "t")
    local data, err, partial = drip(2.5)
    assert.same({nil, "timeout", "xxxx"}, {data, err, partial})
  end)

  it("sends what does not fit while the peer takes it", function()
    local data = ("0123456789"):rep(500000)
    local task = ebb.spawn(client.send, client, data)
    local parts, got = {}, 0
    while got < #data do
      ebb.io.wait(peer, "r")
      local part, _, partial = peer:receive(#data - got)
      parts[#parts + 1] = part or partial
      got = got + #parts[#parts]
    end
    assert.is_true(table.concat(parts) == data)
    assert.same({true, #data}, {task:join()})
  end)

  it("ends the wait of one task when another closes the socket", function()
    local task = ebb.spawn(client.receive, client, "*l", "x")
    settle()
    client:close()
    assert.same({true, nil, "closed", "x"}, {task:join()})
  end)

  it("is closed at the end of a scope, an aborted task's too", function()
    local task = ebb.spawn(function()
      local sock <close> = client
      sock:receive()
    end)
    settle()
    task:abort()
    task:join()
    assert.equal(-1, client:getfd())
    assert.same({nil, "closed", ""}, {peer:receive()})
  end)

  it("does not let one whose data are always there starve others", function()
    local done = false
    ebb.spawn(function() done = true end)
    while not done do
      peer:send "x\n"
      client:receive()
    end
  end)

  it("accepts while others run", function()
    local server <close> = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    local task = ebb.spawn(server.accept, server)
    local mine <close> = assert(socket.connect("127.0.0.1", port))
    local theirs <close> = task:await()
    theirs:send "hi\n"
    assert.equal("hi", mine:receive())
    ebb.time.pause()
    server:settimeout(3)
    assert.same({nil, "timeout"}, {server:accept()})
  end)

  it("gives up connecting when time is up", function()
    -- Two connections fill the queue of a server that accepts none.
    local server <close> = socket.tcp4()
    assert(server:bind("127.0.0.1", 0))
    assert(server:listen(0))
    local _, port = server:getsockname()
    local err
    for _ = 1, 5 do
      local sock = socket.tcp4()
      sock:settimeout(0.05)
      _, err = sock:connect("127.0.0.1", port)
      if err then break end
    end
    assert.equal("timeout", err)
  end)

  it("resolves names on the pool", function()
    local ticks = 0
    local ticker <close> = ebb.spawn(function()
      while true do
        ticks = ticks + 1
        settle()
      end
    end)
    assert.equal((blocking.dns.toip "localhost"),
                 (socket.dns.toip "localhost"))
    assert.is_true(ticks > 0)
    assert.equal(blocking.dns.gethostname(), socket.dns.gethostname())
    assert.same(blocking.dns.getaddrinfo "127.0.0.1",
                socket.dns.getaddrinfo "127.0.0.1")
  end)

  it("says that there is no such name", function()
    assert.same({blocking.connect("no such name", 1)},
                {socket.connect("no such name", 1)})
  end)

  it("connects by name", function()
    local server <close> = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    local sock <close> = assert(socket.connect("localhost", port))
    assert.equal("127.0.0.1", (sock:getpeername()))
  end)

  it("binds this end when asked", function()
    local server <close> = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    local sock <close> =
      assert(socket.connect("127.0.0.1", port, "127.0.0.2", 0, "inet"))
    assert.equal("127.0.0.2", (sock:getsockname()))
  end)

  it("selects what becomes ready", function()
    local task = ebb.spawn(socket.select, {client}, nil)
    settle()
    peer:send "x"
    local readable = task:await()
    assert.equal(client, readable[1])
  end)

  it("sleeps, in virtual time too", function()
    ebb.time.pause()
    local begun = ebb.time.now()
    socket.sleep(7)
    socket.sleep(-1)
    assert.near(7, ebb.time.now() - begun, 1e-6)
  end)

  it("sends and receives datagrams", function()
    local one, other = assert(socket.udp4()), assert(socket.udp4())
    assert(one:setsockname("127.0.0.1", 0))
    assert(other:setsockname("127.0.0.1", 0))
    local _, port = one:getsockname()
    local task = ebb.spawn(one.receivefrom, one)
    settle()
    assert.equal(5, other:sendto("hello", "127.0.0.1", port))
    local data, host, from = task:await()
    assert.same({"hello", "127.0.0.1"}, {data, host})
    assert.equal(select(2, other:getsockname()) + 0, from)
    assert.equal(1, other:setpeername("127.0.0.1", port))
    assert.equal(5, other:send "again")
    assert.equal("again", one:receive())
    ebb.time.pause()
    one:settimeout(2)
    assert.same({nil, "timeout"}, {one:receive()})
    one:close()
    other:close()
  end)
end)
