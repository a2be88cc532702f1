-- ebb.socket.patch: code that was written for blocking sockets, as
-- socket.http, lua-redis and LuaSec, with servers of others.

local ebb = require "ebb"
local programs = require "programs"

local settle = ebb.yield_now

programs.use_older_modules()
local missing = programs.missing {["socket.core"] = "lua-socket"}
if missing then return pending("ebb.socket " .. missing) end

local blocking = require "socket"
local socket = require "ebb.socket"

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
