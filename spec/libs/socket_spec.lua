-- ebb.socket: LuaSocket and LuaSec with sockets that wait. What LuaSocket does
-- is asked of LuaSocket itself: each case of the first part runs on both.

local common = require "common"
local ebb = require "ebb"
local programs = require "programs"

local error_of = common.error_of
local settle = ebb.yield_now

programs.use_older_modules()
local missing = programs.missing {["socket.core"] = "lua-socket"}
if missing then return pending("ebb.socket " .. missing) end

local blocking = require "socket"
local socket = require "ebb.socket"

-- A connection: the end that is tested, made by `module`, and the other one,
-- which sends without blocking what fits into the system's buffers.
local function pair(module)
  local server = assert(blocking.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  local client = assert(module.connect("127.0.0.1", port))
  local peer = assert(server:accept())
  server:close()
  peer:settimeout(0)
  return client, peer
end

-- What f(client, peer) gives with the one module and the other.
local function same_on_both(f)
  local results = {}
  for i, module in ipairs {blocking, socket} do
    local client, peer = pair(module)
    results[i] = table.pack(f(client, peer, module))
    client:close()
    peer:close()
  end
  assert.same(results[1], results[2])
  return table.unpack(results[2], 1, results[2].n)
end

local SHORT <const> = 0.01

-- What was sent; whether it ends there; how it is received.
local RECEIVED <const> = {
  ["a line"] = {"one\ntwo\n", false, {}, {}},
  ["a line that ends with CR LF"] = {"one\r\ntwo\n", false, {"*l"}, {"*l"}},
  ["a line with a prefix"] = {"one\ntwo\n", false, {"*l", "0"}, {"*l", ""}},
  ["a line that has not ended"] = {"one\ntw", false, {"*l"}, {"*l"}, {"*l"}},
  ["a line that never ends"] = {"one\ntw", true, {"*l"}, {"*l"}, {"*l"}},
  ["a line at the end of the stream"] = {"", true, {"*l", "before"}},
  ["bytes"] = {"123456", false, {2}, {4}},
  ["no bytes"] = {"123456", false, {0}, {0}, {6}},
  ["bytes behind a prefix"] = {"123456", false, {4, "ab"}, {4}},
  ["fewer bytes than the prefix has"] = {"123456", false, {2, "abc"}, {6}},
  ["bytes that do not come"] = {"123", false, {4, "ab"}, {4, "ab"}},
  ["bytes that never come"] = {"123", true, {7, "ab"}, {4, "ab"}},
  ["a number as a string"] = {"123", false, {"2"}},
  ["a fraction of bytes"] = {"123", false, {2.5}},
  ["all"] = {"one\ntwo", true, {"*a"}, {"*a"}},
  ["all behind a prefix"] = {"one", true, {"*a", "ab"}, {"*a", "ab"}},
  ["all of a stream that has not ended"] = {"one", false, {"*a"}, {"*a", "x"}},
  ["all of nothing"] = {"", true, {"*a"}}
}

describe("ebb.socket, as LuaSocket, receives", function()
  for name, case in pairs(RECEIVED) do
    it(name, function()
      same_on_both(function(client, peer)
        peer:send(case[1])
        if case[2] then peer:close() end
        client:settimeout(SHORT)
        local results = {}
        for i = 3, #case do
          results[i] = table.pack(client:receive(table.unpack(case[i])))
        end
        return results
      end)
    end)
  end
end)

describe("ebb.socket, as LuaSocket,", function()
  it("sends all of a string or a part", function()
    same_on_both(function(client, peer)
      local results = {
        table.pack(client:send "abc"), table.pack(client:send("abcdef", 3)),
        table.pack(client:send("abcdef", 2, 4)), table.pack(client:send ""),
        table.pack(client:send("abcdef", -3, -2)),
        table.pack(client:send("abc", 3, 2)), table.pack(client:send(12))
      }
      return results, peer:receive(3 + 4 + 3 + 2 + 2)
    end)
  end)

  it("says how much it has sent when time is up", function()
    same_on_both(function(client)
      client:settimeout(SHORT)
      local sent, err, last = client:send(("x"):rep(2 ^ 24), 11)
      return sent, err, last > 10 and last < 2 ^ 24
    end)
  end)

  it("says that the connection is closed", function()
    same_on_both(function(client, peer)
      peer:close()
      client:receive()
      client:send "x"
      return client:receive(), client:send "x"
    end)
  end)

  it("says that the socket is closed", function()
    same_on_both(function(client)
      local first = client:close()
      return first, client:close(), client:receive(), client:send "x"
    end)
  end)

  it("keeps the timeouts", function()
    same_on_both(function(client)
      local results = {{client:gettimeout()}}
      for i, timeout in ipairs {
        {3}, {4, "b"}, {5, "t"}, {6.5, "total"}, {-1}, {0, "t"}, {nil, "t"}
      } do
        local set = client:settimeout(table.unpack(timeout, 1, 2))
        results[i + 1] = {set, client:gettimeout()}
      end
      return results
    end)
  end)

  it("tells the names of both ends", function()
    local client, peer = pair(socket)
    local function name(host, port) return host .. " " .. port end
    assert.equal(name(client:getpeername()), name(peer:getsockname()))
    assert.equal(name(client:getsockname()), name(peer:getpeername()))
    assert.matches("^tcp{client}: ", tostring(client))
    client:close()
    peer:close()
  end)

  it("sets options, and counts", function()
    same_on_both(function(client, peer)
      client:send "12345"
      peer:send "123\n"
      client:receive()
      local received, sent = client:getstats()
      return client:setoption("tcp-nodelay", true),
        client:getoption "tcp-nodelay", received, sent, client:dirty()
    end)
  end)

  it("says that nobody listens", function()
    local port = programs.free_port()
    local expected = {blocking.connect("127.0.0.1", port)}
    assert.same({nil, "connection refused"}, expected)
    assert.same(expected, {socket.connect("127.0.0.1", port)})
    assert.same(expected, {socket.tcp4():connect("127.0.0.1", port)})
  end)

  it("gives a master one other kind after the other", function()
    same_on_both(function(_, _, module)
      local sock = module.tcp()
      local kinds = {tostring(sock):match "^tcp{%l+}"}
      assert(sock:bind("*", 0))
      assert(sock:listen(5))
      kinds[2] = tostring(sock):match "^tcp{%l+}"
      sock:close()
      return kinds
    end)
  end)

  it("raises an error for a wrong pattern or timeout", function()
    for _, call in ipairs {
      function(client) client:receive "*x" end,
      function(client) client:receive(-1) end,
      function(client) client:settimeout "soon" end,
      function(client) client:settimeout(1, "x") end,
      function(client) client:send() end
    } do
      local client, peer = pair(blocking)
      assert.is_false((pcall(call, client)))
      client:close()
      peer:close()
      client, peer = pair(socket)
      assert.matches("bad argument", error_of(call, client))
      client:close()
      peer:close()
    end
  end)

  it("has all of its functions", function()
    for name, value in pairs(blocking) do
      assert.equal(type(value), type(socket[name]), name)
    end
  end)

  it("selects what is ready", function()
    same_on_both(function(client, peer, module)
      peer:send "x"
      module.sleep(0)
      local results = {}
      for i, case in ipairs {
        {{client}, {client}}, {{client}}, {nil, {client}}, {{}, {}, 0},
        {{client, client}, nil, 0}
      } do
        local r, w, err = module.select(table.unpack(case, 1, 3))
        results[i] = {#r, #w, err, r[1] == client, r[client], w[client]}
      end
      return results
    end)
  end)

  it("selects sockets that are given twice, or have read ahead", function()
    same_on_both(function(client, peer, module)
      local other, its_peer = pair(module)
      peer:send "x\ny"
      its_peer:send "z"
      client:receive(1)
      local results = {}
      for i, list in ipairs {
        {client}, {client, client}, {other}, {other, other},
        {other, client}, {other, client, other, client}
      } do
        local r, w, err = module.select(list, list, 1)
        results[i] = {#r, #w, err, r[1] == client}
        for _, ready in ipairs {r, w} do
          for _, sock in ipairs {client, other} do
            local place = ready[sock]
            table.insert(results[i], place ~= nil and ready[place] == sock)
          end
        end
      end
      other:close()
      its_peer:close()
      return results
    end)
  end)

  it("selects nothing that is closed, or is no list", function()
    same_on_both(function(client, _, module)
      client:close()
      local sock = module.tcp()
      local results = {}
      for i, case in ipairs {
        {nil, nil, 0}, {{client}, {client}, 0}, {{client}, {client}, SHORT},
        {{}, {}, "0"}, {{sock}, {sock}, "0.0"}
      } do
        local r, w, err = module.select(table.unpack(case, 1, 3))
        results[i] = {#r, #w, err, next(r), next(w)}
      end
      sock:close()
      return results
    end)
  end)

  it("raises an error for lists and times that are none", function()
    for number, arguments in ipairs {
      {"x"}, {nil, 1}, {nil, nil, {}}
    } do
      for _, module in ipairs {blocking, socket} do
        local err = error_of(function()
          module.select(table.unpack(arguments, 1, 3))
        end)
        assert.matches("bad argument #" .. number, err, 1, true)
        assert.matches("^spec/libs/socket_spec", (err:gsub("^.*(spec/)", "%1")))
      end
    end
  end)

  it("selects nothing when time is up", function()
    same_on_both(function(client, _, module)
      local r, w, err = module.select({client}, nil, SHORT)
      return #r, #w, err
    end)
  end)
end)

-- ---- what is better here ----

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

-- ---- code that was written for blocking sockets ----

describe("ebb.socket.patch", function()
  local saved = {}
  local TAKERS = {
    "socket", "socket.http", "socket.tp", "socket.smtp", "socket.ftp", "redis",
    "ssl", "ssl.https"
  }

  setup(function()
    for _, name in ipairs(TAKERS) do
      saved[name] = package.loaded[name]
      package.loaded[name] = nil
    end
    package.loaded["socket"] = blocking
    assert.equal(socket, socket.patch())
  end)
  teardown(function()
    for _, name in ipairs(TAKERS) do package.loaded[name] = saved[name] end
    package.preload.ssl = nil
  end)

  it("puts itself in the place of socket, once", function()
    local http = require "socket.http"
    assert.equal(socket, require "socket")
    assert.equal(http, socket.http)
    assert.equal(socket, socket.patch())
    assert.equal(http, require "socket.http")
  end)

  describe("with a server of files", function()
    local lacking = programs.missing {["!python3"] = "python3"}
    if lacking then return pending(lacking) end
    local FILES <const>, server, directory = 100, nil, nil

    local function content(i) return (i .. " "):rep(i * 1000) end

    setup(function()
      directory = programs.directory()
      for i = 1, FILES do
        local file <close> = assert(io.open(directory .. "/" .. i, "wb"))
        file:write(content(i % 20))
      end
      server = programs.http_server(directory)
    end)
    teardown(function()
      server:stop()
      programs.remove(directory)
    end)

    it("fetches by socket.http from 100 tasks at once", function()
      local http = require "socket.http"
      local map <close> = ebb.JoinMap.new()
      for i = 1, FILES do
        local url = ("http://127.0.0.1:%s/%d"):format(server.found, i)
        map:spawn(i, http.request, url)
      end
      local count = 0
      for i, ok, body, code in map.join_next, map do
        assert.is_true(ok, tostring(body))
        assert.equal(200, code)
        assert.is_true(body == content(i % 20))
        count = count + 1
      end
      assert.equal(FILES, count)
    end)

    it("leaves failures to those who have them", function()
      local http = require "socket.http"
      local base = "http://127.0.0.1:" .. server.found
      local lost = ebb.spawn(http.request, base .. "/no-such-file")
      local refused = ebb.spawn(http.request, "http://127.0.0.1:1/")
      local aborted = ebb.spawn(http.request, base .. "/19")
      local good = ebb.spawn(http.request, base .. "/1")
      for _ = 1, 10 do settle() end
      aborted:abort()
      assert.equal(404, (select(3, lost:join())))
      assert.same({true, nil, "connection refused"}, {refused:join()})
      assert.same({true, content(1), 200}, {table.unpack({good:join()}, 1, 3)})
    end)
  end)

  describe("with redis", function()
    local lacking = programs.missing {
      redis = "lua-redis", ["!redis-server"] = "redis-server"
    }
    if lacking then return pending(lacking) end
    local server, directory

    setup(function()
      directory = programs.directory()
      server = programs.redis_server(directory)
    end)
    teardown(function()
      server:stop()
      programs.remove(directory)
    end)

    local function connect()
      return require "redis".connect("127.0.0.1", server.found)
    end

    -- Sets, adds to and reads keys of its own, and waits for others between.
    local function converse(i)
      local client, key = connect(), "key" .. i
      for round = 1, 5 do
        local value = ("%d-%d "):format(i, round):rep(i)
        assert.is_true(client:set(key, value))
        assert.equal(value, client:get(key))
        assert.equal(round, client:incr("n" .. i))
      end
      client:rpush("list" .. i, i, i + 1, i + 2)
      local list = client:lrange("list" .. i, 0, -1)
      client:quit()
      return table.concat(list, " ")
    end

    it("gives each of 200 tasks its own replies", function()
      local map <close> = ebb.JoinMap.new()
      for i = 1, 200 do map:spawn(i, converse, i) end
      local count = 0
      for i, ok, list in map.join_next, map do
        assert.is_true(ok, tostring(list))
        assert.equal(("%d %d %d"):format(i, i + 1, i + 2), list)
        count = count + 1
      end
      assert.equal(200, count)
    end)

    it("is not disturbed by a task that is aborted in a request", function()
      local map <close> = ebb.JoinMap.new()
      local client = connect()
      -- It waits for a reply that does not come by itself.
      local victim = ebb.spawn(client.blpop, client, "nothing", 0)
      for i = 201, 220 do map:spawn(i, converse, i) end
      for _ = 1, 20 do settle() end
      assert.is_false(victim:is_finished())
      victim:abort()
      for i, ok, list in map.join_next, map do
        assert.is_true(ok, tostring(list))
        assert.equal(("%d %d %d"):format(i, i + 1, i + 2), list)
      end
      assert.is_true(select(2, victim:join()):is_cancelled())
    end)
  end)

  describe("with TLS", function()
    local lacking = programs.missing {
      ssl = "lua-sec", ["!openssl"] = "openssl"
    }
    if lacking then return pending(lacking) end
    local server, directory, port

    setup(function()
      directory = programs.directory()
      server = programs.tls_server(directory)
      port = server.found
    end)
    teardown(function()
      server:stop()
      programs.remove(directory)
    end)

    it("shakes hands by ssl.wrap", function()
      local ssl = require "ssl"
      local sock = assert(require "socket".connect("127.0.0.1", port))
      local conn <close> = assert(ssl.wrap(sock, {
        mode = "client", protocol = "any", verify = "peer",
        cafile = directory .. "/certificate"
      }))
      local ok, why = conn:dohandshake()
      assert.is_true(ok, why)
      assert.is_true((conn:getpeerverification()))
      assert.equal(18, conn:send "GET / HTTP/1.0\r\n\r\n")
      assert.matches("^HTTP/1.0 200", conn:receive())
      assert.matches("s_server", conn:receive "*a")
      conn:close()
      assert.equal(-1, conn:getfd())
    end)

    it("fetches by ssl.https from 20 tasks at once", function()
      local https = require "ssl.https"
      local map <close> = ebb.JoinMap.new()
      for i = 1, 20 do
        map:spawn(i, https.request, "https://127.0.0.1:" .. port .. "/")
      end
      for _, ok, body, code in map.join_next, map do
        assert.is_true(ok, tostring(body))
        assert.equal(200, code)
        assert.matches("s_server", body)
      end
    end)

    it("waits for a handshake while others run, until time is up", function()
      local silent <close> = assert(socket.bind("127.0.0.1", 0))
      local _, silent_port = silent:getsockname()
      local sock = assert(socket.connect("127.0.0.1", silent_port))
      local conn = require "ssl".wrap(sock, {mode = "client", protocol = "any"})
      local task = ebb.spawn(conn.dohandshake, conn)
      for _ = 1, 20 do settle() end
      assert.is_false(task:is_finished())
      task:abort()
      assert.is_true(select(2, task:join()):is_cancelled())
      ebb.time.pause()
      conn:settimeout(3)
      assert.same({false, "wantread"}, {conn:dohandshake()})
      ebb.time.resume()
      conn:close()
    end)
  end)
end)
