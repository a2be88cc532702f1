-- SPDX-License-Identifier: MIT
--
-- socket.select, for any number of sockets and without its limit on how large
-- the number of a file descriptor may be.

local ebb = require "ebb"
local core = require("ebb.load").require("socket.core", "lua-socket")

-- Of the sockets, those that are ready: as a list, and by themselves.
local function ready_of(sockets, events)
  local ready = {}
  for _, sock in ipairs(sockets or {}) do
    if not ready[sock] and ebb.io.wait(sock, events, 0) then
      ready[#ready + 1] = sock
      ready[sock] = #ready
    end
  end
  return ready
end

-- One task for each socket that is open: the first that ends has found one
-- ready, or time is up.
local function wait_for_one(receive, send, seconds)
  local waits <close> = ebb.JoinSet.new()
  local function wait_for(sock, events)
    if not ebb.io.wait(sock, events) then ebb.sleep(math.huge) end
  end
  for _, sock in ipairs(receive or {}) do waits:spawn(wait_for, sock, "r") end
  for _, sock in ipairs(send or {}) do waits:spawn(wait_for, sock, "w") end
  waits:spawn(ebb.sleep, seconds)
  waits:join_next()
end

-- LuaSocket asks about all sockets at once. What it refuses, such as a
-- descriptor that is too large for it, is asked about one by one.
local function look(receive, send)
  local done, readable, writable = pcall(core.select, receive, send, 0)
  if not done then
    readable, writable = ready_of(receive, "r"), ready_of(send, "w")
  end
  return readable, writable, (readable[1] or writable[1]) ~= nil
end

return function(receive, send, seconds)
  if not seconds or seconds < 0 then seconds = math.huge end
  local deadline = ebb.time.now() + seconds
  ebb.consume_budget()
  while true do
    local readable, writable, any = look(receive, send)
    if any then return readable, writable end
    local left = deadline - ebb.time.now()
    if left <= 0 then return readable, writable, "timeout" end
    wait_for_one(receive, send, left)
  end
end
