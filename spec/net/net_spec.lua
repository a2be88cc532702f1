-- ebb.net: real sockets on 127.0.0.1, and Unix sockets in a directory of
-- their own. Nothing sleeps: what is waited for is always an event, or a
-- deadline on a paused clock.

local common = require "common"
local ebb = require "ebb"
local lfs = require "lfs" -- which busted needs, too
local run = require "run"
local net, time = ebb.net, ebb.time
local error_of, settle = common.error_of, ebb.yield_now

local HOST <const> = "127.0.0.1"

-- As many turns as the loop needs to look at file descriptors for sure.
local function settle_all()
  for _ = 1, 130 do settle() end
end

local function listen()
  local listener = assert(net.listen(HOST, 0))
  local _, port = listener:local_name()
  return listener, port
end

-- The two ends of a TCP connection.
local function tcp_pair()
  local listener <close>, port = listen()
  local accept = ebb.spawn(listener.accept, listener)
  local client = assert(net.connect(HOST, port))
  return client, assert(accept:await())
end

local function count_fds()
  local n = 0
  for _ in lfs.dir "/proc/self/fd" do n = n + 1 end
  return n
end

-- A task that answers each connection with f(conn), in a task of its own.
local function serve(listener, f)
  return ebb.spawn(function()
    local conns <close> = ebb.JoinSet.new()
    for conn in listener.accept, listener do
      conns:spawn(function()
        local conn <close> = conn
        f(conn)
      end)
    end
  end)
end

local function echo(conn)
  for data in function() return conn:read_some() end do conn:write(data) end
end

