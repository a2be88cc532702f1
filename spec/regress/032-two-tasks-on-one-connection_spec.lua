-- Two tasks that sent on one connection of ebb.socket mixed their bytes, and
-- one that received took the end of the other's line.

local ebb = require "ebb"
local programs = require "programs"
local two_tasks = require "two_tasks"

local missing = programs.missing {["socket.core"] = "lua-socket"}
if missing then return pending("ebb.socket " .. missing) end

local blocking = require "socket"
local socket = require "ebb.socket"

local settle = ebb.yield_now
local BIG <const> = 2 ^ 23 | 0 -- more than the system takes at once

describe("of two tasks with one connection", function()
  local client, peer

  before_each(function()
    ebb.time.pause()
    local server <close> = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    client = assert(socket.connect("127.0.0.1", port))
    peer = assert(server:accept())
  end)
  after_each(function()
    client:close()
    peer:close()
    ebb.time.resume()
  end)

  for title, check in pairs(two_tasks) do
    it(title, function() check(client, peer) end)
  end

  it("the other waits for its turn no longer than its timeout", function()
    local reading = ebb.spawn(client.receive, client)
    local sending = ebb.spawn(client.send, client, ("x"):rep(BIG))
    settle()
    for _, seconds in ipairs {0, 7} do
      client:settimeout(seconds)
      assert.same({nil, "timeout", "ab"}, {client:receive("*l", "ab")})
      assert.same({nil, "timeout", 0}, {client:send "abc"})
      assert.same({nil, "timeout", 1}, {client:send("abc", 2)})
      assert.same({nil, "timeout", 1}, {client:send("abc", -2)})
    end
    reading:abort()
    sending:abort()
  end)

  it("the other gets its turn when the one is aborted", function()
    local first = ebb.spawn(client.receive, client)
    settle()
    local second = ebb.spawn(client.receive, client)
    settle()
    first:abort()
    first:join()
    peer:send "two\n"
    assert.equal("two", (second:await()))
  end)

  it("both are told that a third has closed it", function()
    local tasks = {}
    for i = 1, 2 do
      tasks[i] = ebb.spawn(client.receive, client)
      tasks[i + 2] = ebb.spawn(client.send, client, ("x"):rep(BIG))
    end
    settle()
    client:close()
    for _, task in ipairs(tasks) do
      assert.equal("closed", select(2, task:await()))
    end
  end)
end)
