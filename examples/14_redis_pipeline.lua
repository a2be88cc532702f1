-- SPDX-License-Identifier: MIT

-- Many tasks talk to a Redis server by lua-redis, a library that knows nothing
-- of tasks: `ebb.socket.patch()` puts sockets that wait under it. Each task has
-- a connection of its own, and sends its commands in one go.
--
-- Run: ./dev run examples/14_redis_pipeline.lua HOST PORT [TASKS]
--
-- For 100 tasks, which is the default, it says:
--   100 tasks, 2200 commands
--   wrong replies: 0
--   the sum of all: 50500
-- Its keys begin with "ebb-example:", and it deletes them again. Needs the
-- Debian packages lua-socket and lua-redis.

local ebb = require "ebb"
require "ebb.socket".patch()
-- Debian has lua-redis for Lua 5.3; it is plain Lua and runs with 5.4, too.
package.path = package.path .. ";/usr/share/lua/5.3/?.lua"
local redis = require "redis"

local ROUNDS <const> = 10
local PREFIX <const> = ("ebb-example:%x:"):format(math.random(0))

-- With Lua 5.3 and later, lua-redis can only pipeline commands whose reply goes
-- through a function (https://github.com/nrk/redis-lua/issues/43).
local function same(reply) return reply end
for _, name in ipairs {"set", "get", "incrby", "del"} do
  redis.commands[name] = redis.command(name, {response = same})
end

-- Adds i to the sum of all, and keeps books of it in a key of its own. Returns
-- how many commands that took, and how many replies were not as they must be.
local function work(host, port, i)
  local client, key = redis.connect(host, port), PREFIX .. i
  local replies, count = client:pipeline(function(pipe)
    for round = 1, ROUNDS do
      pipe:set(key, i .. ":" .. round)
      pipe:get(key)
    end
    pipe:incrby(PREFIX .. "sum", i * ROUNDS)
    pipe:del(key)
  end)
  client:quit()
  local wrong = replies[count] == 1 and 0 or 1
  for round = 1, ROUNDS do
    if replies[2 * round] ~= i .. ":" .. round then wrong = wrong + 1 end
  end
  return count, wrong
end

local host, port, tasks = arg[1], arg[2], math.tointeger(tonumber(arg[3] or 100))
if not port or not tasks or tasks < 1 then
  io.stderr:write "usage: 14_redis_pipeline.lua HOST PORT [TASKS]\n"
  os.exit(2)
end

local client = redis.connect(host, port)
local map <close> = ebb.JoinMap.new {max_tasks = 50}
for i = 1, tasks do map:spawn(i, work, host, port, i) end

local commands, wrong = 0, 0
for _, ok, count, wrong_here in map.join_next, map do
  if not ok then error(count:into_panic(), 0) end
  commands, wrong = commands + count, wrong + wrong_here
end
print(("%d tasks, %d commands"):format(tasks, commands))
print("wrong replies: " .. wrong)
print("the sum of all: " .. client:get(PREFIX .. "sum"))
client:del(PREFIX .. "sum")
client:quit()