for kind, new_pair in pairs {TCP = tcp_pair, Unix = net.pair} do
  describe("a " .. kind .. " connection", function()
    local a, b

    before_each(function() a, b = new_pair() end)
    after_each(function()
      a:close()
      b:close()
      pcall(time.resume)
    end)

    describe("reads", function()
      it("a number of bytes", function()
        a:write "abcdef"
        assert.equal("ab", b:read(2))
        assert.equal("cdef", b:read(4))
      end)

      it("a number of bytes that come one by one", function()
        local task = ebb.spawn(b.read, b, 3)
        for c in ("xyz"):gmatch "." do
          settle_all()
          assert.is_false(task:is_finished())
          a:write(c)
        end
        assert.equal("xyz", task:await())
      end)

      it("more bytes than a buffer takes at first", function()
        local data = ("0123456789abcdef"):rep(20000)
        local writer = ebb.spawn(a.write, a, data)
        assert.equal(data, b:read(#data))
        assert.is_true(writer:await())
      end)

      it("no bytes", function()
        a:write "x"
        assert.equal("", b:read(0))
        assert.equal("x", b:read(1))
        a:close()
        assert.is_nil(b:read(0))
      end)

      it("lines, without what ends them", function()
        a:write "one\ntwo\r\n\n\r\nfive"
        a:shutdown()
        local lines = {b:read "*l"}
        for line in b:lines() do lines[#lines + 1] = line end
        assert.same({"one", "two", "", "", "five"}, lines)
      end)

      it("record by record, of whatever kind", function()
        a:write "a;bb;ccc"
        a:shutdown()
        local seen = {}
        for record in b:lines ";" do seen[#seen + 1] = record end
        for pair in b:lines(2) do seen[#seen + 1] = pair end
        assert.same({"a", "bb", "cc"}, seen)
        assert.equal("c", b:read "*a")
      end)

      it("up to a delimiter that has no magic", function()
        a:write "a.b%%c.%d.%end"
        assert.equal("a.b%%c", b:read ".%")
        assert.equal("d", b:read ".%")
        assert.equal("e", b:read "n")
      end)

      it("a delimiter that comes in parts", function()
        local task = ebb.spawn(b.read, b, "\r\n\r\n")
        for _, part in ipairs {"head\r", "\n", "\r\r\n\r", "\nbody"} do
          settle_all()
          assert.is_false(task:is_finished())
          a:write(part)
        end
        assert.equal("head\r\n\r", task:await())
        assert.equal("body", b:read(4))
      end)

      it("a long line that comes in parts", function()
        local part = ("x"):rep(1000)
        local task = ebb.spawn(b.read, b, "*l")
        for _ = 1, 50 do
          a:write(part)
          settle_all()
        end
        a:write "\nrest"
        assert.equal(part:rep(50), task:await())
        assert.equal("rest", b:read(4))
      end)

      it("all up to the end", function()
        local data = ("all"):rep(50000)
        ebb.spawn(function()
          a:write(data)
          a:close()
        end)
        assert.equal(data, b:read "*a")
        assert.equal("", b:read "*a")
      end)

      it("what is there", function()
        a:write "abc"
        assert.equal("ab", b:read_some(2))
        assert.equal("c", b:read_some())
        local task = ebb.spawn(b.read_some, b)
        settle_all()
        a:write "d"
        assert.equal("d", task:await())
      end)

      it("bytes of every value", function()
        local bytes = {}
        for i = 0, 255 do bytes[i + 1] = string.char(i) end
        local all = table.concat(bytes)
        a:write(all)
        assert.equal(all, b:read(256))
        a:write("x\0y\0\0z")
        assert.equal("x\0y", b:read "\0\0")
      end)
    end)

    describe("at the end of the stream", function()
      local END <const> = {nil, "closed", "EOF"}

      it("says so, and keeps what was not asked for", function()
        a:write "abc"
        a:close()
        assert.same(END, {b:read(4)})
        assert.same(END, {b:read ";"})
        assert.equal("abc", b:read "*a")
        assert.same(END, {b:read(1)})
        assert.same(END, {b:read "*l"})
        assert.same(END, {b:read_some()})
      end)

      it("wakes who waits", function()
        local task = ebb.spawn(b.read, b, 1)
        settle_all()
        a:close()
        assert.same({true, table.unpack(END, 1, 3)}, {task:join()})
      end)

      it("can still be written to", function()
        a:shutdown()
        assert.same(END, {b:read(1)})
        assert.is_true(b:write "answer")
        b:close()
        assert.equal("answer", a:read "*a")
      end)

      it("gives EPIPE to who writes, and no signal", function()
        a:close()
        local ok, _, code
        repeat ok, _, code = b:write(("x"):rep(100)) until not ok
        assert.is_truthy(code == "EPIPE" or code == "ECONNRESET")
        _, _, code = b:write "x"
        assert.equal("EPIPE", code)
      end)
    end)

    describe("with a limit", function()
      it("refuses a longer line, and keeps it", function()
        a:write "12345\n"
        assert.same({nil, "Message too long", "EMSGSIZE"}, {b:read("*l", 4)})
        assert.equal("12345", b:read("*l", 5))
      end)

      it("does not wait for the end of a line that is too long", function()
        a:write "12345"
        local _, _, code = b:read("*l", 4)
        assert.equal("EMSGSIZE", code)
        _, _, code = b:read(";", 4)
        assert.equal("EMSGSIZE", code)
        _, _, code = b:read("*a", 4)
        assert.equal("EMSGSIZE", code)
      end)
    end)

    describe("when a task that reads is aborted", function()
      for name, what in pairs {
        ["a number of bytes"] = 10, ["a line"] = "*l", ["all"] = "*a"
      } do
        it("has lost no byte of " .. name, function()
          local task = ebb.spawn(b.read, b, what)
          a:write "part"
          settle_all()
          task:abort()
          task:join()
          a:write " and more"
          assert.equal("part and more", b:read(13))
        end)
      end

      it("has lost no byte that came just then", function()
        local task = ebb.spawn(b.read, b, 4)
        settle_all()
        a:write "data"
        task:abort()
        task:join()
        assert.equal("data", b:read(4))
      end)
    end)

    describe("with a timeout", function()
      local TIMEOUT <const> = {nil, "timeout", "ETIMEDOUT"}

      before_each(function() time.pause() end)

      it("gives up reading, and keeps what has come", function()
        local begun = time.now()
        b:set_timeout(2)
        a:write "ab"
        assert.same(TIMEOUT, {b:read(3)})
        assert.near(2, time.now() - begun, 1e-6)
        a:write "c"
        assert.equal("abc", b:read(3))
      end)

      it("gives up writing, and says how much went out", function()
        a:set_timeout(2)
        local data = ("x"):rep(1e7)
        local result = {a:write(data)}
        assert.same({nil, "timeout", "ETIMEDOUT"}, {table.unpack(result, 1, 3)})
        assert.is_true(result[4] > 0 and result[4] < #data)
        a:close()
        assert.equal(result[4], #b:read "*a")
      end)

      it("can be without one again", function()
        b:set_timeout(1)
        b:set_timeout(nil)
        local task = ebb.spawn(b.read, b, 1)
        ebb.sleep(1000)
        assert.is_false(task:is_finished())
        a:write "x"
        assert.equal("x", task:await())
      end)
    end)

    describe("that is closed", function()
      local CLOSED <const> = {nil, "closed", "EBADF"}

      it("says so to whoever uses it", function()
        a:close()
        a:close()
        assert.same(CLOSED, {a:read(1)})
        assert.same(CLOSED, {a:read_some()})
        assert.same({nil, "closed", "EBADF", 0}, {a:write "x"})
        assert.same(CLOSED, {a:shutdown()})
        assert.same(CLOSED, {a:peer_name()})
        assert.same(CLOSED, {a:local_name()})
        assert.equal(-1, a:getfd())
        assert.equal("Connection(closed)", tostring(a))
      end)

      it("wakes who reads and who writes", function()
        local reader = ebb.spawn(a.read, a, 1)
        local writer = ebb.spawn(a.write, a, ("x"):rep(1e7))
        local next = ebb.spawn(a.write, a, "y")
        settle_all()
        a:close()
        assert.same({true, nil, "closed", "EBADF"}, {reader:join()})
        assert.same({true, nil, "closed", "EBADF"},
                    {table.unpack({writer:join()}, 1, 4)})
        assert.same({true, nil, "closed", "EBADF", 0}, {next:join()})
      end)

      it("is so at the end of its scope", function()
        do local conn <close> = a end
        assert.equal(-1, a:getfd())
        assert.is_nil(b:read(1))
      end)

      it("is so when it is collected", function()
        a = nil
        common.collect()
        assert.is_nil(b:read(1))
        a = b
      end)

      it("leaves its number to others without a trace", function()
        for _ = 1, 20 do
          local reader = ebb.spawn(a.read, a, 1)
          settle_all()
          a:write "x"
          a:close()
          b:close()
          reader:join()
          a, b = new_pair()
          local task = ebb.spawn(a.read, a, 1)
          settle_all()
          assert.is_false(task:is_finished())
          b:write "y"
          assert.equal("y", task:await())
        end
      end)
    end)

    describe("writes", function()
      it("several pieces, and numbers", function()
        assert.is_true(a:write("a", 1, "", 2.5, "b"))
        assert.equal("a12.5b", b:read(6))
        assert.is_true(a:write())
        assert.is_true(a:write "")
        local pieces = {}
        for i = 1, 100 do pieces[i] = tostring(i) end
        a:write(table.unpack(pieces))
        local all = table.concat(pieces)
        assert.equal(all, b:read(#all))
      end)

      it("all of it, in order, while it is read slowly", function()
        local pieces = {}
        for i = 1, 40 do pieces[i] = tostring(i):rep(30000) end
        local task = ebb.spawn(a.write, a, table.unpack(pieces))
        local all = table.concat(pieces)
        for i = 1, #all, 12345 do
          local part = all:sub(i, i + 12344)
          assert.equal(part, b:read(#part))
        end
        assert.is_true(task:await())
      end)

      it("for several tasks without mixing what they write", function()
        local tasks = {}
        for i = 1, 8 do
          tasks[i] = ebb.spawn(function()
            for _ = 1, 5 do
              assert(a:write(tostring(i), tostring(i):rep(100000), "\n"))
            end
          end)
        end
        for _ = 1, 40 do
          local line = b:read "*l"
          assert.equal(100001, #line)
          assert.equal(line:sub(1, 1):rep(#line), line)
        end
        for _, task in ipairs(tasks) do task:await() end
      end)

      it("what comes after a write that was aborted", function()
        local first = ebb.spawn(a.write, a, ("x"):rep(1e7))
        local second = ebb.spawn(a.write, a, "second")
        settle_all()
        assert.is_false(second:is_finished())
        first:abort()
        first:join()
        local reader = ebb.spawn(b.read, b, "*a")
        assert.is_true(second:await())
        a:close()
        assert.equal("xsecond", reader:await():sub(-7))
      end)

      it("while another task reads", function()
        local reader = ebb.spawn(a.read, a, 5)
        settle_all()
        assert.is_true(a:write "hello")
        assert.is_true(b:write(b:read(5)))
        assert.equal("hello", reader:await())
      end)
    end)

    it("works in a generator and in a callback", function()
      local function lines()
        return coroutine.wrap(function()
          while true do
            local line = b:read "*l"
            if not line then return end
            coroutine.yield(line)
          end
        end)
      end
      local task = ebb.spawn(function()
        local seen = {}
        for line in lines() do
          seen[#seen + 1] = line:gsub("%?", function()
            b:write "?"
            return (b:read "*l")
          end)
        end
        return table.concat(seen, ",")
      end)
      a:write "one\ntwo?\n"
      assert.equal("?", a:read(1))
      a:write "!\nthree\n"
      a:shutdown()
      assert.equal("one,two!,three", task:await())
    end)

    it("is an object for ebb.io.wait", function()
      assert.equal("w", ebb.io.wait(a, "w"))
      assert.same({nil, "timeout"}, {ebb.io.wait(a, "r", 0)})
      b:write "xy"
      assert.equal("r", ebb.io.wait(a, "r"))
      assert.equal("x", a:read(1))
      assert.is_true(a:dirty())
      assert.equal("r", ebb.io.wait(a, "r"))
      assert.equal("y", a:read(1))
      assert.is_false(a:dirty())
    end)

    it("that is always ready does not starve the others", function()
      local stop = false
      ebb.spawn(function() stop = true end)
      a:write(("x"):rep(1000))
      local n = 0
      while not stop do
        n = n + 1
        assert(b:read(1))
        assert(n < 1000)
      end
    end)

    it("shows what is waited for", function()
      local task <close> = ebb.spawn(a.read, a, 1)
      settle_all()
      for _, info in ipairs(ebb.tasks()) do
        if info.id == task:id() then
          assert.equal("read", info.waiting_for)
        end
      end
    end)

    it("reports a reset to the other end alone", function()
      b:write "lost"
      a:reset()
      local ok, _, code = b:read(100)
      assert.is_nil(ok)
      if kind == "TCP" then assert.equal("ECONNRESET", code) end
    end)

    it("takes random pieces through in the right order", function()
      math.randomseed(11)
      local sent, received = {}, {}
      local writer = ebb.spawn(function()
        for i = 1, 300 do
          sent[i] = tostring(i):rep(math.random(0, 2000))
          a:write(sent[i])
          if math.random(3) == 1 then settle() end
        end
        a:shutdown()
      end)
      while true do
        local data = b:read_some(math.random(5000))
        if not data then break end
        received[#received + 1] = data
        if math.random(3) == 1 then settle() end
      end
      writer:await()
      assert.equal(table.concat(sent), table.concat(received))
    end)
  end)
end

describe("ebb.net.connect", function()
  it("tells when nobody listens", function()
    local listener, port = listen()
    listener:close()
    assert.same({nil, "Connection refused", "ECONNREFUSED"},
                {net.connect(HOST, port)})
  end)

  it("finds a host by its name, while others run", function()
    local listener <close>, port = listen()
    local server <close> = serve(listener, echo)
    local turns, done = 0, false
    local other = ebb.spawn(function()
      while not done do
        turns = turns + 1
        settle()
      end
    end)
    local conn <close> = assert(net.connect("localhost", port))
    done = true
    other:await()
    assert.is_true(turns > 0)
    conn:write "x"
    assert.equal("x", conn:read(1))
  end)

  it("tells when there is no such host", function()
    local conn, message, code = net.connect("no.such.host.invalid", 1)
    assert.is_nil(conn)
    assert.is_string(message)
    assert.matches("^EAI", code)
  end)

  it("takes the port as text", function()
    local listener <close>, port = listen()
    local conn <close> = assert(net.connect(HOST, tostring(port)))
    assert.equal(port, select(2, conn:peer_name()))
  end)

  -- A backlog that is full takes no more connections.
  local function connect_until_full(port, conns)
    for _ = 1, 20 do
      local conn, message, code = net.connect(HOST, port, 1)
      if not conn then return message, code end
      conns[#conns + 1] = conn
    end
  end

  it("gives up after a number of seconds, and closes the socket", function()
    time.pause()
    finally(time.resume)
    local listener <close> = assert(net.listen(HOST, 0, 1))
    local _, port = listener:local_name()
    local conns = {}
    local message, code = connect_until_full(port, conns)
    assert.same({"timeout", "ETIMEDOUT"}, {message, code})
    local fds = count_fds()
    connect_until_full(port, conns)
    assert.equal(fds, count_fds())
    local task = ebb.spawn(net.connect, HOST, port)
    settle_all()
    assert.equal(fds + 1, count_fds())
    task:abort()
    task:join()
    assert.equal(fds, count_fds())
    for _, conn in ipairs(conns) do conn:close() end
  end)

  for name, case in pairs {
    ["a host that is none"] = {1, {}, 80},
    ["a port that is none"] = {2, HOST, "http"},
    ["a port of 0"] = {2, HOST, 0},
    ["a port beyond 65535"] = {2, HOST, 65536},
    ["a negative time"] = {3, HOST, 80, -1},
  } do
    it("names the argument that is " .. name, function()
      local err = error_of(net.connect, table.unpack(case, 2))
      assert.matches("bad argument #" .. case[1], err, 1, true)
    end)
  end
end)

describe("a listener", function()
  it("has a name, and its connections have two", function()
    local listener <close>, port = listen()
    assert.equal(HOST, (listener:local_name()))
    local accept = ebb.spawn(listener.accept, listener)
    local client <close> = assert(net.connect(HOST, port))
    local server <close> = assert(accept:await())
    assert.same({client:local_name()}, {server:peer_name()})
    assert.same({client:peer_name()}, {server:local_name()})
    assert.same({HOST, port}, {client:peer_name()})
  end)

  it("tells when the address is taken", function()
    local listener <close>, port = listen()
    assert.same({nil, "Address already in use", "EADDRINUSE"},
                {net.listen(HOST, port)})
  end)

  it("on any address is reached by a given one", function()
    local listener <close> = assert(net.listen("*", 0))
    local _, port = listener:local_name()
    local conn <close> = assert(net.connect(HOST, port))
    assert(listener:accept()):close()
  end)

  it("gives up accepting after its timeout", function()
    time.pause()
    finally(time.resume)
    local listener <close> = listen()
    listener:set_timeout(3)
    local begun = time.now()
    assert.same({nil, "timeout", "ETIMEDOUT"}, {listener:accept()})
    assert.near(3, time.now() - begun, 1e-6)
  end)

  it("that is closed ends the waits of those who accept", function()
    local listener = listen()
    local one = ebb.spawn(listener.accept, listener)
    local two = ebb.spawn(listener.accept, listener)
    settle_all()
    listener:close()
    assert.same({true, nil, "closed", "EBADF"}, {one:join()})
    assert.same({true, nil, "closed", "EBADF"}, {two:join()})
    assert.same({nil, "closed", "EBADF"}, {listener:accept()})
    assert.equal("Listener(closed)", tostring(listener))
  end)

  it("serves several tasks that accept", function()
    local listener <close>, port = listen()
    local tasks, conns = {}, {}
    for i = 1, 5 do tasks[i] = ebb.spawn(listener.accept, listener) end
    settle_all()
    for i = 1, 5 do conns[i] = assert(net.connect(HOST, port)) end
    for i = 1, 5 do assert(tasks[i]:await()):close() end
    for i = 1, 5 do conns[i]:close() end
  end)

  it("loses no connection when a task that accepts is aborted", function()
    local listener <close>, port = listen()
    local task = ebb.spawn(listener.accept, listener)
    settle_all()
    local other = ebb.spawn(listener.accept, listener)
    local conn <close> = assert(net.connect(HOST, port))
    task:abort()
    local accepted, first = task:join()
    if accepted then other:abort() end
    local _, second = other:join()
    local server <close> = accepted and first or second
    assert(server:write "x")
    assert.equal("x", conn:read(1))
  end)

  it("serves 200 clients at a time", function()
    local listener <close>, port = listen()
    local server <close> = serve(listener, echo)
    local clients <close> = ebb.JoinSet.new()
    for i = 1, 200 do
      clients:spawn(function()
        local conn <close> = assert(net.connect(HOST, port))
        for k = 1, 5 do
          local text = i .. ":" .. k
          assert(conn:write(text, "\n"))
          assert.equal(text, conn:read "*l")
        end
      end)
    end
    clients:join_all()
  end)

  it("is not disturbed by 100 clients that reset", function()
    local listener <close>, port = listen()
    local server <close> = serve(listener, echo)
    local steady <close> = assert(net.connect(HOST, port))
    for i = 1, 100 do
      local conn = assert(net.connect(HOST, port))
      conn:write "bye"
      if i % 2 == 0 then settle_all() end
      conn:reset()
      assert(steady:write(tostring(i), "\n"))
      assert.equal(tostring(i), steady:read "*l")
    end
    assert.is_false(server:is_finished())
  end)

  -- Fds run out in a child, whose limit is low. Its clients are there before
  -- that, in the backlog.
  local EXHAUSTED <const> = [[
    local ebb = require "ebb"
    local listener = assert(ebb.net.listen("127.0.0.1", 0))
    local _, port = listener:local_name()
    local clients, files = {}, {}
    for i = 1, 3 do
      clients[i] = assert(ebb.net.connect("127.0.0.1", port))
    end
    assert(listener:accept()):close()
    repeat
      local file = io.open("/dev/null")
      files[#files + 1] = file
    until not file
    local _, _, code = ebb.net.connect("127.0.0.1", port)
    print("connect", code)
    ebb.time.pause()
    listener:set_timeout(1)
    print("accept", select(2, listener:accept()))
    listener:set_timeout(nil)
    local task = ebb.spawn(listener.accept, listener)
    local begun = ebb.time.now()
    ebb.sleep(10)
    print("finished", task:is_finished())
    for _, file in ipairs(files) do file:close() end
    local conn = task:await()
    print("waited", ebb.time.now() - begun < 10.1, conn ~= nil)
  ]]

  it("backs off when there is no fd, and goes on when there is", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(EXHAUSTED)
    file:close()
    local first = 0
    while arg[first - 1] do first = first - 1 end
    local command = 'ulimit -n 40; exec "$0" "$1"'
    local code, out, err = run.file("-c", {command, arg[first], path}, "sh")
    os.remove(path)
    assert.equal("", err)
    assert.equal("connect\tEMFILE\naccept\ttimeout\tETIMEDOUT\n" ..
                 "finished\tfalse\nwaited\ttrue\ttrue\n", out)
    assert.equal(0, code)
  end)

  for name, case in pairs {
    ["a host that is none"] = {1, {}, 80},
    ["a port that is none"] = {2, HOST, {}},
    ["a negative port"] = {2, HOST, -1},
    ["a backlog of nothing"] = {3, HOST, 0, 0},
  } do
    it("names the argument that is " .. name, function()
      local err = error_of(net.listen, table.unpack(case, 2))
      assert.matches("bad argument #" .. case[1], err, 1, true)
    end)
  end
end)

describe("a Unix listener", function()
  local directory

  setup(function()
    directory = os.tmpname()
    os.remove(directory)
    assert(lfs.mkdir(directory))
  end)
  teardown(function() os.execute("rm -r '" .. directory .. "'") end)

  local function check(path)
    local listener <close> = assert(net.listen_unix(path))
    local server <close> = serve(listener, echo)
    local conn <close> = assert(net.connect_unix(path, 5))
    assert(conn:write "hello\n")
    assert.equal("hello", conn:read "*l")
    assert.same({path}, {listener:local_name()})
    assert.same({path}, {conn:peer_name()})
    assert.same({""}, {conn:local_name()})
  end

  it("is found by its path", function() check(directory .. "/socket") end)

  it("is found by a name in no file system", function()
    check("@" .. directory)
  end)

  it("is not found where there is none", function()
    local _, _, code = net.connect_unix(directory .. "/nothing")
    assert.equal("ENOENT", code)
  end)

  it("cannot be where there is a file", function()
    local _, _, code = net.listen_unix(directory)
    assert.equal("EADDRINUSE", code)
  end)

  it("names the argument when the path is empty", function()
    for _, f in ipairs {net.connect_unix, net.listen_unix} do
      assert.matches("bad argument #1", error_of(f, ""), 1, true)
    end
  end)
end)

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

describe("misuse", function()
  local conn, other = net.pair()

  for name, case in pairs {
    ["read of nothing"] = {2, "read"},
    ["read of a table"] = {2, "read", {}},
    ["read of a fraction"] = {2, "read", 1.5},
    ["read of a negative count"] = {2, "read", -1},
    ["read up to an empty delimiter"] = {2, "read", ""},
    ["read with a negative limit"] = {3, "read", "*l", -1},
    ["read_some of nothing"] = {2, "read_some", 0},
    ["write of a table"] = {3, "write", "x", {}},
    ["set_timeout to text"] = {2, "set_timeout", "soon"},
    ["set_timeout to a negative time"] = {2, "set_timeout", -1},
    ["shutdown of what there is not"] = {2, "shutdown", "x"},
    ["set_nodelay to a number"] = {2, "set_nodelay", 1},
  } do
    it("is an error that names the argument: " .. name, function()
      local err = error_of(conn[case[2]], conn, table.unpack(case, 3))
      assert.matches("bad argument #" .. case[1], err, 1, true)
    end)
  end

  it("of a method with another object names it", function()
    assert.matches("Connection expected", error_of(conn.read, io.stdout, 1))
    assert.matches("Listener expected",
                   error_of(listen().accept, other))
  end)
end)
