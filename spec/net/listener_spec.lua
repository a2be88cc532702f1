-- ebb.net: connecting and listening, by TCP and by Unix sockets.

local common = require "common"
local ebb = require "ebb"
local lfs = require "lfs" -- which busted needs, too
local run = require "run"
local sockets = require "sockets"
local net, time = ebb.net, ebb.time
local error_of, settle = common.error_of, ebb.yield_now

local HOST, settle_all, listen, serve, echo =
  sockets.HOST, sockets.settle_all, sockets.listen, sockets.serve, sockets.echo
local count_fds = sockets.count_fds

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
