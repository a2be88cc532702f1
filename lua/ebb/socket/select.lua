-- SPDX-License-Identifier: MIT
--
-- socket.select, for any number of sockets and without its limit on how large
-- the number of a file descriptor may be.

local ebb = require "ebb"

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

local function look(receive, send)
  local readable, writable = ready_of(receive, "r"), ready_of(send, "w")
  return readable, writable, (readable[1] or writable[1]) ~= nil
end

return function(receive, send, seconds)
  if not seconds or seconds < 0 then seconds = math.huge end
  local deadline = ebb.time.now() + seconds
  while true do
    local readable, writable, any = look(receive, send)
    if any then return readable, writable end
    local left = deadline - ebb.time.now()
    if left <= 0 then return readable, writable, "timeout" end
    wait_for_one(receive, send, left)
  end
end
