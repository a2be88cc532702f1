-- ebb.uv: luv with a loop that ebb runs, and functions that wait.

local common = require "common"
local ebb = require "ebb"
local programs = require "programs"
local run = require "run"

local missing = programs.missing {luv = "lua-luv"}
if missing then return pending("ebb.uv " .. missing) end

local uv = require "ebb.uv"
local luv = require "luv"

local closer, error_of, unfinished =
  common.closer, common.error_of, common.unfinished
local settle = ebb.yield_now

local directory
setup(function() directory = programs.directory() end)
teardown(function() programs.remove(directory) end)

local function path(name) return directory .. "/" .. name end

local function write_file(name, text)
  local file <close> = assert(io.open(path(name), "wb"))
  file:write(text)
  return path(name)
end

local function read_file(name)
  local file <close> = assert(io.open(path(name), "rb"))
  return file:read "a"
end

local function open_files()
  local count = 0
  local scan = luv.fs_scandir("/proc/self/fd")
  while luv.fs_scandir_next(scan) do count = count + 1 end
  return count
end

-- Turns until f gives something true, which it must.
local function eventually(f)
  local deadline = ebb.time.now() + 20
  while ebb.time.now() < deadline do
    local result = f()
    if result then return result end
    settle()
  end
  error("it does not happen", 2)
end

local function state_of(task) return common.entry(task:id()).state end

