-- ebb.socket's connect to a host with several addresses tried them all with
-- one socket: after the first it was of the wrong family, or still busy.

local ebb = require "ebb"
local programs = require "programs"

local missing = programs.missing {["socket.core"] = "lua-socket"}
if missing then return pending("ebb.socket " .. missing) end

local blocking = require "socket"
local dns = require "ebb.socket.dns"
local socket = require "ebb.socket"

local V4 <const> = {family = "inet", addr = "127.0.0.1"}
local V6 <const> = {family = "inet6", addr = "::1"}

-- A listener whose backlog is full: connecting to it takes for ever.
local function busy_listener(host)
  local server = assert(blocking.tcp4())
  assert(server:bind(host, 0))
  assert(server:listen(0))
  local _, port = server:getsockname()
  local filling = {server}
  repeat
    local conn = assert(blocking.tcp4())
    conn:settimeout(0)
    conn:connect(host, port)
    filling[#filling + 1] = conn
    local _, writable = blocking.select(nil, {conn}, 0.05)
  until not writable[1]
  return port, filling
end

describe("ebb.socket connects over several addresses", function()
  local original = dns.getaddrinfo
  local server, port

  local function resolve_to(...)
    local addresses = {...}
    dns.getaddrinfo = function() return addresses end
  end

  before_each(function()
    ebb.time.pause()
    server = assert(blocking.bind("127.0.0.1", 0))
    port = select(2, server:getsockname())
  end)
  after_each(function()
    dns.getaddrinfo = original
    server:close()
    ebb.time.resume()
  end)

  it("when one of another family refuses", function()
    resolve_to(V6, V4)
    local conn <close> = assert(socket.connect("two", port))
    assert.equal("127.0.0.1", (conn:getpeername()))
  end)

  it("when one of its own family refuses, and is tried again", function()
    local dead = {family = "inet", addr = "127.0.0.2"}
    resolve_to(dead, V6, dead, V4)
    for _, make in ipairs {socket.tcp, socket.tcp4} do
      local conn <close> = assert(make())
      assert.equal(1, conn:connect("two", port))
    end
  end)

  it("when a connection to the same object has failed before", function()
    local conn <close> = assert(socket.tcp())
    resolve_to(V6)
    assert.is_nil((conn:connect("one", port)))
    resolve_to(V4)
    assert.equal(1, conn:connect("two", port))
  end)

  it("of its own family alone, once it is bound", function()
    local conn <close> = assert(socket.tcp())
    assert(conn:bind("127.0.0.1", 0))
    resolve_to(V6, {family = "inet", addr = "127.0.0.2"}, V4)
    local name = table.concat({conn:getsockname()}, " ")
    assert.equal(1, conn:connect("two", port))
    assert.equal(name, table.concat({conn:getsockname()}, " "))
  end)

  it("and keeps the options", function()
    resolve_to({family = "inet", addr = "127.0.0.2"}, V4)
    local conn <close> = assert(socket.tcp4())
    assert.equal(1, conn:setoption("keepalive", true))
    assert.equal(1, conn:connect("two", port))
    assert.is_true(conn:getoption "keepalive")
  end)

  it("each of which gets its share of the time", function()
    local busy, filling = busy_listener("127.0.0.3")
    local good = assert(blocking.bind("127.0.0.1", busy))
    resolve_to({family = "inet", addr = "127.0.0.3"}, V4)
    local conn <close> = assert(socket.tcp())
    conn:settimeout(10)
    local begun = ebb.time.now()
    assert.equal(1, conn:connect("two", busy))
    assert.equal(5, ebb.time.now() - begun)
    good:close()
    for _, one in ipairs(filling) do one:close() end
  end)

  it("and gives the error of the last", function()
    resolve_to(V4, V6)
    server:close()
    assert.same({nil, "connection refused"}, {socket.connect("two", port)})
  end)

  it("but not for two tasks with one object", function()
    local busy, filling = busy_listener("127.0.0.3")
    local conn <close> = assert(socket.tcp())
    local task = ebb.spawn(conn.connect, conn, "127.0.0.3", busy)
    ebb.yield_now()
    assert.same({nil, "Operation already in progress"},
                {conn:connect("127.0.0.3", busy)})
    task:abort()
    task:join()
    for _, one in ipairs(filling) do one:close() end
  end)
end)
