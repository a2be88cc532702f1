-- SPDX-License-Identifier: MIT

-- Many tasks share one connection to redis. None of them waits for another's
-- reply: all commands go out as they come, and one task reads the replies and
-- hands each to whom it belongs, since redis answers in the order it is asked
-- in. The protocol is written out here, on `ebb.net`.
--
-- Run: ./dev run examples/14_redis_pipeline.lua [PORT [TASKS]]
-- It needs a redis-server on 127.0.0.1, on port 6379 if nothing else is said,
-- and leaves a key "ebb:counter" there for a minute.

local ebb = require "ebb"
local oneshot = ebb.sync.oneshot

local PORT <const> = tonumber(arg[1] or 6379)
local TASKS <const> = tonumber(arg[2] or 1000)

-- ---- the protocol

local function encode(words)
  local parts = {("*%d\r\n"):format(#words)}
  for _, word in ipairs(words) do
    word = tostring(word)
    parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#word, word)
  end
  return table.concat(parts)
end

-- One reply as {value}, {nil, message} or nil at the end of the stream.
local function read_reply(conn)
  local line = conn:read "*l"
  if not line then return nil end
  local kind, rest = line:sub(1, 1), line:sub(2):gsub("\r$", "")
  if kind == "-" then return {nil, rest} end
  if kind == ":" then return {math.tointeger(rest)} end
  if kind == "+" then return {rest} end
  local size = tonumber(rest)
  if kind == "*" then
    local list = {}
    for i = 1, size do list[i] = read_reply(conn)[1] end
    return {list}
  end
  if size < 0 then return {nil} end
  local text = conn:read(size)
  conn:read(2)
  return {text}
end

-- ---- a connection that tasks share

local Client = {}
Client.__index = Client

local function connect(port)
  local conn = assert(ebb.net.connect("127.0.0.1", port))
  local outgoing, to_send = ebb.sync.channel()
  local asked, to_answer = ebb.sync.channel()
  local self = setmetatable({outgoing = outgoing, asked = asked}, Client)
  -- What has come together goes out together.
  self.writer = ebb.spawn(function()
    for first in to_send.recv, to_send do
      local batch = {first}
      for command in to_send.try_recv, to_send do
        batch[#batch + 1] = command
      end
      assert(conn:write(table.concat(batch)))
    end
    conn:shutdown()
  end)
  self.reader = ebb.spawn(function()
    for answer in to_answer.recv, to_answer do
      -- Nobody may be waiting for it any more; it is read all the same.
      answer:send(read_reply(conn) or {nil, "the connection is closed"})
    end
    conn:close()
  end)
  return self
end

-- May be aborted while it waits: the reply is dropped, and no other is lost.
function Client:call(...)
  local tx, rx = oneshot()
  self.asked:send(tx)
  self.outgoing:send(encode {...})
  local reply = rx:recv()
  return reply[1], reply[2]
end

function Client:close()
  self.outgoing:close()
  self.asked:close()
  self.writer:await()
  self.reader:await()
end

-- ---- what is asked

local client = connect(PORT)
assert(client:call("SET", "ebb:counter", 0, "EX", 60))
local map <close> = ebb.JoinMap.new()
for i = 1, TASKS do
  map:spawn(i, function() return client:call("INCR", "ebb:counter") end)
end
local sum = 0
for _, ok, value in map.join_next, map do
  assert(ok, value)
  sum = sum + value
end
print(("the counter is at %s"):format(client:call("GET", "ebb:counter")))
print(("the replies add up to %d"):format(sum))
client:close()