describe("a request of ebb.uv without a callback", function()
  it("waits and gives what the callback would get", function()
    local fd = assert(uv.fs_open(path "new", "w", 420))
    assert.equal("number", type(fd))
    assert.equal(5, uv.fs_write(fd, "hello"))
    assert.equal(6, uv.fs_write(fd, " world", 5))
    assert.is_true(uv.fs_close(fd))
    assert.equal("hello world", read_file "new")
    fd = assert(uv.fs_open(path "new", "r", 438))
    assert.equal("hello", uv.fs_read(fd, 5))
    assert.equal("world", uv.fs_read(fd, 100, 6))
    assert.is_true(uv.fs_close(fd))
  end)

  it("gives nil, a message and the name of an error", function()
    local _, message, name = luv.fs_open("/no/such", "r", 438)
    assert.same({nil, message, name}, {uv.fs_open("/no/such", "r", 438)})
    assert.equal("ENOENT", name)
    local port = programs.free_port()
    local tcp = uv.new_tcp()
    assert.same({nil, "ECONNREFUSED", "ECONNREFUSED"},
                {tcp:connect("127.0.0.1", tonumber(port))})
    tcp:close()
    assert.equal("EBADF", (select(3, uv.fs_close(12345))))
  end)

  it("raises errors of arguments as luv does", function()
    assert.matches("bad argument #1", error_of(uv.fs_stat, {}))
    assert.matches("bad argument", error_of(uv.fs_open))
  end)

  it("lets others run meanwhile", function()
    local order = {}
    local task = ebb.spawn(function()
      uv.fs_stat "/"
      order[#order + 1] = "stat"
    end)
    ebb.spawn(function() order[#order + 1] = "other" end)
    task:await()
    assert.same({"other", "stat"}, order)
  end)

  it("has many tasks wait at once", function()
    local map <close> = ebb.JoinMap.new()
    for i = 1, 200 do
      local name = write_file("many" .. i, tostring(i))
      map:spawn(i, function()
        local fd <const> = assert(uv.fs_open(name, "r", 438))
        local close <close> = closer(function() uv.fs_close(fd) end)
        return uv.fs_read(fd, 100)
      end)
    end
    for i, ok, text in map.join_next, map do
      assert.is_true(ok, tostring(text))
      assert.equal(tostring(i), text)
    end
  end)

  it("works in a generator and a callback", function()
    write_file("text", "text")
    local sizes = coroutine.wrap(function()
      for _ = 1, 2 do coroutine.yield(uv.fs_stat(path "text").size) end
    end)
    assert.equal(4, sizes())
    assert.equal("4", (("x"):gsub("x", function() return sizes() end)))
  end)

  -- Each gets its arguments; what it gives is what luv gives at once.
  local function same(name, ...)
    local expected = table.pack(luv[name](...))
    assert.same(expected, table.pack(uv[name](...)), name)
    return table.unpack(expected, 1, expected.n)
  end

  it("gives for files what luv gives", function()
    local file = write_file("file", "0123456789")
    same("fs_stat", file)
    same("fs_lstat", file)
    same("fs_access", file, "R")
    same("fs_access", path "none", "R")
    same("fs_realpath", file)
    same("fs_chmod", file, 384)
    same("fs_utime", file, 1000, 2000)
    same("fs_lutime", file, 1000, 2001)
    same("fs_chown", file, -1, -1)
    same("fs_lchown", file, -1, -1)
    assert.is_table(uv.fs_statfs(file))
    local fd = assert(luv.fs_open(file, "r+", 438))
    same("fs_fstat", fd)
    same("fs_fchmod", fd, 420)
    same("fs_futime", fd, 3000, 4000)
    same("fs_fchown", fd, -1, -1)
    same("fs_ftruncate", fd, 4)
    same("fs_fsync", fd)
    same("fs_fdatasync", fd)
    local out = assert(luv.fs_open(path "out", "w", 438))
    assert.equal(3, uv.fs_sendfile(out, fd, 1, 3))
    assert.equal("123", read_file "out")
    luv.fs_close(out)
    luv.fs_close(fd)
  end)

  it("makes, moves and removes", function()
    local file = write_file("moved", "x")
    assert.is_true(uv.fs_mkdir(path "sub", 493))
    assert.equal("EEXIST", (select(3, uv.fs_mkdir(path "sub", 493))))
    assert.is_true(uv.fs_rename(file, path "sub/a"))
    assert.is_true(uv.fs_link(path "sub/a", path "sub/b"))
    assert.is_true(uv.fs_symlink("a", path "sub/c"))
    assert.equal("a", uv.fs_readlink(path "sub/c"))
    assert.is_true(uv.fs_copyfile(path "sub/a", path "sub/d"))
    local names, scan = {}, assert(uv.fs_scandir(path "sub"))
    for name in uv.fs_scandir_next, scan do names[#names + 1] = name end
    table.sort(names)
    assert.same({"a", "b", "c", "d"}, names)
    local dir, count = assert(uv.fs_opendir(path "sub", nil, 3)), 0
    for entries in uv.fs_readdir, dir do count = count + #entries end
    assert.equal(4, count)
    assert.is_true(dir:closedir())
    for _, name in ipairs(names) do
      assert.is_true(uv.fs_unlink(path("sub/" .. name)))
    end
    assert.is_true(uv.fs_rmdir(path "sub"))
    assert.is_true(uv.fs_rmdir(assert(uv.fs_mkdtemp(path "XXXXXX"))))
    local fd, name = uv.fs_mkstemp(path "XXXXXX")
    assert.is_true(uv.fs_close(fd))
    assert.is_true(uv.fs_unlink(name))
  end)

  it("resolves names, and gives random bytes", function()
    local found = assert(uv.getaddrinfo("127.0.0.1", "80"))
    assert.equal("127.0.0.1", found[1].addr)
    assert.equal("EAI_NONAME",
                 (select(3, uv.getaddrinfo("127.0.0.1", "80x",
                                           {numericserv = true}))))
    local host, service = uv.getnameinfo {ip = "127.0.0.1", port = 80}
    assert.equal("string", type(host))
    assert.equal("string", type(service))
    assert.equal(16, #uv.random(16, nil))
  end)

  it("leaves no file open when its task is aborted", function()
    local before = open_files()
    local file = write_file("opened", "")
    for turns = 0, 8 do
      local tasks = {}
      for i = 1, 10 do tasks[i] = ebb.spawn(uv.fs_open, file, "r", 438) end
      for _ = 1, turns do settle() end
      local fds = {}
      for _, task in ipairs(tasks) do
        local was_finished = task:is_finished()
        task:abort()
        local ok, fd = task:join()
        assert.equal(was_finished, ok)
        if ok then fds[#fds + 1] = fd end
      end
      for _, fd in ipairs(fds) do uv.fs_close(fd) end
    end
    uv.run()
    assert.equal(before, open_files())
  end)

  it("cancels what libuv has not begun when its task is aborted", function()
    -- Libuv's threads are busy with the first ones.
    local busy = ebb.JoinSet.new()
    local fifo = path "fifo"
    assert(os.execute("mkfifo '" .. fifo .. "'"))
    for _ = 1, 4 do busy:spawn(uv.fs_open, fifo, "r", 438) end
    settle()
    local task = ebb.spawn(uv.fs_mkdir, path "cancelled", 493)
    for _ = 1, 5 do settle() end
    task:abort()
    assert.is_true(select(2, task:join()):is_cancelled())
    local writer <close> = assert(io.open(fifo, "w"))
    for _, ok, fd in busy.join_next_with_id, busy do
      assert.is_true(ok)
      uv.fs_close(fd)
    end
    uv.run()
    assert.is_nil((luv.fs_stat(path "cancelled")))
  end)
end)

describe("a callback of ebb.uv", function()
  it("runs as a task, and may wait", function()
    local result
    uv.fs_stat("/", function(err, stat)
      ebb.sleep(0)
      result = {err, type(stat), ebb.try_id() ~= nil}
    end)
    eventually(function() return result end)
    assert.same({nil, "table", true}, result)
  end)

  it("gets errors as luv gives them", function()
    local result
    uv.fs_stat("/no/such", function(...) result = {...} end)
    eventually(function() return result end)
    assert.same({"ENOENT: no such file or directory: /no/such"}, result)
  end)

  it("may stand in the place of arguments that are left out", function()
    local fd, result = luv.fs_open(write_file("short", "short"), "r", 438), nil
    uv.fs_read(fd, 100, function(_, data) result = data end)
    assert.equal("short", eventually(function() return result end))
    luv.fs_close(fd)
  end)

  it("may be a callable table", function()
    local result
    uv.fs_stat("/", setmetatable({}, {
      __call = function(_, _, stat) result = stat end
    }))
    assert.equal("table", type(eventually(function() return result end)))
  end)

  it("panics alone when it raises an error", function()
    local seen
    local previous = ebb.set_unhandled(function(err) seen = err end)
    uv.fs_stat("/", function() error "of the callback" end)
    eventually(function() return seen end)
    ebb.set_unhandled(previous)
    assert.matches("of the callback", seen:into_panic())
  end)

  it("comes in the order of the events", function()
    local timer, order = uv.new_timer(), {}
    timer:start(0, 1, function() order[#order + 1] = #order + 1 end)
    eventually(function() return #order >= 5 end)
    timer:stop()
    timer:close()
    assert.same({1, 2, 3, 4, 5}, {table.unpack(order, 1, 5)})
  end)

  it("is called for an async handle", function()
    local got
    local async = uv.new_async(function(...) got = {...} end)
    settle()
    async:send("a", 1)
    eventually(function() return got end)
    assert.same({"a", 1}, got)
    async:close()
  end)

  it("is called for work on another thread", function()
    local got
    local work = uv.new_work(function(a, b) return a + b end,
                             function(sum) got = sum end)
    work:queue(2, 3)
    assert.equal(5, eventually(function() return got end))
  end)
end)

describe("an event of ebb.uv without a callback", function()
  it("is waited for: a timer", function()
    local timer = uv.new_timer()
    assert.is_true(timer:start(1, 0))
    assert.is_false(timer:is_active())
    assert.is_true(uv.timer_start(timer, 0, 1000))
    assert.is_false(timer:is_active())
    timer:close()
  end)

  it("is waited for: a signal", function()
    local signal = uv.new_signal()
    local task = ebb.spawn(signal.start, signal, "sigusr1")
    settle()
    uv.kill(uv.os_getpid(), "sigusr1")
    assert.equal("sigusr1", task:await())
    signal:close()
  end)

  it("is waited for: a change of a file", function()
    local event = uv.new_fs_event()
    local task = ebb.spawn(uv.fs_event_start, event, directory, {})
    settle()
    write_file("changed", "x")
    assert.equal("changed", task:await())
    event:close()
  end)

  it("is waited for: a descriptor", function()
    local fds = assert(uv.socketpair())
    local poll = uv.new_poll(fds[1])
    assert.equal("w", poll:start("w"))
    poll:close()
    uv.fs_close(fds[1])
    uv.fs_close(fds[2])
  end)

  it("is waited for: a datagram", function()
    local one, other = uv.new_udp(), uv.new_udp()
    assert(one:bind("127.0.0.1", 0))
    local task = ebb.spawn(one.recv_start, one)
    settle()
    assert.is_true(other:send("hello", "127.0.0.1", one:getsockname().port))
    assert.equal("hello", task:await())
    one:close()
    other:close()
  end)

  it("is stopped when its task is aborted", function()
    local timer = uv.new_timer()
    local task = ebb.spawn(timer.start, timer, 1000000, 0)
    settle()
    assert.is_true(timer:is_active())
    task:abort()
    task:join()
    assert.is_false(timer:is_active())
    timer:close()
  end)
end)

-- ---- streams

-- Both ends of a connection.
local function pair()
  local server = uv.new_tcp()
  assert(server:bind("127.0.0.1", 0))
  local theirs = uv.new_tcp()
  local accepted
  server:listen(8, function() accepted = server:accept(theirs) end)
  local mine = uv.new_tcp()
  assert(mine:connect("127.0.0.1", server:getsockname().port))
  eventually(function() return accepted end)
  server:close()
  return mine, theirs
end

describe("work of ebb.uv", function()
  local function add(a, b) return a + b, "sum" end

  it("is waited for without its second callback", function()
    local work = uv.new_work(add)
    assert.same({3, "sum"}, {work:queue(1, 2)})
    assert.same({7, "sum"}, {uv.queue_work(work, 3, 4)})
  end)

  it("gives each who queues it his own results", function()
    local work = uv.new_work(add)
    local tasks <close> = ebb.JoinMap.new()
    for i = 1, 20 do tasks:spawn(i, work.queue, work, i, i) end
    for i, ok, sum in tasks.join_next, tasks do
      assert.is_true(ok)
      assert.equal(2 * i, sum)
    end
  end)

  it("may lose who waits for it", function()
    local work = uv.new_work(add)
    local task = ebb.spawn(work.queue, work, 1, 2)
    settle()
    task:abort()
    task:join()
    assert.same({11, "sum"}, {work:queue(5, 6)})
  end)
end)

describe("a server of ebb.uv", function()
  local function client(port, text)
    local stream = uv.new_tcp()
    assert(stream:connect("127.0.0.1", port))
    assert(stream:write(text))
    stream:close()
  end

  it("waits for one connection after the other", function()
    local server = uv.new_tcp()
    assert(server:bind("127.0.0.1", 0))
    local clients <close> = ebb.JoinSet.new()
    local received = {}
    local port = server:getsockname().port
    local serving = ebb.spawn(function()
      for _ = 1, 5 do
        assert.is_true(server:listen(8))
        local stream = uv.new_tcp()
        assert(server:accept(stream))
        received[#received + 1] = uv.lines(stream)()
        stream:close()
      end
    end)
    settle() -- it listens
    for i = 1, 5 do clients:spawn(client, port, i .. "\n") end
    serving:await()
    table.sort(received)
    assert.same({"1", "2", "3", "4", "5"}, received)
    server:close()
  end)

  it("loses no connection to an abort", function()
    local server = uv.new_tcp()
    assert(server:bind("127.0.0.1", 0))
    local port = server:getsockname().port
    local task = ebb.spawn(server.listen, server, 8)
    settle()
    task:abort()
    task:join()
    local sender = ebb.spawn(client, port, "late\n")
    assert.is_true(server:listen(8))
    local stream = uv.new_tcp()
    assert(server:accept(stream))
    assert.equal("late", uv.lines(stream)())
    sender:await()
    stream:close()
    server:close()
  end)

  it("says what keeps it from listening", function()
    local server = uv.new_tcp()
    local other = uv.new_tcp()
    assert(server:bind("127.0.0.1", 0))
    assert(other:bind("127.0.0.1", server:getsockname().port))
    ebb.spawn(server.listen, server, 8)
    settle()
    local ok, message, code = other:listen(8)
    assert.is_nil(ok)
    assert.matches("EADDRINUSE", message)
    assert.equal("EADDRINUSE", code)
    server:close()
    other:close()
  end)
end)

describe("a stream of ebb.uv", function()
  local mine, theirs
  before_each(function() mine, theirs = pair() end)
  after_each(function()
    mine:close()
    theirs:close()
  end)

  it("is written to and read from, to its end", function()
    local task = ebb.spawn(function()
      local parts = {}
      for chunk in uv.read_start, theirs do parts[#parts + 1] = chunk end
      return table.concat(parts)
    end)
    local text = ("0123456789"):rep(100000)
    assert.is_true(mine:write(text))
    assert.is_true(mine:write {"and ", "more"})
    assert.is_true(mine:shutdown())
    assert.is_true(task:await() == text .. "and more")
  end)

  it("is read by lines", function()
    local task = ebb.spawn(function()
      local lines = {}
      for line in uv.lines(theirs) do lines[#lines + 1] = line end
      return lines
    end)
    local long = ("x"):rep(100000)
    for _, part in ipairs {"on", "e\ntw", "o\n\n", long, "\nend"} do
      mine:write(part)
      settle()
    end
    mine:shutdown()
    assert.same({"one", "two", "", ("x"):rep(100000), "end"}, task:await())
  end)

  it("loses nothing that came for an aborted task", function()
    local expected, aborted = "", 0
    for i = 1, 50 do
      local task = ebb.spawn(theirs.read_start, theirs)
      settle()
      settle() -- it waits, and the loop is turned
      mine:write(tostring(i % 10))
      expected = expected .. i % 10
      -- It has been given the data when it is ready, and has not run yet.
      while state_of(task) == "waiting" do settle() end
      if state_of(task) == "ready" then aborted = aborted + 1 end
      task:abort()
      local ok, chunk = task:join()
      if ok then
        assert.equal(expected:sub(1, #chunk), chunk)
        expected = expected:sub(#chunk + 1)
      end
    end
    mine:shutdown()
    local rest = ""
    for chunk in uv.read_start, theirs do rest = rest .. chunk end
    assert.equal(expected, rest)
    assert.is_true(aborted > 0)
  end)

  it("gives what it kept to a callback, too", function()
    local task = ebb.spawn(theirs.read_start, theirs)
    settle()
    mine:write "kept"
    while state_of(task) == "waiting" do settle() end
    task:abort()
    local lost = task:join()
    local got = lost and "kept" or nil
    theirs:read_start(function(_, data) got = got or data end)
    if lost then mine:write "kept" end
    assert.equal("kept", eventually(function() return got end))
    theirs:read_stop()
  end)

  it("says that it is closed", function()
    local task = ebb.spawn(mine.write, mine, ("x"):rep(2 ^ 24))
    for _ = 1, 3 do settle() end
    mine:close()
    assert.same({true, nil, "ECANCELED", "ECANCELED"}, {task:join()})
    mine = uv.new_tcp()
  end)
end)

-- ---- processes

describe("a process of ebb.uv", function()
  local function shell(code, stdio)
    return "sh", {args = {"-c", code}, stdio = stdio}
  end

  it("is waited for when there is no callback", function()
    assert.same({3, 0}, {uv.spawn(shell "exit 3")})
    assert.same({0, 15}, {uv.spawn(shell "kill $$")})
  end)

  it("is read line by line while it runs", function()
    local output, input = uv.new_pipe(), uv.new_pipe()
    local exit
    local handle = assert(uv.spawn("sh", {
      args = {"-c", "while read line; do echo \"<$line>\"; done; exit 4"},
      stdio = {input, output}
    }, function(code) exit = code end))
    local next_line = uv.lines(output)
    for i = 1, 20 do
      input:write(i .. "\n")
      assert.equal("<" .. i .. ">", next_line())
    end
    input:close()
    assert.is_nil(next_line())
    assert.equal(4, eventually(function() return exit end))
    output:close()
    handle:close()
  end)

  it("that cannot be started is an outcome, and no crash later", function()
    assert.equal("ENOENT", (select(3, uv.spawn("/no/such", {}))))
    local code, out, err = run [[
      local uv = require "ebb.uv"
      print(uv.spawn("/no/such", {}))]]
    assert.same({0, ""}, {code, err})
    assert.matches("^nil\tENOENT", out)
  end)

  it("is ended when the task that waits for it is aborted", function()
    local output = uv.new_pipe()
    local path, options = shell("echo $$; exec sleep 1000", {nil, output})
    local task = ebb.spawn(uv.spawn, path, options)
    settle()
    local pid = tonumber((uv.lines(output)()))
    assert.equal(0, uv.kill(pid, 0))
    task:abort()
    task:join()
    -- The pipe's other end goes with the process.
    assert.is_nil((output:read_start()))
    output:close()
    uv.run()
    assert.is_nil((uv.kill(pid, 0)))
  end)
end)

describe("the loop of ebb.uv", function()
  it("is run by no task when luv has nothing to wait for", function()
    uv.run()
    local before = unfinished()
    local timer = uv.new_timer()
    assert.equal(before, unfinished())
    timer:start(1000000, 0, common.nothing)
    assert.equal(before + 1, unfinished())
    timer:close()
    uv.run()
    assert.equal(before, unfinished())
  end)

  it("is waited for by uv.run", function()
    local timer, fired = uv.new_timer(), false
    timer:start(1, 0, function() fired = true end)
    assert.is_false(uv.run())
    settle()
    assert.is_true(fired)
    timer:close()
    assert.matches("bad argument #1 to 'run'", error_of(uv.run, "twice"))
  end)

  it("leaves a deadlock to be reported", function()
    local code, _, err = run [[
      local ebb, uv = require "ebb", require "ebb.uv"
      uv.fs_stat "/"
      ebb.spawn(ebb.sleep, math.huge):join()]]
    assert.equal(1, code)
    assert.matches("deadlock", err)
  end)

  it("may be full of requests and handles when the main chunk ends", function()
    local code, out, err = run [[
      local ebb, uv = require "ebb", require "ebb.uv"
      local timer = uv.new_timer()
      timer:start(0, 1, function() end)
      for i = 1, 50 do ebb.spawn(uv.fs_stat, "/") end
      uv.fs_stat("/", function() print "not called" end)
      ebb.spawn(uv.spawn, "sleep", {args = {"1000"}})
      ebb.spawn(timer.start, uv.new_timer(), 1000000, 0)
      ebb.yield_now()
      ebb.yield_now()
      print "the end"]]
    assert.same({0, ""}, {code, err})
    assert.matches("the end\n$", out)
  end)

  it("may be loaded by a task that ends", function()
    local code, out, err = run [[
      local ebb = require "ebb"
      for i = 1, 3 do
        ebb.spawn(function()
          local uv = require "ebb.uv"
          print(uv.fs_stat("/").type)
        end):await()
        collectgarbage()
      end]]
    assert.same({0, ("directory\n"):rep(3), ""}, {code, out, err})
  end)
end)
