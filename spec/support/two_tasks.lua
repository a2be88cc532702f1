-- What holds for two tasks with one connection, be it of TCP or of TLS: title
-- -> function(client, peer), both with LuaSocket's methods.

local ebb = require "ebb"
local assert = require "luassert"

local settle = ebb.yield_now
local BIG <const> = 2 ^ 23 | 0 -- more than the system takes at once

local two_tasks = {}

two_tasks["each sends its bytes in one piece, in the order of coming"] =
  function(client, peer)
    local sizes, tasks = {BIG, 1, BIG}, {}
    for i, size in ipairs(sizes) do
      tasks[i] = ebb.spawn(client.send, client, tostring(i):rep(size))
      settle()
    end
    for i, size in ipairs(sizes) do
      assert.is_true(tostring(i):rep(size) == peer:receive(size))
      assert.equal(size, tasks[i]:await())
    end
  end

two_tasks["one receives while the other sends"] = function(client, peer)
  local sending = ebb.spawn(client.send, client, ("x"):rep(BIG))
  settle()
  local receiving = ebb.spawn(client.receive, client)
  settle()
  assert(peer:send "line\n")
  assert.equal("line", (receiving:await()))
  assert.equal(BIG, #peer:receive(BIG))
  assert.equal(BIG, sending:await())
end

two_tasks["each receives a line of its own"] = function(client, peer)
  local first = ebb.spawn(client.receive, client)
  assert(peer:send "on")
  settle()
  local second = ebb.spawn(client.receive, client)
  settle()
  assert(peer:send "e\ntwo\n") -- which the first has not seen yet
  assert.equal("one", (first:await()))
  assert.equal("two", (second:await()))
end

return two_tasks
