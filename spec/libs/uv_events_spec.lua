-- ebb.uv: callbacks, events that are waited for, and the loop.

local common = require "common"
local ebb = require "ebb"
local programs = require "programs"
local run = require "run"

local missing = programs.missing {luv = "lua-luv"}
if missing then return pending("ebb.uv " .. missing) end

local uv = require "ebb.uv"
local luv = require "luv"

local error_of, eventually, unfinished =
  common.error_of, common.eventually, common.unfinished
local settle = ebb.yield_now

local directory
setup(function() directory = programs.directory() end)
teardown(function() programs.remove(directory) end)

local function write_file(name, text)
  return programs.write(directory .. "/" .. name, text)
end

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
