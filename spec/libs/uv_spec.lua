-- ebb.uv: luv with a loop that ebb runs, and functions that wait.

local common = require "common"
local ebb = require "ebb"
local programs = require "programs"

local missing = programs.missing {luv = "lua-luv"}
if missing then return pending("ebb.uv " .. missing) end

local uv = require "ebb.uv"
local luv = require "luv"

local closer, error_of = common.closer, common.error_of
local settle = ebb.yield_now

local directory
setup(function() directory = programs.directory() end)
teardown(function() programs.remove(directory) end)

local function path(name) return directory .. "/" .. name end

local function write_file(name, text)
  return programs.write(path(name), text)
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
