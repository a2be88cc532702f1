-- ebb.socket: LuaSocket with sockets that wait. What LuaSocket does is asked
-- of LuaSocket itself: each case runs on both.

local common = require "common"
local programs = require "programs"
local sockets = require "sockets"

local error_of = common.error_of

programs.use_older_modules()
local missing = programs.missing {["socket.core"] = "lua-socket"}
if missing then return pending("ebb.socket " .. missing) end

local blocking = require "socket"
local socket = require "ebb.socket"

local pair = sockets.pair_of

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
