-- ebb.uv: servers, streams and processes.

local common = require "common"
local ebb = require "ebb"
local programs = require "programs"
local run = require "run"

local missing = programs.missing {luv = "lua-luv"}
if missing then return pending("ebb.uv " .. missing) end

local uv = require "ebb.uv"

local eventually, settle = common.eventually, ebb.yield_now

local function state_of(task) return common.entry(task:id()).state end

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
